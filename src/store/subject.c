/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "subject.h"

#include <string.h>

#include "model/action.h"
#include "statement.h"

static const int64_t last_second = INT64_C(253402300799); /* of the year 9999 */

/* Printable ASCII, as nearly every text is. */
static bool is_plain(const char *text)
{
    while (*text >= ' ' && *text <= '~')
        text++;
    return *text == '\0';
}

/* A text column, with NULL read as "". Notes in *valid when it cannot be told to anybody. */
static const char *read_text(sqlite3_stmt *row, int column, bool *valid)
{
    const char *text = statement_text(row, column);
    size_t length = strlen(text);

    if (length != (size_t)sqlite3_column_bytes(row, column) || length > SUBJECT_TEXT_MAX ||
        (!is_plain(text) && !text_is_utf8(text)))
        *valid = false;
    return text;
}

/* -1 for NULL alone: a time before 1970 is a time, and so is one that no calendar has. */
static int64_t read_time(sqlite3_stmt *row, int column)
{
    int64_t time = sqlite3_column_int64(row, column);

    if (sqlite3_column_type(row, column) == SQLITE_NULL)
        return -1;
    if (time < 0)
        return 0;
    return time < last_second ? time : last_second;
}

static void read_azure_id(struct subject *subject)
{
    struct guid guid;

    subject->azure_device_id[0] = '\0';
    if (guid_parse(subject->device.azure_device_id, &guid) == 0)
        guid_format(&guid, subject->azure_device_id);
}

static int load_device(struct database *database, struct subject *subject, struct error *err)
{
    static const char sql[] =
        "SELECT connection, platform, name, manufacturer, model, serial_number, os_version, user_principal_name, "
        "managed, "
        "azure_device_id, azure_client_status, last_check_in, evaluated_at, "
        "(SELECT state FROM account WHERE connection = device.connection) IS 'disconnecting', "
        "EXISTS (SELECT 1 FROM retired AS r WHERE r.device_id = device.device_id AND r.azure_device_id = "
        "lower(device.azure_device_id)) FROM device "
        "WHERE device_id = ?";
    sqlite3_stmt *row;

    int code = statement_get(database, sql, &row, err, "t", subject->device_id);
    if (code == 0)
        code = statement_step(database, row, err);
    if (code <= 0)
        return code;

    bool *valid = &subject->text_valid;
    struct device *device = &subject->device;
    subject->exists = true;
    subject->device_row = row;
    *valid = strlen(subject->device_id) <= SUBJECT_ID_MAX && text_is_utf8(subject->device_id);
    device->connection = read_text(row, 0, valid);
    subject->platform_text = statement_text(row, 1);
    subject->known_platform = platform_parse(subject->platform_text, &device->platform) == 0;
    device->name = read_text(row, 2, valid);
    device->manufacturer = read_text(row, 3, valid);
    device->model = read_text(row, 4, valid);
    device->serial_number = read_text(row, 5, valid);
    device->os_version = read_text(row, 6, valid);
    device->user_principal_name = read_text(row, 7, valid);
    device->managed = sqlite3_column_int(row, 8) != 0;
    device->azure_device_id = read_text(row, 9, valid);
    if (client_status_parse(statement_text(row, 10), &device->client_status) != 0)
        device->client_status = CLIENT_UNKNOWN;
    device->last_check_in_s = read_time(row, 11);
    device->evaluated_at_s = read_time(row, 12);
    subject->leaving = sqlite3_column_int(row, 13) != 0;
    subject->retired = sqlite3_column_int(row, 14) != 0;
    *valid = *valid && subject->known_platform;
    subject->digest = device_inventory_digest(device);
    read_azure_id(subject);
    return 0;
}

/* What a removal says of a deleted device; a text that cannot be told is left out. */
static int load_tombstone(struct database *database, struct subject *subject, struct error *err)
{
    static const char sql[] = "SELECT connection, platform, name, os_version, user_principal_name, azure_device_id, "
                              "last_check_in FROM tombstone WHERE device_id = ?";
    sqlite3_stmt *row;

    int code = statement_get(database, sql, &row, err, "t", subject->device_id);
    if (code == 0)
        code = statement_step(database, row, err);
    if (code <= 0)
        return code;

    const char *texts[6];
    for (int i = 0; i < 6; i++) {
        bool valid = true;
        texts[i] = read_text(row, i, &valid);
        texts[i] = valid ? texts[i] : "";
    }
    struct device *device = &subject->device;
    subject->buried = true;
    subject->device_row = row;
    device->connection = texts[0];
    subject->platform_text = texts[1];
    subject->known_platform = platform_parse(texts[1], &device->platform) == 0;
    device->name = texts[2];
    device->os_version = texts[3];
    device->user_principal_name = texts[4];
    device->azure_device_id = texts[5];
    device->last_check_in_s = read_time(row, 6);
    return 0;
}

static int load_report(struct database *database, struct subject *subject, struct error *err)
{
    static const char sql[] =
        "SELECT state, connection, platform, azure_device_id, user_id, inventory_digest, accepted_at_ms, "
        "last_update_ms, "
        "message_id, removed_at_ms, status, reason, error, request_id, expiries FROM report WHERE device_id = ?";
    sqlite3_stmt *row;

    int code = statement_get(database, sql, &row, err, "t", subject->device_id);
    if (code == 0)
        code = statement_step(database, row, err);
    if (code <= 0)
        return code;

    subject->has_report = true;
    subject->report_row = row;
    subject->told.state = (enum azure_state)sqlite3_column_int(row, 0);
    subject->told.connection = statement_text(row, 1);
    if (platform_parse(statement_text(row, 2), &subject->told.platform) != 0)
        subject->told.platform = subject->device.platform;
    subject->told.azure_device_id = statement_text(row, 3);
    subject->told.user_id = statement_text(row, 4);
    subject->told_digest = (uint64_t)sqlite3_column_int64(row, 5);
    subject->accepted_at_ms = statement_integer(row, 6, -1);
    subject->last_update_ms = sqlite3_column_int64(row, 7);
    subject->has_message_id = statement_guid(row, 8, &subject->message_id);
    subject->removed_at_ms = statement_integer(row, 9, -1);
    subject->status = (enum compliance_status)sqlite3_column_int(row, 10);
    subject->reason = reason_parse(statement_text(row, 11));
    subject->error = statement_text(row, 12);
    subject->request_id = statement_text(row, 13);
    subject->expiries = (unsigned)sqlite3_column_int(row, 14);
    return 0;
}

