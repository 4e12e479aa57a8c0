/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * hold - break-glass: a device, or every device that violates a policy, stays at what Microsoft was last told of it
 * until a time.
 *
 * What is held is reported as it was told before, also by the weekly report; a device that Microsoft was never told of,
 * or whose id would be retired, is not reported at all. When the time has come the devices are decided anew.
 *
 * Owns      table `hold`.
 * Thread    jobs of store/thread.h, and looks on the caller's thread.
 */
#ifndef COMPLYD_STORE_HOLD_H
#define COMPLYD_STORE_HOLD_H

#include "store/thread.h"

enum hold_scope { HOLD_DEVICE, HOLD_POLICY };

enum { HOLD_ID_MAX = 255, HOLD_TEXT_MAX = 400 };

const char *hold_scope_name(enum hold_scope scope); /* "device", "policy" */

struct hold {
    enum hold_scope scope;
    char id[HOLD_ID_MAX + 1];
    int64_t since_ms, until_ms;
    char reason[HOLD_TEXT_MAX + 1];
    char actor[128];
};

/* Begins a hold, or changes the one there is. ERR_NOTFOUND: no such device or policy. */
struct hold_put {
    struct store_job job;
    struct hold hold;
};

void hold_put_init(struct hold_put *put, const struct hold *hold, void (*done)(struct store_job *job));

/* Ends one before its time. ERR_NOTFOUND: there is none. Its devices are queued by hold_expire. */
struct hold_end {
    struct store_job job;
    enum hold_scope scope;
    char id[HOLD_ID_MAX + 1];
};

void hold_end_init(struct hold_end *end, enum hold_scope scope, const char *id, void (*done)(struct store_job *job));

/* Ends what is over at now_ms and queues its devices, at most `limit` in a job. */
struct hold_expire {
    struct store_job job;
    int64_t now_ms;
    unsigned limit;
    unsigned queued;   /* out */
    struct hold ended; /* out: one that ended for good in this job; id "" = none */
    bool more;         /* out: run it again */
    int64_t next_ms;   /* out, unless there is more: when the next one is over; INT64_MAX = there is none */
};

void hold_expire_init(struct hold_expire *expire, int64_t now_ms, unsigned limit, void (*done)(struct store_job *job));

/* Those that hold, in the order of scope and id. Stops when `each` returns non-zero. */
int hold_list(struct database *database, int (*each)(void *ctx, const struct hold *hold), void *ctx, struct error *err);

/* Those that keep this device: its own, and those of policies that it violates. */
int hold_list_of(struct database *database, const char *device_id, int (*each)(void *ctx, const struct hold *hold),
                 void *ctx, struct error *err);

int hold_count(struct database *database, int64_t *ret_count, struct error *err);

#endif
