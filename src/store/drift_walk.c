/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <stdio.h>
#include <string.h>

#include "database_internal.h"
#include "drift_internal.h"
#include "outbox_internal.h"
#include "statement.h"
#include "store/activity.h"

/* ---- sweeping: entries that reading everything did not meet are gone ---- */

static int sweep(struct database *database, struct drift_walk *walk, struct error *err)
{
    static const char sql[] =
        "SELECT object_id, round < ?, gone FROM directory WHERE connection = ? AND object_id > ? ORDER BY object_id "
        "LIMIT ?";
    struct drift_record *record = &walk->record;
    struct guid place = {0}, met[DRIFT_WALK_MAX];
    bool old[DRIFT_WALK_MAX];
    sqlite3_stmt *row;
    unsigned count = 0;

    guid_parse(record->cursor, &place); /* "" = from the start */
    int code =
        statement_get(database, sql, &row, err, "itgd", record->round, record->connection, &place, (int)walk->limit);
    while (code >= 0 && (code = statement_step(database, row, err)) == 1) {
        statement_guid(row, 0, &met[count]);
        old[count++] = sqlite3_column_int(row, 1) != 0 || sqlite3_column_int(row, 2) != 0;
    }
    for (unsigned i = 0; i < count && code == 0; i++) {
        if (old[i])
            code = drift_bury(database, record->connection, &met[i], err);
    }
    if (code == 0 && count > 0)
        guid_format(&met[count - 1], record->cursor);
    if (code == 0 && count < walk->limit) {
        record->phase = DRIFT_COMPARING;
        record->cursor[0] = '\0';
    }
    return code;
}

/* ---- comparing ---- */

/* A report row beside the directory's entry. */
struct pair {
    char device_id[256];
    char azure_device_id[GUID_TEXT];
    enum azure_state told;
    int64_t accepted_at_ms;
    bool elsewhere; /* told on another connection */
    bool unsettled; /* in the queue, without its verdict, or told a moment ago */
    bool stray;
    struct drift_seen seen;
    struct guid object_id;
    int64_t right_at_ms;
};

static void read_pair(sqlite3_stmt *row, const struct drift_record *record, struct pair *pair)
{
    int64_t newest = statement_integer(row, 4, 0);

    *pair = (struct pair){.told = (enum azure_state)sqlite3_column_int(row, 1),
                          .accepted_at_ms = statement_integer(row, 3, -1),
                          .stray = sqlite3_column_int(row, 5) != 0,
                          .elsewhere = sqlite3_column_int(row, 6) == 0};
    snprintf(pair->device_id, sizeof(pair->device_id), "%s", statement_text(row, 0));
    snprintf(pair->azure_device_id, sizeof(pair->azure_device_id), "%s", statement_text(row, 2));
    pair->unsettled = sqlite3_column_int(row, 7) != 0 || newest + DRIFT_SETTLE_MS > record->started_at_ms;
}

static int look_up(struct database *database, const char *connection, struct pair *pair, struct error *err)
{
    static const char sql[] = "SELECT gone, managed, compliant, object_id, right_at_ms FROM directory "
                              "WHERE connection = ? AND azure_device_id = ? ORDER BY gone LIMIT 1";
    struct guid id;
    sqlite3_stmt *row;

    if (guid_parse(pair->azure_device_id, &id) != 0)
        return 0;
    int code = statement_get(database, sql, &row, err, "tg", connection, &id);
    if (code == 0)
        code = statement_step(database, row, err);
    if (code <= 0)
        return code;
    pair->seen.gone = sqlite3_column_int(row, 0) != 0;
    pair->seen.known = !pair->seen.gone;
    pair->seen.managed = sqlite3_column_int(row, 1) != 0;
    pair->seen.compliant = sqlite3_column_int(row, 2) != 0;
    statement_guid(row, 3, &pair->object_id);
    pair->right_at_ms = statement_integer(row, 4, -1);
    sqlite3_reset(row);
    return 0;
}

