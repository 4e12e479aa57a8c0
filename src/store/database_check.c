/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <stdio.h>
#include <string.h>

#include "database_internal.h"
#include "schema.h"
#include "statement.h"

/* What no trigger and no code of ours leaves behind; each counts the rows that are wrong. */
static const struct {
    const char *sql;
    const char *finding;
} invariants[] = {
    {"SELECT count(*) FROM outbox AS o WHERE NOT EXISTS (SELECT 1 FROM device WHERE device_id = o.device_id)"
     " AND NOT EXISTS (SELECT 1 FROM tombstone WHERE device_id = o.device_id)"
     " AND NOT EXISTS (SELECT 1 FROM report WHERE device_id = o.device_id)",
     "queued devices of which nothing is known"},
    {"SELECT count(*) FROM outbox WHERE channel NOT IN (0, 1) OR priority NOT IN (0, 1, 2, 3)",
     "queued devices with an unknown channel or priority"},
    {"SELECT count(*) FROM report WHERE state NOT IN (0, 1, 2, 3) OR status NOT IN (0, 1, 2, 3)",
     "reports with an unknown state or status"},
    {"SELECT count(*) FROM report WHERE state <> 0 AND azure_device_id = ''",
     "accepted reports without an Azure device id"},
    {"SELECT count(*) FROM tombstone AS t WHERE EXISTS (SELECT 1 FROM device WHERE device_id = t.device_id)",
     "devices that count as deleted and are there"},
    {"SELECT count(*) FROM device WHERE typeof(device_id) <> 'text' OR instr(device_id, char(0)) > 0",
     "devices whose id is no text: they cannot be reported"},
};

/* One line a finding, whatever the text holds. */
static void add_finding(struct buf *report, const char *text)
{
    size_t start = report->length;

    buf_add_text(report, text);
    for (size_t i = start; i < report->length; i++) {
        if (report->data[i] == '\n')
            report->data[i] = ' ';
    }
    buf_add_char(report, '\n');
}

/* CHECK and NOT NULL constraints are part of it. */
static int check_integrity(struct database *database, const char *sql, struct buf *report, struct error *err)
{
    sqlite3_stmt *row;

    int code = statement_get(database, sql, &row, err, "");
    while (code >= 0 && (code = statement_step(database, row, err)) == 1) {
        const char *text = statement_text(row, 0);
        if (strcmp(text, "ok") != 0)
            add_finding(report, text);
    }
    return code;
}

static int check_version(struct database *database, struct buf *report, bool *ret_current, struct error *err)
{
    char text[128];
    int version = 0;

    int code = database_version(database, &version, err);
    *ret_current = code == 0 && version == schema_count;
    if (code < 0 || *ret_current)
        return code;
    snprintf(text, sizeof(text), "schema version is %d, this program needs %d%s", version, schema_count,
             version < schema_count ? ": run \"complyctl store migrate\"" : ": install the newer complyd");
    add_finding(report, text);
    return 0;
}

static int compare_object(struct database *database, sqlite3_stmt *wanted, struct buf *report, struct error *err)
{
    static const char sql[] = "SELECT sql IS ?3 FROM sqlite_schema WHERE type = ?1 AND name = ?2";
    const char *type = statement_text(wanted, 0);
    const char *name = statement_text(wanted, 1);
    char text[256];
    int64_t same = 0;

    int code = statement_int(database, sql, &same, err, "ttt", type, name, sqlite3_column_text(wanted, 2));
    if (code < 0 || (code == 1 && same))
        return code < 0 ? code : 0;
    snprintf(text, sizeof(text), "%s %s %s", type, name, code == 1 ? "was altered" : "is missing");
    add_finding(report, text);
    return 0;
}

/* A store without one of its triggers loses changes: every object is compared with that of a fresh store. */
static int check_schema(struct database *database, struct buf *report, struct error *err)
{
    static const char sql[] =
        "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY type, name";
    struct database *fresh;
    sqlite3_stmt *row = NULL;

    int code = database_open_raw(":memory:", SQLITE_OPEN_READWRITE, &fresh, err);
    if (code < 0)
        return code;
    for (int i = 0; i < schema_count && code == 0; i++)
        code = statement_exec(fresh, schema_scripts[i], err);
    if (code == 0)
        code = statement_get(fresh, sql, &row, err, "");
    while (code == 0 && (code = statement_step(fresh, row, err)) == 1)
        code = compare_object(database, row, report, err);
    database_close(fresh);
    return code;
}

static int check_rows(struct database *database, struct buf *report, struct error *err)
{
    char text[128];
    int code = 0;

    for (size_t i = 0; i < sizeof(invariants) / sizeof(invariants[0]) && code >= 0; i++) {
        int64_t count = 0;
        code = statement_int(database, invariants[i].sql, &count, err, "");
        if (code < 0 || count == 0)
            continue;
        snprintf(text, sizeof(text), "%lld %s", (long long)count, invariants[i].finding);
        add_finding(report, text);
    }
    return code < 0 ? code : 0;
}

int database_check(struct database *database, struct buf *report, struct error *err)
{
    struct error error = {0};
    bool current = false;

    int code = check_version(database, report, &current, &error);
    if (code == 0)
        code = check_integrity(database, "PRAGMA integrity_check(100)", report, &error);
    if (code == 0 && current)
        code = check_schema(database, report, &error);
    /* Rows of a damaged schema cannot be counted. */
    if (code == 0 && current && report->length == 0)
        code = check_rows(database, report, &error);
    if (code == ERR_STORE_CORRUPT)
        add_finding(report, error_text(&error));
    else if (code < 0)
        return error_set(err, code, error.origin, "%s", error_text(&error));
    if (buf_error(report))
        return error_set(err, buf_error(report), 0, "out of memory");
    return report->length == 0 ? 0 : error_set(err, ERR_STORE_CORRUPT, 0, "store %s is damaged", database->path);
}

int database_check_quickly(struct database *database, struct buf *report, struct error *err)
{
    struct error error = {0};

    int code = check_integrity(database, "PRAGMA quick_check(3)", report, &error);
    if (code == 0)
        code = check_schema(database, report, &error);
    if (code < 0)
        return error_set(err, code, error.origin, "%s", error_text(&error));
    return report->length == 0 ? 0 : error_set(err, ERR_STORE_CORRUPT, 0, "store %s is damaged", database->path);
}
