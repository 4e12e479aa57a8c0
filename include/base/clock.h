/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * clock - the two clocks, replaceable in tests, and RFC 3339 times.
 *
 * Wall-clock times are milliseconds (`*_ms`) or seconds (`*_s`) since 1970 UTC; durations and deadlines inside the
 * process use the monotonic clock in milliseconds.
 */
#ifndef COMPLYD_BASE_CLOCK_H
#define COMPLYD_BASE_CLOCK_H

#include <stdint.h>

struct clock {
    int64_t (*realtime_ms)(void *ctx);
    int64_t (*monotonic_ms)(void *ctx);
    void *ctx;
};

/* The system's clocks; static storage. */
const struct clock *clock_system(void);

int64_t clock_realtime_ms(const struct clock *clock);
int64_t clock_monotonic_ms(const struct clock *clock);

enum { CLOCK_TEXT = 32 }; /* bytes that any text below needs, NUL included */

/* "2026-02-03T04:05:06Z" (seconds) and "2026-02-03T04:05:06.789Z" (milliseconds); returns text. "" for a
 * time before 1970 or after the year 9999. */
const char *clock_format_s(int64_t time_s, char text[CLOCK_TEXT]);
const char *clock_format_ms(int64_t time_ms, char text[CLOCK_TEXT]);

/* Reads RFC 3339 ("…Z" or an offset, fraction optional); 0 or ERR_INVALID. */
int clock_parse(const char *text, int64_t *ret_time_ms);

/* Reads an HTTP date in any of RFC 9110's three forms; 0 or ERR_INVALID. */
int clock_parse_http(const char *text, int64_t *ret_time_s);

#endif
