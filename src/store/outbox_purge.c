/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "database_internal.h"
#include "statement.h"
#include "store/outbox.h"

/* A device that still has its row keeps its report, however old the removal: else it would be told again. One that
 * still has something to tell keeps everything. */
#define IS_GONE(column)                                                                                                \
    "NOT EXISTS (SELECT 1 FROM device WHERE device_id = " column ") "                                                  \
    "AND NOT EXISTS (SELECT 1 FROM outbox WHERE device_id = " column ") "

static int purge_reports(struct database *database, const struct outbox_purge *purge, struct error *err)
{
    static const char sql[] =
        "DELETE FROM report WHERE device_id IN (SELECT device_id FROM report AS r WHERE removed_at_ms IS NOT NULL "
        "AND removed_at_ms < ? AND state = 3 AND " IS_GONE("r.device_id") "LIMIT ?)";
    return statement_run(database, sql, err, "id", purge->now_ms - OUTBOX_REMOVED_KEPT_MS, (int)purge->limit);
}

static int purge_tombstones(struct database *database, const struct outbox_purge *purge, struct error *err)
{
    static const char sql[] =
        "DELETE FROM tombstone WHERE device_id IN (SELECT device_id FROM tombstone AS t WHERE deleted_at_ms < ? "
        "AND NOT EXISTS (SELECT 1 FROM report WHERE device_id = t.device_id) AND " IS_GONE("t.device_id") "LIMIT ?)";
    return statement_run(database, sql, err, "id", purge->now_ms - OUTBOX_REMOVED_KEPT_MS, (int)purge->limit);
}

static int run_purge(struct store_job *job, struct database *database, struct error *err)
{
    struct outbox_purge *purge = (struct outbox_purge *)job;

    int code = purge_reports(database, purge, err);
    purge->purged = code < 0 ? 0 : (unsigned)sqlite3_changes(database->handle);
    return code < 0 ? code : purge_tombstones(database, purge, err);
}

void outbox_purge_init(struct outbox_purge *purge, int64_t now_ms, unsigned limit, void (*done)(struct store_job *job))
{
    *purge =
        (struct outbox_purge){.job = {.write = true, .run = run_purge, .done = done}, .now_ms = now_ms, .limit = limit};
}
