/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "fleet_internal.h"
#include "outbox_internal.h"
#include "statement.h"
#include "store/drift.h"

/* Microsoft drops the entry of a removed device by itself. */
static const int64_t removal_holds_s = INT64_C(90) * 24 * 3600;

char *fleet_copy_text(const char *text)
{
    static const char replacement[] = "\xEF\xBF\xBD";
    struct buf copy;

    buf_init(&copy, 0);
    while (*text) {
        size_t length = utf8_sequence(text);
        if (length > 0)
            buf_add(&copy, text, length);
        else
            buf_add_text(&copy, replacement);
        text += length > 0 ? length : 1;
    }
    return buf_take(&copy);
}

void fleet_read_queued(sqlite3_stmt *row, struct fleet_queued *ret_queued)
{
    int priority = sqlite3_column_int(row, 0);
    struct fleet_queued queued = {
        .found = true,
        .priority = priority >= 0 && priority < PRIORITY_COUNT ? (enum priority)priority : PRIORITY_WEEKLY,
        .queued_at_ms = sqlite3_column_int64(row, 1),
        .due_at_ms = sqlite3_column_int64(row, 2),
        .attempts = (unsigned)sqlite3_column_int(row, 3),
        .claimed = sqlite3_column_int(row, 4) != 0,
        .forced = sqlite3_column_int(row, 5),
        .sent = sqlite3_column_int(row, 6),
        .told = {.state = (enum azure_state)sqlite3_column_int(row, 7),
                 .connection = statement_text(row, 8),
                 .azure_device_id = statement_text(row, 10),
                 .user_id = statement_text(row, 11)},
        .row = row,
    };

    *ret_queued = queued;
}

void fleet_doubt(struct subject *subject, const struct fleet_queued *queued)
{
    struct told told = queued->told;

    if (queued->sent == SENT_NO || told.state == AZURE_STATE_NONE)
        return;
    if (platform_parse(statement_text(queued->row, 9), &told.platform) != 0)
        told.platform = subject->device.platform;
    subject_doubt(subject, &told);
}

static int load_queued(struct database *database, const char *device_id, struct fleet_queued *ret_queued,
                       struct error *err)
{
    static const char sql[] = "SELECT " FLEET_QUEUED_COLUMNS " FROM outbox WHERE device_id = ?";
    sqlite3_stmt *row;

    *ret_queued = (struct fleet_queued){0};
    int code = statement_get(database, sql, &row, err, "t", device_id);
    if (code == 0)
        code = statement_step(database, row, err);
    if (code == 1)
        fleet_read_queued(row, ret_queued);
    return code < 0 ? code : 0;
}

/* Data that is missing or wrong now counts for more than what became of the last report. */
static enum reason reason_now(const struct subject *subject, const struct fleet_queued *queued,
                              const struct decision *decision)
{
    if (subject->status == STATUS_ERROR && !queued->found)
        return subject->reason;
    if (decision->kind == DECISION_WAIT || decision->kind == DECISION_PARK)
        return decision->reason;
    if (!queued->found)
        return subject->reason;
    if (queued->attempts > 0)
        return subject->reason != REASON_NONE ? subject->reason : REASON_RETRYING;
    return REASON_QUEUED;
}

static void fill_numbers(const struct subject *subject, const struct fleet_queued *queued, int64_t now_ms,
                         struct fleet_device *device)
{
    device->deleted = !subject->exists;
    device->managed = subject->exists && subject->device.managed;
    device->client_status = subject->device.client_status;
    device->last_check_in_s = subject->device.last_check_in_s;
    device->evaluated_at_s = subject->device.evaluated_at_s;
    device->status = subject->status;
    device->accepted_at_ms = subject->accepted_at_ms;
    device->last_update_ms = subject->last_update_ms;
    device->queued = queued->found;
    device->priority = queued->priority;
    device->queued_at_ms = queued->found ? queued->queued_at_ms : -1;
    device->kept = subject->held;
    device->retired = subject->retired;
    device->leaving = subject->leaving;
    device->held = queued->due_at_ms == OUTBOX_HELD;
    device->due_at_ms = queued->due_at_ms > now_ms && queued->due_at_ms < OUTBOX_AWAITS_USER ? queued->due_at_ms : -1;
    device->attempts = queued->attempts;
    device->in_flight = queued->claimed;
    device->removed_until_s = -1;
    if (subject->told.state == AZURE_STATE_REMOVED && subject->removed_at_ms >= 0)
        device->removed_until_s = subject->removed_at_ms / 1000 + removal_holds_s;
}

