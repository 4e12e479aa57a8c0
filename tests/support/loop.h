/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * loop - a libuv loop in a test: run until something has happened, and nothing may be left at the end.
 *
 * A test that hangs becomes a test that fails: loop_until() gives up after half a minute, which no passing test comes
 * near.
 */
#ifndef COMPLYD_TESTS_LOOP_H
#define COMPLYD_TESTS_LOOP_H

#include <stdbool.h>
#include <uv.h>

#include "unit.h"

enum { LOOP_PATIENCE_MS = 30 * 1000 };

struct loop_goal {
    const unsigned *done;
    unsigned wanted;
    bool gave_up;
};

static inline void loop_gave_up(uv_timer_t *timer)
{
    ((struct loop_goal *)timer->data)->gave_up = true;
    uv_stop(timer->loop);
}

/* Just before the loop would wait. */
static inline void loop_look(uv_prepare_t *prepare)
{
    const struct loop_goal *goal = prepare->data;

    if (*goal->done >= goal->wanted)
        uv_stop(prepare->loop);
}

/* Runs the loop until *done >= wanted. */
static inline void loop_until(uv_loop_t *loop, const unsigned *done, unsigned wanted)
{
    struct loop_goal goal = {.done = done, .wanted = wanted};
    uv_prepare_t look;
    uv_timer_t guard;

    uv_prepare_init(loop, &look);
    uv_timer_init(loop, &guard);
    look.data = &goal;
    guard.data = &goal;
    uv_prepare_start(&look, loop_look);
    uv_timer_start(&guard, loop_gave_up, LOOP_PATIENCE_MS, 0);
    uv_run(loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&look, NULL);
    uv_close((uv_handle_t *)&guard, NULL);
    uv_run(loop, UV_RUN_NOWAIT);
    if (goal.gave_up)
        fail_msg("gave up waiting: %u of %u", *done, wanted);
}

/* Runs what is left, and asserts that the loop can be closed: no handle was forgotten. */
static inline void loop_finish(uv_loop_t *loop)
{
    uv_run(loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(loop), 0);
}

#endif