/* It is as it was told: should it be otherwise one day, and nothing was told meanwhile, then somebody else has done
 * that. */
static int mark_right(struct database *database, const char *connection, const struct pair *pair, struct error *err)
{
    static const char sql[] = "UPDATE directory SET right_at_ms = ? WHERE connection = ? AND object_id = ?";

    if (!pair->seen.known || pair->right_at_ms == pair->accepted_at_ms)
        return 0;
    return statement_run(database, sql, err, "itg", pair->accepted_at_ms, connection, &pair->object_id);
}

static int note_writer(struct database *database, const struct drift_walk *walk, const struct pair *pair,
                       struct error *err)
{
    char detail[128];

    snprintf(detail, sizeof(detail), "Microsoft says %s, %s; complyd told it %s",
             pair->seen.managed ? "managed" : "not managed", pair->seen.compliant ? "compliant" : "not compliant",
             azure_state_name(pair->told));
    return activity_add(database,
                        &(struct activity_entry){.at_ms = walk->now_ms,
                                                 .kind = activity_kind_name(ACTIVITY_DRIFT),
                                                 .result = drift_cause_name(DRIFT_WRITER),
                                                 .connection = walk->record.connection,
                                                 .device_id = pair->device_id,
                                                 .azure_state = azure_state_name(pair->told),
                                                 .azure_device_id = pair->azure_device_id,
                                                 .detail = detail},
                        err);
}

static int find_cause(struct database *database, const char *sql, const char *connection, const char *device_id,
                      enum drift_cause *ret_cause, struct error *err)
{
    sqlite3_stmt *row;

    *ret_cause = DRIFT_NONE;
    int code = statement_get(database, sql, &row, err, "tt", connection, device_id);
    if (code == 0)
        code = statement_step(database, row, err);
    if (code == 1) {
        *ret_cause = drift_cause_parse(statement_text(row, 0));
        sqlite3_reset(row);
    }
    return code < 0 ? code : 0;
}

int drift_cause_of(struct database *database, const char *connection, const char *device_id,
                   enum drift_cause *ret_cause, struct error *err)
{
    static const char sql[] = "SELECT cause FROM drift WHERE connection = ?1 AND device_id = ?2 AND told_at_ms IS "
                              "(SELECT accepted_at_ms FROM report WHERE device_id = ?2)";

    return find_cause(database, sql, connection, device_id, ret_cause, err);
}

static int put(struct database *database, struct drift_walk *walk, const struct pair *pair, enum drift_cause cause,
               struct error *err)
{
    static const char sql[] =
        "INSERT INTO drift (connection, device_id, cause, azure_device_id, state, told_at_ms, managed, compliant, "
        "since_ms, round) VALUES (?, ?, ?, ?, ?, nullif(?, -1), nullif(?, -1), nullif(?, -1), ?, ?) "
        "ON CONFLICT (connection, device_id) DO UPDATE SET "
        "since_ms = CASE WHEN cause = excluded.cause THEN since_ms ELSE excluded.since_ms END, "
        "cause = excluded.cause, azure_device_id = excluded.azure_device_id, state = excluded.state, "
        "told_at_ms = excluded.told_at_ms, managed = excluded.managed, compliant = excluded.compliant, "
        "round = excluded.round";
    static const char find[] = "SELECT cause FROM drift WHERE connection = ? AND device_id = ?";
    struct drift_record *record = &walk->record;
    enum drift_cause before;

    int code = find_cause(database, find, record->connection, pair->device_id, &before, err);
    if (code < 0)
        return code;
    if (before != DRIFT_NONE)
        record->counts[before]--;
    record->counts[cause]++;
    if (cause == DRIFT_WRITER && before != DRIFT_WRITER)
        code = note_writer(database, walk, pair, err);
    if (code < 0)
        return code;
    return statement_run(database, sql, err, "ttttdiddii", record->connection, pair->device_id, drift_cause_name(cause),
                         pair->azure_device_id, (int)pair->told, pair->accepted_at_ms,
                         pair->seen.known ? pair->seen.managed : -1, pair->seen.known ? pair->seen.compliant : -1,
                         walk->now_ms, record->round);
}

