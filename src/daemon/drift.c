/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "daemon/drift.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "microsoft/devices_delta.h"

enum {
    PIECE_MAX = 200,                /* entries a job: some ms */
    INTERVAL_MS = 24 * 3600 * 1000, /* between checks, */
    SPREAD_MS = 4 * 3600 * 1000,    /* so much more or less: many servers start at the same time */
    LOOK_MS = 3600 * 1000,          /* a date further away is looked at again after this: clocks step */
    STORE_AGAIN_MS = 5 * 1000,
    URL_MAX = 2048,
};

static const struct backoff passing = {.base_ms = 2000, .max_ms = 10 * 60 * 1000};

struct drift {
    const struct drift_ops *ops;
    void *ctx;
    const struct clock *clock;
    const char *graph_url;
    struct drift_record record; /* as the store has it, but for a trouble that passes */
    bool loaded, busy, stopped;
    bool check_asked, repair_asked;
    bool renewed; /* a token was refused, this is another one */
    unsigned failures;
    int64_t wait_until_ms;          /* monotonic */
    bool told_to_wait;              /* ... by Microsoft: nobody shortens that */
    struct devices_delta_page page; /* without a link: none */
    size_t taken;                   /* entries of it that the store has */
    void (*ended)(struct drift *drift);
    union {
        struct store_job job;
        struct drift_load load;
        struct drift_store store;
        struct drift_walk walk;
    };
};

static int64_t now_ms(const struct drift *drift)
{
    return clock_realtime_ms(drift->clock);
}

static void wait(struct drift *drift, int64_t delay_ms)
{
    drift->wait_until_ms = clock_monotonic_ms(drift->clock) + delay_ms;
    drift_tick(drift);
}

/* ---- the store ---- */

static void submit(struct drift *drift, void (*ended)(struct drift *drift))
{
    drift->busy = true;
    drift->ended = ended;
    drift->ops->submit(drift->ctx, &drift->job);
}

void drift_job_ended(struct drift *drift, struct store_job *job)
{
    drift->busy = false;
    if (drift->stopped)
        return;
    if (job->result < 0)
        wait(drift, STORE_AGAIN_MS);
    else
        drift->ended(drift);
}

/* What a job left is the record now. */
static void adopt(struct drift *drift, const struct drift_record *record)
{
    enum drift_phase before = drift->record.phase;

    drift->record = *record;
    if (record->phase != before)
        drift->ops->moved(drift->ctx, &drift->record, before);
}

static void saved(struct drift *drift)
{
    adopt(drift, &drift->store.record);
    drift_tick(drift);
}

/* The configuration names another cloud now: its directory is another one too, and no token goes to the old one. */
static void drop_link(struct drift_record *record)
{
    record->link[0] = '\0';
    if (record->phase != DRIFT_READING)
        return;
    record->whole = true;
    record->round++;
    record->read = 0;
}

static void load_ended(struct drift *drift)
{
    drift->record = drift->load.record;
    if (drift->record.link[0] != '\0' && !devices_delta_owns(drift->record.link, drift->graph_url))
        drop_link(&drift->record);
    drift->loaded = true;
    drift_tick(drift);
}

static void load(struct drift *drift)
{
    drift_load_init(&drift->load, &drift->record, NULL);
    submit(drift, load_ended);
}

static void save(struct drift *drift, const struct drift_record *record)
{
    drift_store_init(&drift->store, record, NULL);
    submit(drift, saved);
}

/* ---- beginning ---- */

static int64_t next_date(const struct drift *drift)
{
    return now_ms(drift) + INTERVAL_MS - SPREAD_MS / 2 + (int64_t)(guid_random_u64() % SPREAD_MS);
}

static void check_begun(struct drift *drift)
{
    drift->check_asked = false;
    saved(drift);
}

static void begin_check(struct drift *drift)
{
    struct drift_record *record = &drift->store.record;

    drift_store_init(&drift->store, &drift->record, NULL);
    record->phase = DRIFT_READING;
    record->round++;
    record->whole = record->link[0] == '\0';
    record->started_at_ms = now_ms(drift);
    record->due_at_ms = next_date(drift);
    record->read = record->compared = 0;
    record->problem[0] = record->detail[0] = record->cursor[0] = '\0';
    drift->failures = 0;
    drift->renewed = false;
    submit(drift, check_begun);
}

static void repair_begun(struct drift *drift)
{
    drift->repair_asked = false;
    saved(drift);
}

