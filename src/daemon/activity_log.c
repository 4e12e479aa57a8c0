/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "daemon/activity_log.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"

enum {
    QUEUE_MAX = 1000,
    ANCHOR_EVERY_MS = 15 * 60 * 1000,
    PURGE_EVERY_MS = 3600 * 1000,
    PURGE_MAX = 1000, /* entries a job: a few ms */
};

struct activity_log {
    const struct clock *clock;
    struct store_thread *writer; /* NULL: the store is not open yet */

    struct activity_note *queue, **end;
    unsigned queued, lost;
    struct activity_write write;
    struct activity_note *writing;
    bool busy, failed; /* a job is under way; the last one failed: tried again at the next tend */

    struct activity_head head;
    bool anchoring, anchor_wanted;
    int64_t anchored;                     /* id of the last anchor told */
    int64_t anchored_at_ms, purged_at_ms; /* monotonic */

    struct activity_purge purge;
    bool purging;
    int64_t retention_ms;

    struct activity_follower *followers;
    struct activity_follower *waking; /* those that are being woken */

    bool stopping;
    void (*stopped)(void *ctx);
    void *stopped_ctx;
};

static void advance(struct activity_log *log);

static int64_t monotonic_ms(const struct activity_log *log)
{
    return clock_monotonic_ms(log->clock);
}

/* ---- entries ---- */

static void clear_queue(struct activity_log *log)
{
    log->queue = NULL;
    log->end = &log->queue;
    log->queued = 0;
}

static void free_notes(struct activity_note *note)
{
    while (note) {
        struct activity_note *next = note->next;
        free(note);
        note = next;
    }
}

static void push(struct activity_log *log, const struct activity_entry *entry)
{
    struct activity_note *note = log->queued < QUEUE_MAX ? activity_note_new(entry) : NULL;
    if (!note) {
        if (log->lost++ == 0)
            log_error(TAG_ACTIVITY, "entries are lost: %s",
                      log->queued < QUEUE_MAX ? "out of memory" : "the store does not take them");
        return;
    }
    if (note->entry.at_ms == 0)
        note->entry.at_ms = clock_realtime_ms(log->clock);
    *log->end = note;
    log->end = &note->next;
    log->queued++;
}

static void tell_lost(struct activity_log *log)
{
    char detail[64];
    if (log->lost == 0)
        return;
    snprintf(detail, sizeof(detail), "%u entries were lost while the store was in trouble", log->lost);
    log->lost = 0;
    push(log, &(struct activity_entry){
                  .kind = activity_kind_name(ACTIVITY_STORE), .result = "entries_lost", .detail = detail});
}

/* What could not be written goes back in front of what came since. */
static void put_back(struct activity_log *log)
{
    struct activity_note *last = log->writing;
    log->queued++;
    while (last->next) {
        last = last->next;
        log->queued++;
    }
    last->next = log->queue;
    if (!log->queue)
        log->end = &last->next;
    log->queue = log->writing;
}

static void write_done(struct store_job *job)
{
    struct activity_log *log = job->ctx;
    log->busy = false;
    log->failed = job->result < 0;
    if (log->failed) {
        put_back(log);
    } else {
        free_notes(log->writing);
        tell_lost(log);
    }
    log->writing = NULL;
    advance(log);
}

static void write_queue(struct activity_log *log)
{
    log->writing = log->queue;
    clear_queue(log);
    activity_write_init(&log->write, log->writing, write_done);
    log->write.job.ctx = log;
    log->busy = true;
    store_thread_submit(log->writer, &log->write.job);
}

void activity_log_add(struct activity_log *log, const struct activity_entry *entry)
{
    push(log, entry);
    advance(log);
}

/* ---- anchors ---- */

static void head_read(struct store_job *job)
{
    struct activity_log *log = job->ctx;
    char anchor[ACTIVITY_ANCHOR_TEXT];
    log->anchoring = false;
    if (job->result == 0 && log->head.id != log->anchored) {
        log->anchored = log->head.id;
        log_notice(TAG_ACTIVITY, "anchor=%s (for: complyctl activity verify --anchor)",
                   activity_anchor(log->head.id, log->head.hash, anchor));
    }
    advance(log);
}

