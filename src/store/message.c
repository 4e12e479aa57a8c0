/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "store/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "activity_internal.h"
#include "database_internal.h"
#include "statement.h"
#include "store/outbox.h"

/* ---------------------------------------------------------------------------------------------------------- fetch */

static struct message *new_message(sqlite3_stmt *row)
{
    struct message *message = calloc(1, sizeof(*message));
    if (!message)
        return NULL;

    statement_guid(row, 0, &message->message_id);
    statement_guid(row, 6, &message->sent_as);
    snprintf(message->device_id, sizeof(message->device_id), "%s", statement_text(row, 1));
    message->accepted_at_ms = sqlite3_column_int64(row, 2);
    message->deadline_ms = sqlite3_column_int64(row, 3);
    message->polls = (unsigned)sqlite3_column_int(row, 4);
    message->expiries = (unsigned)sqlite3_column_int(row, 5);
    message->queued_at_ms = sqlite3_column_int64(row, 7);
    message->priority = (enum priority)sqlite3_column_int(row, 8);
    return message;
}

static int compare_guids(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct guid));
}

static bool is_known(const struct message_fetch *fetch, const struct guid *id)
{
    return bsearch(id, fetch->known, fetch->known_count, sizeof(*id), compare_guids) != NULL;
}

/* Messages whose poll_at lies in [from, until]. */
static int fetch_between(struct message_fetch *fetch, struct database *database, int64_t from_ms, int64_t until_ms,
                         struct message ***end, struct error *err)
{
    static const char sql[] = "SELECT message_id, device_id, accepted_at_ms, deadline_ms, polls, expiries, sent_as, "
                              "queued_at_ms, priority, poll_at_ms FROM message "
                              "WHERE connection = ? AND poll_at_ms >= ? AND poll_at_ms <= ? ORDER BY poll_at_ms";
    sqlite3_stmt *row;

    int code = statement_get(database, sql, &row, err, "tii", fetch->connection, from_ms, until_ms);
    while (code >= 0 && fetch->count < fetch->limit && (code = statement_step(database, row, err)) == 1) {
        struct message *message = new_message(row);
        if (!message) {
            code = error_set(err, ERR_NOMEM, 0, "messages: out of memory");
        } else if (is_known(fetch, &message->message_id)) {
            free(message);
        } else {
            **end = message;
            *end = &message->next;
            fetch->count++;
            fetch->reached_ms = sqlite3_column_int64(row, 9);
        }
    }
    sqlite3_reset(row);
    return code < 0 ? code : 0;
}

static int find_next(struct message_fetch *fetch, struct database *database, struct error *err)
{
    static const char sql[] = "SELECT poll_at_ms FROM message WHERE connection = ? AND poll_at_ms > ? "
                              "ORDER BY poll_at_ms LIMIT 1";

    if (fetch->count == fetch->limit) {
        fetch->next_poll_ms = fetch->now_ms;
        return 0;
    }
    fetch->reached_ms = INT64_MIN;
    int code = statement_int(database, sql, &fetch->next_poll_ms, err, "ti", fetch->connection, fetch->now_ms);
    return code < 0 ? code : 0;
}

static int run_fetch(struct store_job *job, struct database *database, struct error *err)
{
    struct message_fetch *fetch = (struct message_fetch *)job;

    message_fetch_deinit(fetch);
    fetch->next_poll_ms = -1;
    struct message **end = &fetch->messages;
    qsort(fetch->known, fetch->known_count, sizeof(fetch->known[0]), compare_guids);
    int code = fetch_between(fetch, database, fetch->from_ms, fetch->now_ms, &end, err);
    if (code == 0)
        code = fetch_between(fetch, database, fetch->now_ms + OUTBOX_PUT_OFF_MAX_MS, INT64_MAX, &end, err);
    if (code == 0)
        code = find_next(fetch, database, err);
    if (code < 0)
        message_fetch_deinit(fetch);
    return code;
}

void message_fetch_init(struct message_fetch *fetch, const char *connection, void (*done)(struct store_job *job))
{
    fetch->job = (struct store_job){.run = run_fetch, .done = done};
    snprintf(fetch->connection, sizeof(fetch->connection), "%s", connection);
    fetch->from_ms = fetch->reached_ms = INT64_MIN;
    fetch->known_count = fetch->count = 0;
    fetch->messages = NULL;
    fetch->next_poll_ms = -1;
}

void message_fetch_deinit(struct message_fetch *fetch)
{
    while (fetch->messages) {
        struct message *message = fetch->messages;
        fetch->messages = message->next;
        free(message);
    }
    fetch->count = 0;
}

/* --------------------------------------------------------------------------------------------------------- record */

