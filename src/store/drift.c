/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "store/drift.h"

#include <stdio.h>
#include <string.h>

#include "database_internal.h"
#include "drift_internal.h"
#include "statement.h"

void drift_record_init(struct drift_record *record, const char *connection, const char *tenant_id)
{
    memset(record, 0, sizeof(*record));
    record->started_at_ms = record->finished_at_ms = -1;
    snprintf(record->connection, sizeof(record->connection), "%s", connection);
    snprintf(record->tenant_id, sizeof(record->tenant_id), "%s", tenant_id);
}

/* ---- the record ---- */

static void read_row(sqlite3_stmt *row, struct drift_record *record)
{
    snprintf(record->tenant_id, sizeof(record->tenant_id), "%s", statement_text(row, 0));
    record->phase = drift_phase_parse(statement_text(row, 1));
    record->round = sqlite3_column_int64(row, 2);
    record->whole = sqlite3_column_int(row, 3) != 0;
    snprintf(record->link, sizeof(record->link), "%s", statement_text(row, 4));
    snprintf(record->cursor, sizeof(record->cursor), "%s", statement_text(row, 5));
    record->due_at_ms = sqlite3_column_int64(row, 6);
    record->started_at_ms = sqlite3_column_int64(row, 7);
    record->finished_at_ms = sqlite3_column_int64(row, 8);
    record->read = sqlite3_column_int64(row, 9);
    record->compared = sqlite3_column_int64(row, 10);
    record->repaired = sqlite3_column_int64(row, 11);
    for (int cause = DRIFT_UNKNOWN; cause < DRIFT_CAUSE_COUNT; cause++)
        record->counts[cause] = sqlite3_column_int64(row, 11 + cause);
    snprintf(record->problem, sizeof(record->problem), "%s", statement_text(row, 16));
    snprintf(record->detail, sizeof(record->detail), "%s", statement_text(row, 17));
}

int drift_read(struct database *database, const char *connection, struct drift_record *ret_record, struct error *err)
{
    static const char sql[] =
        "SELECT tenant_id, phase, round, whole, link, cursor, due_at_ms, started_at_ms, finished_at_ms, read, "
        "compared, "
        "repaired, unknown, value, writer, stale, problem, detail FROM drift_check WHERE connection = ?";
    sqlite3_stmt *row;

    drift_record_init(ret_record, connection, "");
    int code = statement_get(database, sql, &row, err, "t", connection);
    if (code == 0)
        code = statement_step(database, row, err);
    if (code == 1) {
        read_row(row, ret_record);
        sqlite3_reset(row);
    }
    return code < 0 ? code : 0;
}

int drift_save_record(struct database *database, const struct drift_record *record, struct error *err)
{
    static const char sql[] =
        "INSERT OR REPLACE INTO drift_check (connection, tenant_id, phase, round, whole, link, cursor, due_at_ms, "
        "started_at_ms, finished_at_ms, read, compared, repaired, unknown, value, writer, stale, problem, detail) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

    return statement_run(database, sql, err, "tttidttiiiiiiiiiitt", record->connection, record->tenant_id,
                         drift_phase_name(record->phase), record->round, (int)record->whole, record->link,
                         record->cursor, record->due_at_ms, record->started_at_ms, record->finished_at_ms, record->read,
                         record->compared, record->repaired, record->counts[DRIFT_UNKNOWN], record->counts[DRIFT_VALUE],
                         record->counts[DRIFT_WRITER], record->counts[DRIFT_STALE], record->problem, record->detail);
}

/* Everything that is known of another tenant: the number of checks goes on, so that what remains of `directory` is of
 * an earlier one and swept away by the next. */
int drift_reset(struct database *database, struct drift_record *record, const char *tenant_id, struct error *err)
{
    static const char drop[] = "DELETE FROM drift WHERE connection = ?";
    int64_t round = record->round;
    char connection[sizeof(record->connection)];

    snprintf(connection, sizeof(connection), "%s", record->connection);
    drift_record_init(record, connection, tenant_id);
    record->round = round;
    int code = statement_run(database, drop, err, "t", connection);
    return code < 0 ? code : drift_save_record(database, record, err);
}

