/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <string.h>

#include "fleet_internal.h"
#include "outbox_internal.h"
#include "statement.h"

/* Neighbours mostly belong to the same connection: `hint` is where the last one was found. */
static struct fleet_queue *find(struct fleet_queue *queues, size_t count, const char *connection, size_t *hint)
{
    for (size_t i = 0; i < count; i++) {
        size_t at = (*hint + i) % count;
        if (strcmp(queues[at].connection, connection) == 0) {
            *hint = at;
            return &queues[at];
        }
    }
    return NULL;
}

/* A row that was put off on purpose waits since it is due: a lost verdict counts as one attempt. One that was tried in
 * vain again and again has waited all the time. */
static void add_row(struct fleet_queue *queue, sqlite3_stmt *row, int64_t now_ms)
{
    int priority = sqlite3_column_int(row, 1);
    int64_t queued_at_ms = sqlite3_column_int64(row, 2), due_at_ms = sqlite3_column_int64(row, 3);
    bool in_vain = sqlite3_column_int(row, 4) > 1;
    bool put_off = !in_vain && due_at_ms < OUTBOX_AWAITS_USER;
    int64_t since_ms = put_off && due_at_ms > queued_at_ms ? due_at_ms : queued_at_ms;

    if (priority >= 0 && priority < PRIORITY_COUNT)
        queue->queued[priority]++;
    if (due_at_ms == OUTBOX_HELD)
        queue->held++;
    else if (since_ms <= now_ms && (queue->oldest_ms < 0 || since_ms < queue->oldest_ms))
        queue->oldest_ms = since_ms;
}

static int walk_outbox(struct database *database, int64_t now_ms, struct fleet_queue *queues, size_t count,
                       int64_t *others, struct error *err)
{
    static const char sql[] = "SELECT connection, priority, queued_at, due_at, attempts FROM outbox";
    sqlite3_stmt *row;
    size_t hint = 0;

    int code = statement_get(database, sql, &row, err, "");
    while (code >= 0 && (code = statement_step(database, row, err)) == 1) {
        struct fleet_queue *queue = find(queues, count, statement_text(row, 0), &hint);
        if (queue)
            add_row(queue, row, now_ms);
        else
            (*others)++;
    }
    return code;
}

static int walk_messages(struct database *database, struct fleet_queue *queues, size_t count, struct error *err)
{
    static const char sql[] = "SELECT connection FROM message";
    sqlite3_stmt *row;
    size_t hint = 0;

    int code = statement_get(database, sql, &row, err, "");
    while (code >= 0 && (code = statement_step(database, row, err)) == 1) {
        struct fleet_queue *queue = find(queues, count, statement_text(row, 0), &hint);
        if (queue)
            queue->unanswered++;
    }
    return code;
}

static int read_breakers(struct database *database, struct fleet_queue *queues, size_t count, struct error *err)
{
    static const char sql[] = "SELECT open FROM breaker WHERE connection = ?";
    int code = 0;

    for (size_t i = 0; i < count && code >= 0; i++) {
        int64_t open = 0;
        code = statement_int(database, sql, &open, err, "t", queues[i].connection);
        queues[i].breaker_open = open != 0;
    }
    return code < 0 ? code : 0;
}

int fleet_queues(struct database *database, int64_t now_ms, struct fleet_queue *queues, size_t count,
                 int64_t *ret_others, struct error *err)
{
    *ret_others = 0;
    for (size_t i = 0; i < count; i++) {
        memset(queues[i].queued, 0, sizeof(queues[i].queued));
        queues[i].held = 0;
        queues[i].oldest_ms = -1;
        queues[i].unanswered = 0;
    }
    int code = fleet_begin(database, err);
    if (code < 0)
        return code;
    code = walk_outbox(database, now_ms, queues, count, ret_others, err);
    if (code == 0)
        code = walk_messages(database, queues, count, err);
    if (code == 0)
        code = read_breakers(database, queues, count, err);
    fleet_end(database);
    return code;
}
