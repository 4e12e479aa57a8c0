/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <stdio.h>
#include <stdlib.h>

#include "activity_internal.h"
#include "database_internal.h"
#include "outbox_internal.h"
#include "settle.h"
#include "statement.h"
#include "store/outbox.h"

/* One result on its way into the tables. */
struct entry {
    struct outbox_record *record;
    const struct outbox_result *result;
    const struct outbox_entry *staged;
    const struct report *report;
    struct database *database;
    struct error *err;
    bool *left; /* the device's row is still in the outbox */
};

/* ------------------------------------------------------------------------------------------------ table report */

static int64_t removed_at(const struct entry *entry)
{
    return entry->report->state == AZURE_STATE_REMOVED ? entry->result->at_ms : -1;
}

/* Most reports say of the device what was said before: no indexed column changes. */
static int touch_report(const struct entry *entry, enum compliance_status status)
{
    static const char sql[] =
        "UPDATE report SET inventory_digest = ?, accepted_at_ms = ?, last_update_ms = ?, "
        "message_id = ?, status = ?, reason = '', error = '', request_id = ?, attempted_at_ms = ?, "
        "expiries = ? WHERE device_id = ? AND last_update_ms <= ?";
    const struct report *report = entry->report;

    return statement_run(entry->database, sql, entry->err, "iiigdtidti", (int64_t)entry->staged->item.inventory_digest,
                         entry->result->at_ms, report->last_update_ms, &report->message_id, (int)status,
                         entry->result->request_id, entry->result->at_ms,
                         status == STATUS_SUCCESS ? 0 : (int)entry->staged->expiries, report->device_id,
                         report->last_update_ms);
}

static int write_report(const struct entry *entry, enum compliance_status status)
{
    static const char sql[] =
        "INSERT INTO report (device_id, state, connection, platform, azure_device_id, stray, user_id, "
        "inventory_digest, "
        "accepted_at_ms, last_update_ms, message_id, removed_at_ms, status, request_id, attempted_at_ms, expiries) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, nullif(?, -1), ?, ?, ?, ?) ON CONFLICT (device_id) DO UPDATE SET "
        "state = excluded.state, connection = excluded.connection, platform = excluded.platform, "
        "azure_device_id = excluded.azure_device_id, stray = excluded.stray, user_id = excluded.user_id, "
        "inventory_digest = excluded.inventory_digest, accepted_at_ms = excluded.accepted_at_ms, "
        "last_update_ms = excluded.last_update_ms, message_id = excluded.message_id, "
        "removed_at_ms = excluded.removed_at_ms, status = excluded.status, reason = '', error = '', "
        "request_id = excluded.request_id, attempted_at_ms = excluded.attempted_at_ms, expiries = excluded.expiries "
        "WHERE last_update_ms <= excluded.last_update_ms";
    const struct report *report = entry->report;
    int64_t at_ms = entry->result->at_ms;

    return statement_run(entry->database, sql, entry->err,
                         "tdttt"
                         "dtiiigidtid",
                         report->device_id, (int)report->state, entry->record->connection,
                         platform_name(report->platform), report->azure_device_id, (int)entry->staged->stray,
                         report->user_id, (int64_t)entry->staged->item.inventory_digest, at_ms, report->last_update_ms,
                         &report->message_id, removed_at(entry), (int)status, entry->result->request_id, at_ms,
                         status == STATUS_SUCCESS ? 0 : (int)entry->staged->expiries);
}

/* What is known of a report that was not accepted; `status` -1 keeps the one there is. */
static int note_failure(const struct entry *entry, int status)
{
    static const char sql[] =
        "INSERT INTO report (device_id, connection, platform, last_update_ms, status, reason, error, request_id, "
        "attempted_at_ms) VALUES (?, ?, ?, ?, max(?, 0), ?, ?, ?, ?) ON CONFLICT (device_id) DO UPDATE SET "
        "last_update_ms = max(last_update_ms, excluded.last_update_ms), status = iif(?5 < 0, status, excluded.status), "
        "reason = excluded.reason, error = excluded.error, request_id = excluded.request_id, "
        "attempted_at_ms = excluded.attempted_at_ms";
    const struct report *report = entry->report;
    const struct outbox_result *result = entry->result;

    return statement_run(entry->database, sql, entry->err,
                         "ttt"
                         "idttti",
                         report->device_id, entry->record->connection, platform_name(report->platform),
                         report->last_update_ms, status, reason_slug(result->reason), outbox_item_error(result->item),
                         result->request_id, result->at_ms);
}

/* ------------------------------------------------------------------------------------------------ table message */

