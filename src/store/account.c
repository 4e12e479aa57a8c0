/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "store/account.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "database_internal.h"
#include "statement.h"
#include "subject.h"

void account_record_init(struct account_record *record, const char *connection)
{
    *record = (struct account_record){.since_ms = -1, .connected_at_ms = -1};
    snprintf(record->connection, sizeof(record->connection), "%s", connection);
    for (int i = 0; i < ACCOUNT_STEP_COUNT; i++)
        record->steps[i].at_ms = -1;
}

/* ----------------------------------------------------------------------------------------------------------- load */

static int read_account(struct database *database, struct account_record *record, struct error *err)
{
    static const char sql[] = "SELECT state, tenant_id, since_ms, connected_at_ms, force, cursor IS NOT NULL, total "
                              "FROM account WHERE connection = ?";
    sqlite3_stmt *row;

    int code = statement_get(database, sql, &row, err, "t", record->connection);
    if (code == 0)
        code = statement_step(database, row, err);
    if (code <= 0)
        return code;
    if (account_state_parse(statement_text(row, 0), &record->state) != 0)
        code = error_set(err, ERR_STORE_CORRUPT, 0, "account of connection %s: unknown state", record->connection);
    snprintf(record->tenant_id, sizeof(record->tenant_id), "%s", statement_text(row, 1));
    record->since_ms = sqlite3_column_int64(row, 2);
    record->connected_at_ms = statement_integer(row, 3, -1);
    record->force = sqlite3_column_int(row, 4) != 0;
    record->feeding = sqlite3_column_int(row, 5) != 0;
    record->total = sqlite3_column_int64(row, 6);
    sqlite3_reset(row);
    return code < 0 ? code : 0;
}

static int read_steps(struct database *database, struct account_record *record, struct error *err)
{
    static const char sql[] =
        "SELECT step, state, problem, detail, value, at_ms FROM account_step WHERE connection = ?";
    sqlite3_stmt *row;
    enum account_step step;

    int code = statement_get(database, sql, &row, err, "t", record->connection);
    while (code >= 0 && (code = statement_step(database, row, err)) == 1) {
        if (account_step_parse(statement_text(row, 0), &step) != 0)
            continue;
        struct account_progress *progress = &record->steps[step];
        if (account_step_state_parse(statement_text(row, 1), &progress->state) != 0)
            progress->state = STEP_WAITING;
        snprintf(progress->problem, sizeof(progress->problem), "%s", statement_text(row, 2));
        snprintf(progress->detail, sizeof(progress->detail), "%s", statement_text(row, 3));
        snprintf(progress->value, sizeof(progress->value), "%s", statement_text(row, 4));
        progress->at_ms = sqlite3_column_int64(row, 5);
    }
    return code;
}

int account_read(struct database *database, const char *connection, struct account_record *ret_record,
                 struct error *err)
{
    account_record_init(ret_record, connection);
    int code = read_account(database, ret_record, err);
    return code < 0 ? code : read_steps(database, ret_record, err);
}

static int run_load(struct store_job *job, struct database *database, struct error *err)
{
    struct account_load *load = (struct account_load *)job;
    char connection[sizeof(load->record.connection)];

    snprintf(connection, sizeof(connection), "%s", load->record.connection);
    return account_read(database, connection, &load->record, err);
}

void account_load_init(struct account_load *load, const char *connection, void (*done)(struct store_job *job))
{
    *load = (struct account_load){.job = {.run = run_load, .done = done}};
    account_record_init(&load->record, connection);
}

/* ----------------------------------------------------------------------------------------------------------- save */

/* Ids of users and URLs of services are a tenant's own. */
static int forget_tenant(struct database *database, const struct account_record *record, struct error *err)
{
    static const char users[] = "DELETE FROM user WHERE connection = ?1 AND EXISTS (SELECT 1 FROM account WHERE "
                                "connection = ?1 AND tenant_id <> ?2 COLLATE NOCASE)";
    static const char urls[] = "DELETE FROM endpoint WHERE connection = ?1 AND EXISTS (SELECT 1 FROM account WHERE "
                               "connection = ?1 AND tenant_id <> ?2 COLLATE NOCASE)";

    int code = statement_run(database, users, err, "tt", record->connection, record->tenant_id);
    return code < 0 ? code : statement_run(database, urls, err, "tt", record->connection, record->tenant_id);
}

