/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "microsoft/quota.h"

#include <math.h>
#include <stdbool.h>

static const double burst_share = 1.0 / 4;
static const double share_min = 1.0 / 64;
static const double share_step = 1.0 / 8;

/* Without Retry-After: long enough that all the refusals of one burst count as one. */
static const int64_t hold_min_ms = 1000;

/* Rounding of many small refills must not keep back a whole unit. */
static const double grain = 1e-6;

/* What the bucket holds and what flows into it within a period are `units` together: so many are spent in any period at
 * most, the first one too. */
void quota_init(struct quota *quota, double units, int64_t period_ms, int64_t now_ms)
{
    const double burst = fmax(1, floor(units * burst_share));

    *quota = (struct quota){
        .capacity = burst,
        .per_ms = fmax(units - burst, units / 2) / (double)period_ms,
        .level = burst,
        .share = 1,
        .period_ms = period_ms,
        .refilled_at_ms = now_ms,
        .recovered_at_ms = now_ms,
    };
}

static void fill(struct quota *quota, int64_t until_ms)
{
    if (until_ms <= quota->refilled_at_ms)
        return;
    quota->level += (double)(until_ms - quota->refilled_at_ms) * quota->per_ms * quota->share;
    if (quota->level > quota->capacity)
        quota->level = quota->capacity;
    quota->refilled_at_ms = until_ms;
}

/* Brings level and share up to now; each stretch is filled at the rate that was in force then. */
static void refill(struct quota *quota, int64_t now_ms)
{
    while (quota->share < 1 && now_ms - quota->recovered_at_ms >= quota->period_ms) {
        quota->recovered_at_ms += quota->period_ms;
        fill(quota, quota->recovered_at_ms);
        quota->share = fmin(1, quota->share + share_step);
    }
    fill(quota, now_ms);
}

unsigned quota_available(struct quota *quota, unsigned wanted, int64_t now_ms)
{
    double units;

    refill(quota, now_ms);
    if (now_ms < quota->blocked_until_ms)
        return 0;
    units = floor(quota->level + grain);
    return units >= wanted ? wanted : units > 0 ? (unsigned)units : 0;
}

void quota_take(struct quota *quota, unsigned units, int64_t now_ms)
{
    refill(quota, now_ms);
    quota->level -= units;
}

void quota_throttled(struct quota *quota, int64_t retry_after_ms, int64_t now_ms)
{
    const bool same_burst = now_ms < quota->blocked_until_ms;
    const int64_t until_ms = now_ms + (retry_after_ms > hold_min_ms ? retry_after_ms : hold_min_ms);

    refill(quota, now_ms);
    if (until_ms > quota->blocked_until_ms)
        quota->blocked_until_ms = until_ms;
    if (!same_burst)
        quota->share = fmax(share_min, quota->share / 2);
    quota->recovered_at_ms = quota->blocked_until_ms;
    if (quota->level > 0)
        quota->level = 0;
}

int64_t quota_ready_at_ms(struct quota *quota, unsigned units, int64_t now_ms)
{
    const double wanted = fmin(units, quota->capacity) - grain;
    double level, share;
    int64_t at_ms, step_ms;

    refill(quota, now_ms);
    level = quota->level;
    share = quota->share;
    at_ms = quota->refilled_at_ms;
    /* while the rate still grows, each step has its own slope */
    for (step_ms = quota->recovered_at_ms + quota->period_ms; share < 1 && level < wanted;
         step_ms += quota->period_ms) {
        double gain = (double)(step_ms - at_ms) * quota->per_ms * share;

        if (level + gain >= wanted)
            break;
        level += gain;
        at_ms = step_ms;
        share = fmin(1, share + share_step);
    }
    if (level < wanted)
        at_ms += (int64_t)ceil((wanted - level) / (quota->per_ms * share));
    if (at_ms < now_ms)
        at_ms = now_ms;
    return at_ms > quota->blocked_until_ms ? at_ms : quota->blocked_until_ms;
}
