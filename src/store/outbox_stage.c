/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "candidate.h"
#include "database_internal.h"
#include "outbox_internal.h"
#include "statement.h"
#include "store/outbox.h"

enum {
    LIMIT_MAX = 1000,
    SCAN_FACTOR = 4,                  /* rows looked at for each item wanted, ... */
    SCAN_MIN = 4 * UNKNOWN_USERS_MAX, /* ... but not so few that those who wait for their users hide the others */
    CHUNK = 64,
};

/* A stretch of the rows of one priority, in claim order. */
struct stretch {
    enum priority priority;
    int64_t due_at, minute; /* the rows behind this one, ... */
    char *device_id;        /* ... NULL = "" */
    int64_t until;          /* ... up to this due_at */
};

/* One run of stage. */
struct pass {
    struct outbox_stage *stage;
    struct database *database;
    struct error *err;
    struct breaker_gauge gauge;
    struct outbox_item **end;
    unsigned budget; /* rows that may still be looked at */
    struct candidate chunk[CHUNK];
    unsigned chunk_count;
};

/* ---------------------------------------------------------------------------------------------------- reading rows */

/* An id that is no text, or holds a NUL, can be no device that we could name to anybody. */
static int drop_odd_row(struct pass *pass, sqlite3_stmt *row)
{
    static const char sql[] = "DELETE FROM outbox WHERE device_id = ?";
    sqlite3_stmt *statement;

    int code = statement_get(pass->database, sql, &statement, pass->err, "n");
    if (code < 0)
        return code;
    int result = sqlite3_bind_value(statement, 1, sqlite3_column_value(row, 0));
    if (result != SQLITE_OK)
        return statement_error(pass->database, result, pass->err, NULL);
    pass->stage->parked++;
    pass->stage->parked_for[REASON_BAD_DATA]++;
    return statement_step(pass->database, statement, pass->err);
}

static int read_candidate(struct pass *pass, sqlite3_stmt *row, enum priority priority)
{
    struct candidate *candidate = &pass->chunk[pass->chunk_count];
    if (sqlite3_column_type(row, 0) != SQLITE_TEXT)
        return drop_odd_row(pass, row);
    const char *id = statement_text(row, 0);
    if (strlen(id) != (size_t)sqlite3_column_bytes(row, 0))
        return drop_odd_row(pass, row);
    *candidate = (struct candidate){
        .device_id = strdup(id),
        .due_at = sqlite3_column_int64(row, 1),
        .seq = sqlite3_column_int64(row, 2),
        .queued_at = sqlite3_column_int64(row, 3),
        .minute = sqlite3_column_int64(row, 4),
        .forced = sqlite3_column_int(row, 5),
        .attempts = (unsigned)sqlite3_column_int(row, 6),
        .sent = sqlite3_column_int(row, 7),
        .last_update_ms = sqlite3_column_int64(row, 9),
        .content_hash = (uint64_t)sqlite3_column_int64(row, 10),
        .priority = priority,
    };
    if (!candidate->device_id)
        return error_set(pass->err, ERR_NOMEM, 0, "outbox: out of memory");
    candidate->has_message_id = statement_guid(row, 8, &candidate->message_id);
    pass->chunk_count++;
    return 0;
}

static void clear_chunk(struct pass *pass)
{
    for (unsigned i = 0; i < pass->chunk_count; i++)
        free(pass->chunk[i].device_id);
    pass->chunk_count = 0;
}

