/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * budget - the quotas of one connection's channel, shared by reports, look-ups and questions for verdicts.
 *
 * Up to two token buckets (microsoft/quota.h) apply at once. A part of the smaller one is kept for what is more urgent:
 * bulk work leaves half of it to changes, questions leave a quarter, changes and look-ups may spend all. Look-ups only
 * read: a quota of writes is not theirs.
 *
 * Thread    loop only. Times are monotonic milliseconds.
 */
#ifndef COMPLYD_DAEMON_BUDGET_H
#define COMPLYD_DAEMON_BUDGET_H

#include "base/clock.h"
#include "microsoft/quota.h"

enum { BUDGET_QUOTAS = 2 };

enum budget_use { BUDGET_CHANGE, BUDGET_LOOKUP, BUDGET_QUESTION, BUDGET_BULK };

struct budget {
    const struct clock *clock;
    uint64_t *throttlings; /* counts them; NULL = nobody does */
    unsigned count;        /* quotas in force */
    unsigned reads;        /* ... of which so many, the first ones, count what only reads */
    struct quota quota[BUDGET_QUOTAS];
};

void budget_init(struct budget *budget, const struct clock *clock);

/* Adds a bucket of `units` per `period_ms`; one that only writes are taken from comes last. */
void budget_add(struct budget *budget, double units, int64_t period_ms);
void budget_add_writes(struct budget *budget, double units, int64_t period_ms);

/* How many of `wanted` units this use may spend now. */
unsigned budget_available(struct budget *budget, enum budget_use use, unsigned wanted);
void budget_take(struct budget *budget, unsigned units);
void budget_take_reads(struct budget *budget, unsigned units);

/* Microsoft throttles: halves the rate and blocks until Retry-After has passed. */
void budget_throttled(struct budget *budget, int64_t retry_after_ms);

/* When `units` may be spent by this use; now if they may be at once. */
int64_t budget_ready_at_ms(struct budget *budget, enum budget_use use, unsigned units);

double budget_share(const struct budget *budget);             /* 1 = full rate */
int64_t budget_blocked_until_ms(const struct budget *budget); /* 0 = not blocked */

#endif
