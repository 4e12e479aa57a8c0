/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "base/backoff.h"

int64_t backoff_ceiling_ms(const struct backoff *backoff, unsigned attempts)
{
    int64_t ceiling = backoff->base_ms < 1 ? 1 : backoff->base_ms;

    for (unsigned i = 1; i < attempts && ceiling < backoff->max_ms; i++)
        ceiling = ceiling > INT64_MAX / 2 ? INT64_MAX : ceiling * 2;
    return ceiling < backoff->max_ms ? ceiling : backoff->max_ms;
}

int64_t backoff_delay_ms(const struct backoff *backoff, unsigned attempts, int64_t retry_after_ms, uint64_t random)
{
    int64_t ceiling = backoff_ceiling_ms(backoff, attempts);
    int64_t floor = ceiling / 8 > 0 ? ceiling / 8 : 1;
    uint64_t width = ceiling > floor ? (uint64_t)(ceiling - floor) + 1 : 1;
    int64_t delay = floor + (int64_t)(random % width);

    return delay > retry_after_ms ? delay : retry_after_ms;
}
