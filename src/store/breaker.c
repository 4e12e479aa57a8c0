/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "store/breaker.h"

#include <stdio.h>
#include <string.h>

#include "breaker_gauge.h"
#include "database_internal.h"
#include "outbox_internal.h"
#include "statement.h"
#include "subject.h"

enum { SAMPLE = 1000 };

/* ------------------------------------------------------------------------------------------------------ the count */

/* As many devices as matter: a share is passed only when the fleet is smaller than so many. */
static int fleet_is_below(struct breaker_gauge *gauge, int64_t devices, bool *ret_below, struct error *err)
{
    static const char sql[] = "SELECT count(*) FROM (SELECT 1 FROM device WHERE connection = ? LIMIT ?)";
    int code = 1;

    if (gauge->at_least < devices)
        code = statement_int(gauge->database, sql, &gauge->at_least, err, "ti", gauge->connection, devices);
    *ret_below = gauge->at_least < devices;
    return code < 0 ? code : 0;
}

/* Whether so many devices within the window are too many. */
static int is_too_many(struct breaker_gauge *gauge, int64_t turned, bool *ret_too_many, struct error *err)
{
    int64_t share = gauge->limits.max_share;

    *ret_too_many = turned > gauge->limits.max_count;
    if (*ret_too_many || turned <= BREAKER_LEAST || share >= 100)
        return 0;
    return fleet_is_below(gauge, (turned * 100 + share - 1) / share, ret_too_many, err);
}

static int64_t most_allowed(const struct breaker_gauge *gauge)
{
    int64_t most = gauge->limits.max_share < 100 ? gauge->at_least * gauge->limits.max_share / 100 : INT64_MAX;

    most = most > BREAKER_LEAST ? most : BREAKER_LEAST;
    return most < gauge->limits.max_count ? most : gauge->limits.max_count;
}

/* ------------------------------------------------------------------------------------------------------ the cause */

#define WAITING                                                                                                        \
    "FROM outbox WHERE connection = ?1 AND channel IN (0, 1) AND priority = 0 AND claim IS NULL "                      \
    "AND due_at >= ?2 LIMIT ?3"

static int read_cause(struct database *database, const char *connection, int64_t due_at,
                      struct breaker_cause *ret_cause, struct error *err)
{
    static const char policies[] =
        "SELECT p.policy_id, p.name, count(DISTINCT v.device_id) FROM (SELECT device_id " WAITING ") AS o "
        "CROSS JOIN violation AS v ON v.device_id = o.device_id "
        "CROSS JOIN policy AS p ON p.policy_id = v.policy_id AND p.enabled = 1 "
        "CROSS JOIN policy_action AS a ON a.policy_id = p.policy_id AND a.action NOT IN ('monitor', 'send_alert') "
        "GROUP BY p.policy_id ORDER BY 3 DESC, 1 LIMIT 1";
    static const char removals[] =
        "SELECT count(*) FROM (SELECT device_id " WAITING ") AS o LEFT JOIN device AS d ON d.device_id = o.device_id "
        "WHERE ifnull(d.managed, 0) = 0";
    static const char sample[] = "SELECT count(*) FROM (SELECT 1 " WAITING ")";
    sqlite3_stmt *row;

    *ret_cause = (struct breaker_cause){0};
    int code = statement_get(database, policies, &row, err, "tii", connection, due_at, (int64_t)SAMPLE);
    if (code == 0)
        code = statement_step(database, row, err);
    if (code == 1) {
        snprintf(ret_cause->policy_id, sizeof(ret_cause->policy_id), "%s", statement_text(row, 0));
        snprintf(ret_cause->policy_name, sizeof(ret_cause->policy_name), "%s", statement_text(row, 1));
        ret_cause->devices = sqlite3_column_int64(row, 2);
        sqlite3_reset(row);
    }
    if (code >= 0)
        code = statement_int(database, removals, &ret_cause->removals, err, "tii", connection, due_at, (int64_t)SAMPLE);
    if (code >= 0)
        code = statement_int(database, sample, &ret_cause->sample, err, "tii", connection, due_at, (int64_t)SAMPLE);
    return code < 0 ? code : 0;
}

/* ------------------------------------------------------------------------------------------------------ the gauge */

static int trip(struct breaker_gauge *gauge, int64_t devices, struct error *err)
{
    static const char sql[] =
        "REPLACE INTO breaker (connection, open, changed_at_ms, devices, most) VALUES (?, 1, ?, ?, ?)";

    gauge->open = gauge->tripped = true;
    gauge->trip.devices = devices;
    gauge->trip.limit = most_allowed(gauge);
    if (gauge->dry)
        return 0;
    int code =
        statement_run(gauge->database, sql, err, "tiii", gauge->connection, gauge->now_ms, devices, gauge->trip.limit);
    if (code == 0)
        code = read_cause(gauge->database, gauge->connection, 0, &gauge->trip.cause, err);
    return code;
}