static int ask_again(struct database *database, const struct message_result *result, struct error *err)
{
    static const char sql[] =
        "UPDATE message SET poll_at_ms = ?, polls = polls + 1 WHERE device_id = ? AND message_id = ?";

    return statement_run(database, sql, err, "itg", result->poll_ms, result->message->device_id,
                         &result->message->message_id);
}

/* Only the verdict on the newest message says anything of the device. sqlite3_changes() tells whether it was. */
static int set_status(struct database *database, const struct message_result *result, enum compliance_status status,
                      struct error *err)
{
    static const char sql[] =
        "UPDATE report SET status = ?, reason = ?, error = ?, request_id = ?, attempted_at_ms = ?, "
        "expiries = iif(?, expiries + 1, 0) WHERE device_id = ? AND message_id = ? AND (status <> 3 OR ?)";
    bool expired = result->verdict == MESSAGE_EXPIRED;
    bool bad = result->verdict != MESSAGE_COMPLETED; /* a good one takes back no later refusal */

    return statement_run(database, sql, err, "dtttidtgd", (int)status, reason_slug(result->reason), result->error,
                         result->request_id, result->at_ms, (int)expired, result->message->device_id,
                         &result->message->message_id, (int)bad);
}

/* The id of the user may be what Microsoft stumbles over: it is asked for again. */
static int forget_user(struct database *database, const char *connection, const char *device_id, struct error *err)
{
    static const char sql[] = "DELETE FROM user WHERE connection = ? AND user_principal_name = "
                              "(SELECT user_principal_name FROM device WHERE device_id = ?)";

    return statement_run(database, sql, err, "tt", connection, device_id);
}

static int send_again(struct database *database, const struct message_result *result, struct error *err)
{
    static const char queue[] = "INSERT INTO dirty (device_id) VALUES (?)";
    static const char deleted[] = "INSERT INTO gone SELECT * FROM gone WHERE device_id = ?";
    static const char put_off[] = "UPDATE outbox SET due_at = ?, attempts = attempts + 1 WHERE device_id = ?";
    static const char waits[] = "SELECT 1 FROM outbox WHERE device_id = ?";
    const char *id = result->message->device_id;
    int64_t any = 0;

    /* One that waits there already is newer and goes by its own time. */
    int code = statement_int(database, waits, &any, err, "t", id);
    if (code != 0)
        return code < 0 ? code : 0;
    code = statement_run(database, queue, err, "t", id);
    if (code == 0)
        code = statement_run(database, deleted, err, "t", id);
    if (code == 0)
        code = statement_run(database, put_off, err, "it", result->poll_ms, id);
    return code;
}

static int drop(struct database *database, const struct message *message, struct error *err)
{
    static const char sql[] = "DELETE FROM message WHERE device_id = ? AND message_id = ?";

    return statement_run(database, sql, err, "tg", message->device_id, &message->message_id);
}

static int record_one(struct database *database, struct activity_tail *tail, const struct message_record *record,
                      const struct message_result *result, struct error *err)
{
    if (result->verdict == MESSAGE_PENDING)
        return ask_again(database, result, err);

    enum compliance_status status = result->verdict == MESSAGE_COMPLETED ? STATUS_SUCCESS : STATUS_ERROR;
    int code = drop(database, result->message, err);
    if (code == 0)
        code = set_status(database, result, status, err);
    bool newest = sqlite3_changes(database->handle) > 0;
    if (code == 0 && newest && result->verdict == MESSAGE_FAILED)
        code = forget_user(database, record->connection, result->message->device_id, err);
    if (code == 0 && newest && result->verdict == MESSAGE_EXPIRED)
        code = send_again(database, result, err);
    if (code == 0)
        code = activity_add_verdict(database, tail, record->connection, result, err);
    return code;
}

static int run_record(struct store_job *job, struct database *database, struct error *err)
{
    const struct message_record *record = (const struct message_record *)job;
    struct activity_tail tail = {0};
    int code = 0;

    for (size_t i = 0; i < record->count && code == 0; i++)
        code = record_one(database, &tail, record, &record->results[i], err);
    return code;
}

int message_record_init(struct message_record *record, const char *connection, size_t capacity,
                        void (*done)(struct store_job *job))
{
    *record = (struct message_record){.job = {.write = true, .run = run_record, .done = done}};
    snprintf(record->connection, sizeof(record->connection), "%s", connection);
    record->results = calloc(capacity > 0 ? capacity : 1, sizeof(*record->results));
    return record->results ? 0 : ERR_NOMEM;
}

void message_record_deinit(struct message_record *record)
{
    free(record->results);
    record->results = NULL;
    record->count = 0;
}
