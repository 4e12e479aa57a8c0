/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "store/activity_list.h"

#include <stdio.h>
#include <string.h>

#include "activity_internal.h"
#include "statement.h"

enum {
    LOOKED_AT_MAX = 20000, /* entries a call: some 20 ms */
    CLOCK_SLACK = 1000,    /* entries behind the first of a time that are looked at too: the clock may have been set */
};

/* What one call works on. */
struct walk {
    const struct activity_filter *filter;
    struct database *database;
    int (*each)(void *ctx, const struct activity_entry *entry);
    void *ctx;
    int64_t floor; /* entries up to this id are older than what is wanted */
    struct activity_page *page;
    struct error *err;
};

static void read_entry(sqlite3_stmt *row, struct guid *message_id, struct activity_entry *ret_entry)
{
    bool has_message = statement_guid(row, 11, message_id);

    *ret_entry = (struct activity_entry){
        .id = sqlite3_column_int64(row, 0),
        .at_ms = sqlite3_column_int64(row, 1),
        .kind = statement_text(row, 2),
        .result = statement_text(row, 3),
        .connection = statement_text(row, 4),
        .device_id = statement_text(row, 5),
        .priority = statement_text(row, 6),
        .cause = statement_text(row, 7),
        .reason = statement_text(row, 8),
        .azure_state = statement_text(row, 9),
        .azure_device_id = statement_text(row, 10),
        .message_id = has_message ? message_id : NULL,
        .request_id = statement_text(row, 12),
        .actor = statement_text(row, 13),
        .detail = statement_text(row, 14),
    };
    activity_read_hash(row, ACTIVITY_COLUMN_COUNT, ret_entry->hash);
}

static bool is_given(const char *text)
{
    return text && text[0];
}

static bool matches(const struct activity_filter *filter, const struct activity_entry *entry)
{
    return entry->at_ms >= filter->since_ms &&
           (!is_given(filter->device) || strcmp(filter->device, entry->device_id) == 0) &&
           (!is_given(filter->connection) || strcmp(filter->connection, entry->connection) == 0) &&
           (!is_given(filter->kind) || strcmp(filter->kind, entry->kind) == 0);
}

/* ----------------------------------------------------------------------------------------------- the statements */

#define SELECT_ENTRIES "SELECT " ACTIVITY_COLUMNS ", hash FROM activity WHERE id > ? AND id < ? "

/* Those that the index of kinds leaves out. */
static bool is_of_devices(const char *kind)
{
    enum activity_kind parsed;

    return activity_kind_parse(kind, &parsed) == 0 && parsed <= ACTIVITY_PARKED;
}

static int start(const struct walk *walk, sqlite3_stmt **ret_row)
{
    static const char newest[] = SELECT_ENTRIES "ORDER BY id DESC";
    static const char oldest[] = SELECT_ENTRIES "ORDER BY id";
    static const char of_device[] = SELECT_ENTRIES "AND device_id = ? AND device_id <> '' ORDER BY id DESC";
    static const char of_kind[] =
        SELECT_ENTRIES "AND kind = ? AND kind <> 'report' AND kind <> 'verdict' AND kind <> 'retire' "
                       "AND kind <> 'parked' ORDER BY id DESC";
    const struct activity_filter *filter = walk->filter;
    int64_t above = filter->onwards && filter->place > walk->floor ? filter->place : walk->floor;
    int64_t below = filter->onwards || filter->place <= 0 ? INT64_MAX : filter->place;

    if (filter->onwards)
        return statement_get(walk->database, oldest, ret_row, walk->err, "ii", above, below);
    if (is_given(filter->device))
        return statement_get(walk->database, of_device, ret_row, walk->err, "iit", above, below, filter->device);
    if (is_given(filter->kind) && !is_of_devices(filter->kind))
        return statement_get(walk->database, of_kind, ret_row, walk->err, "iit", above, below, filter->kind);
    return statement_get(walk->database, newest, ret_row, walk->err, "ii", above, below);
}

/* ---------------------------------------------------------------------------------------------------- since a time */

static int time_of(struct database *database, int64_t id, int64_t *ret_ms, struct error *err)
{
    static const char sql[] = "SELECT at_ms FROM activity WHERE id >= ? ORDER BY id LIMIT 1";

    return statement_int(database, sql, ret_ms, err, "i", id);
}

/* Times rise with the ids, save where the clock was set: halving finds the place without an index of times. */
static int find_floor(struct walk *walk)
{
    int64_t since_ms = walk->filter->since_ms;
    uint8_t hash[ACTIVITY_HASH];
    int64_t low = 0;

    walk->floor = 0;
    if (since_ms == INT64_MIN)
        return 0;
    int code = activity_read_base(walk->database, &low, hash, walk->err);
    int64_t high = walk->page->newest;
    while (code >= 0 && low < high) {
        int64_t middle = low + (high - low) / 2;
        int64_t at_ms = INT64_MAX;
        code = time_of(walk->database, middle, &at_ms, walk->err);
        if (at_ms >= since_ms)
            high = middle;
        else
            low = middle + 1;
    }
    walk->floor = low > CLOCK_SLACK ? low - CLOCK_SLACK : 0;
    return code < 0 ? code : 0;
}