bool breaker_counts(const struct subject *subject, const struct decision *decision, int forced, int sent)
{
    bool about_told = decision->kind == DECISION_RETIRE || subject_is_told(subject);
    bool live = subject->told.state == AZURE_STATE_COMPLIANT || subject->told.state == AZURE_STATE_NON_COMPLIANT;

    return about_told && live && decision_is_worsening(subject->told.state, decision->state) &&
           forced < FORCED_OPERATOR && sent == SENT_NO;
}

static int count_waiting(struct breaker_gauge *gauge, const char *device_id, int forced, int sent, int64_t *turned,
                         struct error *err)
{
    struct subject subject;

    int code = subject_load(gauge->database, device_id, &subject, err);
    if (code < 0)
        return code;
    struct decision decision = subject_decide(&subject);
    if ((decision.kind == DECISION_REPORT || decision.kind == DECISION_RETIRE) &&
        breaker_counts(&subject, &decision, forced, sent))
        (*turned)++;
    subject_release(&subject);
    return 0;
}

/* The queue's own word on what is a worsening is that of the time of the change: each is decided anew. */
static int look_ahead(struct breaker_gauge *gauge, struct error *err)
{
    static const char sql[] =
        "SELECT o.device_id, o.forced, o.sent FROM (SELECT device_id, forced, sent FROM outbox WHERE connection = ?1 "
        "AND channel IN (0, 1) AND priority = 0 AND claim IS NULL AND due_at < ?2 LIMIT ?3) AS o "
        "CROSS JOIN report AS r ON r.device_id = o.device_id WHERE r.state IN (1, 2) AND NOT EXISTS (SELECT 1 "
        "FROM worsened AS w WHERE w.connection = ?1 AND w.device_id = o.device_id AND w.at_ms > ?4)";
    int64_t turned = gauge->turned;
    bool too_many = false;
    sqlite3_stmt *row;

    int code = statement_get(gauge->database, sql, &row, err, "tiii", gauge->connection, OUTBOX_HELD, (int64_t)SAMPLE,
                             gauge->now_ms - gauge->limits.window_ms);
    while (code >= 0 && !too_many && (code = statement_step(gauge->database, row, err)) == 1) {
        int64_t before = turned;
        code = count_waiting(gauge, statement_text(row, 0), sqlite3_column_int(row, 1), sqlite3_column_int(row, 2),
                             &turned, err);
        if (code == 0 && turned > before)
            code = is_too_many(gauge, turned, &too_many, err);
    }
    sqlite3_reset(row);
    return code < 0 || !too_many ? code : trip(gauge, turned, err);
}

static int read_state(struct breaker_gauge *gauge, struct error *err)
{
    static const char state[] = "SELECT open FROM breaker WHERE connection = ?";
    static const char account[] = "SELECT state = 'disconnecting' FROM account WHERE connection = ?";
    int64_t open = 0, leaving = 0;

    int code = statement_int(gauge->database, state, &open, err, "t", gauge->connection);
    if (code >= 0)
        code = statement_int(gauge->database, account, &leaving, err, "t", gauge->connection);
    gauge->open = open != 0;
    gauge->off = gauge->limits.max_count == 0 || leaving != 0;
    return code < 0 ? code : 0;
}

static int count_turned(struct database *database, const char *connection, int64_t since_ms, int64_t *ret_turned,
                        struct error *err)
{
    static const char sql[] = "SELECT count(*) FROM worsened WHERE connection = ? AND at_ms > ?";

    int code = statement_int(database, sql, ret_turned, err, "ti", connection, since_ms);
    return code < 0 ? code : 0;
}

int breaker_gauge_begin(struct breaker_gauge *gauge, struct error *err)
{
    static const char waits[] = "SELECT 1 FROM outbox WHERE connection = ?1 AND channel IN (0, 1) AND priority = 0 "
                                "AND claim IS NULL AND due_at < ?2 LIMIT 1 OFFSET ?3";
    int64_t any = 0;

    int code = read_state(gauge, err);
    if (code == 0 && !gauge->off && !gauge->open)
        code = count_turned(gauge->database, gauge->connection, gauge->now_ms - gauge->limits.window_ms, &gauge->turned,
                            err);
    if (code < 0 || gauge->off || gauge->open)
        return code;
    int64_t few = gauge->limits.max_count < BREAKER_LEAST ? gauge->limits.max_count : BREAKER_LEAST;
    code = statement_int(gauge->database, waits, &any, err, "tii", gauge->connection, OUTBOX_HELD, few);
    return code <= 0 ? code : look_ahead(gauge, err);
}

static int note_turned(struct breaker_gauge *gauge, const char *device_id, struct error *err)
{
    static const char purge[] = "DELETE FROM worsened WHERE connection = ? AND at_ms <= ?";
    static const char note[] = "REPLACE INTO worsened (connection, device_id, at_ms) VALUES (?, ?, ?)";

    int code =
        statement_run(gauge->database, purge, err, "ti", gauge->connection, gauge->now_ms - gauge->limits.window_ms);
    if (code == 0)
        code = statement_run(gauge->database, note, err, "tti", gauge->connection, device_id, gauge->now_ms);
    return code;
}

