/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "store/activity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "activity_internal.h"
#include "base/clock.h"
#include "database_internal.h"
#include "statement.h"

static const char *const words[] = {
#define X(name, word, text) [name] = word,
    ACTIVITY_KINDS(X)
#undef X
};

const char *activity_kind_name(enum activity_kind kind)
{
    return words[kind];
}

int activity_kind_parse(const char *word, enum activity_kind *ret_kind)
{
    for (int i = 0; i < ACTIVITY_KIND_COUNT; i++) {
        if (strcmp(words[i], word) == 0) {
            *ret_kind = (enum activity_kind)i;
            return 0;
        }
    }
    return ERR_INVALID;
}

const char *activity_anchor(int64_t id, const uint8_t hash[ACTIVITY_HASH], char text[ACTIVITY_ANCHOR_TEXT])
{
    int used = snprintf(text, ACTIVITY_ANCHOR_TEXT, "%lld:", (long long)id);

    for (int i = 0; i < ACTIVITY_HASH; i++)
        used += snprintf(text + used, ACTIVITY_ANCHOR_TEXT - (size_t)used, "%02x", hash[i]);
    return text;
}

/* ------------------------------------------------------------------------------------------------------- writing */

static const char *blank(const char *text)
{
    return text ? text : "";
}

static int insert(struct database *database, const struct activity_entry *entry, struct error *err)
{
    static const char sql[] =
        "INSERT INTO activity (" ACTIVITY_COLUMNS ", hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

    return statement_run(database, sql, err,
                         "iitttttttttgttt"
                         "h",
                         entry->id, entry->at_ms, entry->kind, blank(entry->result), blank(entry->connection),
                         blank(entry->device_id), blank(entry->priority), blank(entry->cause), blank(entry->reason),
                         blank(entry->azure_state), blank(entry->azure_device_id), entry->message_id,
                         blank(entry->request_id), blank(entry->actor), blank(entry->detail), entry->hash);
}

int activity_append(struct database *database, struct activity_tail *tail, const struct activity_entry *entry,
                    struct error *err)
{
    struct activity_entry next = *entry;

    int code = tail->known ? 0 : activity_read_head(database, &tail->id, tail->hash, err);
    if (code == 0 && tail->id == INT64_MAX)
        code = error_set(err, ERR_STORE_CORRUPT, 0, "activity log: no id is left after %lld", (long long)tail->id);
    if (code < 0)
        return code;
    next.id = tail->id + 1;
    code = activity_chain_entry(database, tail->hash, &next, next.hash, err);
    if (code == 0)
        code = insert(database, &next, err);
    tail->known = code == 0;
    tail->id = next.id;
    memcpy(tail->hash, next.hash, ACTIVITY_HASH);
    return code;
}

/* The head is read anew: other processes write too, and a savepoint may have taken the last entry back. */
int activity_add(struct database *database, const struct activity_entry *entry, struct error *err)
{
    struct activity_tail tail = {0};

    return activity_append(database, &tail, entry, err);
}

static int run_write(struct store_job *job, struct database *database, struct error *err)
{
    const struct activity_write *write = (const struct activity_write *)job;
    struct activity_tail tail = {0};
    int code = 0;

    for (const struct activity_note *note = write->notes; note && code == 0; note = note->next)
        code = activity_append(database, &tail, &note->entry, err);
    return code;
}

void activity_write_init(struct activity_write *write, const struct activity_note *notes,
                         void (*done)(struct store_job *job))
{
    *write = (struct activity_write){.job = {.write = true, .run = run_write, .done = done}, .notes = notes};
}

/* --------------------------------------------------------------------------------------------------------- notes */

enum { TEXTS = 12 };

static void list_texts(struct activity_entry *entry, const char **texts[TEXTS])
{
    const char **const all[TEXTS] = {
        &entry->kind,  &entry->result, &entry->connection,  &entry->device_id,       &entry->priority,
        &entry->cause, &entry->reason, &entry->azure_state, &entry->azure_device_id, &entry->request_id,
        &entry->actor, &entry->detail,
    };
    memcpy(texts, all, sizeof(all));
}