/* --------------------------------------------------------------------------------------------------------- a page */

static int read_page(struct walk *walk)
{
    const struct activity_filter *filter = walk->filter;
    unsigned limit = filter->limit < ACTIVITY_LIST_MAX ? filter->limit : ACTIVITY_LIST_MAX;
    unsigned told = 0, looked_at = 0;
    struct activity_entry entry;
    struct guid message_id;
    sqlite3_stmt *row = NULL;
    int stopped = 0;

    int code = start(walk, &row);
    while (code >= 0 && told < limit && looked_at < LOOKED_AT_MAX && stopped == 0 &&
           (code = statement_step(walk->database, row, walk->err)) == 1) {
        read_entry(row, &message_id, &entry);
        walk->page->place = entry.id;
        looked_at++;
        if (!matches(filter, &entry))
            continue;
        stopped = walk->each(walk->ctx, &entry);
        told++;
    }
    sqlite3_reset(row);
    if (code == 0 && !filter->onwards)
        walk->page->place = 0; /* the end */
    return stopped < 0 ? error_set(walk->err, stopped, 0, "%s", error_code_text(stopped)) : code < 0 ? code : 0;
}

int activity_list(struct database *database, const struct activity_filter *filter,
                  int (*each)(void *ctx, const struct activity_entry *entry), void *ctx, struct activity_page *ret_page,
                  struct error *err)
{
    struct walk walk = {.filter = filter, .database = database, .each = each, .ctx = ctx, .page = ret_page, .err = err};
    uint8_t hash[ACTIVITY_HASH];

    *ret_page = (struct activity_page){.place = filter->place};
    int code = statement_exec(database, "SAVEPOINT activity", err);
    if (code < 0)
        return code;
    code = activity_read_head(database, &ret_page->newest, hash, err);
    if (code == 0)
        code = find_floor(&walk);
    if (code == 0)
        code = read_page(&walk);
    statement_exec(database, "RELEASE activity", NULL);
    return code;
}

/* ------------------------------------------------------------------------------------------------------ at a time */

static bool is_word(const char *text, const char *word)
{
    return strcmp(text, word) == 0;
}

/* Others about the device say nothing of its report: who asked, what differs. */
static enum compliance_status status_after(const struct activity_entry *entry)
{
    if (!is_of_devices(entry->kind))
        return STATUS_NONE;
    if (is_word(entry->result, "accepted"))
        return STATUS_IN_PROGRESS;
    if (is_word(entry->result, "success"))
        return STATUS_SUCCESS;
    return is_word(entry->result, "deferred") ? STATUS_NONE : STATUS_ERROR;
}

/* Newest first: the first word on the status counts, and the first accepted report. True when both are known. */
static bool take_entry(const struct activity_entry *entry, struct activity_told *told)
{
    bool report = is_word(entry->kind, "report") || is_word(entry->kind, "retire");

    if (told->status == STATUS_NONE)
        told->status = status_after(entry);
    if (!report || (!is_word(entry->result, "accepted") && !is_word(entry->result, "success")))
        return false;
    azure_state_parse(entry->azure_state, &told->state);
    snprintf(told->azure_device_id, sizeof(told->azure_device_id), "%s", entry->azure_device_id);
    told->accepted_at_ms = entry->at_ms;
    told->entry = entry->id;
    return true;
}

static int find_told(struct database *database, const char *device_id, int64_t at_ms, struct activity_told *told,
                     struct error *err)
{
    static const char sql[] =
        "SELECT " ACTIVITY_COLUMNS ", hash FROM activity WHERE device_id = ? AND device_id <> '' ORDER BY id DESC";
    struct activity_entry entry;
    struct guid message_id;
    sqlite3_stmt *row = NULL;
    bool known = false;

    int code = statement_get(database, sql, &row, err, "t", device_id);
    while (code >= 0 && !known && (code = statement_step(database, row, err)) == 1) {
        read_entry(row, &message_id, &entry);
        known = entry.at_ms <= at_ms && take_entry(&entry, told);
    }
    sqlite3_reset(row);
    return code < 0 ? code : 0;
}

int activity_told_at(struct database *database, const char *device_id, int64_t at_ms, struct activity_told *ret_told,
                     struct error *err)
{
    uint8_t hash[ACTIVITY_HASH];
    int64_t base = 0;

    *ret_told = (struct activity_told){.accepted_at_ms = -1, .log_begins_ms = -1};
    int code = statement_exec(database, "SAVEPOINT activity", err);
    if (code < 0)
        return code;
    code = find_told(database, device_id, at_ms, ret_told, err);
    if (code == 0)
        code = activity_read_base(database, &base, hash, err);
    if (code == 0 && base > 0)
        code = time_of(database, base, &ret_told->log_begins_ms, err);
    statement_exec(database, "RELEASE activity", NULL);
    return code < 0 ? code : 0;
}
