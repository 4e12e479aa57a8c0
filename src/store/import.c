/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "store/import.h"

#include <stdarg.h>
#include <string.h>

#include "activity_internal.h"
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
    import->where->line = import->place.line;
    copy_text(import->where->column, sizeof(import->where->column), column);
    return error_set(import->err, ERR_INVALID, 0, "%s", reason);
}

bool import_is_blank(const char *text, size_t length)
{
    while (length > 0 && strchr(" \t\r\n", text[length - 1]))
        length--;
    return length == 0;
}

/* --------------------------------------------------------------------------------------------------- the records */

static int note(struct import *import, const char *key)
{
    if (import_places_add(&import->places, &import->place, key) < 0)
        return error_set(import->err, ERR_NOMEM, 0, "out of memory");
    import->noted++;
    return 0;
}

int import_take_device(struct import *import, struct import_device *device)
{
    return import->writing ? import_write_device(import, device) : note(import, device->values[COLUMN_DEVICE_ID].text);
}

int import_take_policy(struct import *import, const struct import_policy *policy)
{
    return import->writing ? import_write_policy(import, policy) : note(import, "");
}

int import_take_deletion(struct import *import, const char *device_id)
{
    return import->writing ? import_write_deletion(import, device_id) : note(import, device_id);
}

/* ------------------------------------------------------------------------------------------------- the second time */

/* Writing takes the longer. */
static void count_progress(struct import *import)
{
    import->done->lines = import->lines;
    import->done->bytes = (import->bytes + 3 * import->written) / 4;
}

static int tell_progress(struct import *import)
{
    import->countdown = PROGRESS_LINES;
    count_progress(import);
    if (!import->progress || import->progress(import->ctx, import->done) == 0)
        return 0;
    return error_set(import->err, ERR_CANCELED, 0, "canceled: nothing was imported");
}

int import_check_text(struct import *import, const char *text, size_t length)
{
    const char *end = text + length;

    for (const char *p = text; p < end;) {
        size_t step = utf8_sequence(p);
        if (step == 0 || *p == '\0')
            return import_refuse(import, "", "byte %zu is %s: the input must be UTF-8", (size_t)(p - text) + 1,
                                 step > 0 ? "NUL" : "no UTF-8");
        p += step;
    }
    return 0;
}

static int write_record(struct import *import, const struct import_place *place)
{
    const char *text;

    import->place = *place;
    int code = import_reader_at(&import->reader, place->offset, place->length, &text, import->err);
    if (code == 0)
        code = import_check_text(import, text, place->length); /* the file may have changed since */
    if (code == 0)
        code = (import->csv ? import_csv_record : import_json_line)(import, text, place->length);
    import->written += (int64_t)place->length;
    if (code == 0 && --import->countdown == 0)
        code = tell_progress(import);
    return code;
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

/* From the first write on others wait. */
static int begin(struct import *import)
{
    struct database *database = import->database;
    int patience = read_setting(database, "PRAGMA busy_timeout");

    sqlite3_busy_timeout(database->handle, LOCK_WAIT_MS);
    int code = statement_exec(database, "BEGIN IMMEDIATE", import->err);
    sqlite3_busy_timeout(database->handle, patience);
    import->began = code == 0;
    if (code == ERR_BUSY)
        return error_set(import->err, ERR_BUSY, SQLITE_BUSY,
                         "store %s: another program has been writing for over %d seconds", database->path,
                         LOCK_WAIT_MS / 1000);
    return code;
}

static int write_places(struct import *import)
{
    int code = import->began ? 0 : begin(import);

    import_places_sort(&import->places);
    import->writing = true;
    for (size_t i = 0; i < import->places.count && code == 0; i++)
        code = write_record(import, &import->places.items[i]);
    import->writing = false;
    import->places.count = 0;
    return code;
}

/* -------------------------------------------------------------------------------------------------- the first time */

/* The next line, checked; 1, 0 at the end, or ERR_*. */
static int next_line(struct import *import, const char **ret_text)
{
    struct import_place *place = &import->place;

    place->line = import->lines + 1;
    int code = import_reader_next(&import->reader, ret_text, &place->length, &place->offset, import->err);
    if (code == ERR_TOOBIG)
        import->where->line = place->line;
    if (code <= 0)
        return code;

    import->lines++;
    import->bytes += (int64_t)place->length;
    code = import_check_text(import, *ret_text, place->length);
    if (code == 0 && --import->countdown == 0)
        code = tell_progress(import);
    return code == 0 ? 1 : code;
}

/* Blank lines do not tell the format. */
static int read_format(struct import *import, const char **ret_text)
{
    int code;

    do
        code = next_line(import, ret_text);
    while (code > 0 && import_is_blank(*ret_text, import->place.length));
    if (code == 0)
        return error_set(import->err, ERR_INVALID, 0, "nothing to import: the input is empty");
    if (code < 0)
        return code;
    return strchr("{[", (*ret_text)[strspn(*ret_text, " \t\r")]) ? 0 : import_csv_open(import);
}

static int read_all(struct import *import)
{
    const char *text;

    int code = read_format(import, &text);
    if (code < 0)
        return code;
    do {
        code = (import->csv ? import_csv_line : import_json_line)(import, text, import->place.length);
        if (code == 0 && import->places.count == IMPORT_PLACES_MAX)
            code = write_places(import);
    } while (code == 0 && (code = next_line(import, &text)) > 0);
    if (code == 0 && import->csv)
        code = import_csv_end(import);
    return code == 0 ? write_places(import) : code;
}

static int set_cache(struct database *database, int size, struct error *err)
{
    char sql[64];

    snprintf(sql, sizeof(sql), "PRAGMA cache_size = %d", size);
    return statement_exec(database, sql, err);
}

/* Who did it stands in the activity log, if it is done. */
static int write_down(const struct import *import)
{
    char detail[128];

    if (!import->actor || !import->began)
        return 0;
    snprintf(detail, sizeof(detail), "an import of %lld devices, %lld policies and %lld deletions",
             (long long)import->done->devices, (long long)import->done->policies, (long long)import->done->deletions);
    return activity_add(import->database,
                        &(struct activity_entry){.at_ms = clock_realtime_ms(clock_system()),
                                                 .kind = activity_kind_name(ACTIVITY_OPERATOR),
                                                 .result = "done",
                                                 .actor = import->actor,
                                                 .detail = detail},
                        import->err);
}

static int run(struct import *import)
{
    struct database *database = import->database;

    int code = read_all(import);
    if (code == 0) {
        import->written = import->bytes; /* blank lines and header too */
        code = tell_progress(import);
    }
    import_write_finalize(&import->writer);
    if (code == 0)
        code = write_down(import);
    if (code == 0)
        code = statement_exec(database, "COMMIT", import->err);
    if (code < 0 && import->began)
        sqlite3_exec(database->handle, "ROLLBACK", NULL, NULL, NULL);
    return code;
}

int import_stream(struct database *database, FILE *in, const char *actor,
                  int (*progress)(void *ctx, const struct import_progress *progress), void *ctx,
                  struct import_progress *ret_done, struct import_error *ret_where, struct error *err)
{
    struct import import = {
        .database = database,
        .writer.now_s = clock_realtime_ms(clock_system()) / 1000,
        .countdown = PROGRESS_LINES,
        .actor = actor,
        .progress = progress,
        .ctx = ctx,
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
        code = run(&import);
    count_progress(&import);
    set_cache(database, cache, NULL);
    import_csv_close(&import);
    import_names_free(&import.names);
    import_places_free(&import.places);
    import_reader_close(&import.reader);
    return code;
}
