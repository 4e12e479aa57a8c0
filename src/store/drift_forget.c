/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * What was read back for a connection that left the configuration. Its account, reports and queue stay: they say what
 * Microsoft holds.
 */
#include <stdio.h>
#include <string.h>

#include "database_internal.h"
#include "drift_internal.h"
#include "statement.h"

static bool is_configured(const struct drift_forget *forget, const char *connection)
{
    for (size_t i = 0; i < forget->count; i++) {
        if (strcmp(forget->names[i], connection) == 0)
            return true;
    }
    return false;
}

/* The first that is to be forgotten; "" = none. */
static int find_stray(struct database *database, const struct drift_forget *forget, char ret_connection[65],
                      struct error *err)
{
    static const char sql[] =
        "SELECT connection FROM drift_check WHERE max(started_at_ms, finished_at_ms) < ? ORDER BY connection";
    sqlite3_stmt *row;

    ret_connection[0] = '\0';
    int code = statement_get(database, sql, &row, err, "i", forget->now_ms - DRIFT_KEPT_MS);
    while (code >= 0 && (code = statement_step(database, row, err)) == 1) {
        if (is_configured(forget, statement_text(row, 0)))
            continue;
        snprintf(ret_connection, 65, "%s", statement_text(row, 0));
        sqlite3_reset(row);
        break;
    }
    return code < 0 ? code : 0;
}

/* From the first piece on the record knows of nothing: a check that comes reads everything. */
static int begin_anew(struct database *database, const char *connection, struct error *err)
{
    struct drift_record record;
    char tenant_id[GUID_TEXT];
    int code = drift_read(database, connection, &record, err);

    snprintf(tenant_id, sizeof(tenant_id), "%s", record.tenant_id);
    return code < 0 ? code : drift_reset(database, &record, tenant_id, err);
}

static int forget_piece(struct drift_forget *forget, struct database *database, const char *connection,
                        struct error *err)
{
    static const char entries[] = "DELETE FROM directory WHERE connection = ?1 AND object_id IN (SELECT object_id FROM "
                                  "directory WHERE connection = ?1 LIMIT ?2)";
    static const char record[] = "DELETE FROM drift_check WHERE connection = ?";

    int code = begin_anew(database, connection, err);
    if (code == 0)
        code = statement_run(database, entries, err, "td", connection, (int)forget->limit);
    if (code == 0)
        forget->forgotten = (unsigned)sqlite3_changes(database->handle);
    if (code == 0 && forget->forgotten < forget->limit)
        code = statement_run(database, record, err, "t", connection);
    return code;
}

static int run_forget(struct store_job *job, struct database *database, struct error *err)
{
    struct drift_forget *forget = (struct drift_forget *)job;
    char connection[65];

    forget->forgotten = 0;
    int code = find_stray(database, forget, connection, err);
    return code < 0 || connection[0] == '\0' ? code : forget_piece(forget, database, connection, err);
}

void drift_forget_init(struct drift_forget *forget, unsigned limit, void (*done)(struct store_job *job))
{
    *forget = (struct drift_forget){.job = {.write = true, .run = run_forget, .done = done}, .limit = limit};
}
