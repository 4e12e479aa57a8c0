/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "base/histogram.h"

#include <string.h>

const struct histogram_bounds histogram_moments = {
    15, {0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 10}};

const struct histogram_bounds histogram_waits = {
    18, {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 900, 3600, 14400, 86400, 604800}};

void histogram_init(struct histogram *histogram, const struct histogram_bounds *bounds)
{
    memset(histogram, 0, sizeof(*histogram));
    histogram->bounds = bounds;
}

void histogram_observe(struct histogram *histogram, double seconds)
{
    unsigned bucket = 0;

    if (seconds < 0)
        seconds = 0;
    while (bucket < histogram->bounds->count && seconds > histogram->bounds->at[bucket])
        bucket++;
    histogram->counts[bucket]++;
    histogram->sum += seconds;
}

uint64_t histogram_count(const struct histogram *histogram)
{
    uint64_t count = 0;

    for (unsigned i = 0; i <= histogram->bounds->count; i++)
        count += histogram->counts[i];
    return count;
}
