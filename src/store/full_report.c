/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "store/full_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "database_internal.h"
#include "model/report.h"
#include "outbox_internal.h"
#include "statement.h"
#include "subject.h"

enum { WAITING_MAX = 10000 };

/* full_report.phase: what the cursor walks over. */
enum phase { PHASE_DEVICES, PHASE_DELETED, PHASE_FED };

struct walk {
    const char *connection;
    enum full_report_kind kind;
    struct full_report_state state;
    enum phase phase;
    char *cursor; /* device_id of the last one fed; NULL = none */
};

static enum priority priority_of(enum full_report_kind kind)
{
    return kind == FULL_REPORT_WEEKLY ? PRIORITY_WEEKLY : PRIORITY_OPERATOR;
}

static int count_waiting(struct database *database, struct walk *walk, struct error *err)
{
    static const char free_rows[] = "SELECT count(*) FROM (SELECT 1 FROM outbox WHERE connection = ? AND channel = ? "
                                    "AND priority = ? AND claim IS NULL LIMIT ?)";
    static const char in_flight[] =
        "SELECT count(*) FROM outbox WHERE claim > 0 AND connection = ? AND priority = ? AND forced > 0";
    int64_t sum = 0;
    int64_t count = 0;
    int code = 0;

    for (int channel = 0; channel < CHANNEL_COUNT && code >= 0 && sum < WAITING_MAX; channel++) {
        code = statement_int(database, free_rows, &count, err, "tddd", walk->connection, channel,
                             (int)priority_of(walk->kind), WAITING_MAX - (int)sum);
        sum += count;
    }
    if (code >= 0 && sum == 0)
        code = statement_int(database, in_flight, &sum, err, "td", walk->connection, (int)priority_of(walk->kind));
    walk->state.waiting = sum;
    return code < 0 ? code : 0;
}

static int load(struct database *database, struct walk *walk, struct error *err)
{
    static const char sql[] =
        "SELECT due_at_ms, started_at_ms, finished_at_ms, total, fed, phase, cursor FROM full_report "
        "WHERE connection = ? AND kind = ?";
    sqlite3_stmt *row;

    walk->state = (struct full_report_state){.started_at_ms = -1, .finished_at_ms = -1};
    walk->cursor = NULL;
    int code = statement_get(database, sql, &row, err, "td", walk->connection, (int)walk->kind);
    if (code == 0)
        code = statement_step(database, row, err);
    if (code == 1) {
        walk->state.due_at_ms = sqlite3_column_int64(row, 0);
        walk->state.started_at_ms = sqlite3_column_int64(row, 1);
        walk->state.finished_at_ms = sqlite3_column_int64(row, 2);
        walk->state.total = sqlite3_column_int64(row, 3);
        walk->state.fed = sqlite3_column_int64(row, 4);
        walk->phase = (enum phase)sqlite3_column_int(row, 5);
        walk->cursor = strdup(statement_text(row, 6));
        sqlite3_reset(row);
        if (!walk->cursor)
            return error_set(err, ERR_NOMEM, 0, "full report: out of memory");
    }
    return code < 0 ? code : count_waiting(database, walk, err);
}

static int save(struct database *database, const struct walk *walk, struct error *err)
{
    static const char sql[] =
        "INSERT INTO full_report (connection, kind, due_at_ms, started_at_ms, finished_at_ms, total, fed, phase, "
        "cursor) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (connection, kind) DO UPDATE SET due_at_ms = "
        "excluded.due_at_ms, "
        "started_at_ms = excluded.started_at_ms, finished_at_ms = excluded.finished_at_ms, total = excluded.total, "
        "fed = excluded.fed, phase = excluded.phase, cursor = excluded.cursor";
    const struct full_report_state *state = &walk->state;

    return statement_run(database, sql, err, "tdiiiiidt", walk->connection, (int)walk->kind, state->due_at_ms,
                         state->started_at_ms, state->finished_at_ms, state->total, state->fed, (int)walk->phase,
                         walk->cursor ? walk->cursor : "");
}

