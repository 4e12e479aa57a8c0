/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "store/hold.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "database_internal.h"
#include "settle.h"
#include "statement.h"
#include "subject.h"

const char *hold_scope_name(enum hold_scope scope)
{
    return scope == HOLD_DEVICE ? "device" : "policy";
}

/* ------------------------------------------------------------------------------------------------------------ begin */

static int check_subject(struct database *database, const struct hold *hold, struct error *err)
{
    static const char device[] = "SELECT 1 FROM device WHERE device_id = ?";
    static const char policy[] = "SELECT 1 FROM policy WHERE policy_id = ?";
    int64_t any = 0;

    int code = statement_int(database, hold->scope == HOLD_DEVICE ? device : policy, &any, err, "t", hold->id);
    if (code < 0 || any)
        return code < 0 ? code : 0;
    return error_set(err, ERR_NOTFOUND, 0, "there is no %s '%s'", hold_scope_name(hold->scope), hold->id);
}

static int run_put(struct store_job *job, struct database *database, struct error *err)
{
    static const char sql[] =
        "INSERT INTO hold (scope, id, since_ms, until_ms, reason, actor) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (scope, id) DO UPDATE SET until_ms = excluded.until_ms, reason = excluded.reason, "
        "actor = excluded.actor, cursor = NULL";
    const struct hold *hold = &((struct hold_put *)job)->hold;

    int code = check_subject(database, hold, err);
    if (code == 0)
        code = statement_run(database, sql, err, "dtiitt", (int)hold->scope, hold->id, hold->since_ms, hold->until_ms,
                             hold->reason, hold->actor);
    return code;
}

void hold_put_init(struct hold_put *put, const struct hold *hold, void (*done)(struct store_job *job))
{
    *put = (struct hold_put){.job = {.write = true, .run = run_put, .done = done}, .hold = *hold};
}

/* -------------------------------------------------------------------------------------------------------------- end */

static int run_end(struct store_job *job, struct database *database, struct error *err)
{
    static const char sql[] = "UPDATE hold SET until_ms = 0 WHERE scope = ? AND id = ? AND cursor IS NULL";
    const struct hold_end *end = (const struct hold_end *)job;

    int code = statement_run(database, sql, err, "dt", (int)end->scope, end->id);
    if (code == 0 && sqlite3_changes(database->handle) == 0)
        code = error_set(err, ERR_NOTFOUND, 0, "%s '%s' is not held", hold_scope_name(end->scope), end->id);
    return code;
}

void hold_end_init(struct hold_end *end, enum hold_scope scope, const char *id, void (*done)(struct store_job *job))
{
    *end = (struct hold_end){.job = {.write = true, .run = run_end, .done = done}, .scope = scope};
    snprintf(end->id, sizeof(end->id), "%s", id);
}

static void read_hold(sqlite3_stmt *row, struct hold *hold)
{
    *hold = (struct hold){.scope = sqlite3_column_int(row, 0) == HOLD_DEVICE ? HOLD_DEVICE : HOLD_POLICY,
                          .since_ms = sqlite3_column_int64(row, 2),
                          .until_ms = sqlite3_column_int64(row, 3)};
    snprintf(hold->id, sizeof(hold->id), "%s", statement_text(row, 1));
    snprintf(hold->reason, sizeof(hold->reason), "%s", statement_text(row, 4));
    snprintf(hold->actor, sizeof(hold->actor), "%s", statement_text(row, 5));
}

/* The next one that is over, with how far its devices have been queued; id "" = none. */
static int find_over(struct database *database, int64_t now_ms, struct hold *hold, char **ret_cursor, struct error *err)
{
    static const char sql[] = "SELECT scope, id, since_ms, until_ms, reason, actor, ifnull(cursor, '') FROM hold "
                              "WHERE until_ms <= ? ORDER BY scope, id LIMIT 1";
    sqlite3_stmt *row;

    *ret_cursor = NULL;
    hold->id[0] = '\0';
    int code = statement_get(database, sql, &row, err, "i", now_ms);
    if (code == 0)
        code = statement_step(database, row, err);
    if (code != 1)
        return code;
    read_hold(row, hold);
    *ret_cursor = strdup(statement_text(row, 6));
    sqlite3_reset(row);
    return *ret_cursor ? 0 : error_set(err, ERR_NOMEM, 0, "hold: out of memory");
}

static int queue_device(struct database *database, const char *device_id, struct error *err)
{
    static const char deleted[] = "INSERT INTO gone SELECT * FROM gone WHERE device_id = ?";

    int code = settle_queue(database, device_id, err);
    return code == 0 ? statement_run(database, deleted, err, "t", device_id) : code;
}

