/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * retire - an operator retires a device: Microsoft is told that it is not managed any more, whatever the MDM says of
 * it.
 *
 * It holds for the Azure id that the device has then. The device comes back when it registers anew (another Azure id),
 * when the MDM takes it out of management and in again, or when an operator revives it.
 *
 * Owns      table `retired`.
 * Thread    jobs of store/thread.h.
 */
#ifndef COMPLYD_STORE_RETIRE_H
#define COMPLYD_STORE_RETIRE_H

#include "store/thread.h"

/* Retires a device, or revives it (`revive`), and queues it. ERR_NOTFOUND: no such device; ERR_EXISTS: it is held, has
 * no Azure id, is retired already, or is not retired. */
struct retire {
    struct store_job job;
    char device_id[256];
    bool revive;
    bool one_of_many; /* the breaker counts it; a single one it never holds */
    int64_t now_ms;
    char actor[128];
};

void retire_init(struct retire *retire, const char *device_id, void (*done)(struct store_job *job));

#endif