/* Nobody asks any more what became of the message before. */
static int await_verdict(const struct entry *entry)
{
    static const char sql[] =
        "INSERT INTO message (message_id, sent_as, device_id, connection, queued_at_ms, priority, accepted_at_ms, "
        "poll_at_ms, deadline_ms, expiries) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (device_id) DO UPDATE SET message_id = "
        "excluded.message_id, sent_as = excluded.sent_as, connection = excluded.connection, queued_at_ms = "
        "excluded.queued_at_ms, priority = excluded.priority, accepted_at_ms = excluded.accepted_at_ms, poll_at_ms = "
        "excluded.poll_at_ms, deadline_ms = excluded.deadline_ms, polls = 0, expiries = excluded.expiries";
    const struct outbox_result *result = entry->result;

    return statement_run(entry->database, sql, entry->err, "ggttidiiid", &entry->report->message_id, &result->sent_as,
                         entry->report->device_id, entry->record->connection, result->item->queued_at_ms,
                         (int)result->item->priority, result->at_ms, result->poll_ms, result->deadline_ms,
                         (int)entry->staged->expiries);
}

static int forget_message(const struct entry *entry)
{
    static const char sql[] = "DELETE FROM message WHERE device_id = ?";

    if (!entry->staged->awaits_verdict)
        return 0;
    return statement_run(entry->database, sql, entry->err, "t", entry->report->device_id);
}

/* ------------------------------------------------------------------------------------------------- table outbox */

/* The flight is over. The row goes, unless it was changed meanwhile or there is more to tell: then it is free again. */
static int end_flight(const struct entry *entry, bool more)
{
    static const char leave[] = "DELETE FROM outbox WHERE device_id = ? AND seq = ? AND message_id = ?";
    static const char stay[] = "UPDATE outbox SET claim = NULL, sent = 0, sent_state = 0, message_id = NULL "
                               "WHERE device_id = ? AND message_id = ?";
    const struct report *report = entry->report;

    if (!more) {
        int code = statement_run(entry->database, leave, entry->err, "tig", report->device_id, entry->staged->item.seq,
                                 &report->message_id);
        if (code < 0 || sqlite3_changes(entry->database->handle) > 0)
            return code;
    }
    *entry->left = true;
    int code = settle_renamed(entry->database, report->device_id, entry->err);
    if (code == 0)
        code = statement_run(entry->database, stay, entry->err, "tg", report->device_id, &report->message_id);
    return code;
}

/* The old id is retired: back to where the device's own reports go. */
static int route_back(const struct entry *entry)
{
    static const char sql[] =
        "UPDATE outbox SET (connection, channel, priority) = (SELECT connection, channel, priority FROM dirty "
        "WHERE dirty.device_id = outbox.device_id) WHERE device_id = ?1 AND EXISTS (SELECT 1 FROM device WHERE "
        "device_id = ?1)";

    if (!entry->staged->item.retire_old)
        return 0;
    return statement_run(entry->database, sql, entry->err, "t", entry->report->device_id);
}

static int put_off(const struct entry *entry)
{
    static const char sql[] =
        "UPDATE outbox SET claim = NULL, sent = ?, attempts = iif(seq = ?, attempts + 1, attempts), "
        "due_at = iif(seq = ?, ?, due_at) WHERE device_id = ? AND message_id = ?";
    int64_t seq = entry->staged->item.seq;

    *entry->left = true;
    return statement_run(entry->database, sql, entry->err, "diiitg", (int)SENT_BEFORE, seq, seq, entry->result->due_ms,
                         entry->report->device_id, &entry->report->message_id);
}

/* Certainly not sent, this time. */
static int release(const struct entry *entry)
{
    static const char sql[] = "UPDATE outbox SET claim = NULL, sent = iif(sent = 1, 0, 2), "
                              "sent_state = iif(sent = 1, 0, sent_state) WHERE device_id = ? AND message_id = ?";

    *entry->left = true;
    return statement_run(entry->database, sql, entry->err, "tg", entry->report->device_id, &entry->report->message_id);
}

/* A change while the report was in flight may have moved the row to where nobody looks before he is told. */
static int look_where_it_goes(const struct entry *entry)
{
    static const char sql[] = "SELECT 1 FROM outbox WHERE device_id = ? AND (connection <> ? OR channel <> ?)";
    int64_t elsewhere = 0;

    int code = statement_int(entry->database, sql, &elsewhere, entry->err, "ttd", entry->report->device_id,
                             entry->record->connection, (int)platform_channel(entry->report->platform));
    entry->record->elsewhere |= elsewhere != 0;
    return code < 0 ? code : 0;
}

/* ---------------------------------------------------------------------------------------------------- outcomes */

