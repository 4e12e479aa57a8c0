/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "daemon/budget.h"

#include <assert.h>
#include <string.h>

enum { KEPT_MAX = 1000 }; /* a reserve beyond this serves nobody */

void budget_init(struct budget *budget, const struct clock *clock)
{
    memset(budget, 0, sizeof(*budget));
    budget->clock = clock;
}

void budget_add_writes(struct budget *budget, double units, int64_t period_ms)
{
    assert(budget->count < BUDGET_QUOTAS);
    quota_init(&budget->quota[budget->count++], units, period_ms, clock_monotonic_ms(budget->clock));
}

void budget_add(struct budget *budget, double units, int64_t period_ms)
{
    assert(budget->reads == budget->count);
    budget_add_writes(budget, units, period_ms);
    budget->reads++;
}

static unsigned counted(const struct budget *budget, enum budget_use use)
{
    return use == BUDGET_LOOKUP ? budget->reads : budget->count;
}

/* Units that this use leaves to more urgent ones. */
static unsigned kept_back(const struct budget *budget, enum budget_use use)
{
    if (use == BUDGET_CHANGE || use == BUDGET_LOOKUP)
        return 0;
    double least = 4.0 * (double)KEPT_MAX;
    for (unsigned i = 0; i < budget->count; i++)
        least = budget->quota[i].capacity < least ? budget->quota[i].capacity : least;
    return (unsigned)(least / (use == BUDGET_BULK ? 2 : 4));
}

unsigned budget_available(struct budget *budget, enum budget_use use, unsigned wanted)
{
    int64_t now = clock_monotonic_ms(budget->clock);
    unsigned kept = kept_back(budget, use);
    unsigned available = wanted + kept;
    for (unsigned i = 0; i < counted(budget, use); i++)
        available = quota_available(&budget->quota[i], available, now);
    return available > kept ? available - kept : 0;
}

static void take(struct budget *budget, unsigned quotas, unsigned units)
{
    int64_t now = clock_monotonic_ms(budget->clock);
    for (unsigned i = 0; i < quotas; i++)
        quota_take(&budget->quota[i], units, now);
}

void budget_take(struct budget *budget, unsigned units)
{
    take(budget, budget->count, units);
}

void budget_take_reads(struct budget *budget, unsigned units)
{
    take(budget, budget->reads, units);
}

void budget_throttled(struct budget *budget, int64_t retry_after_ms)
{
    int64_t now = clock_monotonic_ms(budget->clock);
    if (budget->throttlings)
        (*budget->throttlings)++;
    for (unsigned i = 0; i < budget->count; i++)
        quota_throttled(&budget->quota[i], retry_after_ms, now);
}

int64_t budget_ready_at_ms(struct budget *budget, enum budget_use use, unsigned units)
{
    int64_t now = clock_monotonic_ms(budget->clock), latest = now;
    unsigned kept = kept_back(budget, use);
    for (unsigned i = 0; i < counted(budget, use); i++) {
        int64_t at = quota_ready_at_ms(&budget->quota[i], units + kept, now);
        latest = at > latest ? at : latest;
    }
    return latest;
}

double budget_share(const struct budget *budget)
{
    double share = 1;
    for (unsigned i = 0; i < budget->count; i++)
        share = budget->quota[i].share < share ? budget->quota[i].share : share;
    return share;
}

int64_t budget_blocked_until_ms(const struct budget *budget)
{
    int64_t until = 0;
    for (unsigned i = 0; i < budget->count; i++)
        until = budget->quota[i].blocked_until_ms > until ? budget->quota[i].blocked_until_ms : until;
    return until;
}
