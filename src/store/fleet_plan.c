/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "breaker_gauge.h"
#include "fleet_internal.h"
#include "outbox_internal.h"
#include "statement.h"
#include "suppress.h"

enum { CHUNK = 256 }; /* rows of one snapshot */

struct walk {
    struct database *database;
    int (*each)(void *ctx, const struct fleet_plan_entry *entry);
    void *ctx;
    struct fleet_plan_place *place;
    struct breaker_gauge gauge; /* of the connection of the last worsening */
    char connection[65];        /* ... which is this one */
    unsigned left;              /* rows to tell */
    int stopped;                /* what `each` returned */
    struct error *err;
};

/* --------------------------------------------------------------------------------------------------- one device */

static enum azure_state previous_state(const struct subject *subject, const struct decision *decision)
{
    return decision->kind == DECISION_RETIRE || subject_is_told(subject) ? subject->told.state : AZURE_STATE_NONE;
}

/* An id that another device goes by now is not removed: without it, what is there to tell? */
static int yield_to_holder(struct walk *walk, struct subject *subject, struct decision *decision, bool *needless)
{
    char *holder;

    if (decision->state != AZURE_STATE_REMOVED)
        return 0;
    int code = suppress_find_holder(walk->database, subject, decision, &holder, walk->err);
    if (code < 0 || !holder)
        return code;
    free(holder);
    *needless = decision->kind != DECISION_RETIRE || !subject->exists;
    if (!*needless) {
        subject->told.state = AZURE_STATE_NONE;
        *decision = subject_decide(subject);
    }
    return 0;
}

static int look_for_twin(struct walk *walk, const struct subject *subject, struct decision *decision)
{
    int64_t stamp_ms = 0;
    bool twin;

    if (decision->kind != DECISION_REPORT || subject_is_told(subject))
        return 0;
    int code = suppress_find_twin(walk->database, subject, &twin, &stamp_ms, walk->err);
    if (code == 0 && twin)
        *decision = (struct decision){DECISION_PARK, subject->told.state, REASON_ID_TWIN, decision->strictest};
    return code;
}

/* As candidate_stage() would go about it. */
static int foresee(struct walk *walk, struct subject *subject, const struct fleet_queued *queued,
                   struct decision *decision, bool *needless)
{
    *decision = subject_decide(subject);
    *needless = false;
    for (int again = 0; again < 2; again++) {
        bool retire = decision->kind == DECISION_RETIRE;
        if (decision->kind != DECISION_REPORT && !retire)
            return 0;
        *needless = suppress_is_told(subject, decision, queued->forced, queued->sent);
        if (*needless)
            return 0;
        int code = yield_to_holder(walk, subject, decision, needless);
        if (code < 0 || *needless)
            return code;
        if (retire == (decision->kind == DECISION_RETIRE))
            break;
    }
    return look_for_twin(walk, subject, decision);
}

static int tell(struct walk *walk, const struct fleet_plan_entry *entry)
{
    struct fleet_plan_entry valid = *entry;
    char *device_id = fleet_copy_text(entry->device_id);
    char *connection = fleet_copy_text(entry->connection);
    char *azure_device_id = fleet_copy_text(entry->azure_device_id);
    int code = 0;

    valid.device_id = device_id;
    valid.connection = connection;
    valid.azure_device_id = azure_device_id;
    if (device_id && connection && azure_device_id)
        walk->stopped = walk->each(walk->ctx, &valid);
    else
        code = error_set(walk->err, ERR_NOMEM, 0, "out of memory");
    free(device_id);
    free(connection);
    free(azure_device_id);
    return code;
}

/* A closed breaker may open over what waits. Rows in flight have passed it. */
static int foresee_breaker(struct walk *walk, const struct subject *subject, const struct fleet_queued *queued,
                           struct fleet_plan_entry *entry)
{
    entry->held = queued->due_at_ms == OUTBOX_HELD;
    if (entry->held || entry->needless || queued->claimed ||
        (entry->decision.kind != DECISION_REPORT && entry->decision.kind != DECISION_RETIRE) ||
        !breaker_counts(subject, &entry->decision, queued->forced, queued->sent))
        return 0;
    return breaker_gauge_admit(&walk->gauge, entry->device_id, &entry->held, walk->err);
}

