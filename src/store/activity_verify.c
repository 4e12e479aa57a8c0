/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "store/activity_verify.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "activity_internal.h"
#include "statement.h"

enum { PAGE = 2000 };

/* What one check works on. */
struct verify {
    struct database *database;
    struct activity_anchors *anchors;
    size_t next_anchor;
    int64_t id; /* the entry before, and its hash as it is stored */
    uint8_t hash[ACTIVITY_HASH];
    int64_t base;
    char base_anchor[ACTIVITY_ANCHOR_TEXT];
    bool base_named; /* a retention entry has told of this base */
    bool begun;
    void (*finding)(void *ctx, const char *text);
    void *ctx;
    struct activity_check *check;
    struct error *err;
};

__attribute__((format(printf, 2, 3))) static void find(struct verify *verify, const char *format, ...)
{
    char text[256];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    verify->check->findings++;
    verify->finding(verify->ctx, text);
}

/* ------------------------------------------------------------------------------------------------------- anchors */

static int compare_anchors(const void *a, const void *b)
{
    const struct activity_anchor_entry *left = a, *right = b;

    return left->id < right->id ? -1 : left->id > right->id;
}

/* The next anchor, if it is about an entry up to `id`. */
static const struct activity_anchor_entry *take_anchor(struct verify *verify, int64_t id)
{
    const struct activity_anchors *anchors = verify->anchors;

    if (verify->next_anchor == anchors->count || anchors->entries[verify->next_anchor].id > id)
        return NULL;
    return &anchors->entries[verify->next_anchor++];
}

static void meet_anchors(struct verify *verify, int64_t id, const uint8_t hash[ACTIVITY_HASH])
{
    const struct activity_anchor_entry *anchor;

    while ((anchor = take_anchor(verify, id))) {
        if (anchor->id < id)
            find(verify, "entry %lld is missing, but an anchor names it", (long long)anchor->id);
        else if (memcmp(anchor->hash, hash, ACTIVITY_HASH) != 0)
            find(verify, "entry %lld is not the one that its anchor names: the log was written anew", (long long)id);
        else
            verify->check->anchors_met++;
    }
}

/* What they name was purged, as far as they go. */
static void pass_old_anchors(struct verify *verify)
{
    while (take_anchor(verify, verify->base - 1))
        verify->check->anchors_too_old++;
    if (verify->base > 0)
        meet_anchors(verify, verify->base, verify->hash);
}

static void miss_anchors(struct verify *verify)
{
    const struct activity_anchor_entry *anchor, *last = NULL;

    while ((anchor = take_anchor(verify, INT64_MAX)))
        last = anchor;
    if (last)
        find(verify, "the log was cut off: it ends at entry %lld, but an anchor names entry %lld",
             (long long)verify->id, (long long)last->id);
}

/* ------------------------------------------------------------------------------------------------------- the chain */

static void note_ends(struct verify *verify, int64_t id, int64_t at_ms)
{
    struct activity_check *check = verify->check;

    if (check->entries++ == 0) {
        check->first_id = id;
        check->first_ms = at_ms;
    }
    check->last_id = id;
    check->last_ms = at_ms;
}

static void look_for_base(struct verify *verify, sqlite3_stmt *row)
{
    if (verify->base > 0 && strcmp(statement_text(row, 2), activity_kind_name(ACTIVITY_RETENTION)) == 0 &&
        strstr(statement_text(row, 14), verify->base_anchor))
        verify->base_named = true;
}

