/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * tmpstore - a fresh store in the test's directory (tempdir.h), and the hand of an MDM in it: plain SQL by another
 * connection.
 *
 * The program links store and PkgConfig::SQLITE.
 */
#ifndef COMPLYD_TESTS_TMPSTORE_H
#define COMPLYD_TESTS_TMPSTORE_H

#include <sqlite3.h>

#include "store/migrate.h"
#include "tempdir.h"
#include "unit.h"

struct tmpstore {
    char path[256];
    sqlite3 *mdm; /* the MDM's connection: SQLite's defaults but for the busy timeout */
};

static inline void tmpstore_make(struct tmpstore *store)
{
    static unsigned number;
    struct error err = {0};
    char name[32];

    snprintf(name, sizeof(name), "store-%u.db", number++);
    snprintf(store->path, sizeof(store->path), "%s", tempdir_path(name));
    if (migrate_init(store->path, &err) != 0)
        fail_msg("%s", err.message);
    assert_int_equal(sqlite3_open(store->path, &store->mdm), SQLITE_OK);
    sqlite3_busy_timeout(store->mdm, 5000);
}

static inline void tmpstore_remove(struct tmpstore *store)
{
    assert_int_equal(sqlite3_close(store->mdm), SQLITE_OK);
    unlink(store->path);
}

/* Runs SQL as the MDM would; it must succeed. */
static inline void tmpstore_sql(struct tmpstore *store, const char *format, ...)
{
    char *error = NULL;
    va_list arguments;
    va_start(arguments, format);
    char *sql = sqlite3_vmprintf(format, arguments);
    va_end(arguments);

    if (sqlite3_exec(store->mdm, sql, NULL, NULL, &error) != SQLITE_OK)
        fail_msg("%s: %s", sql, error);
    sqlite3_free(sql);
}

/* The result code of SQL that may fail. */
static inline int tmpstore_try(struct tmpstore *store, const char *sql)
{
    return sqlite3_exec(store->mdm, sql, NULL, NULL, NULL);
}

/* The first column of the first row, as text; "" for NULL and for no row. Good until the next call but seven. */
static inline const char *tmpstore_text(struct tmpstore *store, const char *format, ...)
{
    static char results[8][512];
    static unsigned next;
    char *result = results[next++ % 8];
    sqlite3_stmt *row;
    va_list arguments;
    va_start(arguments, format);
    char *sql = sqlite3_vmprintf(format, arguments);
    va_end(arguments);

    if (sqlite3_prepare_v2(store->mdm, sql, -1, &row, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(store->mdm));
    result[0] = '\0';
    if (sqlite3_step(row) == SQLITE_ROW && sqlite3_column_text(row, 0))
        snprintf(result, sizeof(results[0]), "%s", (const char *)sqlite3_column_text(row, 0));
    sqlite3_finalize(row);
    sqlite3_free(sql);
    return result;
}

static inline long long tmpstore_int(struct tmpstore *store, const char *sql)
{
    return atoll(tmpstore_text(store, "%s", sql));
}

#endif
