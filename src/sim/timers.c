/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "sim/timers.h"

#include <stdlib.h>

#include "base/error.h"

void timers_init(struct timers *timers)
{
    *timers = (struct timers){0};
}

void timers_deinit(struct timers *timers)
{
    for (size_t i = 0; i < timers->count; i++)
        timers->heap[i]->place = 0;
    free(timers->heap);
    timers_init(timers);
}

static void put(struct timers *timers, size_t i, struct timer *timer)
{
    timers->heap[i] = timer;
    timer->place = i + 1;
}

static void sift_up(struct timers *timers, size_t i)
{
    struct timer *timer = timers->heap[i];

    while (i > 0 && timers->heap[(i - 1) / 2]->due_ms > timer->due_ms) {
        put(timers, i, timers->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    put(timers, i, timer);
}

static void sift_down(struct timers *timers, size_t i)
{
    struct timer *timer = timers->heap[i];

    for (;;) {
        size_t child = 2 * i + 1;
        if (child + 1 < timers->count && timers->heap[child + 1]->due_ms < timers->heap[child]->due_ms)
            child++;
        if (child >= timers->count || timers->heap[child]->due_ms >= timer->due_ms)
            break;
        put(timers, i, timers->heap[child]);
        i = child;
    }
    put(timers, i, timer);
}

static int grow(struct timers *timers)
{
    size_t capacity = timers->capacity ? timers->capacity * 2 : 64;
    struct timer **heap = reallocarray(timers->heap, capacity, sizeof(struct timer *));

    if (!heap)
        return ERR_NOMEM;
    timers->heap = heap;
    timers->capacity = capacity;
    return 0;
}

int timers_start(struct timers *timers, struct timer *timer, int64_t due_ms)
{
    timers_stop(timers, timer);
    if (timers->count == timers->capacity && grow(timers) != 0)
        return ERR_NOMEM;
    timer->due_ms = due_ms;
    put(timers, timers->count++, timer);
    sift_up(timers, timers->count - 1);
    return 0;
}

void timers_stop(struct timers *timers, struct timer *timer)
{
    if (timer->place == 0)
        return;
    size_t i = timer->place - 1;
    struct timer *last = timers->heap[--timers->count];
    timer->place = 0;
    if (last == timer)
        return;
    put(timers, i, last);
    sift_up(timers, i);
    sift_down(timers, last->place - 1);
}

int64_t timers_next(const struct timers *timers)
{
    return timers->count ? timers->heap[0]->due_ms : -1;
}

void timers_run(struct timers *timers, int64_t now_ms)
{
    while (timers->count && timers->heap[0]->due_ms <= now_ms) {
        struct timer *timer = timers->heap[0];
        timers_stop(timers, timer);
        timer->fire(timer);
    }
}