/* Before any device is loaded: the breaker looks at devices too. */
static int begin_breaker(struct walk *walk)
{
    const char *connection = walk->place->connection;

    if (!connection || strcmp(walk->connection, connection) == 0)
        return 0;
    snprintf(walk->connection, sizeof(walk->connection), "%s", connection);
    walk->gauge.turned = walk->gauge.at_least = 0;
    return breaker_gauge_begin(&walk->gauge, walk->err);
}

static int plan_device(struct walk *walk, const char *device_id, const struct fleet_queued *queued)
{
    struct fleet_plan_entry entry = {.device_id = device_id, .priority = queued->priority};
    struct subject subject;
    enum channel channel;

    int code = subject_load(walk->database, device_id, &subject, walk->err);
    if (code < 0)
        return code;
    fleet_doubt(&subject, queued);
    code = foresee(walk, &subject, queued, &entry.decision, &entry.needless);
    if (code == 0)
        code = foresee_breaker(walk, &subject, queued, &entry);
    if (code == 0) {
        bool told = entry.decision.kind == DECISION_RETIRE || !subject.exists;
        subject_route(&subject, &entry.decision, &entry.connection, &channel);
        entry.azure_device_id = told                         ? subject.told.azure_device_id
                                : subject.azure_device_id[0] ? subject.azure_device_id
                                                             : subject.device.azure_device_id;
        entry.previous = previous_state(&subject, &entry.decision);
        code = tell(walk, &entry);
    }
    subject_release(&subject);
    return code;
}

/* ------------------------------------------------------------------------------------------------------ the walk */

static int remember(struct walk *walk, sqlite3_stmt *row)
{
    struct fleet_plan_place *place = walk->place;

    free(place->device_id);
    place->device_id = strdup(statement_text(row, 12));
    place->due_at = sqlite3_column_int64(row, 2);
    place->minute = sqlite3_column_int64(row, 13);
    return place->device_id ? 0 : error_set(walk->err, ERR_NOMEM, 0, "out of memory");
}

static bool goes_on(const struct walk *walk)
{
    return walk->stopped == 0 && walk->left > 0;
}

/* Tells the rows of a statement; *ret_count is how many there were. */
static int tell_rows(struct walk *walk, sqlite3_stmt *row, unsigned *ret_count)
{
    struct fleet_queued queued;
    int code = 0;

    *ret_count = 0;
    while (code == 0 && goes_on(walk) && (code = statement_step(walk->database, row, walk->err)) == 1) {
        fleet_read_queued(row, &queued);
        code = remember(walk, row);
        if (code == 0)
            code = plan_device(walk, walk->place->device_id, &queued);
        (*ret_count)++;
        walk->left--;
    }
    sqlite3_reset(row);
    return code;
}

#define ROW      FLEET_QUEUED_COLUMNS ", device_id, minute"
#define NAMEABLE SUBJECT_NAMEABLE("device_id")

static const char claimed_sql[] = "SELECT " ROW " FROM outbox WHERE claim IS NOT NULL AND priority = ? "
                                  "AND device_id > ? AND " NAMEABLE " ORDER BY device_id LIMIT ?";
static const char free_sql[] =
    "SELECT " ROW " FROM outbox WHERE connection = ? AND channel = ? AND priority = ? AND claim IS NULL "
    "AND (due_at, minute, device_id) > (?, ?, ?) AND " NAMEABLE " ORDER BY due_at, minute, device_id LIMIT ?";

/* One snapshot holds one chunk, so that a long plan keeps no log from being checkpointed. */
static int tell_chunk(struct walk *walk, bool claimed, unsigned *ret_count)
{
    const struct fleet_plan_place *place = walk->place;
    const char *after = place->device_id ? place->device_id : "";
    sqlite3_stmt *row;

    int code = fleet_begin(walk->database, walk->err);
    if (code < 0)
        return code;
    /* tell_rows() frees the id that the walk is behind: the statement has its own copy. */
    if (claimed)
        code = statement_get(walk->database, claimed_sql, &row, walk->err, "dtd", (int)place->priority, NULL, CHUNK);
    else if ((code = begin_breaker(walk)) == 0)
        code = statement_get(walk->database, free_sql, &row, walk->err, "tddiitd", place->connection, place->channel,
                             (int)place->priority, place->due_at, place->minute, NULL, CHUNK);
    if (code == 0 && sqlite3_bind_text(row, claimed ? 2 : 6, after, -1, SQLITE_TRANSIENT) != SQLITE_OK)
        code = error_set(walk->err, ERR_NOMEM, 0, "out of memory");
    if (code == 0)
        code = tell_rows(walk, row, ret_count);
    fleet_end(walk->database);
    return code;
}

