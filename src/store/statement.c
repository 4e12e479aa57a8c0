/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "statement.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "database_internal.h"

static int map_result(struct database *database, int result)
{
    int system_errno = database->handle ? sqlite3_system_errno(database->handle) : 0;

    switch (result & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ERR_BUSY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return ERR_STORE_CORRUPT;
    case SQLITE_FULL:
        return ERR_STORE_FULL;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return ERR_PERMISSION;
    case SQLITE_NOMEM:
        return ERR_NOMEM;
    case SQLITE_INTERRUPT:
        return ERR_CANCELED;
    case SQLITE_IOERR:
        if (result == SQLITE_IOERR_NOMEM)
            return ERR_NOMEM;
        return system_errno == ENOSPC || system_errno == EDQUOT ? ERR_STORE_FULL : ERR_STORE;
    case SQLITE_CANTOPEN:
        if (system_errno == EACCES || system_errno == EPERM)
            return ERR_PERMISSION;
        if (system_errno == ENOSPC || system_errno == EDQUOT)
            return ERR_STORE_FULL;
        return system_errno == ENOENT ? ERR_NOTFOUND : ERR_STORE;
    default:
        return ERR_STORE;
    }
}

int statement_error(struct database *database, int result, struct error *err, const char *what)
{
    int code = map_result(database, result);
    const char *text = database->handle ? sqlite3_errmsg(database->handle) : sqlite3_errstr(result);

    return error_set(err, code, result, "store %s: %s%s%s", database->path, what ? what : "", what ? ": " : "", text);
}

/* Linear probing; there are far fewer statements than slots. */
static struct statement_slot *find_slot(struct database *database, const char *sql)
{
    size_t i = ((size_t)sql >> 3) & (STATEMENT_SLOTS - 1);

    while (database->statements[i].sql && database->statements[i].sql != sql)
        i = (i + 1) & (STATEMENT_SLOTS - 1);
    return &database->statements[i];
}

static int prepare(struct database *database, const char *sql, sqlite3_stmt **ret_statement, struct error *err)
{
    struct statement_slot *slot = find_slot(database, sql);

    if (!slot->sql) {
        assert(database->statement_count < STATEMENT_SLOTS / 2);
        int result = sqlite3_prepare_v3(database->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &slot->statement, NULL);
        if (result != SQLITE_OK)
            return statement_error(database, result, err, NULL);
        slot->sql = sql;
        database->statement_count++;
    }
    *ret_statement = slot->statement;
    return 0;
}

static int bind_one(sqlite3_stmt *statement, int index, char letter, va_list *arguments)
{
    const char *text;
    const struct guid *guid;

    switch (letter) {
    case 't':
        text = va_arg(*arguments, const char *);
        return text ? sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC)
                    : sqlite3_bind_null(statement, index);
    case 'i':
        return sqlite3_bind_int64(statement, index, va_arg(*arguments, int64_t));
    case 'd':
        return sqlite3_bind_int(statement, index, va_arg(*arguments, int));
    case 'g':
        guid = va_arg(*arguments, const struct guid *);
        return guid ? sqlite3_bind_blob(statement, index, guid->bytes, sizeof(guid->bytes), SQLITE_STATIC)
                    : sqlite3_bind_null(statement, index);
    case 'h':
        return sqlite3_bind_blob(statement, index, va_arg(*arguments, const uint8_t *), 32, SQLITE_STATIC);
    default:
        assert(letter == 'n');
        return sqlite3_bind_null(statement, index);
    }
}

static int get(struct database *database, const char *sql, sqlite3_stmt **ret_statement, struct error *err,
               const char *format, va_list *arguments)
{
    sqlite3_stmt *statement = NULL;
    int code = prepare(database, sql, &statement, err);
    if (code < 0)
        return code;

    assert((int)strlen(format) == sqlite3_bind_parameter_count(statement));
    sqlite3_reset(statement);
    for (int i = 0; format[i]; i++) {
        int result = bind_one(statement, i + 1, format[i], arguments);
        if (result != SQLITE_OK)
            return statement_error(database, result, err, "bind");
    }
    *ret_statement = statement;
    return 0;
}

int statement_get(struct database *database, const char *sql, sqlite3_stmt **ret_statement, struct error *err,
                  const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int code = get(database, sql, ret_statement, err, format, &arguments);
    va_end(arguments);
    return code;
}

int statement_step(struct database *database, sqlite3_stmt *statement, struct error *err)
{
    int result = sqlite3_step(statement);

    if (result == SQLITE_ROW)
        return 1;
    int code = result == SQLITE_DONE ? 0 : statement_error(database, result, err, NULL);
    sqlite3_reset(statement);
    return code;
}

int statement_run(struct database *database, const char *sql, struct error *err, const char *format, ...)
{
    sqlite3_stmt *statement = NULL;
    va_list arguments;
    va_start(arguments, format);
    int code = get(database, sql, &statement, err, format, &arguments);
    va_end(arguments);
    if (code < 0)
        return code;

    code = statement_step(database, statement, err);
    assert(code <= 0);
    return code;
}

int statement_int(struct database *database, const char *sql, int64_t *ret_value, struct error *err, const char *format,
                  ...)
{
    sqlite3_stmt *statement = NULL;
    va_list arguments;
    va_start(arguments, format);
    int code = get(database, sql, &statement, err, format, &arguments);
    va_end(arguments);
    if (code < 0)
        return code;

    code = statement_step(database, statement, err);
    if (code == 1) {
        *ret_value = sqlite3_column_int64(statement, 0);
        sqlite3_reset(statement);
    }
    return code;
}

int statement_exec(struct database *database, const char *sql, struct error *err)
{
    int result = sqlite3_exec(database->handle, sql, NULL, NULL, NULL);
    return result == SQLITE_OK ? 0 : statement_error(database, result, err, NULL);
}

const char *statement_text(sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    return text ? text : "";
}

int64_t statement_integer(sqlite3_stmt *statement, int column, int64_t fallback)
{
    return sqlite3_column_type(statement, column) == SQLITE_NULL ? fallback : sqlite3_column_int64(statement, column);
}

bool statement_guid(sqlite3_stmt *statement, int column, struct guid *ret_guid)
{
    if (sqlite3_column_bytes(statement, column) != (int)sizeof(ret_guid->bytes))
        return false;
    memcpy(ret_guid->bytes, sqlite3_column_blob(statement, column), sizeof(ret_guid->bytes));
    return true;
}

void statement_reset_all(struct database *database)
{
    for (size_t i = 0; i < STATEMENT_SLOTS; i++)
        sqlite3_reset(database->statements[i].statement);
}

void statement_finalize_all(struct database *database)
{
    for (size_t i = 0; i < STATEMENT_SLOTS; i++) {
        sqlite3_finalize(database->statements[i].statement);
        database->statements[i].sql = NULL;
        database->statements[i].statement = NULL;
    }
    database->statement_count = 0;
}