static int save_account(struct database *database, const struct account_save *save, struct error *err)
{
    static const char sql[] =
        "INSERT INTO account (connection, state, tenant_id, since_ms, connected_at_ms, force, total) "
        "VALUES (?, ?, ?, ?, nullif(?, -1), ?, ?) ON CONFLICT (connection) DO UPDATE SET state = excluded.state, "
        "tenant_id = excluded.tenant_id, since_ms = excluded.since_ms, connected_at_ms = excluded.connected_at_ms, "
        "force = excluded.force, total = excluded.total";
    static const char start[] = "UPDATE account SET cursor = '' WHERE connection = ?";
    static const char stop[] = "UPDATE account SET cursor = NULL WHERE connection = ?";
    const struct account_record *record = &save->record;

    int code =
        statement_run(database, sql, err, "tttiidi", record->connection, account_state_name(record->state),
                      record->tenant_id, record->since_ms, record->connected_at_ms, (int)record->force, record->total);
    if (code == 0 && save->start_walk)
        code = statement_run(database, start, err, "t", record->connection);
    else if (code == 0 && !record->feeding)
        code = statement_run(database, stop, err, "t", record->connection);
    return code;
}

static int save_step(struct database *database, const struct account_record *record, enum account_step step,
                     struct error *err)
{
    static const char forget[] = "DELETE FROM account_step WHERE connection = ? AND step = ?";
    static const char keep[] =
        "INSERT INTO account_step (connection, step, state, problem, detail, value, at_ms) VALUES (?, ?, ?, ?, ?, ?, "
        "?) "
        "ON CONFLICT (connection, step) DO UPDATE SET state = excluded.state, problem = excluded.problem, "
        "detail = excluded.detail, value = excluded.value, at_ms = excluded.at_ms";
    const struct account_progress *progress = &record->steps[step];

    if (progress->state == STEP_WAITING)
        return statement_run(database, forget, err, "tt", record->connection, account_step_name(step));
    return statement_run(database, keep, err,
                         "ttttt"
                         "ti",
                         record->connection, account_step_name(step), account_step_state_name(progress->state),
                         progress->problem, progress->detail, progress->value, progress->at_ms);
}

static int run_save(struct store_job *job, struct database *database, struct error *err)
{
    const struct account_save *save = (const struct account_save *)job;

    int code = forget_tenant(database, &save->record, err);
    if (code == 0)
        code = save_account(database, save, err);
    for (int step = 0; step < ACCOUNT_STEP_COUNT && code == 0; step++)
        code = save_step(database, &save->record, (enum account_step)step, err);
    return code;
}

void account_save_init(struct account_save *save, const struct account_record *record,
                       void (*done)(struct store_job *job))
{
    *save = (struct account_save){.job = {.write = true, .run = run_save, .done = done}, .record = *record};
}

/* ----------------------------------------------------------------------------------------------------------- feed */

/* Told anew even if nothing changed: the walk begins a new life at Microsoft, or ends one. */
static int feed_devices(struct database *database, const struct account_feed *feed, const char *after, const char *last,
                        struct error *err)
{
    static const char queue[] = "INSERT INTO dirty (device_id) SELECT device_id FROM device WHERE connection = ? "
                                "AND device_id > ? AND device_id <= ? ORDER BY device_id";
    static const char force[] = "UPDATE outbox SET forced = max(forced, 1) WHERE device_id IN (SELECT device_id FROM "
                                "device WHERE connection = ? AND device_id > ? AND device_id <= ?)";

    int code = statement_run(database, queue, err, "ttt", feed->connection, after, last);
    if (code == 0)
        code = statement_run(database, force, err, "ttt", feed->connection, after, last);
    return code;
}