struct activity_note *activity_note_new(const struct activity_entry *entry)
{
    struct activity_entry copy = *entry;
    const char **texts[TEXTS];
    size_t size = 0;

    list_texts(&copy, texts);
    for (int i = 0; i < TEXTS; i++)
        size += strlen(blank(*texts[i])) + 1;
    struct activity_note *note = calloc(1, sizeof(*note) + size);
    if (!note)
        return NULL;

    char *end = note->text;
    for (int i = 0; i < TEXTS; i++) {
        size_t length = strlen(blank(*texts[i])) + 1;
        memcpy(end, blank(*texts[i]), length);
        *texts[i] = end;
        end += length;
    }
    note->entry = copy;
    if (entry->message_id) {
        note->message_id = *entry->message_id;
        note->entry.message_id = &note->message_id;
    }
    return note;
}

/* ---------------------------------------------------------------------------------------------------------- head */

static int run_head(struct store_job *job, struct database *database, struct error *err)
{
    struct activity_head *head = (struct activity_head *)job;

    return activity_read_head(database, &head->id, head->hash, err);
}

void activity_head_init(struct activity_head *head, void (*done)(struct store_job *job))
{
    *head = (struct activity_head){.job = {.run = run_head, .done = done}};
}

/* ------------------------------------------------------------------------------------------------------ retention */

/* The last of the oldest entries that may go. 0 in *ret_id: none. */
static int find_old(const struct activity_purge *purge, struct database *database, int64_t *ret_id,
                    uint8_t ret_hash[ACTIVITY_HASH], unsigned *ret_count, struct error *err)
{
    static const char sql[] = "SELECT id, hash, at_ms FROM activity WHERE id > 0 ORDER BY id LIMIT ?";
    sqlite3_stmt *row;

    *ret_id = 0;
    *ret_count = 0;
    int code = statement_get(database, sql, &row, err, "d", (int)purge->limit);
    while (code >= 0 && (code = statement_step(database, row, err)) == 1) {
        if (sqlite3_column_int64(row, 2) >= purge->before_ms)
            break;
        *ret_id = sqlite3_column_int64(row, 0);
        activity_read_hash(row, 1, ret_hash);
        ++*ret_count;
    }
    sqlite3_reset(row);
    return code < 0 ? code : 0;
}

static int add_purged(const struct activity_purge *purge, struct database *database, const char *anchor,
                      struct error *err)
{
    char before[CLOCK_TEXT], detail[256];

    snprintf(detail, sizeof(detail), "%u entries from before %s; the last of them was %s", purge->purged,
             clock_format_ms(purge->before_ms, before), anchor);
    return activity_add(database,
                        &(struct activity_entry){.at_ms = purge->now_ms,
                                                 .kind = activity_kind_name(ACTIVITY_RETENTION),
                                                 .result = "purged",
                                                 .detail = detail},
                        err);
}

static int run_purge(struct store_job *job, struct database *database, struct error *err)
{
    static const char base[] = "UPDATE activity_base SET id = ?, hash = ? WHERE place = 1";
    static const char entries[] = "DELETE FROM activity WHERE id <= ?";
    struct activity_purge *purge = (struct activity_purge *)job;
    char anchor[ACTIVITY_ANCHOR_TEXT];
    uint8_t hash[ACTIVITY_HASH];
    int64_t last = 0;

    int code = find_old(purge, database, &last, hash, &purge->purged, err);
    if (code < 0 || purge->purged == 0)
        return code;
    /* The base first: the trigger lets go only what lies behind it. */
    code = statement_run(database, base, err, "ih", last, hash);
    if (code == 0)
        code = statement_run(database, entries, err, "i", last);
    if (code == 0)
        code = add_purged(purge, database, activity_anchor(last, hash, anchor), err);
    return code;
}

void activity_purge_init(struct activity_purge *purge, int64_t now_ms, int64_t before_ms, unsigned limit,
                         void (*done)(struct store_job *job))
{
    *purge = (struct activity_purge){
        .job = {.write = true, .run = run_purge, .done = done},
        .now_ms = now_ms,
        .before_ms = before_ms,
        .limit = limit,
    };
}