/* Those of a policy behind the cursor: the row is over, and so no longer holds, from the first of them on. */
static int queue_policy(struct hold_expire *expire, struct database *database, const struct hold *hold,
                        const char *cursor, struct error *err)
{
    static const char next[] =
        "SELECT max(device_id), count(*) FROM (SELECT device_id FROM violation "
        "WHERE policy_id = ? AND device_id > ? AND " SUBJECT_NAMEABLE("device_id") " ORDER BY device_id LIMIT ?)";
    static const char queue[] = "INSERT INTO dirty (device_id) SELECT device_id FROM violation WHERE policy_id = ? "
                                "AND device_id > ? AND device_id <= ? ORDER BY device_id";
    static const char move[] = "UPDATE hold SET cursor = ? WHERE scope = ? AND id = ?";
    sqlite3_stmt *row;

    int code = statement_get(database, next, &row, err, "ttd", hold->id, cursor, (int)expire->limit);
    if (code == 0)
        code = statement_step(database, row, err);
    if (code < 0)
        return code;
    char *last = strdup(statement_text(row, 0));
    expire->queued = (unsigned)sqlite3_column_int(row, 1);
    sqlite3_reset(row);
    if (!last)
        return error_set(err, ERR_NOMEM, 0, "hold: out of memory");
    /* First: what does not hold any more is what decides how urgent they are. */
    code = statement_run(database, move, err, "tdt", last, (int)hold->scope, hold->id);
    if (code == 0 && expire->queued > 0)
        code = statement_run(database, queue, err, "ttt", hold->id, cursor, last);
    free(last);
    return code;
}

static int find_next(struct database *database, int64_t *ret_next_ms, struct error *err)
{
    static const char sql[] = "SELECT until_ms FROM hold ORDER BY until_ms LIMIT 1";

    *ret_next_ms = INT64_MAX;
    int code = statement_int(database, sql, ret_next_ms, err, "");
    return code < 0 ? code : 0;
}

static int run_expire(struct store_job *job, struct database *database, struct error *err)
{
    static const char remove[] = "DELETE FROM hold WHERE scope = ? AND id = ?";
    struct hold_expire *expire = (struct hold_expire *)job;
    struct hold hold;
    char *cursor;

    expire->queued = 0;
    expire->more = false;
    expire->ended.id[0] = '\0';
    int code = find_over(database, expire->now_ms, &hold, &cursor, err);
    if (code < 0)
        return code;
    if (!cursor)
        return find_next(database, &expire->next_ms, err);
    if (hold.scope == HOLD_POLICY)
        code = queue_policy(expire, database, &hold, cursor, err);
    free(cursor);
    expire->more = true;
    if (code < 0 || (hold.scope == HOLD_POLICY && expire->queued == expire->limit))
        return code;
    code = statement_run(database, remove, err, "dt", (int)hold.scope, hold.id);
    if (code == 0 && hold.scope == HOLD_DEVICE)
        code = queue_device(database, hold.id, err);
    expire->ended = hold;
    return code;
}

void hold_expire_init(struct hold_expire *expire, int64_t now_ms, unsigned limit, void (*done)(struct store_job *job))
{
    *expire =
        (struct hold_expire){.job = {.write = true, .run = run_expire, .done = done}, .now_ms = now_ms, .limit = limit};
}

/* ------------------------------------------------------------------------------------------------------------ looks */

#define HOLDS "SELECT scope, id, since_ms, until_ms, reason, actor FROM hold WHERE cursor IS NULL"

/* Of one device, or (NULL) all. */
static int list(struct database *database, const char *device_id, int (*each)(void *ctx, const struct hold *hold),
                void *ctx, struct error *err)
{
    static const char all[] = HOLDS " ORDER BY scope, id";
    static const char one[] = HOLDS " AND ((scope = 0 AND id = ?1) OR (scope = 1 AND id IN (SELECT policy_id "
                                    "FROM violation WHERE device_id = ?1))) ORDER BY scope, id";
    sqlite3_stmt *row;
    struct hold hold;
    int stopped = 0;

    int code = device_id ? statement_get(database, one, &row, err, "t", device_id)
                         : statement_get(database, all, &row, err, "");
    while (code >= 0 && stopped == 0 && (code = statement_step(database, row, err)) == 1) {
        read_hold(row, &hold);
        stopped = each(ctx, &hold);
    }
    if (stopped != 0)
        sqlite3_reset(row);
    return code < 0 ? code : 0;
}

int hold_list(struct database *database, int (*each)(void *ctx, const struct hold *hold), void *ctx, struct error *err)
{
    return list(database, NULL, each, ctx, err);
}

int hold_list_of(struct database *database, const char *device_id, int (*each)(void *ctx, const struct hold *hold),
                 void *ctx, struct error *err)
{
    return list(database, device_id, each, ctx, err);
}

int hold_count(struct database *database, int64_t *ret_count, struct error *err)
{
    static const char sql[] = "SELECT count(*) FROM hold WHERE cursor IS NULL";

    *ret_count = 0;
    int code = statement_int(database, sql, ret_count, err, "");
    return code < 0 ? code : 0;
}