static int feed_deleted(struct database *database, const struct account_feed *feed, struct error *err)
{
    static const char sql[] =
        "INSERT INTO outbox (device_id, seq, connection, channel, priority, queued_at, minute) "
        "SELECT t.device_id, ?2 * 1000, r.connection, r.platform = 'windows', 1, ?2, ?2 / 60000 FROM tombstone AS t "
        "JOIN report AS r ON r.device_id = t.device_id WHERE t.connection = ?1 AND r.state IN (1, 2) "
        "AND NOT EXISTS (SELECT 1 FROM outbox WHERE device_id = t.device_id)";

    return statement_run(database, sql, err, "ti", feed->connection, feed->now_ms);
}

static int read_text(struct database *database, const char *sql, char **ret_text, struct error *err,
                     const char *connection, const char *after, int limit)
{
    sqlite3_stmt *row;

    *ret_text = NULL;
    int code = after ? statement_get(database, sql, &row, err, "ttd", connection, after, limit)
                     : statement_get(database, sql, &row, err, "t", connection);
    if (code == 0)
        code = statement_step(database, row, err);
    if (code != 1)
        return code;
    if (sqlite3_column_type(row, 0) != SQLITE_NULL)
        *ret_text = strdup(statement_text(row, 0));
    bool lost = !*ret_text && sqlite3_column_type(row, 0) != SQLITE_NULL;
    sqlite3_reset(row);
    return lost ? error_set(err, ERR_NOMEM, 0, "account: out of memory") : 0;
}

static int run_feed(struct store_job *job, struct database *database, struct error *err)
{
    static const char cursor[] = "SELECT cursor FROM account WHERE connection = ?";
    static const char last_device[] =
        "SELECT max(device_id) FROM (SELECT device_id FROM device WHERE connection = ? "
        "AND device_id > ? AND " SUBJECT_NAMEABLE("device_id") " ORDER BY device_id LIMIT ?)";
    static const char move[] = "UPDATE account SET cursor = ? WHERE connection = ?";
    struct account_feed *feed = (struct account_feed *)job;
    char *after, *last = NULL;

    int code = read_text(database, cursor, &after, err, feed->connection, NULL, 0);
    if (code == 0 && after)
        code = read_text(database, last_device, &last, err, feed->connection, after, (int)feed->limit);
    if (code == 0 && last)
        code = feed_devices(database, feed, after, last, err);
    else if (code == 0 && after)
        code = feed_deleted(database, feed, err);
    if (code == 0)
        code = statement_run(database, move, err, "tt", last, feed->connection);
    feed->finished = last == NULL;
    free(after);
    free(last);
    return code;
}

void account_feed_init(struct account_feed *feed, const char *connection, void (*done)(struct store_job *job))
{
    *feed = (struct account_feed){.job = {.write = true, .run = run_feed, .done = done}};
    snprintf(feed->connection, sizeof(feed->connection), "%s", connection);
}

/* ---------------------------------------------------------------------------------------------------------- counts */

/* A row that waits because a verdict never came is put off for hours: nobody waits for that. */
#define PUT_OFF(row)                                                                                                   \
    "(" row ".claim IS NULL AND " row ".due_at > ?2 AND EXISTS (SELECT 1 FROM report AS p WHERE p.device_id = " row    \
    ".device_id AND p.reason = 'no_verdict'))"
#define IS_LEFT                                                                                                        \
    "r.connection = ?1 AND (r.state IN (1, 2) OR (r.state = 3 AND r.status = 3)) "                                     \
    "AND NOT EXISTS (SELECT 1 FROM message AS m WHERE m.device_id = r.device_id) "                                     \
    "AND NOT EXISTS (SELECT 1 FROM outbox AS o WHERE o.device_id = r.device_id AND NOT " PUT_OFF("o") ")"

static int count_platforms(struct database *database, const char *connection, unsigned *ret_platforms,
                           struct error *err)
{
    static const char sql[] = "SELECT 1 FROM device WHERE connection = ? AND platform = ? LIMIT 1";

