/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "daemon/weekly.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum {
    KINDS = 2,
    FEED_MAX = 125,        /* rows a job: a few ms */
    BACKLOG_MAX = 2000,    /* bulk rows that may wait in the outbox */
    PACE_MS = 10 * 1000,   /* a spread report is fed this often */
    LOOK_MS = 3600 * 1000, /* a date further away is looked at again after this: clocks step */
    RETRY_MS = 5 * 1000,
};

struct walk {
    struct weekly *weekly;
    enum full_report_kind kind;
    struct full_report_state state;
    bool loaded;                      /* state is the store's */
    bool busy;                        /* a job is under way */
    int64_t counted_ms;               /* when the store last said how many rows wait */
    void (*ended)(struct walk *walk); /* what the job under way comes to */
    union {
        struct store_job job;
        struct full_report_load load;
        struct full_report_begin begin;
        struct full_report_feed feed;
    };
};

struct weekly {
    const struct weekly_ops *ops;
    void *ctx;
    const struct clock *clock;
    const char *connection;
    int64_t interval_ms, spread_ms;
    bool stopped;
    struct walk walks[KINDS];
    uv_timer_t timer;
};

static void tick(struct weekly *weekly);
static void load(struct walk *walk);

static int64_t now_ms(const struct weekly *weekly)
{
    return clock_realtime_ms(weekly->clock);
}

static struct walk *walk_of(struct store_job *job)
{
    return (struct walk *)((char *)job - offsetof(struct walk, job));
}

static bool is_running(const struct walk *walk)
{
    return walk->state.started_at_ms >= 0;
}

static void submit(struct walk *walk, void (*ended)(struct walk *walk))
{
    walk->busy = true;
    walk->ended = ended;
    walk->weekly->ops->submit(walk->weekly->ctx, &walk->job);
}

static void on_timer(uv_timer_t *timer)
{
    tick(timer->data);
}

static void wake_in(struct weekly *weekly, int64_t delay_ms)
{
    uint64_t delay = delay_ms > 1 ? (uint64_t)delay_ms : 1;
    if (!uv_is_active((uv_handle_t *)&weekly->timer) || uv_timer_get_due_in(&weekly->timer) > delay)
        uv_timer_start(&weekly->timer, on_timer, delay, 0);
}

/* The date after one that has passed, in step with the old one. */
static int64_t following_date(const struct weekly *weekly, int64_t due_ms)
{
    int64_t now = now_ms(weekly), interval = weekly->interval_ms;
    if (due_ms <= 0 || due_ms > now + interval)
        return now + interval;
    return due_ms > now ? due_ms : due_ms + ((now - due_ms) / interval + 1) * interval;
}

static void begin_ended(struct walk *walk)
{
    struct weekly *weekly = walk->weekly;
    if (walk->job.result < 0) {
        wake_in(weekly, RETRY_MS);
        return;
    }
    walk->state = walk->begin.state;
    if (is_running(walk))
        weekly->ops->moved(weekly->ctx, walk->kind, &walk->state, true);
    tick(weekly);
}

static void begin(struct walk *walk, int64_t started_at_ms, int64_t due_at_ms)
{
    full_report_begin_init(&walk->begin, walk->weekly->connection, walk->kind, NULL);
    walk->begin.started_at_ms = started_at_ms;
    walk->begin.due_at_ms = due_at_ms;
    submit(walk, begin_ended);
}

static void feed_ended(struct walk *walk)
{
    struct weekly *weekly = walk->weekly;
    if (walk->job.result < 0) {
        wake_in(weekly, RETRY_MS);
        return;
    }
    walk->state = walk->feed.state;
    if (!is_running(walk))
        weekly->ops->moved(weekly->ctx, walk->kind, &walk->state, false);
    if (walk->feed.added > 0)
        weekly->ops->fed(weekly->ctx);
    if (walk->feed.added > 0 || !is_running(walk))
        tick(weekly);
    else
        wake_in(weekly, PACE_MS); /* the backlog is full, or the last rows are on their way: hungry() comes first */
}

/* How many devices may have been fed by now. */
static int64_t fed_by_now(const struct walk *walk)
{
    const struct weekly *weekly = walk->weekly;
    int64_t elapsed = now_ms(weekly) - walk->state.started_at_ms;
    if (walk->kind == FULL_REPORT_RESYNC || weekly->spread_ms <= 0 || elapsed >= weekly->spread_ms || elapsed < 0)
        return INT64_MAX;
    return (int64_t)((double)walk->state.total * (double)elapsed / (double)weekly->spread_ms) + 1;
}

static void recount_ended(struct walk *walk)
{
    if (walk->job.result == 0)
        walk->state = walk->load.state;
    wake_in(walk->weekly, PACE_MS);
}

/* The next row's turn comes later, perhaps much later: until then who looks should see how many of the others are done.
 */
static void rest(struct walk *walk)
{
    int64_t now = now_ms(walk->weekly);
    if (walk->state.waiting == 0 || llabs(now - walk->counted_ms) < PACE_MS) {
        wake_in(walk->weekly, PACE_MS);
        return;
    }
    walk->counted_ms = now;
    full_report_load_init(&walk->load, walk->weekly->connection, walk->kind, NULL);
    submit(walk, recount_ended);
}

