/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * repeat - lets the first few lines of a repeated fact through and counts the rest, so that they can be told in one
 * line.
 */
#ifndef COMPLYD_DAEMON_REPEAT_H
#define COMPLYD_DAEMON_REPEAT_H

#include <stdbool.h>
#include <stdint.h>

struct repeat {
    int64_t window_ms; /* set by the owner */
    unsigned burst;    /* lines let through a window */
    int64_t began_ms;
    unsigned passed;
    uint64_t suppressed;
};

/* True: write the line. *ret_suppressed (never NULL) is how many were held back since the last one, to be told with
 * it. */
bool repeat_pass(struct repeat *repeat, int64_t monotonic_ms, uint64_t *ret_suppressed);

/* How many were held back in a window that is over by now, and not told yet: for a line of its own when no other one
 * follows. */
uint64_t repeat_flush(struct repeat *repeat, int64_t monotonic_ms);

#endif