static int record_accepted(const struct entry *entry, enum compliance_status status)
{
    int code = entry->staged->same_told ? touch_report(entry, status) : write_report(entry, status);

    if (code == 0 && sqlite3_changes(entry->database->handle) == 0)
        return end_flight(entry,
                          false); /* something newer was accepted: this result is from another age of the store */
    if (code == 0)
        code = status == STATUS_IN_PROGRESS ? await_verdict(entry) : forget_message(entry);
    if (code == 0)
        code = end_flight(entry, entry->staged->item.retire_old);
    if (code == 0)
        code = route_back(entry);
    return code;
}

/* An earlier message that may have arrived is not undone by the refusal of a later one. */
static int keep_doubt(const struct entry *entry)
{
    static const char digest[] = "UPDATE report SET inventory_digest = 0 WHERE device_id = ?1 AND EXISTS "
                                 "(SELECT 1 FROM outbox WHERE device_id = ?1 AND sent = 2)";
    static const char subject[] = "UPDATE report SET (state, connection, platform, azure_device_id, user_id) = (SELECT "
                                  "sent_state, sent_connection, "
                                  "sent_platform, sent_azure_device_id, sent_user_id FROM outbox WHERE device_id = ?1) "
                                  "WHERE device_id = ?1 AND state NOT IN (1, 2) AND EXISTS "
                                  "(SELECT 1 FROM outbox WHERE device_id = ?1 AND sent = 2 AND sent_state IN (1, 2))";

    int code = statement_run(entry->database, digest, entry->err, "t", entry->report->device_id);
    if (code == 0)
        code = statement_run(entry->database, subject, entry->err, "t", entry->report->device_id);
    if (code == 0)
        code = settle_renamed(entry->database, entry->report->device_id, entry->err);
    return code;
}

/* Microsoft will not have the device's old id retired. Its new one is told all the same; the old one is in the log. */
static int give_up_old_id(const struct entry *entry)
{
    static const char sql[] =
        "UPDATE report SET state = 0, azure_device_id = '', stray = 0, user_id = '', inventory_digest = 0, "
        "removed_at_ms = NULL WHERE device_id = ?";

    int code = statement_run(entry->database, sql, entry->err, "t", entry->report->device_id);
    if (code == 0)
        code = forget_message(entry);
    if (code == 0)
        code = end_flight(entry, true);
    if (code == 0)
        code = route_back(entry);
    return code;
}

static int record_refused(const struct entry *entry)
{
    /* What Microsoft does not know, it does not let in. */
    if (entry->report->state == AZURE_STATE_REMOVED && entry->result->reason == REASON_DEVICE_UNKNOWN)
        return record_accepted(entry, STATUS_SUCCESS);

    int code = note_failure(entry, STATUS_ERROR);
    if (code == 0 && entry->staged->item.retire_old)
        return give_up_old_id(entry);
    if (code == 0)
        code = keep_doubt(entry);
    if (code == 0)
        code = end_flight(entry, false);
    return code;
}

static int record_one(const struct entry *entry)
{
    int code;

    switch (entry->result->outcome) {
    case OUTBOX_ACCEPTED:
        return record_accepted(entry, STATUS_IN_PROGRESS);
    case OUTBOX_SUCCESS:
        return record_accepted(entry, STATUS_SUCCESS);
    case OUTBOX_REFUSED:
        return record_refused(entry);
    case OUTBOX_TRANSIENT:
        code = note_failure(entry, -1);
        return code == 0 ? put_off(entry) : code;
    case OUTBOX_RELEASED:
        break;
    }
    return release(entry);
}

static int run(struct store_job *job, struct database *database, struct error *err)
{
    struct outbox_record *record = (struct outbox_record *)job;
    struct activity_tail tail = {0};
    int code = 0;

    record->elsewhere = false;
    for (size_t i = 0; i < record->count && code == 0; i++) {
        const struct outbox_item *item = record->results[i].item;
        bool left = false;
        struct entry entry = {
            .record = record,
            .result = &record->results[i],
            .staged = (const struct outbox_entry *)item,
            .report = &item->report,
            .database = database,
            .err = err,
            .left = &left,
        };
        code = record_one(&entry);
        if (code == 0 && left)
            code = look_where_it_goes(&entry);
        if (code == 0)
            code = activity_add_result(database, &tail, record->connection, entry.result, err);
    }
    return code;
}

int outbox_record_init(struct outbox_record *record, const char *connection, size_t capacity,
                       void (*done)(struct store_job *job))
{
    *record = (struct outbox_record){.job = {.write = true, .run = run, .done = done}};
    snprintf(record->connection, sizeof(record->connection), "%s", connection);
    record->results = calloc(capacity > 0 ? capacity : 1, sizeof(*record->results));
    return record->results ? 0 : ERR_NOMEM;
}

void outbox_record_deinit(struct outbox_record *record)
{
    free(record->results);
    record->results = NULL;
    record->count = 0;
}