static int run_load(struct store_job *job, struct database *database, struct error *err)
{
    struct drift_load *load = (struct drift_load *)job;
    char connection[sizeof(load->record.connection)], tenant_id[GUID_TEXT];

    snprintf(connection, sizeof(connection), "%s", load->record.connection);
    memcpy(tenant_id, load->record.tenant_id, GUID_TEXT);
    int code = drift_read(database, connection, &load->record, err);
    if (code == 0 && load->record.round > 0 && strcmp(load->record.tenant_id, tenant_id) != 0)
        code = drift_reset(database, &load->record, tenant_id, err);
    memcpy(load->record.tenant_id, tenant_id, GUID_TEXT);
    return code;
}

void drift_load_init(struct drift_load *load, const struct drift_record *record, void (*done)(struct store_job *job))
{
    *load = (struct drift_load){.job = {.write = true, .run = run_load, .done = done}, .record = *record};
}

/* ---- taking in what was read ---- */

/* Somebody may still go by the id of an entry that was deleted: that is worth telling. */
int drift_bury(struct database *database, const char *connection, const struct guid *object_id, struct error *err)
{
    static const char keep[] =
        "UPDATE directory SET gone = 1, managed = 0, compliant = 0 WHERE connection = ? AND object_id = ?";
    static const char drop[] = "DELETE FROM directory WHERE connection = ? AND object_id = ?";
    static const char find[] = "SELECT azure_device_id FROM directory WHERE connection = ? AND object_id = ?";
    static const char used[] =
        "SELECT 1 FROM device WHERE azure_device_id = ? COLLATE NOCASE AND azure_device_id <> '' "
        "LIMIT 1";
    struct guid device_id = {0};
    char text[GUID_TEXT];
    sqlite3_stmt *row;
    int64_t any = 0;

    int code = statement_get(database, find, &row, err, "tg", connection, object_id);
    if (code == 0)
        code = statement_step(database, row, err);
    if (code <= 0)
        return code;
    statement_guid(row, 0, &device_id);
    sqlite3_reset(row);
    code = statement_int(database, used, &any, err, "t", guid_format(&device_id, text));
    if (code < 0)
        return code;
    return statement_run(database, any ? keep : drop, err, "tg", connection, object_id);
}

static int update(struct database *database, const struct drift_record *record, const struct drift_item *item,
                  struct error *err)
{
    static const char sql[] =
        "UPDATE directory SET azure_device_id = ifnull(?, azure_device_id), managed = ifnull(nullif(?, -1), managed), "
        "compliant = ifnull(nullif(?, -1), compliant), gone = 0, round = ? WHERE connection = ? AND object_id = ?";

    return statement_run(database, sql, err, "gdditg", item->has_device_id ? &item->device_id : NULL,
                         (int)item->managed, (int)item->compliant, record->round, record->connection, &item->object_id);
}

static int insert(struct database *database, const struct drift_record *record, const struct drift_item *item,
                  struct error *err)
{
    static const char sql[] =
        "INSERT INTO directory (connection, object_id, azure_device_id, managed, compliant, round) "
        "VALUES (?, ?, ?, ?, ?, ?)";

    return statement_run(database, sql, err, "tggddi", record->connection, &item->object_id, &item->device_id,
                         item->managed > 0, item->compliant > 0, record->round);
}

static int take_in(struct database *database, struct drift_store *store, const struct drift_item *item,
                   struct error *err)
{
    if (item->removed)
        return drift_bury(database, store->record.connection, &item->object_id, err);
    int code = update(database, &store->record, item, err);
    if (code < 0 || sqlite3_changes(database->handle) > 0)
        return code;
    if (item->has_device_id)
        return insert(database, &store->record, item, err);
    store->lost = true;
    return 0;
}

static int run_store(struct store_job *job, struct database *database, struct error *err)
{
    struct drift_store *store = (struct drift_store *)job;
    int code = 0;

    store->lost = false;
    for (size_t i = 0; i < store->count && code == 0; i++)
        code = take_in(database, store, &store->items[i], err);
    return code < 0 ? code : drift_save_record(database, &store->record, err);
}

void drift_store_init(struct drift_store *store, const struct drift_record *record, void (*done)(struct store_job *job))
{
    *store = (struct drift_store){.job = {.write = true, .run = run_store, .done = done}, .record = *record};
}
