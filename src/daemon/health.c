/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "daemon/health.h"

bool health_failed(struct health *health, const struct error *error, uint64_t commits, int64_t monotonic_ms)
{
    bool other = health->error.code != error->code;
    bool before = health->trouble;
    if (!health->failing)
        health->first_ms = monotonic_ms;
    health->failing = true;
    health->last_ms = monotonic_ms;
    health->commits = commits;
    health->error = *error;
    health->trouble = before || error->code != ERR_BUSY || monotonic_ms - health->first_ms >= HEALTH_BUSY_MS;
    return health->trouble && (!before || other);
}

bool health_mended(struct health *health, uint64_t commits, int64_t monotonic_ms)
{
    bool before = health->trouble;
    if (monotonic_ms - health->last_ms < HEALTH_STEADY_MS || commits == health->commits)
        return false;
    *health = (struct health){0};
    return before;
}