int breaker_gauge_admit(struct breaker_gauge *gauge, const char *device_id, bool *ret_held, struct error *err)
{
    static const char counted[] = "SELECT 1 FROM worsened WHERE connection = ? AND device_id = ? AND at_ms > ?";
    int64_t again = 0;
    bool too_many = false;

    *ret_held = gauge->open && !gauge->off;
    if (gauge->open || gauge->off)
        return 0;
    int code = statement_int(gauge->database, counted, &again, err, "tti", gauge->connection, device_id,
                             gauge->now_ms - gauge->limits.window_ms);
    if (code == 0)
        code = is_too_many(gauge, gauge->turned + 1, &too_many, err);
    if (code < 0)
        return code;
    if (too_many) {
        *ret_held = true;
        return trip(gauge, gauge->turned + 1, err);
    }
    gauge->turned += again ? 0 : 1;
    return gauge->dry ? 0 : note_turned(gauge, device_id, err);
}

/* ----------------------------------------------------------------------------------------------------- operators */

int breaker_read(struct database *database, const char *connection, int64_t now_ms, int64_t window_ms,
                 struct breaker_status *ret_status, struct error *err)
{
    static const char sql[] = "SELECT open, changed_at_ms, devices, most FROM breaker WHERE connection = ?";
    static const char held[] = "SELECT count(*) FROM outbox WHERE connection = ? AND channel IN (0, 1) "
                               "AND priority BETWEEN 0 AND 3 AND claim IS NULL AND due_at = ?";
    sqlite3_stmt *row;

    *ret_status = (struct breaker_status){.changed_at_ms = -1};
    snprintf(ret_status->connection, sizeof(ret_status->connection), "%s", connection);
    int code = statement_get(database, sql, &row, err, "t", connection);
    if (code == 0)
        code = statement_step(database, row, err);
    if (code == 1) {
        ret_status->open = sqlite3_column_int(row, 0) != 0;
        ret_status->changed_at_ms = sqlite3_column_int64(row, 1);
        ret_status->trip.devices = sqlite3_column_int64(row, 2);
        ret_status->trip.limit = sqlite3_column_int64(row, 3);
        sqlite3_reset(row);
    }
    if (code >= 0)
        code = count_turned(database, connection, now_ms - window_ms, &ret_status->turned, err);
    if (code >= 0 && ret_status->open)
        code = statement_int(database, held, &ret_status->held, err, "ti", connection, OUTBOX_HELD);
    if (code >= 0 && ret_status->open)
        code = read_cause(database, connection, OUTBOX_HELD, &ret_status->trip.cause, err);
    return code < 0 ? code : 0;
}

/* The held rows of one priority; those that are released were asked for by an operator. */
static int free_held(struct breaker_close *close, struct database *database, enum priority priority, struct error *err)
{
#define HELD                                                                                                           \
    "WHERE device_id IN (SELECT device_id FROM outbox WHERE connection = ?1 AND channel IN (0, 1) AND priority = ?2 "  \
    "AND claim IS NULL AND due_at = ?3 LIMIT ?4)"
    static const char release[] = "UPDATE outbox SET due_at = 0, forced = 2 " HELD;
    static const char discard[] = "DELETE FROM outbox " HELD;

    int code = statement_run(database, close->discard ? discard : release, err, "tdid", close->connection,
                             (int)priority, OUTBOX_HELD, (int)(close->limit - close->count));
    if (code == 0)
        close->count += (unsigned)sqlite3_changes(database->handle);
    return code;
}

static int close_now(const struct breaker_close *close, struct database *database, struct error *err)
{
    static const char state[] = "UPDATE breaker SET open = 0, changed_at_ms = ? WHERE connection = ?";
    static const char forget[] = "DELETE FROM worsened WHERE connection = ?";

    int code = statement_run(database, state, err, "it", close->now_ms, close->connection);
    if (code == 0)
        code = statement_run(database, forget, err, "t", close->connection);
    return code;
}

static int run_close(struct store_job *job, struct database *database, struct error *err)
{
    static const char sql[] = "SELECT open FROM breaker WHERE connection = ?";
    struct breaker_close *close = (struct breaker_close *)job;
    int64_t open = 0;

    close->count = 0;
    close->more = false;
    int code = statement_int(database, sql, &open, err, "t", close->connection);
    if (code < 0 || !open)
        return code < 0 ? code : 0;
    code = 0;
    for (int priority = 0; priority < PRIORITY_COUNT && code == 0 && close->count < close->limit; priority++)
        code = free_held(close, database, (enum priority)priority, err);
    close->more = close->count == close->limit;
    return code < 0 || close->more ? code : close_now(close, database, err);
}

void breaker_close_init(struct breaker_close *close, const char *connection, bool discard,
                        void (*done)(struct store_job *job))
{
    *close = (struct breaker_close){.job = {.write = true, .run = run_close, .done = done}, .discard = discard};
    snprintf(close->connection, sizeof(close->connection), "%s", connection);
}
