/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * histogram - how long things took: counts in fixed buckets. Neither allocates nor locks.
 *
 * Thread    whoever owns it.
 */
#ifndef COMPLYD_BASE_HISTOGRAM_H
#define COMPLYD_BASE_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_BOUNDS_MAX = 18 };

/* Upper bounds in seconds, inclusive, rising. */
struct histogram_bounds {
    unsigned count;
    double at[HISTOGRAM_BOUNDS_MAX];
};

extern const struct histogram_bounds histogram_moments; /* 50 us to 10 s: what a computer does */
extern const struct histogram_bounds histogram_waits;   /* 5 ms to 7 days: what somebody waits for */

struct histogram {
    const struct histogram_bounds *bounds;
    uint64_t counts[HISTOGRAM_BOUNDS_MAX + 1]; /* one a bucket; the last of them is beyond all bounds */
    double sum;                                /* seconds */
};

void histogram_init(struct histogram *histogram, const struct histogram_bounds *bounds);

/* A negative duration, after a step of the clock, counts as 0. */
void histogram_observe(struct histogram *histogram, double seconds);

uint64_t histogram_count(const struct histogram *histogram);

#endif