static int check_row(struct verify *verify, sqlite3_stmt *row)
{
    int64_t id = sqlite3_column_int64(row, 0);
    uint8_t wanted[ACTIVITY_HASH], stored[ACTIVITY_HASH];

    activity_read_hash(row, ACTIVITY_COLUMN_COUNT, stored);
    bool whole = sqlite3_column_bytes(row, ACTIVITY_COLUMN_COUNT) == ACTIVITY_HASH &&
                 sqlite3_column_type(row, ACTIVITY_COLUMN_COUNT) == SQLITE_BLOB;
    int code = activity_chain_row(verify->database, verify->hash, row, wanted, verify->err);
    if (code < 0)
        return code;
    if (id == verify->id + 2)
        find(verify, "entry %lld is missing", (long long)id - 1);
    else if (id > verify->id + 1)
        find(verify, "entries %lld to %lld are missing", (long long)verify->id + 1, (long long)id - 1);
    else if (!whole || memcmp(wanted, stored, ACTIVITY_HASH) != 0)
        find(verify, "entry %lld was changed, or is not the one that was written behind entry %lld", (long long)id,
             (long long)verify->id);
    meet_anchors(verify, id, stored);
    look_for_base(verify, row);
    note_ends(verify, id, sqlite3_column_int64(row, 1));
    verify->id = id;
    memcpy(verify->hash, stored, ACTIVITY_HASH);
    return 0;
}

/* The log begins behind its base. Retention may move it on while the log is read. */
static int follow_base(struct verify *verify)
{
    static const char sql[] = "SELECT count(*) FROM activity WHERE id <= ?";
    uint8_t hash[ACTIVITY_HASH];
    int64_t base, before = 0;

    int code = activity_read_base(verify->database, &base, hash, verify->err);
    if (code == 0)
        code = statement_int(verify->database, sql, &before, verify->err, "i", base);
    if (code < 0 || (verify->begun && base == verify->base))
        return code < 0 ? code : 0;
    if (before > 0)
        find(verify, "%lld entries stand before the log's first one", (long long)before);
    verify->base = base;
    verify->base_named = false;
    activity_anchor(base, hash, verify->base_anchor);
    if (!verify->begun || base > verify->id) {
        verify->id = base;
        memcpy(verify->hash, hash, ACTIVITY_HASH);
        pass_old_anchors(verify);
    }
    verify->begun = true;
    return 0;
}

/* 1: there are more. */
static int check_page(struct verify *verify)
{
    static const char sql[] = "SELECT " ACTIVITY_COLUMNS ", hash FROM activity WHERE id > ? ORDER BY id LIMIT ?";
    sqlite3_stmt *row = NULL;
    int count = 0;

    int code = statement_exec(verify->database, "SAVEPOINT verify", verify->err);
    if (code < 0)
        return code;
    code = follow_base(verify);
    if (code == 0)
        code = statement_get(verify->database, sql, &row, verify->err, "id", verify->id, (int)PAGE);
    while (code == 0 && (code = statement_step(verify->database, row, verify->err)) == 1) {
        code = check_row(verify, row);
        count++;
    }
    sqlite3_reset(row);
    statement_exec(verify->database, "RELEASE verify", NULL);
    return code < 0 ? code : count == PAGE;
}

int activity_verify(struct database *database, struct activity_anchors *anchors,
                    void (*finding)(void *ctx, const char *text),
                    void (*progress)(void *ctx, int64_t done, int64_t total), void *ctx,
                    struct activity_check *ret_check, struct error *err)
{
    struct verify verify = {
        .database = database,
        .anchors = anchors,
        .finding = finding,
        .ctx = ctx,
        .check = ret_check,
        .err = err,
    };
    uint8_t hash[ACTIVITY_HASH];
    int64_t newest = 0;
    int code;

    *ret_check = (struct activity_check){0};
    if (anchors->count > 0)
        qsort(anchors->entries, anchors->count, sizeof(*anchors->entries), compare_anchors);
    code = activity_read_head(database, &newest, hash, err);
    if (code < 0)
        return code;
    while ((code = check_page(&verify)) == 1) {
        if (progress)
            progress(ctx, verify.id - verify.base, newest - verify.base);
    }
    if (code < 0)
        return code;
    miss_anchors(&verify);
    if (verify.base > 0 && !verify.base_named)
        find(&verify, "entries up to %lld are gone, and no retention tells of it", (long long)verify.base);
    ret_check->purged = verify.base;
    memcpy(ret_check->last_hash, verify.hash, ACTIVITY_HASH);
    return 0;
}