static void read_head(struct activity_log *log)
{
    log->anchor_wanted = false;
    log->anchored_at_ms = monotonic_ms(log);
    activity_head_init(&log->head, head_read);
    log->head.job.ctx = log;
    log->anchoring = true;
    store_thread_submit(log->writer, &log->head.job);
}

/* ---- retention ---- */

static void purge(struct activity_log *log);

static void purge_done(struct store_job *job)
{
    struct activity_log *log = job->ctx;
    log->purging = false;
    if (job->result == 0 && log->purge.purged == PURGE_MAX && !log->stopping)
        purge(log);
    advance(log);
}

static void purge(struct activity_log *log)
{
    int64_t now_ms = clock_realtime_ms(log->clock);
    log->purged_at_ms = monotonic_ms(log);
    activity_purge_init(&log->purge, now_ms, now_ms - log->retention_ms, PURGE_MAX, purge_done);
    log->purge.job.ctx = log;
    log->purging = true;
    store_thread_submit(log->writer, &log->purge.job);
}

/* ---- what is next ---- */

/* Entries first, so that the anchor is of the newest; one job of each sort at a time. */
static void advance(struct activity_log *log)
{
    if (log->writer && !log->busy && !log->failed && log->queue)
        write_queue(log);
    if (log->writer && !log->busy && !log->anchoring && log->anchor_wanted)
        read_head(log);
    if (!log->stopping || log->busy || log->anchoring || log->purging || !log->stopped)
        return;
    void (*stopped)(void *ctx) = log->stopped;
    log->stopped = NULL;
    stopped(log->stopped_ctx);
}

void activity_log_tend(struct activity_log *log, int64_t retention_ms)
{
    log->retention_ms = retention_ms;
    log->failed = false;
    log->anchor_wanted |= monotonic_ms(log) - log->anchored_at_ms >= ANCHOR_EVERY_MS;
    if (log->writer && !log->purging && monotonic_ms(log) - log->purged_at_ms >= PURGE_EVERY_MS)
        purge(log);
    advance(log);
}

/* ---- followers ---- */

void activity_log_follow(struct activity_log *log, struct activity_follower *follower)
{
    follower->next = log->followers;
    log->followers = follower;
}

static void cut_out(struct activity_follower **place, const struct activity_follower *follower)
{
    while (*place && *place != follower)
        place = &(*place)->next;
    if (*place)
        *place = follower->next;
}

void activity_log_unfollow(struct activity_log *log, struct activity_follower *follower)
{
    cut_out(&log->followers, follower);
    cut_out(&log->waking, follower);
}

/* Who is woken may follow anew at once, or take another one out. */
void activity_log_committed(struct activity_log *log)
{
    if (log->waking)
        return;
    log->waking = log->followers;
    log->followers = NULL;
    while (log->waking) {
        struct activity_follower *follower = log->waking;
        log->waking = follower->next;
        follower->wake(follower);
    }
}

/* ---- lifetime ---- */

struct activity_log *activity_log_new(const struct clock *clock)
{
    struct activity_log *log = calloc(1, sizeof(*log));
    if (!log)
        return NULL;
    log->clock = clock;
    log->purged_at_ms = monotonic_ms(log) - PURGE_EVERY_MS;
    clear_queue(log);
    return log;
}

static void on_commit(void *ctx)
{
    activity_log_committed(ctx);
}

void activity_log_open(struct activity_log *log, struct store_thread *writer)
{
    log->writer = writer;
    log->anchor_wanted = true;
    store_thread_on_commit(writer, on_commit, log);
    advance(log);
}

void activity_log_stop(struct activity_log *log, void (*stopped)(void *ctx), void *ctx)
{
    log->stopping = true;
    log->stopped = stopped;
    log->stopped_ctx = ctx;
    log->failed = false;
    log->anchor_wanted = log->writer != NULL;
    advance(log);
}

void activity_log_free(struct activity_log *log)
{
    if (!log)
        return;
    free_notes(log->queue);
    free(log);
}