static int read_chunk(struct pass *pass, const struct stretch *stretch, unsigned limit)
{
    static const char sql[] =
        "SELECT device_id, due_at, seq, queued_at, minute, forced, attempts, sent, message_id, last_update_ms, "
        "content_hash "
        "FROM outbox WHERE connection = ? AND channel = ? AND priority = ? AND claim IS NULL "
        "AND (due_at, minute, device_id) > (?, ?, ?) AND due_at <= ? ORDER BY due_at, minute, device_id LIMIT ?";
    sqlite3_stmt *row;

    int code = statement_get(pass->database, sql, &row, pass->err, "tddiitid", pass->stage->connection,
                             (int)pass->stage->channel, (int)stretch->priority, stretch->due_at, stretch->minute,
                             stretch->device_id ? stretch->device_id : "", stretch->until, (int)limit);
    while (code >= 0 && (code = statement_step(pass->database, row, pass->err)) == 1) {
        code = read_candidate(pass, row, stretch->priority);
        if (code < 0)
            sqlite3_reset(row);
    }
    return code;
}

/* ------------------------------------------------------------------------------------------------------ the pass */

static unsigned wanted(const struct pass *pass)
{
    unsigned left = pass->stage->limit - pass->stage->count;

    left = left < pass->budget ? left : pass->budget;
    return left < CHUNK ? left : CHUNK;
}

static int stage_chunk(struct pass *pass, struct stretch *stretch)
{
    struct outbox_stage *stage = pass->stage;

    for (unsigned i = 0; i < pass->chunk_count; i++) {
        struct candidate *candidate = &pass->chunk[i];
        struct outbox_item *item;
        int fate = candidate_stage(stage, &pass->gauge, candidate, &item, pass->err);
        if (fate < 0)
            return fate;
        if (fate == CANDIDATE_STAGED) {
            *pass->end = item;
            pass->end = &item->next;
            stage->count++;
        }
        stretch->due_at = candidate->due_at;
        stretch->minute = candidate->minute;
    }
    if (pass->chunk_count > 0) {
        struct candidate *last = &pass->chunk[pass->chunk_count - 1];
        free(stretch->device_id);
        stretch->device_id = last->device_id;
        last->device_id = NULL;
    }
    return 0;
}

static int stage_stretch(struct pass *pass, struct stretch stretch)
{
    unsigned limit;
    unsigned found = 0;
    int code = 0;

    do {
        limit = wanted(pass);
        if (limit == 0)
            break;
        code = read_chunk(pass, &stretch, limit);
        found = pass->chunk_count;
        pass->budget -= found;
        if (code == 0)
            code = stage_chunk(pass, &stretch);
        clear_chunk(pass);
    } while (code == 0 && found == limit);
    free(stretch.device_id);
    return code;
}

/* Rows in backoff are older than those that never failed. */
static int stage_priority(struct pass *pass, enum priority priority)
{
    int64_t now_ms = pass->stage->now_ms;
    int64_t far_ms = now_ms + OUTBOX_PUT_OFF_MAX_MS;

    int code = stage_stretch(pass, (struct stretch){priority, 0, INT64_MAX, NULL, now_ms});
    if (code == 0)
        code = stage_stretch(pass, (struct stretch){priority, 0, -1, NULL, 0});
    if (code == 0)
        code = stage_stretch(pass, (struct stretch){priority, far_ms, INT64_MAX, NULL, OUTBOX_AWAITS_USER - 1});
    return code;
}

static int stage_all(struct pass *pass)
{
    int code = breaker_gauge_begin(&pass->gauge, pass->err);

    for (int p = 0; p <= (int)pass->stage->mildest && code == 0; p++)
        code = stage_priority(pass, (enum priority)p);
    return code;
}

/* Rows that made room come back as far as there are users to ask for. */
static int call_back(struct pass *pass, unsigned *ret_called)
{
    static const char sql[] =
        "UPDATE outbox SET due_at = 0 WHERE device_id IN (SELECT device_id FROM outbox WHERE connection = ? "
        "AND channel = ? AND priority = ? AND claim IS NULL AND due_at = ? ORDER BY minute, device_id LIMIT ?)";
    const struct outbox_stage *stage = pass->stage;
    unsigned room = UNKNOWN_USERS_MAX - (unsigned)stage->unknown_user_count;
    int code = 0;

    for (int p = 0; p <= (int)stage->mildest && room > *ret_called && code == 0; p++) {
        code = statement_run(pass->database, sql, pass->err, "tddid", stage->connection, (int)stage->channel, p,
                             OUTBOX_AWAITS_USER, (int)(room - *ret_called));
        if (code == 0)
            *ret_called += (unsigned)sqlite3_changes(pass->database->handle);
    }
    return code;
}

