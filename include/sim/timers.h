/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * timers - things that happen later on the simulator's one thread: verdicts, delayed answers.
 *
 * A timer is embedded in what it wakes; the heap only points at it. Times are monotonic milliseconds.
 */
#ifndef COMPLYD_SIM_TIMERS_H
#define COMPLYD_SIM_TIMERS_H

#include <stddef.h>
#include <stdint.h>

struct timer {
    int64_t due_ms;
    void (*fire)(struct timer *timer); /* may start or stop any timer, this one too */
    size_t place;                      /* 1-based place in the heap; 0 = not running. Do not touch */
};

struct timers {
    struct timer **heap;
    size_t count;
    size_t capacity;
};

void timers_init(struct timers *timers);
void timers_deinit(struct timers *timers); /* what still runs is forgotten, not fired */

/* Starts or moves a timer; 0 or ERR_NOMEM. */
int timers_start(struct timers *timers, struct timer *timer, int64_t due_ms);
void timers_stop(struct timers *timers, struct timer *timer); /* fine when it does not run */

/* When the first is due; -1 = none runs. */
int64_t timers_next(const struct timers *timers);

/* Fires what is due at now_ms, earliest first; a timer that a fired one starts for now or earlier fires as well. */
void timers_run(struct timers *timers, int64_t now_ms);

#endif
