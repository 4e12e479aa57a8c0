/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "store/import.h"

#include <stdarg.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "database_internal.h"
#include "import_internal.h"
#include "statement.h"

enum { PROGRESS_LINES = 4096, LOCK_WAIT_MS = 30000, CACHE_KIB = -65536 };

static void copy_text(char *to, size_t size, const char *text)
{
    size_t used = 0;

    while (*text) {
        size_t length = utf8_sequence(text);
        bool shown = length > 0 && !utf8_is_control(text);
        length = length > 0 ? length : 1;
        if (used + length >= size)
            break;
        if (shown) {
            memcpy(to + used, text, length);
            used += length;
        } else {
            to[used++] = '?';
        }
        text += length;
    }
    to[used] = '\0';
}

const char *import_show(const char *text, char shown[IMPORT_SHOWN])
{
    copy_text(shown, IMPORT_SHOWN, text);
    return shown;
}

int import_refuse(struct import *import, const char *column, const char *format, ...)
{
    char reason[256];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(reason, sizeof(reason), format, arguments);
    va_end(arguments);
    import->where->line = import->line;
    copy_text(import->where->column, sizeof(import->where->column), column);
    return error_set(import->err, ERR_INVALID, 0, "%s", reason);
}

bool import_is_blank(const char *text, size_t length)
{
    while (length > 0 && strchr(" \t\r\n", text[length - 1]))
        length--;
    return length == 0;
}

static int check_text(struct import *import, const char *text, size_t length)
{
    const char *end = text + length;

    for (const char *p = text; p < end;) {
        size_t step = utf8_sequence(p);
        if (step == 0 || *p == '\0') {
            import->line = import->done->lines;
            return import_refuse(import, "", "byte %zu is %s: the input must be UTF-8", (size_t)(p - text) + 1,
                                 step > 0 ? "NUL" : "no UTF-8");
        }
        p += step;
    }
    return 0;
}

static int tell_progress(struct import *import)
{
    import->next_progress = import->done->lines + PROGRESS_LINES;
    if (!import->progress || import->progress(import->ctx, import->done) == 0)
        return 0;
    return error_set(import->err, ERR_CANCELED, 0, "canceled: nothing was imported");
}

int import_next_line(struct import *import, const char **ret_text, size_t *ret_length)
{
    int code = import->done->lines >= import->next_progress ? tell_progress(import) : 0;
    if (code == 0)
        code = import_reader_next(&import->reader, ret_text, ret_length, import->err);
    if (code == ERR_TOOBIG)
        import->where->line = import->done->lines + 1;
    if (code <= 0)
        return code;

    import->done->lines++;
    import->done->bytes += (int64_t)*ret_length;
    code = check_text(import, *ret_text, *ret_length);
    return code == 0 ? 1 : code;
}

/* The format is told by the first byte that is not blank. */
static int import_any(struct import *import)
{
    const char *text;
    size_t length;
    int code;

    do
        code = import_next_line(import, &text, &length);
    while (code > 0 && import_is_blank(text, length));
    if (code == 0)
        return error_set(import->err, ERR_INVALID, 0, "nothing to import: the input is empty");
    if (code < 0)
        return code;
    return text[strspn(text, " \t")] == '{' ? import_json(import, text, length) : import_csv(import, text, length);
}

/* Not through the statement cache: a pragma tells what was set when it was prepared. */
static int read_setting(struct database *database, const char *pragma)
{
    sqlite3_stmt *statement;
    int value = 0;

    if (sqlite3_prepare_v2(database->handle, pragma, -1, &statement, NULL) != SQLITE_OK)
        return 0;
    if (sqlite3_step(statement) == SQLITE_ROW)
        value = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

static int set_cache(struct database *database, int size, struct error *err)
{
    char sql[64];

    snprintf(sql, sizeof(sql), "PRAGMA cache_size = %d", size);
    return statement_exec(database, sql, err);
}

static int begin(struct database *database, struct error *err)
{
    int patience = read_setting(database, "PRAGMA busy_timeout");

    sqlite3_busy_timeout(database->handle, LOCK_WAIT_MS);
    int code = statement_exec(database, "BEGIN IMMEDIATE", err);
    sqlite3_busy_timeout(database->handle, patience);
    if (code == ERR_BUSY)
        return error_set(err, ERR_BUSY, SQLITE_BUSY, "store %s: another program has been writing for over %d seconds",
                         database->path, LOCK_WAIT_MS / 1000);
    return code;
}

static int import_transaction(struct import *import)
{
    struct database *database = import->database;

    int code = begin(database, import->err);
    if (code < 0)
        return code;
    code = import_any(import);
    if (code == 0)
        code = tell_progress(import);
    import_write_finalize(&import->writer);
    if (code == 0)
        code = statement_exec(database, "COMMIT", import->err);
    if (code < 0)
        sqlite3_exec(database->handle, "ROLLBACK", NULL, NULL, NULL);
    return code;
}

int import_stream(struct database *database, FILE *in,
                  int (*progress)(void *ctx, const struct import_progress *progress), void *ctx,
                  struct import_progress *ret_done, struct import_error *ret_where, struct error *err)
{
    struct import import = {
        .database = database,
        .writer.now_s = clock_realtime_ms(clock_system()) / 1000,
        .progress = progress,
        .ctx = ctx,
        .next_progress = PROGRESS_LINES,
        .done = ret_done,
        .where = ret_where,
        .err = err,
    };

    int cache = read_setting(database, "PRAGMA cache_size");

    *ret_done = (struct import_progress){0};
    *ret_where = (struct import_error){0};
    int code = import_reader_open(&import.reader, in, err);
    if (code == 0)
        code = set_cache(database, CACHE_KIB, err);
    if (code == 0)
        code = import_transaction(&import);
    set_cache(database, cache, NULL);
    import_reader_close(&import.reader);
    return code;
}
