/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * sender - takes queued reports of one connection and channel to Microsoft and records what came of them.
 *
 *            ┌──────────── dirty, or more is left, or a row is due ───────────┐
 *            ▼                                                                │
 *     outbox ──stage──► ready (one list a priority) ──send──► in flight ──answer──► results ──record──► outbox
 *                         ▲                                      │ 401, first time
 *                         └──────────────── same flight again ◄──┘
 *
 * All it needs from outside comes by an operation table, so that hours of outage can be played in milliseconds on a
 * stub clock. The machine itself never waits: every event (staged, recorded, answered, woken) ends in one pump.
 *
 * Thread    loop only.
 * Promise   Only as much is staged as may be sent now, so that what is sent is decided when it is sent. Worst first.
 *           One flight per device. Results are recorded in groups: while one record is under way the next group
 *           gathers.
 */
#ifndef COMPLYD_DAEMON_SENDER_H
#define COMPLYD_DAEMON_SENDER_H

#include "base/clock.h"
#include "daemon/budget.h"
#include "microsoft/outcome.h"
#include "store/outbox.h"

struct sender;

enum { SENDER_CLOSED = 0, SENDER_SHUT = -1 };

/* One request on its way: a partner message or a batch. */
struct flight {
    struct sender *sender;
    void *ctx;             /* the operations' */
    uint64_t token_serial; /* the operations': which token was used */
    unsigned room;         /* of items[] */
    unsigned count;
    unsigned auth_tries; /* answers of 401 so far */
    struct flight *next, **place;
    struct outbox_item *items[]; /* sender_options.items_per_flight */
};

struct sender_ops {
    /* Submits outbox_stage; ends in sender_staged(). */
    void (*stage)(void *ctx, enum priority mildest, unsigned limit);
    /* Submits the record, which it takes over; ends in sender_recorded(). */
    void (*record)(void *ctx, struct outbox_record *record);
    /* Sends; ends in sender_answered(), never before return. 0, or ERR_* when nothing was started. */
    int (*send)(void *ctx, struct flight *flight);
    /* How many requests may be in flight now; SENDER_CLOSED: none, not even staged (stopped, or waiting before a
     * probe); SENDER_SHUT: none yet, but knock() opens the way when there is something to send. */
    int (*window)(void *ctx);
    void (*knock)(void *ctx);
    /* What an answer means for the whole connection; called for each flight after its results are noted. */
    void (*answered)(void *ctx, const struct outcome *outcome);
    /* Asks for sender_pump() in delay_ms; -1 = no need. One wake at a time: the last call counts. */
    void (*wake)(void *ctx, int64_t delay_ms);
    /* A report was settled for good or put back: for log, statistics and activity. */
    void (*settled)(void *ctx, const struct outbox_result *result);
    /* Nothing staged is left that is milder than a change: the full report may feed more. */
    void (*hungry)(void *ctx);
    /* User principal names that must be resolved before their devices can be staged. */
    void (*resolve)(void *ctx, char *const *names, size_t count);
};

struct sender_options {
    enum channel channel;
    const char *connection;    /* outlives the sender */
    unsigned items_per_flight; /* devices per message or batch */
    int64_t result_deadline_ms;
};

struct sender_stats {
    unsigned in_flight, staged;
    uint64_t requests, accepted, refused, transient, throttled;
};

/* `budget` is shared with the other requests of the channel and outlives the sender. */
int sender_new(const struct sender_ops *ops, void *ctx, const struct clock *clock, struct budget *budget,
               const struct sender_options *options, struct sender **ret_sender);
void sender_free(struct sender *sender); /* no job and no answer may come any more */

void sender_set_options(struct sender *sender, const struct sender_options *options);

/* Another process committed: there may be urgent rows, which are staged even if much is ready already. */
void sender_dirty(struct sender *sender);

/* Bulk rows were put into the outbox (full report), or users were resolved: stage when there is room. */
void sender_fed(struct sender *sender);

void sender_pump(struct sender *sender);

/* No more staging; what is ready goes back to the queue, what is in flight is awaited. */
void sender_drain(struct sender *sender);
bool sender_is_idle(const struct sender *sender); /* no job, no flight, nothing ready, nothing to record */

/* Takes what is ready back to the queue: the way was closed. */
void sender_release(struct sender *sender);

/* Answers of the operations. `stage` is borrowed; its items are taken. */
void sender_staged(struct sender *sender, struct outbox_stage *stage);
void sender_recorded(struct sender *sender, struct outbox_record *record); /* frees it with its items */

/* outcomes[i] of each item (NULL: `whole` is each one's); `whole` of the request itself. */
void sender_answered(struct flight *flight, const struct outcome *outcomes, const struct outcome *whole);

void sender_stats(const struct sender *sender, struct sender_stats *ret_stats);

#endif
