/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * backoff - how long to wait before try n: exponential with full jitter. Pure; the caller brings the random bits.
 */
#ifndef COMPLYD_BASE_BACKOFF_H
#define COMPLYD_BASE_BACKOFF_H

#include <stdint.h>

struct backoff {
    int64_t base_ms; /* ceiling of the first delay */
    int64_t max_ms;  /* ceiling of every delay */
};

/* Ceiling before jitter for the try after `attempts` failures (>= 1): min(max, base * 2^(attempts-1)). */
int64_t backoff_ceiling_ms(const struct backoff *backoff, unsigned attempts);

/* The delay: uniform in [ceiling/8, ceiling], so that it is never zero; and at least retry_after_ms. */
int64_t backoff_delay_ms(const struct backoff *backoff, unsigned attempts, int64_t retry_after_ms, uint64_t random);

#endif
