/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "base/clock.h"
#include "database_internal.h"
#include "fleet_internal.h"
#include "statement.h"

enum { LONG_MS = 50, SERVES_TIMES = 20 };

/* Sums instead of groups: SQLite would sort all rows for a GROUP BY. */
#define REPORT_SUMS                                                                                                    \
    "count(*), total(r.state = 1), total(r.state = 2), total(r.state = 3), total(r.status = 1), total(r.status = 2), " \
    "total(r.status = 3), "                                                                                            \
    "total(r.status = 3 AND NOT EXISTS (SELECT 1 FROM outbox AS o WHERE o.device_id = r.device_id)) "

#define LIVE    "SELECT " REPORT_SUMS "FROM device AS d LEFT JOIN report AS r ON r.device_id = d.device_id"
#define DELETED "SELECT " REPORT_SUMS "FROM tombstone AS t CROSS JOIN report AS r ON r.device_id = t.device_id"
#define QUEUE                                                                                                          \
    "SELECT total(priority = 0), total(priority = 1), total(priority = 2), total(priority = 3), min(queued_at) "       \
    "FROM outbox"
#define VERDICTS "SELECT count(*) FROM message"

enum what { WHAT_LIVE, WHAT_DELETED, WHAT_QUEUE, WHAT_VERDICTS, WHAT_COUNT }; /* what waits comes last */

/* Without a connection its index must not be asked for. */
static const char *const everywhere[WHAT_COUNT] = {LIVE, DELETED, QUEUE, VERDICTS};
static const char *const by_connection[WHAT_COUNT] = {
    LIVE " WHERE d.connection = ?",
    DELETED " WHERE t.connection = ?",
    QUEUE " WHERE connection = ?",
    VERDICTS " WHERE connection = ?",
};

static void add_reports(sqlite3_stmt *row, struct fleet_counts *counts)
{
    int64_t all = sqlite3_column_int64(row, 0);
    int64_t stated = 0;
    int64_t judged = 0;

    for (int i = 1; i <= 3; i++) {
        counts->by_state[i] += sqlite3_column_int64(row, i);
        counts->by_status[i] += sqlite3_column_int64(row, i + 3);
        stated += sqlite3_column_int64(row, i);
        judged += sqlite3_column_int64(row, i + 3);
    }
    counts->by_state[AZURE_STATE_NONE] += all - stated;
    counts->by_status[STATUS_NONE] += all - judged;
    counts->parked += sqlite3_column_int64(row, 7);
}

static void add(enum what what, sqlite3_stmt *row, struct fleet_counts *counts)
{
    switch (what) {
    case WHAT_LIVE:
        counts->devices = sqlite3_column_int64(row, 0);
        add_reports(row, counts);
        break;
    case WHAT_DELETED:
        add_reports(row, counts);
        break;
    case WHAT_QUEUE:
        for (int i = 0; i < PRIORITY_COUNT; i++)
            counts->queued[i] = sqlite3_column_int64(row, i);
        counts->queue_oldest_ms = statement_integer(row, PRIORITY_COUNT, -1);
        break;
    default:
        counts->awaiting_verdict = sqlite3_column_int64(row, 0);
        break;
    }
}

static int count(struct database *database, enum what what, const char *connection, struct fleet_counts *counts,
                 struct error *err)
{
    sqlite3_stmt *row;

    int code = connection ? statement_get(database, by_connection[what], &row, err, "t", connection)
                          : statement_get(database, everywhere[what], &row, err, "");
    if (code == 0)
        code = statement_step(database, row, err);
    if (code == 1) {
        add(what, row, counts);
        sqlite3_reset(row);
    }
    return code < 0 ? code : 0;
}

static int count_from(struct database *database, enum what first, const char *connection, struct fleet_counts *counts,
                      struct error *err)
{
    int code = 0;

    counts->queue_oldest_ms = -1;
    for (int i = (int)first; i < WHAT_COUNT && code == 0; i++)
        code = count(database, (enum what)i, connection, counts, err);
    return code;
}

/* What was counted a while ago serves again, if counting takes long. */
static int count_all(struct database *database, struct fleet_counts *counts, struct error *err)
{
    int64_t began_ms = clock_monotonic_ms(clock_system());

    if (began_ms < database->counts_until_ms) {
        *counts = database->counts;
        return count_from(database, WHAT_QUEUE, NULL, counts, err);
    }
    int code = count_from(database, WHAT_LIVE, NULL, counts, err);
    int64_t took_ms = clock_monotonic_ms(clock_system()) - began_ms;
    if (code == 0 && took_ms >= LONG_MS) {
        database->counts = *counts;
        database->counts_until_ms = began_ms + took_ms * SERVES_TIMES;
    }
    return code;
}

int fleet_counts(struct database *database, const char *connection, struct fleet_counts *ret_counts, struct error *err)
{
    *ret_counts = (struct fleet_counts){.counted_at_ms = clock_realtime_ms(clock_system())};
    int code = fleet_begin(database, err);
    if (code < 0)
        return code;
    code = connection ? count_from(database, WHAT_LIVE, connection, ret_counts, err)
                      : count_all(database, ret_counts, err);
    fleet_end(database);
    return code;
}

int fleet_count_queue(struct database *database, const char *connection, struct fleet_counts *ret_counts,
                      struct error *err)
{
    *ret_counts = (struct fleet_counts){0};
    int code = fleet_begin(database, err);
    if (code < 0)
        return code;
    code = count_from(database, WHAT_QUEUE, connection, ret_counts, err);
    fleet_end(database);
    return code;
}