static int tell_rest_of_lane(struct walk *walk)
{
    unsigned count;
    int code;

    do
        code = tell_chunk(walk, walk->place->claimed, &count);
    while (code == 0 && goes_on(walk) && count == CHUNK);
    return code;
}

static int tell_lane(struct walk *walk, bool claimed)
{
    struct fleet_plan_place *place = walk->place;

    free(place->device_id);
    place->device_id = NULL;
    place->due_at = INT64_MIN;
    place->minute = 0;
    place->claimed = claimed;
    return tell_rest_of_lane(walk);
}

/* 1: *place is the next pair of connection and channel that has rows. */
static int next_lane(struct walk *walk)
{
    static const char sql[] = "SELECT connection, channel FROM outbox WHERE (connection, channel) > (?, ?) "
                              "AND claim IS NULL ORDER BY connection, channel LIMIT 1";
    struct fleet_plan_place *place = walk->place;
    sqlite3_stmt *row;

    int code = statement_get(walk->database, sql, &row, walk->err, "td", place->connection ? place->connection : "",
                             place->channel);
    if (code == 0)
        code = statement_step(walk->database, row, walk->err);
    if (code != 1)
        return code;

    char *connection = strdup(statement_text(row, 0));
    place->channel = sqlite3_column_int(row, 1);
    sqlite3_reset(row);
    free(place->connection);
    place->connection = connection;
    return connection ? 1 : error_set(walk->err, ERR_NOMEM, 0, "out of memory");
}

/* Rows in flight first, then those of each connection and channel. */
static int tell_priority(struct walk *walk)
{
    struct fleet_plan_place *place = walk->place;
    int code = 0;

    if (place->device_id)
        code = tell_rest_of_lane(walk);
    else
        code = tell_lane(walk, true);
    if (place->claimed) {
        free(place->connection);
        place->connection = NULL;
        place->channel = -1;
    }
    while (code == 0 && goes_on(walk) && (code = next_lane(walk)) == 1)
        code = tell_lane(walk, false);
    return code;
}

/* From where walk->place is to the end, or until `left` is used up. */
static int tell_all(struct walk *walk)
{
    struct fleet_plan_place *place = walk->place;
    int code = tell_priority(walk);

    while (code == 0 && goes_on(walk) && place->priority + 1 < PRIORITY_COUNT) {
        place->priority++;
        free(place->device_id);
        place->device_id = NULL;
        code = tell_priority(walk);
    }
    return code < 0 ? code : fleet_each_result(walk->stopped, walk->err);
}

void fleet_plan_place_deinit(struct fleet_plan_place *place)
{
    free(place->connection);
    free(place->device_id);
    *place = (struct fleet_plan_place){0};
}

static void start(struct walk *walk, const struct breaker_limits *breaker)
{
    walk->gauge = (struct breaker_gauge){.database = walk->database,
                                         .connection = walk->connection,
                                         .limits = *breaker,
                                         .dry = true,
                                         .now_ms = clock_realtime_ms(clock_system())};
}

int fleet_plan(struct database *database, const struct breaker_limits *breaker,
               int (*each)(void *ctx, const struct fleet_plan_entry *entry), void *ctx, struct error *err)
{
    struct fleet_plan_place place = {0};
    struct walk walk = {.database = database, .each = each, .ctx = ctx, .place = &place, .left = UINT_MAX, .err = err};

    start(&walk, breaker);
    int code = tell_all(&walk);
    fleet_plan_place_deinit(&place);
    return code;
}

int fleet_plan_page(struct database *database, const struct breaker_limits *breaker, struct fleet_plan_place *place,
                    unsigned limit, int (*each)(void *ctx, const struct fleet_plan_entry *entry), void *ctx,
                    bool *ret_more, struct error *err)
{
    struct walk walk = {.database = database, .each = each, .ctx = ctx, .place = place, .left = limit, .err = err};

    start(&walk, breaker);
    int code = tell_all(&walk);
    *ret_more = walk.left == 0;
    return code;
}
