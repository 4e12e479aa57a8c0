/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/daemon.h"
#include "store/fleet.h"
#include "web_internal.h"

/*
 * A ring of samples: memory for a day, no more. The counters of reports are at hand; the queue is counted on the
 * reader's thread, one look at a time, so that a long one delays the next sample and nothing else.
 */
enum { STEP_MS = 20 * 1000, SAMPLES = 24 * 3600 / 20, POINTS_MAX = 240, MINUTES_MAX = 24 * 60 };

struct sample {
    int64_t at_s;
    unsigned accepted, refused, delayed; /* reports since the sample before */
    unsigned queued;
    unsigned oldest_s; /* age of the oldest in the queue */
};

struct totals {
    uint64_t accepted, refused, delayed;
};

struct history {
    struct store_job job; /* first */
    struct web *web;
    uv_timer_t timer;
    bool looking;
    bool closing;
    uv_close_cb closed;
    struct fleet_counts counts;
    struct totals before;
    size_t next, count;
    struct sample samples[SAMPLES];
};

static struct totals count_reports(const struct daemon *daemon)
{
    struct totals totals = {0};
    struct daemon_status status;

    daemon_status(daemon, &status);
    for (size_t i = 0; i < status.connection_count; i++) {
        struct connection_status connection;

        connection_status(daemon_connection(daemon, i), &connection);
        for (int channel = 0; channel < CHANNEL_COUNT; channel++) {
            totals.accepted += connection.channel[channel].accepted;
            totals.refused += connection.channel[channel].refused;
            totals.delayed += connection.channel[channel].transient; /* the throttled ones among them */
        }
    }
    return totals;
}

/* A reload starts connections, and their counters, anew. */
static unsigned rise(uint64_t now, uint64_t before)
{
    return (unsigned)(now >= before ? now - before : now);
}

static struct sample take(struct history *history, const struct totals *totals)
{
    int64_t now_ms = clock_realtime_ms(clock_system());
    struct sample sample = {.at_s = now_ms / 1000,
                            .accepted = rise(totals->accepted, history->before.accepted),
                            .refused = rise(totals->refused, history->before.refused),
                            .delayed = rise(totals->delayed, history->before.delayed)};

    for (int i = 0; i < PRIORITY_COUNT; i++)
        sample.queued += (unsigned)history->counts.queued[i];
    if (history->counts.queue_oldest_ms > 0 && history->counts.queue_oldest_ms < now_ms)
        sample.oldest_s = (unsigned)((now_ms - history->counts.queue_oldest_ms) / 1000);
    return sample;
}

static int run_look(struct store_job *job, struct database *database, struct error *err)
{
    return fleet_count_queue(database, NULL, &((struct history *)job)->counts, err);
}

static void free_history(uv_handle_t *handle)
{
    struct history *history = (struct history *)((char *)handle - offsetof(struct history, timer));
    uv_close_cb closed = history->closed;

    handle->data = history->web;
    closed(handle);
    free(history);
}

static void look_done(struct store_job *job)
{
    struct history *history = (struct history *)job;
    struct totals totals;

    history->looking = false;
    if (history->closing) {
        uv_close((uv_handle_t *)&history->timer, free_history);
        return;
    }
    if (job->result != 0)
        history->counts = (struct fleet_counts){.queue_oldest_ms = -1};
    totals = count_reports(history->web->daemon);
    history->samples[history->next] = take(history, &totals);
    history->before = totals;
    history->next = (history->next + 1) % SAMPLES;
    if (history->count < SAMPLES)
        history->count++;
}

static void on_timer(uv_timer_t *timer)
{
    struct history *history = timer->data;

    if (history->looking)
        return;
    history->looking = true;
    history->job = (struct store_job){.run = run_look, .done = look_done};
    daemon_look(history->web->daemon, &history->job);
}

struct history *history_new(struct web *web)
{
    struct history *history = calloc(1, sizeof(*history));

    if (history == NULL)
        return NULL;
    history->web = web;
    history->counts.queue_oldest_ms = -1;
    history->before = count_reports(web->daemon);
    return history;
}

void history_start(struct history *history)
{
    uv_timer_init(history->web->loop, &history->timer);
    history->timer.data = history;
    uv_timer_start(&history->timer, on_timer, 0, STEP_MS);
}

void history_close(struct history *history, uv_close_cb closed)
{
    history->closing = true;
    history->closed = closed;
    uv_timer_stop(&history->timer);
    if (!history->looking)
        uv_close((uv_handle_t *)&history->timer, free_history);
}

static void add_point(struct buf *out, const struct sample *sample)
{
    if (out->data[out->length - 1] == ']')
        buf_add_char(out, ',');
    buf_addf(out, "[%lld,%u,%u,%u,%u,%u]", (long long)sample->at_s, sample->accepted, sample->refused, sample->delayed,
             sample->queued, sample->oldest_s);
}

/* Reports add up over a point's samples; of the queue the worst is told. */
static void join(struct sample *point, const struct sample *sample)
{
    point->at_s = sample->at_s;
    point->accepted += sample->accepted;
    point->refused += sample->refused;
    point->delayed += sample->delayed;
    point->queued = sample->queued > point->queued ? sample->queued : point->queued;
    point->oldest_s = sample->oldest_s > point->oldest_s ? sample->oldest_s : point->oldest_s;
}

static void add_points(const struct history *history, size_t wanted, size_t stride, struct buf *out)
{
    size_t count = wanted < history->count ? wanted : history->count;
    struct sample point = {0};

    for (size_t i = count; i > 0; i--) {
        join(&point, &history->samples[(history->next + SAMPLES - i) % SAMPLES]);
        if ((i - 1) % stride == 0) {
            add_point(out, &point);
            point = (struct sample){0};
        }
    }
}

void history_get(struct api_request *request)
{
    static const char *const names[] = {"minutes", NULL};
    const struct history *history = request->web->history;
    size_t wanted, stride;
    unsigned minutes;
    struct buf body;

    if (!api_check_parameters(request, names) || !api_number(request, "minutes", 1, MINUTES_MAX, 60, &minutes))
        return;
    wanted = (size_t)minutes * 60 * 1000 / STEP_MS;
    stride = (wanted + POINTS_MAX - 1) / POINTS_MAX;
    buf_init(&body, 0);
    buf_add_char(&body, '{');
    view_int(&body, "step_seconds", (int64_t)stride * STEP_MS / 1000);
    view_int(&body, "minutes", minutes);
    view_key(&body, "points");
    buf_add_char(&body, '[');
    add_points(history, wanted, stride, &body);
    buf_add_text(&body, "]}");
    api_answer(request, 200, &body);
}