static int compare_pair(struct database *database, struct drift_walk *walk, struct pair *pair, struct error *err)
{
    if (pair->elsewhere || pair->unsettled)
        return 0;
    int code = look_up(database, walk->record.connection, pair, err);
    if (code < 0)
        return code;
    walk->record.compared++;
    bool was_right = pair->accepted_at_ms >= 0 && pair->right_at_ms == pair->accepted_at_ms;
    enum drift_cause cause = drift_judge(pair->told, pair->stray, &pair->seen, was_right);
    if (cause == DRIFT_NONE)
        return mark_right(database, walk->record.connection, pair, err);
    return put(database, walk, pair, cause, err);
}

/* Differences of the devices behind `after` up to `last` (NULL = the end) that were not met since the check `round`. */
static int drop(struct database *database, struct drift_record *record, const char *after, const char *last,
                int64_t round, struct error *err)
{
#define DROPPED                                                                                                        \
    " FROM drift WHERE connection = ?1 AND device_id > ?2 AND (?3 IS NULL OR device_id <= ?3) AND round < ?4"
    static const char find[] = "SELECT cause" DROPPED;
    static const char erase[] = "DELETE" DROPPED;
    sqlite3_stmt *row;

    int code = statement_get(database, find, &row, err, "ttti", record->connection, after, last, round);
    while (code >= 0 && (code = statement_step(database, row, err)) == 1)
        record->counts[drift_cause_parse(statement_text(row, 0))]--;
    if (code == 0)
        code = statement_run(database, erase, err, "ttti", record->connection, after, last, round);
    return code;
#undef DROPPED
}

static int compare(struct database *database, struct drift_walk *walk, struct error *err)
{
    static const char sql[] =
        "SELECT r.device_id, r.state, r.azure_device_id, r.accepted_at_ms, "
        "max(ifnull(r.accepted_at_ms, 0), ifnull(r.attempted_at_ms, 0)), r.stray, r.connection = ?1, "
        "EXISTS (SELECT 1 FROM outbox AS o WHERE o.device_id = r.device_id) OR "
        "EXISTS (SELECT 1 FROM message AS m WHERE m.device_id = r.device_id) "
        "FROM report AS r WHERE r.device_id > ?2 AND r.state > 0 ORDER BY r.device_id LIMIT ?3";
    struct drift_record *record = &walk->record;
    struct pair pair = {.device_id = ""};
    sqlite3_stmt *row;
    unsigned count = 0;

    int code = statement_get(database, sql, &row, err, "ttd", record->connection, record->cursor, (int)walk->limit);
    while (code >= 0 && (code = statement_step(database, row, err)) == 1) {
        read_pair(row, record, &pair);
        count++;
        code = compare_pair(database, walk, &pair, err);
        if (code < 0)
            sqlite3_reset(row);
    }
    bool ended = count < walk->limit;
    if (code == 0)
        code = drop(database, record, record->cursor, ended ? NULL : pair.device_id, record->round, err);
    if (code < 0)
        return code;
    snprintf(record->cursor, sizeof(record->cursor), "%s", ended ? "" : pair.device_id);
    if (ended) {
        record->phase = DRIFT_IDLE;
        record->finished_at_ms = walk->now_ms;
    }
    return 0;
}

/* ---- repairing: what Microsoft holds is what it was told as far as the next report goes, which makes that an ordinary
 * change: worst first, and the circuit breaker counts it ---- */

