/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * progress - a bar on standard error while work is long, only when that is a terminal.
 */
#ifndef COMPLYD_CTL_PROGRESS_H
#define COMPLYD_CTL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/clock.h"

struct progress {
    FILE *to;
    const char *label;
    const struct clock *clock;
    bool shown;         /* `to` is a terminal and nobody asked for JSON */
    bool drawn;         /* there is a line to wipe */
    int64_t started_ms; /* monotonic */
    int64_t drawn_ms;
};

/* `quiet`: never draw. */
void progress_start(struct progress *progress, FILE *to, const char *label, bool quiet);

/* Draws at most ten times a second. total <= 0: not known, only the count is shown. */
void progress_update(struct progress *progress, int64_t done, int64_t total, const char *unit);

/* Wipes the bar, so that what follows starts on a clean line. Safe to call twice. */
void progress_end(struct progress *progress);

/* The line itself: "import [#####.....]  52 %  1,040 of 2,000 lines  3s". */
void progress_format(struct buf *buf, const char *label, int64_t done, int64_t total, const char *unit,
                     int64_t elapsed_ms, size_t columns);

#endif