static void begin_repair(struct drift *drift)
{
    struct drift_record *record = &drift->store.record;

    drift_store_init(&drift->store, &drift->record, NULL);
    record->phase = DRIFT_REPAIRING;
    record->repaired = 0;
    record->cursor[0] = '\0';
    submit(drift, repair_begun);
}

/* The first date lies anywhere within a day, but not in the hour in which a fleet is told for the first time; one
 * that is further away than any we set is of another clock. */
static void set_date(struct drift *drift)
{
    struct drift_record record = drift->record;

    record.due_at_ms = now_ms(drift) + LOOK_MS + (int64_t)(guid_random_u64() % (INTERVAL_MS - LOOK_MS));
    save(drift, &record);
}

static void idle(struct drift *drift)
{
    int64_t left = drift->record.due_at_ms - now_ms(drift);

    if (drift->check_asked || (drift->record.due_at_ms > 0 && left <= 0))
        begin_check(drift);
    else if (drift->repair_asked)
        begin_repair(drift);
    else if (drift->record.due_at_ms <= 0 || left > INTERVAL_MS + SPREAD_MS)
        set_date(drift);
    else
        drift->ops->wake(drift->ctx, left < LOOK_MS ? left : LOOK_MS);
}

/* ---- reading ---- */

static bool has_page(const struct drift *drift)
{
    return drift->page.link != NULL;
}

static void ask(struct drift *drift)
{
    struct outcome outcome = {.class = OUTCOME_TRANSIENT, .trouble = TROUBLE_NETWORK, .detail = "request not started"};
    int64_t delay = drift->ops->quota_wait_ms(drift->ctx);
    struct buf url;
    int rc;

    if (delay > 0) {
        drift->ops->wake(drift->ctx, delay);
        return;
    }
    buf_init(&url, URL_MAX);
    devices_delta_url(&url, drift->graph_url);
    drift->busy = true;
    rc = buf_error(&url);
    if (rc == 0)
        rc = drift->ops->request(drift->ctx, drift->record.link[0] != '\0' ? drift->record.link : buf_text(&url));
    buf_deinit(&url);
    if (rc != 0)
        drift_failed(drift, &outcome);
}

/* From the first device on, under a new number: what the directory says under earlier ones is swept away afterwards. */
static void start_over(struct drift *drift)
{
    struct drift_record record = drift->record;

    devices_delta_page_deinit(&drift->page);
    if (record.whole) /* again: not at once */
        drift->wait_until_ms =
            clock_monotonic_ms(drift->clock) + backoff_delay_ms(&passing, ++drift->failures, 0, guid_random_u64());
    record.whole = true;
    record.round++;
    record.read = 0;
    record.link[0] = '\0';
    save(drift, &record);
}

static void piece_taken(struct drift *drift)
{
    bool lost = drift->store.lost && !drift->record.whole;

    drift->taken += drift->store.count;
    if (drift->taken == drift->page.count)
        devices_delta_page_deinit(&drift->page);
    adopt(drift, &drift->store.record);
    if (lost)
        start_over(drift);
    else
        drift_tick(drift);
}

static void take_piece(struct drift *drift)
{
    const struct devices_delta_page *page = &drift->page;
    struct drift_store *store = &drift->store;
    size_t left = page->count - drift->taken;

    drift_store_init(store, &drift->record, NULL);
    store->items = page->items + drift->taken;
    store->count = left < PIECE_MAX ? left : PIECE_MAX;
    store->record.read += (int64_t)store->count;
    if (store->count == left) {
        snprintf(store->record.link, sizeof(store->record.link), "%s", page->link);
        if (page->last)
            store->record.phase = store->record.whole ? DRIFT_SWEEPING : DRIFT_COMPARING;
    }
    submit(drift, piece_taken);
}

static void set_problem(struct drift_record *record, const char *problem, const char *detail)
{
    snprintf(record->problem, sizeof(record->problem), "%s", problem);
    snprintf(record->detail, sizeof(record->detail), "%s", detail);
}

/* Only an administrator can help: no more of it until the next date, or until somebody asks. */
static void give_up(struct drift *drift, const struct outcome *outcome)
{
    struct drift_record record = drift->record;
    bool permission = outcome->trouble == TROUBLE_PERMISSION;

    if (permission)
        drift->ops->drop_token(drift->ctx); /* what will be granted is in new tokens only */
    record.phase = DRIFT_IDLE;
    set_problem(&record, permission ? drift_problem_permission : trouble_slug(outcome->trouble), outcome->detail);
    save(drift, &record);
}