static int correct(struct database *database, const char *device_id, bool managed, bool compliant, struct error *err)
{
    static const char sql[] = "UPDATE report SET state = ?, removed_at_ms = NULL WHERE device_id = ? AND state > 0";
    enum azure_state held = compliant ? AZURE_STATE_COMPLIANT
                            : managed ? AZURE_STATE_NON_COMPLIANT
                                      : AZURE_STATE_REMOVED;

    return statement_run(database, sql, err, "dt", (int)held, device_id);
}

/* Bulk work: behind the changes of the day, unless it is a worsening or the device was queued for one. */
static int queue(struct database *database, const char *device_id, struct error *err)
{
    static const char queued[] = "SELECT 1 FROM outbox WHERE device_id = ?";
    static const char yield[] = "UPDATE outbox SET priority = ? WHERE device_id = ? AND priority = ?";
    int64_t any = 0;

    int code = statement_int(database, queued, &any, err, "t", device_id);
    if (code >= 0)
        code = outbox_queue_again(database, device_id, FORCED_WALK, err);
    if (code == 0 && !any)
        code = statement_run(database, yield, err, "dtd", (int)PRIORITY_OPERATOR, device_id, (int)PRIORITY_CHANGE);
    return code;
}

static int repair_device(struct database *database, struct drift_record *record, sqlite3_stmt *row, struct error *err)
{
    bool known = sqlite3_column_type(row, 1) != SQLITE_NULL;
    int code = 0;

    if (known)
        code = correct(database, record->cursor, sqlite3_column_int(row, 1) != 0, sqlite3_column_int(row, 2) != 0, err);
    if (code == 0)
        code = queue(database, record->cursor, err);
    record->repaired += code == 0;
    return code == ERR_NOTFOUND ? 0 : code; /* forgotten since: the next check drops it */
}

/* What is queued is no difference any more: whether it took is for a check soon. */
static int repair(struct database *database, struct drift_walk *walk, struct error *err)
{
    static const char sql[] = "SELECT device_id, managed, compliant FROM drift WHERE connection = ? AND device_id > ? "
                              "ORDER BY device_id LIMIT ?";
    struct drift_record *record = &walk->record;
    char after[sizeof(record->cursor)];
    sqlite3_stmt *row;
    unsigned count = 0;

    memcpy(after, record->cursor, sizeof(after));
    int code = statement_get(database, sql, &row, err, "ttd", record->connection, after, (int)walk->limit);
    while (code >= 0 && (code = statement_step(database, row, err)) == 1) {
        snprintf(record->cursor, sizeof(record->cursor), "%s", statement_text(row, 0));
        count++;
        code = repair_device(database, record, row, err);
        if (code < 0)
            sqlite3_reset(row);
    }
    if (code == 0 && count > 0)
        code = drop(database, record, after, record->cursor, INT64_MAX, err);
    if (code == 0 && count < walk->limit) {
        record->phase = DRIFT_IDLE;
        record->cursor[0] = '\0';
        if (record->repaired > 0 && record->due_at_ms > walk->now_ms + 2 * DRIFT_SETTLE_MS)
            record->due_at_ms = walk->now_ms + 2 * DRIFT_SETTLE_MS;
    }
    return code;
}

static int run_walk(struct store_job *job, struct database *database, struct error *err)
{
    struct drift_walk *walk = (struct drift_walk *)job;
    int code = 0;

    if (walk->record.phase == DRIFT_SWEEPING)
        code = sweep(database, walk, err);
    else if (walk->record.phase == DRIFT_COMPARING)
        code = compare(database, walk, err);
    else if (walk->record.phase == DRIFT_REPAIRING)
        code = repair(database, walk, err);
    return code < 0 ? code : drift_save_record(database, &walk->record, err);
}

void drift_walk_init(struct drift_walk *walk, const struct drift_record *record, void (*done)(struct store_job *job))
{
    *walk = (struct drift_walk){.job = {.write = true, .run = run_walk, .done = done}, .record = *record};
    walk->limit = record->phase == DRIFT_REPAIRING ? DRIFT_REPAIR_MAX : DRIFT_WALK_MAX;
}
