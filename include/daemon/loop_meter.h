/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * loop_meter - how long the loop is at work before it looks for news again: what an event may have to wait for.
 *
 * Measured once a turn, so that an idle loop is not woken for it.
 */
#ifndef COMPLYD_DAEMON_LOOP_METER_H
#define COMPLYD_DAEMON_LOOP_METER_H

#include <uv.h>

#include "base/histogram.h"

struct loop_meter {
    uv_prepare_t prepare;
    uint64_t turned_ns, idle_ns; /* at the last turn: now, and all idle time so far */
    struct histogram turns;
};

/* Before the loop runs. Does not keep it alive. */
void loop_meter_start(struct loop_meter *meter, uv_loop_t *loop);

/* `closed` gets the handle, whose data is the caller's. */
void loop_meter_close(struct loop_meter *meter, uv_close_cb closed);

#endif