static void feed(struct walk *walk)
{
    struct weekly *weekly = walk->weekly;
    int64_t may = fed_by_now(walk) - walk->state.fed;
    if (may <= 0) {
        rest(walk);
        return;
    }
    walk->counted_ms = now_ms(weekly);
    full_report_feed_init(&walk->feed, weekly->connection, walk->kind, NULL);
    walk->feed.limit = may < FEED_MAX ? (unsigned)may : FEED_MAX;
    walk->feed.backlog = BACKLOG_MAX;
    walk->feed.now_ms = now_ms(weekly);
    walk->feed.next_due_ms = following_date(weekly, walk->state.due_at_ms);
    submit(walk, feed_ended);
}

static void advance(struct walk *walk)
{
    struct weekly *weekly = walk->weekly;
    if (walk->busy)
        return;
    if (!walk->loaded) {
        load(walk);
    } else if (is_running(walk)) {
        feed(walk);
    } else if (walk->kind == FULL_REPORT_WEEKLY) {
        int64_t wait = walk->state.due_at_ms - now_ms(weekly);
        if (walk->state.due_at_ms <= 0 || wait > weekly->interval_ms)
            begin(walk, -1,
                  now_ms(weekly) + weekly->interval_ms); /* no date yet, or the clock or the interval changed */
        else if (wait <= 0)
            begin(walk, now_ms(weekly), walk->state.due_at_ms);
        else
            wake_in(weekly, wait < LOOK_MS ? wait : LOOK_MS);
    }
}

static void load_ended(struct walk *walk)
{
    walk->loaded = walk->job.result == 0;
    if (!walk->loaded) {
        wake_in(walk->weekly, RETRY_MS);
        return;
    }
    walk->state = walk->load.state;
    tick(walk->weekly);
}

static void load(struct walk *walk)
{
    full_report_load_init(&walk->load, walk->weekly->connection, walk->kind, NULL);
    submit(walk, load_ended);
}

static void tick(struct weekly *weekly)
{
    for (int kind = 0; kind < KINDS && !weekly->stopped; kind++)
        advance(&weekly->walks[kind]);
}

void weekly_job_ended(struct weekly *weekly, struct store_job *job)
{
    struct walk *walk = walk_of(job);
    walk->busy = false;
    if (!weekly->stopped)
        walk->ended(walk);
}

void weekly_configure(struct weekly *weekly, int64_t interval_ms, int64_t spread_ms)
{
    weekly->interval_ms = interval_ms;
    weekly->spread_ms = spread_ms;
    tick(weekly);
}

/* Jobs end in the order in which they were submitted, so this state is newer than that of any job before. */
void weekly_resync(struct weekly *weekly, const struct full_report_state *state)
{
    struct walk *walk = &weekly->walks[FULL_REPORT_RESYNC];
    bool began = !is_running(walk);
    if (weekly->stopped)
        return;
    walk->state = *state;
    walk->loaded = true;
    if (began)
        weekly->ops->moved(weekly->ctx, FULL_REPORT_RESYNC, state, true);
    tick(weekly);
}

void weekly_hungry(struct weekly *weekly)
{
    for (int kind = 0; kind < KINDS && !weekly->stopped; kind++) {
        if (is_running(&weekly->walks[kind]))
            advance(&weekly->walks[kind]);
    }
}

void weekly_stop(struct weekly *weekly)
{
    weekly->stopped = true;
    uv_timer_stop(&weekly->timer);
}

bool weekly_is_idle(const struct weekly *weekly)
{
    return !weekly->walks[FULL_REPORT_WEEKLY].busy && !weekly->walks[FULL_REPORT_RESYNC].busy;
}

const struct full_report_state *weekly_state(const struct weekly *weekly, enum full_report_kind kind)
{
    return &weekly->walks[kind].state;
}

int weekly_new(struct uv_loop_s *loop, const struct weekly_ops *ops, void *ctx, const struct clock *clock,
               const char *connection, struct weekly **ret_weekly)
{
    struct weekly *weekly = calloc(1, sizeof(*weekly));
    if (!weekly)
        return ERR_NOMEM;
    weekly->ops = ops;
    weekly->ctx = ctx;
    weekly->clock = clock;
    weekly->connection = connection;
    for (int kind = 0; kind < KINDS; kind++) {
        weekly->walks[kind] = (struct walk){.weekly = weekly, .kind = (enum full_report_kind)kind};
        weekly->walks[kind].state.started_at_ms = -1;
        weekly->walks[kind].state.finished_at_ms = -1;
    }
    uv_timer_init(loop, &weekly->timer);
    weekly->timer.data = weekly;
    *ret_weekly = weekly;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void weekly_close(struct weekly *weekly)
{
    if (weekly && !uv_is_closing((uv_handle_t *)&weekly->timer))
        uv_close((uv_handle_t *)&weekly->timer, on_closed);
}
