/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * breaker - the circuit breaker of a connection: when too many devices would turn non_compliant or removed within a
 * while, the reports that say so are held until an operator has looked.
 *
 * What counts is a device that Microsoft was told of as compliant or non_compliant and that is about to be told worse,
 * once in a window. Not counted, and never held: a report that an operator asked for, one that may have been sent
 * before, and those of an account that is being disconnected. Before anything of a bulk is sent the queue is looked at:
 * an edit of a policy that would block a whole fleet stops before its first report.
 *
 * Owns      tables `breaker` (a row a connection) and `worsened` (the devices of the window). A held row of the outbox
 *           has due_at = OUTBOX_HELD: it is out of the way, and a change of its device frees it to be decided anew.
 * Thread    jobs of store/thread.h, and looks on the caller's thread.
 *
 *     closed ──the next one would be too many──► open ──release: held reports go, not counted again──► closed
 *                                                  └───discard: held reports are dropped─────────────► closed
 */
#ifndef COMPLYD_STORE_BREAKER_H
#define COMPLYD_STORE_BREAKER_H

#include "store/thread.h"

struct breaker_limits {
    int max_count; /* devices */
    int max_share; /* percent of the connection's devices; never fewer than BREAKER_LEAST of them */
    int64_t window_ms;
};

enum { BREAKER_LEAST = 5, BREAKER_POLICY_TEXT = 256 };

/* What stands behind the held reports: the policy that blocks most of them. */
struct breaker_cause {
    char policy_id[BREAKER_POLICY_TEXT]; /* "" = none: they are removals */
    char policy_name[BREAKER_POLICY_TEXT];
    int64_t devices; /* that it blocks, of the first `sample` held ones */
    int64_t removals;
    int64_t sample;
};

/* A breaker that has just opened. */
struct breaker_trip {
    int64_t devices; /* that would have turned within the window, as far as was counted */
    int64_t limit;
    struct breaker_cause cause;
};

struct breaker_status {
    char connection[65];
    bool open;
    int64_t changed_at_ms;    /* -1 = never */
    int64_t turned;           /* devices told within the window */
    int64_t held;             /* reports */
    struct breaker_trip trip; /* of the last time it opened; the cause is of what is held now */
};

int breaker_read(struct database *database, const char *connection, int64_t now_ms, int64_t window_ms,
                 struct breaker_status *ret_status, struct error *err);

/* Releases or drops the held reports of one connection, at most `limit` in a job, and closes the breaker with the last
 * of them. A breaker that is closed: nothing. */
struct breaker_close {
    struct store_job job;
    char connection[65];
    bool discard;
    int64_t now_ms;
    unsigned limit;
    unsigned count; /* out */
    bool more;      /* out: run it again */
};

void breaker_close_init(struct breaker_close *close, const char *connection, bool discard,
                        void (*done)(struct store_job *job));

#endif
