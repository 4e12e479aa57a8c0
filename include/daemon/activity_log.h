/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * activity_log - the daemon's hand in the activity log: entries are queued here and written together by the store's
 * thread.
 *
 * Reports, verdicts and parked devices are written by the store itself, with what they tell of (store/activity). Here
 * come all others, and what the log needs: anchors to the process's own log (at start, at stop, and every quarter of an
 * hour that brought entries), purging what is too old, and waking who follows it.
 *
 * Thread    loop only; nothing waits. While the store is in trouble up to 1,000 entries are kept; what is lost beyond
 *           is counted, and that is an entry too.
 */
#ifndef COMPLYD_DAEMON_ACTIVITY_LOG_H
#define COMPLYD_DAEMON_ACTIVITY_LOG_H

#include "base/clock.h"
#include "store/activity.h"

struct activity_log;

struct activity_log *activity_log_new(const struct clock *clock); /* NULL without memory */
void activity_log_free(struct activity_log *log);                 /* a stopped one, or one that was never opened */

/* The store is open: what is queued is written, and an anchor told. */
void activity_log_open(struct activity_log *log, struct store_thread *writer);

/* Queues an entry, whose texts are copied. at_ms 0 = now. */
void activity_log_add(struct activity_log *log, const struct activity_entry *entry);

/* Called a few times a minute: what failed is tried again, anchors, retention. */
void activity_log_tend(struct activity_log *log, int64_t retention_ms);

/* Something was committed to the store: followers are woken. */
void activity_log_committed(struct activity_log *log);

/* Somebody who waits for entries: `wake` is called once, after a commit. */
struct activity_follower {
    void (*wake)(struct activity_follower *follower);
    struct activity_follower *next; /* private */
};

void activity_log_follow(struct activity_log *log, struct activity_follower *follower);
void activity_log_unfollow(struct activity_log *log,
                           struct activity_follower *follower); /* also one that does not wait */

/* Writes what is queued and tells a last anchor, as well as the store allows; then calls `stopped` on a later turn, or
 * at once when there is nothing to do. */
void activity_log_stop(struct activity_log *log, void (*stopped)(void *ctx), void *ctx);

#endif
