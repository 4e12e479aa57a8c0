/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "store/connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "database_internal.h"
#include "statement.h"

/* ---------------------------------------------------------------------------------------------------------- users */

static int run_users(struct store_job *job, struct database *database, struct error *err)
{
    static const char sql[] =
        "INSERT INTO user (connection, user_principal_name, user_id, resolved_at_ms) VALUES (?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET user_id = excluded.user_id, resolved_at_ms = excluded.resolved_at_ms";
    struct users_record *record = (struct users_record *)job;
    int code = 0;

    for (size_t i = 0; code == 0 && i < record->count; i++) {
        const struct user_entry *entry = &record->entries[i];
        code = statement_run(database, sql, err, "ttti", record->connection, entry->user_principal_name, entry->user_id,
                             record->now_ms);
    }
    return code;
}

int users_record_init(struct users_record *record, const char *connection, size_t capacity,
                      void (*done)(struct store_job *job))
{
    *record = (struct users_record){.job = {.write = true, .run = run_users, .done = done}};
    snprintf(record->connection, sizeof(record->connection), "%s", connection);
    record->entries = calloc(capacity ? capacity : 1, sizeof(*record->entries));
    return record->entries ? 0 : ERR_NOMEM;
}

void users_record_deinit(struct users_record *record)
{
    for (size_t i = 0; i < record->count; i++)
        free(record->entries[i].user_principal_name);
    free(record->entries);
    record->entries = NULL;
    record->count = 0;
}

static void move_on(struct users_purge *purge, sqlite3_stmt *row)
{
    free(purge->after_connection);
    free(purge->after_name);
    purge->after_connection = row ? strdup(statement_text(row, 0)) : NULL;
    purge->after_name = row ? strdup(statement_text(row, 1)) : NULL;
}

/* Where the piece ends; an empty connection: with the table. */
static int find_end(struct database *database, const struct users_purge *purge, sqlite3_stmt **ret_row,
                    struct error *err)
{
    static const char sql[] =
        "SELECT connection, user_principal_name FROM user WHERE (connection, user_principal_name) > (?, ?) "
        "ORDER BY connection, user_principal_name LIMIT 1 OFFSET ?";

    int code = statement_get(database, sql, ret_row, err, "ttd", purge->after_connection ? purge->after_connection : "",
                             purge->after_name ? purge->after_name : "", (int)purge->limit - 1);
    return code < 0 ? code : statement_step(database, *ret_row, err);
}

static int run_purge(struct store_job *job, struct database *database, struct error *err)
{
    static const char piece[] = "DELETE FROM user WHERE (connection, user_principal_name) > (?, ?) "
                                "AND (connection, user_principal_name) <= (?, ?) AND resolved_at_ms < ?";
    static const char rest[] =
        "DELETE FROM user WHERE (connection, user_principal_name) > (?, ?) AND resolved_at_ms < ?";
    struct users_purge *purge = (struct users_purge *)job;
    const char *connection = purge->after_connection ? purge->after_connection : "";
    const char *name = purge->after_name ? purge->after_name : "";
    int64_t before_ms = purge->now_ms - USERS_KEPT_MS;
    sqlite3_stmt *end;

    purge->purged = 0;
    int found = find_end(database, purge, &end, err);
    if (found < 0)
        return found;
    int code = found == 1 ? statement_run(database, piece, err, "tttti", connection, name, statement_text(end, 0),
                                          statement_text(end, 1), before_ms)
                          : statement_run(database, rest, err, "tti", connection, name, before_ms);
    if (code == 0) {
        purge->purged = (unsigned)sqlite3_changes(database->handle);
        move_on(purge, found == 1 ? end : NULL);
    }
    if (found == 1)
        sqlite3_reset(end);
    return code;
}

void users_purge_init(struct users_purge *purge, unsigned limit, void (*done)(struct store_job *job))
{
    *purge = (struct users_purge){.job = {.write = true, .run = run_purge, .done = done}, .limit = limit};
}

void users_purge_deinit(struct users_purge *purge)
{
    free(purge->after_connection);
    free(purge->after_name);
    purge->after_connection = purge->after_name = NULL;
}

/* ------------------------------------------------------------------------------------------------------ endpoints */

static int run_load(struct store_job *job, struct database *database, struct error *err)
{
    static const char sql[] = "SELECT device_url, tenant_url, fetched_at_ms FROM endpoint WHERE connection = ?";
    struct endpoints_load *load = (struct endpoints_load *)job;
    sqlite3_stmt *row;

    int code = statement_get(database, sql, &row, err, "t", load->connection);
    if (code == 0)
        code = statement_step(database, row, err);
    if (code <= 0)
        return code;
    snprintf(load->device_url, sizeof(load->device_url), "%s", statement_text(row, 0));
    snprintf(load->tenant_url, sizeof(load->tenant_url), "%s", statement_text(row, 1));
    load->fetched_at_ms = statement_integer(row, 2, 0);
    sqlite3_reset(row);
    return 0;
}

void endpoints_load_init(struct endpoints_load *load, const char *connection, void (*done)(struct store_job *job))
{
    *load = (struct endpoints_load){.job = {.run = run_load, .done = done}};
    snprintf(load->connection, sizeof(load->connection), "%s", connection);
}

static int run_save(struct store_job *job, struct database *database, struct error *err)
{
    static const char forget[] = "DELETE FROM endpoint WHERE connection = ?";
    static const char keep[] =
        "INSERT INTO endpoint (connection, device_url, tenant_url, fetched_at_ms) VALUES (?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET device_url = excluded.device_url, "
        "tenant_url = excluded.tenant_url, fetched_at_ms = excluded.fetched_at_ms";
    const struct endpoints_save *save = (struct endpoints_save *)job;

    if (save->device_url[0] == '\0' && save->tenant_url[0] == '\0')
        return statement_run(database, forget, err, "t", save->connection);
    return statement_run(database, keep, err, "ttti", save->connection, save->device_url, save->tenant_url,
                         save->fetched_at_ms);
}

void endpoints_save_init(struct endpoints_save *save, const char *connection, void (*done)(struct store_job *job))
{
    *save = (struct endpoints_save){.job = {.write = true, .run = run_save, .done = done}};
    snprintf(save->connection, sizeof(save->connection), "%s", connection);
}