static int load_violations(struct database *database, struct subject *subject, struct error *err)
{
    static const char sql[] = "SELECT p.enabled, a.action FROM violation AS v "
                              "LEFT JOIN policy AS p ON p.policy_id = v.policy_id "
                              "LEFT JOIN policy_action AS a ON a.policy_id = p.policy_id AND p.enabled <> 0 "
                              "WHERE v.device_id = ?";
    sqlite3_stmt *row;
    enum action action;

    int code = statement_get(database, sql, &row, err, "t", subject->device_id);
    while (code >= 0 && (code = statement_step(database, row, err)) == 1) {
        if (sqlite3_column_type(row, 0) == SQLITE_NULL)
            subject->unknown_policy = true;
        else if (action_parse(statement_text(row, 1), &action) == 0)
            subject->actions |= 1u << action;
    }
    return code;
}

static int load_hold(struct database *database, struct subject *subject, struct error *err)
{
    /* Two probes of a small table; one WHERE with OR and IN would build a table of its own for each device. */
    static const char sql[] =
        "SELECT EXISTS (SELECT 1 FROM hold WHERE scope = 0 AND id = ?1 AND cursor IS NULL) "
        "OR EXISTS (SELECT 1 FROM violation AS v CROSS JOIN hold AS h ON h.scope = 1 AND h.id = v.policy_id "
        "WHERE v.device_id = ?1 AND h.cursor IS NULL)";
    int64_t any = 0;

    int code = statement_int(database, sql, &any, err, "t", subject->device_id);
    subject->held = any != 0;
    return code < 0 ? code : 0;
}

int subject_load(struct database *database, const char *device_id, struct subject *ret_subject, struct error *err)
{
    struct subject *subject = ret_subject;

    *subject = (struct subject){
        .device_id = device_id,
        .platform_text = "",
        .device = {.device_id = device_id,
                   .connection = "",
                   .name = "",
                   .manufacturer = "",
                   .model = "",
                   .serial_number = "",
                   .os_version = "",
                   .user_principal_name = "",
                   .azure_device_id = "",
                   .last_check_in_s = -1,
                   .evaluated_at_s = -1},
        .told = {.connection = "", .azure_device_id = "", .user_id = ""},
        .accepted_at_ms = -1,
        .removed_at_ms = -1,
        .error = "",
        .request_id = "",
    };
    int code = load_device(database, subject, err);
    if (code == 0 && !subject->exists)
        code = load_tombstone(database, subject, err);
    if (code == 0)
        code = load_report(database, subject, err);
    if (code == 0 && subject->exists)
        code = load_violations(database, subject, err);
    if (code == 0)
        code = load_hold(database, subject, err);
    if (code < 0)
        subject_release(subject);
    return code;
}

void subject_release(struct subject *subject)
{
    sqlite3_reset(subject->device_row);
    sqlite3_reset(subject->report_row);
    subject->device_row = NULL;
    subject->report_row = NULL;
}

static bool is_live(enum azure_state state)
{
    return state == AZURE_STATE_COMPLIANT || state == AZURE_STATE_NON_COMPLIANT;
}

void subject_doubt(struct subject *subject, const struct told *sent)
{
    if (!is_live(subject->told.state) && (is_live(sent->state) || subject->told.state == AZURE_STATE_NONE))
        subject->told = *sent;
}

bool subject_is_told(const struct subject *subject)
{
    return subject->told.state != AZURE_STATE_NONE && subject->azure_device_id[0] &&
           strcmp(subject->told.azure_device_id, subject->azure_device_id) == 0 &&
           strcmp(subject->told.connection, subject->device.connection) == 0;
}

struct decision subject_decide(const struct subject *subject)
{
    const struct device *device = &subject->device;
    struct decision_input input = {
        .exists = subject->exists,
        .managed = device->managed && !subject->leaving && !subject->retired,
        .held = subject->held && !subject->leaving,
        .evaluated = device->evaluated_at_s >= 0,
        .platform = subject->exists ? device->platform : subject->told.platform,
        .has_azure_id = device->azure_device_id[0] != '\0',
        .azure_id_valid = subject->azure_device_id[0] != '\0',
        .has_user = device->user_principal_name[0] != '\0',
        .text_valid = subject->text_valid,
        .actions = subject->actions,
        .unknown_policy = subject->unknown_policy,
        .reported_state = subject->told.state,
        .reported_same_subject = subject_is_told(subject),
        .reported_has_user = subject->told.user_id[0] != '\0',
    };

    return decision_make(&input);
}

void subject_route(const struct subject *subject, const struct decision *decision, const char **ret_connection,
                   enum channel *ret_channel)
{
    bool retire = decision->kind == DECISION_RETIRE;

    *ret_connection = retire ? subject->told.connection : subject->device.connection;
    *ret_channel = platform_channel(retire ? subject->told.platform : subject->device.platform);
}