static void fail(struct drift *drift, const struct outcome *outcome)
{
    if (outcome->class == OUTCOME_CONNECTION) {
        give_up(drift, outcome);
        return;
    }
    if (outcome->class == OUTCOME_AUTH && !drift->renewed) {
        drift->renewed = true; /* even fresh tokens are refused now and then */
        drift->ops->drop_token(drift->ctx);
        drift_tick(drift);
        return;
    }
    set_problem(&drift->record, trouble_slug(outcome->trouble), outcome->detail);
    drift->told_to_wait = outcome->retry_after_ms > 0;
    wait(drift, backoff_delay_ms(&passing, ++drift->failures, outcome->retry_after_ms, guid_random_u64()));
}

void drift_failed(struct drift *drift, const struct outcome *outcome)
{
    drift->busy = false;
    if (!drift->stopped)
        fail(drift, outcome);
}

void drift_answered(struct drift *drift, const struct http_response *response)
{
    struct outcome outcome;

    drift->busy = false;
    if (drift->stopped)
        return;
    switch (devices_delta_read(response, drift->graph_url, drift->record.link[0] != '\0', DRIFT_LINK_MAX,
                               now_ms(drift) / 1000, &drift->page, &outcome)) {
    case DEVICES_DELTA_PAGE:
        drift->failures = 0;
        drift->renewed = drift->told_to_wait = false;
        drift->taken = 0;
        set_problem(&drift->record, "", "");
        drift_tick(drift);
        break;
    case DEVICES_DELTA_RESYNC:
        start_over(drift);
        break;
    case DEVICES_DELTA_FAILED:
        fail(drift, &outcome);
        break;
    }
}

/* ---- the machine ---- */

static void walked(struct drift *drift)
{
    adopt(drift, &drift->walk.record);
    drift_tick(drift);
}

static void walk(struct drift *drift)
{
    drift_walk_init(&drift->walk, &drift->record, NULL);
    drift->walk.now_ms = now_ms(drift);
    submit(drift, walked);
}

static void advance(struct drift *drift)
{
    switch (drift->record.phase) {
    case DRIFT_IDLE:
        idle(drift);
        break;
    case DRIFT_READING:
        if (has_page(drift))
            take_piece(drift);
        else
            ask(drift);
        break;
    default:
        walk(drift);
        break;
    }
}

void drift_tick(struct drift *drift)
{
    int64_t left = drift->wait_until_ms - clock_monotonic_ms(drift->clock);

    if (drift->stopped || drift->busy)
        return;
    if (left > 0)
        drift->ops->wake(drift->ctx, left);
    else if (!drift->loaded)
        load(drift);
    else
        advance(drift);
}

void drift_retry(struct drift *drift)
{
    if (!drift->told_to_wait)
        drift->wait_until_ms = 0;
    drift_tick(drift);
}

/* ---- operators ---- */

static int check_loaded(const struct drift *drift, struct error *err)
{
    if (drift->loaded && !drift->stopped)
        return 0;
    return error_set(err, ERR_BUSY, 0, "the connection is just being started: ask again");
}

int drift_ask(struct drift *drift, int64_t *ret_check, struct error *err)
{
    int rc = check_loaded(drift, err);

    if (rc < 0)
        return rc;
    drift->check_asked = true;
    *ret_check = drift->record.round + 1;
    drift_retry(drift);
    return 0;
}

int drift_repair(struct drift *drift, struct error *err)
{
    int rc = check_loaded(drift, err);

    if (rc < 0)
        return rc;
    drift->repair_asked = true;
    drift_retry(drift);
    return 0;
}

void drift_status(const struct drift *drift, struct drift_status *ret_status)
{
    int64_t left = drift->wait_until_ms - clock_monotonic_ms(drift->clock);

    ret_status->record = drift->record;
    ret_status->asked = drift->check_asked || drift->repair_asked;
    ret_status->next_try_ms = drift->record.phase == DRIFT_READING && left > 0 ? now_ms(drift) + left : -1;
}

/* ---- lifetime ---- */

int drift_new(const struct drift_ops *ops, void *ctx, const struct clock *clock, const char *connection,
              const char *tenant_id, const char *graph_url, struct drift **ret_drift)
{
    struct drift *drift = calloc(1, sizeof(*drift));

    if (!drift)
        return ERR_NOMEM;
    drift->ops = ops;
    drift->ctx = ctx;
    drift->clock = clock;
    drift->graph_url = graph_url;
    drift_record_init(&drift->record, connection, tenant_id);
    *ret_drift = drift;
    return 0;
}

void drift_stop(struct drift *drift)
{
    drift->stopped = true;
}

void drift_free(struct drift *drift)
{
    if (!drift)
        return;
    devices_delta_page_deinit(&drift->page);
    free(drift);
}