static void walk_deinit(struct walk *walk)
{
    free(walk->cursor);
    walk->cursor = NULL;
}

/* ----------------------------------------------------------------------------------------------------- load, begin */

static int run_load(struct store_job *job, struct database *database, struct error *err)
{
    struct full_report_load *request = (struct full_report_load *)job;
    struct walk walk = {.connection = request->connection, .kind = request->kind};

    int code = load(database, &walk, err);
    request->state = walk.state;
    walk_deinit(&walk);
    return code;
}

void full_report_load_init(struct full_report_load *load, const char *connection, enum full_report_kind kind,
                           void (*done)(struct store_job *job))
{
    *load = (struct full_report_load){.job = {.run = run_load, .done = done}, .kind = kind};
    snprintf(load->connection, sizeof(load->connection), "%s", connection);
}

static int start(struct database *database, struct walk *walk, int64_t started_at_ms, struct error *err)
{
    static const char sql[] = "SELECT count(*) FROM device WHERE connection = ?";

    walk->state.started_at_ms = started_at_ms;
    walk->state.fed = 0;
    walk->phase = PHASE_DEVICES;
    walk_deinit(walk);
    int code = statement_int(database, sql, &walk->state.total, err, "t", walk->connection);
    return code < 0 ? code : 0;
}

static int run_begin(struct store_job *job, struct database *database, struct error *err)
{
    struct full_report_begin *begin = (struct full_report_begin *)job;
    struct walk walk = {.connection = begin->connection, .kind = begin->kind};

    int code = load(database, &walk, err);
    if (code == 0 && begin->started_at_ms >= 0 && walk.state.started_at_ms < 0)
        code = start(database, &walk, begin->started_at_ms, err);
    if (begin->started_at_ms < 0)
        walk.state.due_at_ms = begin->due_at_ms;
    if (code == 0)
        code = save(database, &walk, err);
    begin->state = walk.state;
    walk_deinit(&walk);
    return code;
}

void full_report_begin_init(struct full_report_begin *begin, const char *connection, enum full_report_kind kind,
                            void (*done)(struct store_job *job))
{
    *begin = (struct full_report_begin){
        .job = {.write = true, .run = run_begin, .done = done}, .kind = kind, .started_at_ms = -1};
    snprintf(begin->connection, sizeof(begin->connection), "%s", connection);
}

/* ------------------------------------------------------------------------------------------------------------ feed */

/* A row that waits already is told in full when its turn comes; one in flight once more. */
#define QUEUE_ROWS "INSERT INTO outbox (device_id, seq, connection, channel, priority, queued_at, minute, forced) "
#define QUEUE_AGAIN                                                                                                    \
    "ON CONFLICT (device_id) DO UPDATE SET forced = max(forced, excluded.forced), "                                    \
    "seq = iif(claim IS NULL, seq, max(seq + 1, excluded.seq))"

/* Parameters of both: connection, behind, up to, priority, now. Devices whose removal Microsoft took are passed
 * over. */
static const char feed_devices[] = QUEUE_ROWS
    "SELECT d.device_id, ?5 * 1000, d.connection, d.platform = 'windows', ?4, ?5, ?5 / 60000, 1 FROM device AS d "
    "LEFT JOIN report AS r ON r.device_id = d.device_id WHERE d.connection = ?1 AND d.device_id > ?2 "
    "AND d.device_id <= ?3 AND NOT (ifnull(r.state, 0) = 3 AND r.status <> 3) " QUEUE_AGAIN;
static const char feed_deleted[] = QUEUE_ROWS
    "SELECT t.device_id, ?5 * 1000, r.connection, r.platform = 'windows', ?4, ?5, ?5 / 60000, 1 FROM tombstone AS t "
    "JOIN report AS r ON r.device_id = t.device_id WHERE t.connection = ?1 AND t.device_id > ?2 "
    "AND t.device_id <= ?3 AND r.state IN (1, 2) " QUEUE_AGAIN;