    *ret_platforms = 0;
    for (int platform = 0; platform < PLATFORM_COUNT; platform++) {
        int64_t any = 0;
        int code = statement_int(database, sql, &any, err, "tt", connection, platform_name((enum platform)platform));
        if (code < 0)
            return code;
        *ret_platforms |= any ? 1u << platform : 0;
    }
    return 0;
}

static int note_name(void *ctx, const char *device_id, const char *reason, const char *detail)
{
    struct account_counts *counts = ctx;
    size_t used = strlen(counts->names);

    (void)reason;
    (void)detail;
    snprintf(counts->names + used, sizeof(counts->names) - used, "%s%.40s", used > 0 ? ", " : "", device_id);
    return 0;
}

int account_read_left(struct database *database, const char *connection, int64_t now_ms, unsigned limit,
                      int (*each)(void *ctx, const char *device_id, const char *reason, const char *detail), void *ctx,
                      struct error *err)
{
    static const char sql[] =
        "SELECT r.device_id, r.reason, r.error FROM report AS r WHERE " IS_LEFT " ORDER BY r.device_id LIMIT ?3";
    sqlite3_stmt *row;
    int stopped = 0;

    int code = statement_get(database, sql, &row, err, "tid", connection, now_ms, (int)limit);
    while (code >= 0 && stopped == 0 && (code = statement_step(database, row, err)) == 1)
        stopped = each(ctx, statement_text(row, 0), statement_text(row, 1), statement_text(row, 2));
    if (stopped != 0)
        sqlite3_reset(row);
    return code < 0 ? code : 0;
}

static int count_reports(struct database *database, const char *connection, int64_t now_ms,
                         struct account_counts *counts, struct error *err)
{
    static const char held[] = "SELECT count(*), total(state = 1) FROM report WHERE connection = ? AND state IN (1, 2)";
    static const char left[] = "SELECT count(*) FROM report AS r WHERE " IS_LEFT;
    sqlite3_stmt *row;

    int code = statement_get(database, held, &row, err, "t", connection);
    if (code == 0)
        code = statement_step(database, row, err);
    if (code == 1) {
        counts->managed = sqlite3_column_int64(row, 0);
        counts->compliant = sqlite3_column_int64(row, 1);
        sqlite3_reset(row);
    }
    if (code >= 0)
        code = statement_int(database, left, &counts->left, err, "ti", connection, now_ms);
    return code < 0 ? code : 0;
}

int account_read_counts(struct database *database, const char *connection, int64_t now_ms,
                        struct account_counts *ret_counts, struct error *err)
{
    static const char devices[] = "SELECT count(*) FROM device WHERE connection = ?";
    static const char queued[] = "SELECT count(*) FROM outbox AS q WHERE q.connection = ?1 AND NOT " PUT_OFF("q");
    static const char awaiting[] = "SELECT count(*) FROM message WHERE connection = ?";
    enum { NAMES = 3 };

    memset(ret_counts, 0, sizeof(*ret_counts));
    int code = statement_int(database, devices, &ret_counts->devices, err, "t", connection);
    if (code >= 0)
        code = count_platforms(database, connection, &ret_counts->platforms, err);
    if (code >= 0)
        code = statement_int(database, queued, &ret_counts->queued, err, "ti", connection, now_ms);
    if (code >= 0)
        code = statement_int(database, awaiting, &ret_counts->awaiting, err, "t", connection);
    if (code >= 0)
        code = count_reports(database, connection, now_ms, ret_counts, err);
    if (code == 0 && ret_counts->left > 0)
        code = account_read_left(database, connection, now_ms, NAMES, note_name, ret_counts, err);
    return code < 0 ? code : 0;
}

static int run_count(struct store_job *job, struct database *database, struct error *err)
{
    struct account_count *count = (struct account_count *)job;

    return account_read_counts(database, count->connection, count->now_ms, &count->counts, err);
}

void account_count_init(struct account_count *count, const char *connection, void (*done)(struct store_job *job))
{
    *count = (struct account_count){.job = {.run = run_count, .done = done}};
    snprintf(count->connection, sizeof(count->connection), "%s", connection);
}