/* What the MDM says of the device; of a deleted one what was last told. */
static void fill_texts(const struct subject *subject, struct fleet_device *device)
{
    const struct device *row = &subject->device;
    const struct told *told = &subject->told;
    bool known = subject->exists || subject->buried;

    device->connection = fleet_copy_text(known ? row->connection : told->connection);
    device->platform = fleet_copy_text(known ? subject->platform_text : platform_name(told->platform));
    device->name = fleet_copy_text(row->name);
    device->manufacturer = fleet_copy_text(row->manufacturer);
    device->model = fleet_copy_text(row->model);
    device->serial_number = fleet_copy_text(row->serial_number);
    device->os_version = fleet_copy_text(row->os_version);
    device->user_principal_name = fleet_copy_text(row->user_principal_name);
    device->azure_device_id = fleet_copy_text(subject->exists ? row->azure_device_id : told->azure_device_id);
    device->reported_state = told->state;
    device->reported_azure_device_id = fleet_copy_text(told->azure_device_id);
    device->reported_connection = fleet_copy_text(told->connection);
    device->user_id = fleet_copy_text(told->user_id);
    device->last_error = fleet_copy_text(subject->error);
    device->request_id = fleet_copy_text(subject->request_id);
}

enum { TEXTS = 16 };

static void list_texts(const struct fleet_device *device, char *texts[TEXTS])
{
    char *const all[TEXTS] = {
        device->device_id,
        device->connection,
        device->name,
        device->manufacturer,
        device->model,
        device->serial_number,
        device->os_version,
        device->user_principal_name,
        device->azure_device_id,
        device->platform,
        device->reported_azure_device_id,
        device->reported_connection,
        device->user_id,
        device->message_id,
        device->request_id,
        device->last_error,
    };
    memcpy(texts, all, sizeof(all));
}

static bool has_all_texts(const struct fleet_device *device)
{
    char *texts[TEXTS];

    list_texts(device, texts);
    for (size_t i = 0; i < TEXTS; i++) {
        if (!texts[i])
            return false;
    }
    return true;
}

void fleet_device_deinit(struct fleet_device *device)
{
    char *texts[TEXTS];

    list_texts(device, texts);
    for (size_t i = 0; i < TEXTS; i++)
        free(texts[i]);
    *device = (struct fleet_device){0};
}

static int fill(struct subject *subject, const struct fleet_queued *queued, int64_t now_ms, struct fleet_device *device,
                struct error *err)
{
    char message_id[GUID_TEXT] = "";

    fill_numbers(subject, queued, now_ms, device);
    fill_texts(subject, device);
    if (subject->has_message_id)
        guid_format(&subject->message_id, message_id);
    device->message_id = strdup(message_id);
    device->device_id = strdup(subject->device_id);

    /* Last: doubt overwrites what the report row says. */
    fleet_doubt(subject, queued);
    device->decision = subject_decide(subject);
    device->reason = reason_now(subject, queued, &device->decision);
    if (has_all_texts(device))
        return 0;
    fleet_device_deinit(device);
    return error_set(err, ERR_NOMEM, 0, "out of memory");
}

int fleet_device_load(struct database *database, const char *device_id, int64_t now_ms, struct fleet_device *ret_device,
                      struct error *err)
{
    enum drift_cause drift = DRIFT_NONE;
    struct fleet_queued queued;
    struct subject subject;

    *ret_device = (struct fleet_device){0};
    int code = subject_load(database, device_id, &subject, err);
    if (code < 0)
        return code;
    code = load_queued(database, device_id, &queued, err);
    if (code == 0 && !subject.exists && !subject.buried && !subject.has_report)
        code = error_set(err, ERR_NOTFOUND, 0, "no such device");
    if (code == 0)
        code = drift_cause_of(database, subject.told.connection, device_id, &drift, err);
    if (code == 0)
        code = fill(&subject, &queued, now_ms, ret_device, err);
    if (code == 0)
        ret_device->drift = drift;
    sqlite3_reset(queued.row);
    subject_release(&subject);
    return code;
}
