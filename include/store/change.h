/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * change - has another process committed since we last looked?
 *
 * A file event on the WAL comes before the commit it belongs to is visible, and no second event follows. So a look
 * waits on the worker for up to `patience_us`, polling PRAGMA data_version every 100 us, and gives up its place when
 * another job is queued.
 */
#ifndef COMPLYD_STORE_CHANGE_H
#define COMPLYD_STORE_CHANGE_H

#include <stdint.h>

#include "store/thread.h"

struct change_look {
    struct store_job job;
    int64_t patience_us; /* 0 = look once */
    bool changed;        /* out; also true when the store was replaced or opened anew */
};

void change_look_init(struct change_look *look, int64_t patience_us, void (*done)(struct store_job *job));

#endif
