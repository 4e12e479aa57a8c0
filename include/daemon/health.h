/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * health - whether the store can be worked with: from single failures to a state that does not flicker.
 *
 * One failed transaction is trouble at once, unless the store was only busy: another program's lock is everyday, and
 * trouble only when it lasts. Trouble is over when the store has worked for longer than anybody waits before trying
 * again, so that a job that fails each time, among many that do not, is trouble that stays.
 *
 * Thread    loop. Pure but for the clock's readings that it is given.
 */
#ifndef COMPLYD_DAEMON_HEALTH_H
#define COMPLYD_DAEMON_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum {
    HEALTH_BUSY_MS = 3000,   /* a lock may be held for so long */
    HEALTH_STEADY_MS = 6000, /* longer than any job waits before it is tried again */
};

struct health {
    bool failing;       /* something failed not long ago */
    bool trouble;       /* ... and it is told to everybody */
    struct error error; /* the latest failure */
    int64_t first_ms, last_ms;
    uint64_t commits; /* at the latest failure */
};

/* A failure: true when trouble begins with it, or has become another one. */
bool health_failed(struct health *health, const struct error *error, uint64_t commits, int64_t monotonic_ms);

/* To be asked now and then while `failing`: true when the trouble is over, which takes a commit too. */
bool health_mended(struct health *health, uint64_t commits, int64_t monotonic_ms);

#endif