static int find_next_due(struct pass *pass)
{
    static const char sql[] = "SELECT due_at FROM outbox WHERE connection = ? AND channel = ? AND priority = ? "
                              "AND claim IS NULL AND due_at > ? AND due_at <= ? ORDER BY due_at LIMIT 1";
    struct outbox_stage *stage = pass->stage;

    for (int p = 0; p <= (int)stage->mildest; p++) {
        int64_t due_ms = -1;
        int code = statement_int(pass->database, sql, &due_ms, pass->err, "tddii", stage->connection,
                                 (int)stage->channel, p, stage->now_ms, stage->now_ms + OUTBOX_PUT_OFF_MAX_MS);
        if (code < 0)
            return code;
        if (code == 1 && (stage->next_due_ms < 0 || due_ms < stage->next_due_ms))
            stage->next_due_ms = due_ms;
    }
    return 0;
}

static void reset_output(struct outbox_stage *stage)
{
    outbox_stage_deinit(stage);
    stage->count = 0;
    stage->unknown_user_count = 0;
    stage->platforms = 0;
    stage->needless = stage->waiting = stage->parked = stage->held = stage->put_away = 0;
    memset(stage->parked_for, 0, sizeof(stage->parked_for));
    stage->more = stage->tripped = stage->elsewhere = false;
    stage->next_due_ms = -1;
}

static int run(struct store_job *job, struct database *database, struct error *err)
{
    struct outbox_stage *stage = (struct outbox_stage *)job;
    struct pass pass = {.stage = stage, .database = database, .err = err, .end = &stage->items};
    unsigned called = 0;

    pass.gauge = (struct breaker_gauge){
        .database = database, .connection = stage->connection, .limits = stage->breaker, .now_ms = stage->now_ms};
    reset_output(stage);
    stage->limit = stage->limit < LIMIT_MAX ? stage->limit : LIMIT_MAX;
    pass.budget = stage->limit * SCAN_FACTOR > SCAN_MIN ? stage->limit * SCAN_FACTOR : SCAN_MIN;
    int code = database_begin_session(database, err);
    if (code == 0)
        code = stage_all(&pass);
    if (code == 0)
        code = call_back(&pass, &called);
    if (code == 0)
        code = find_next_due(&pass);
    if (code < 0) {
        reset_output(stage);
        return code;
    }
    stage->tripped = pass.gauge.tripped;
    stage->trip = pass.gauge.trip;
    /* Out of budget with nothing done, only an answer from outside helps: a user's id. */
    bool useful = stage->count + stage->needless + stage->waiting + stage->parked + stage->held + stage->put_away > 0;
    stage->more = stage->limit > 0 && (stage->count == stage->limit || (pass.budget == 0 && useful) || called > 0);
    return 0;
}

void outbox_stage_init(struct outbox_stage *stage, const char *connection, enum channel channel,
                       void (*done)(struct store_job *job))
{
    *stage = (struct outbox_stage){
        .job = {.write = true, .run = run, .done = done},
        .channel = channel,
        .mildest = PRIORITY_WEEKLY,
        .next_due_ms = -1,
    };
    snprintf(stage->connection, sizeof(stage->connection), "%s", connection);
}

void outbox_stage_deinit(struct outbox_stage *stage)
{
    while (stage->items) {
        struct outbox_item *item = stage->items;
        stage->items = item->next;
        outbox_item_free(item);
    }
    for (size_t i = 0; i < stage->unknown_user_count; i++)
        free(stage->unknown_users[i]);
    free(stage->unknown_users);
    stage->unknown_users = NULL;
    stage->unknown_user_count = 0;
}
