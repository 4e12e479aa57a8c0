/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * quota - a token bucket from Microsoft's documented limits: at most `units` in any stretch of `period_ms`, a quarter
 * of them in one burst, slowed when throttled. Pure.
 *
 * Throttled: the rate is halved (not below 1/64), the bucket emptied, and nothing is allowed until Retry-After (at
 * least a second) has passed; refusals within that time belong to the same burst and do not halve again. After each
 * quiet period the rate grows by an eighth of the full one. Times are monotonic milliseconds.
 */
#ifndef COMPLYD_MICROSOFT_QUOTA_H
#define COMPLYD_MICROSOFT_QUOTA_H

#include <stdint.h>

struct quota {
    double capacity; /* units a full bucket holds */
    double per_ms;   /* full refill rate */
    double level;    /* units there are */
    double share;    /* 1/64 .. 1: part of the full rate in force */
    int64_t period_ms;
    int64_t refilled_at_ms;
    int64_t blocked_until_ms;
    int64_t recovered_at_ms;
};

void quota_init(struct quota *quota, double units, int64_t period_ms, int64_t now_ms);

/* How many of `wanted` units may be spent now (0..wanted); nothing is taken. */
unsigned quota_available(struct quota *quota, unsigned wanted, int64_t now_ms);
void quota_take(struct quota *quota, unsigned units, int64_t now_ms);

void quota_throttled(struct quota *quota, int64_t retry_after_ms, int64_t now_ms);

/* Monotonic time at which `units` are available; now_ms if they are. */
int64_t quota_ready_at_ms(struct quota *quota, unsigned units, int64_t now_ms);

#endif