static const char last_devices[] =
    "SELECT max(device_id), count(*) FROM (SELECT device_id FROM device "
    "WHERE connection = ? AND device_id > ? AND " SUBJECT_NAMEABLE("device_id") " ORDER BY device_id LIMIT ?)";
static const char last_deleted[] =
    "SELECT max(device_id), count(*) FROM (SELECT device_id FROM tombstone "
    "WHERE connection = ? AND device_id > ? AND " SUBJECT_NAMEABLE("device_id") " ORDER BY device_id LIMIT ?)";

/* The last of the next `limit` devices behind the cursor, and how many they are. */
static int find_last(struct database *database, const struct walk *walk, unsigned limit, char **ret_last,
                     unsigned *ret_count, struct error *err)
{
    sqlite3_stmt *row;

    *ret_last = NULL;
    *ret_count = 0;
    int code = statement_get(database, walk->phase == PHASE_DEVICES ? last_devices : last_deleted, &row, err, "ttd",
                             walk->connection, walk->cursor ? walk->cursor : "", (int)limit);
    if (code == 0)
        code = statement_step(database, row, err);
    if (code != 1)
        return code;
    *ret_count = (unsigned)sqlite3_column_int(row, 1);
    if (*ret_count > 0)
        *ret_last = strdup(statement_text(row, 0));
    sqlite3_reset(row);
    return *ret_count > 0 && !*ret_last ? error_set(err, ERR_NOMEM, 0, "full report: out of memory") : 0;
}

static int feed_rows(struct full_report_feed *feed, struct database *database, struct walk *walk, struct error *err)
{
    const char *sql = walk->phase == PHASE_DEVICES ? feed_devices : feed_deleted;
    char *last;
    unsigned count;

    int code = find_last(database, walk, feed->limit, &last, &count, err);
    if (code == 0 && count > 0) {
        code = statement_run(database, sql, err, "tttdi", walk->connection, walk->cursor ? walk->cursor : "", last,
                             (int)priority_of(walk->kind), feed->now_ms);
        feed->added = (unsigned)sqlite3_changes(database->handle);
        walk->state.waiting += feed->added;
        walk->state.fed += walk->phase == PHASE_DEVICES ? count : 0;
    }
    walk_deinit(walk);
    walk->cursor = last;
    if (code == 0 && count < feed->limit) {
        walk->phase = walk->phase == PHASE_DEVICES ? PHASE_DELETED : PHASE_FED;
        walk_deinit(walk);
    }
    return code;
}

static void finish(struct walk *walk, const struct full_report_feed *feed)
{
    walk->state.started_at_ms = -1;
    walk->state.finished_at_ms = feed->now_ms;
    if (walk->kind == FULL_REPORT_WEEKLY)
        walk->state.due_at_ms = feed->next_due_ms;
}

static int run_feed(struct store_job *job, struct database *database, struct error *err)
{
    struct full_report_feed *feed = (struct full_report_feed *)job;
    struct walk walk = {.connection = feed->connection, .kind = feed->kind};

    feed->added = 0;
    int code = load(database, &walk, err);
    if (code == 0 && walk.state.started_at_ms >= 0) {
        if (walk.phase != PHASE_FED && walk.state.waiting <= feed->backlog && feed->limit > 0)
            code = feed_rows(feed, database, &walk, err);
        else if (walk.phase == PHASE_FED && walk.state.waiting == 0)
            finish(&walk, feed);
        if (code == 0)
            code = save(database, &walk, err);
    }
    feed->state = walk.state;
    walk_deinit(&walk);
    return code;
}

void full_report_feed_init(struct full_report_feed *feed, const char *connection, enum full_report_kind kind,
                           void (*done)(struct store_job *job))
{
    *feed = (struct full_report_feed){.job = {.write = true, .run = run_feed, .done = done}, .kind = kind};
    snprintf(feed->connection, sizeof(feed->connection), "%s", connection);
}
