/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * doctor - looks at one connection as an administrator would: credential, clock, proxy, sign-in, Graph, group, consent,
 * partner service, policies. Reads only; nothing is changed, here or at Microsoft.
 *
 *     platforms of the fleet ──► sign in ──► Graph ──► group ──► consent ──► partner service ──► done
 *
 * It has an HTTP client and tokens of its own: what it finds is true now, and the connection's work is not touched.
 * Each request has a short time limit. A connection that is off, disconnected or asked for a pause is not asked
 * anything.
 *
 * Thread    loop only.
 */
#ifndef COMPLYD_DAEMON_DOCTOR_H
#define COMPLYD_DAEMON_DOCTOR_H

#include <stddef.h>

#include "base/error.h"
#include "model/check.h"

struct daemon;
struct doctor;

enum { DOCTOR_FINDINGS_MAX = 24 };

struct doctor_finding {
    enum check check;
    enum check_state state;
    const char *problem, *text, *cure; /* static */
    char detail[320];                  /* "" = none */
};

/* `result` 0, or ERR_CANCELED. The findings are borrowed. */
typedef void doctor_done_fn(void *ctx, int result, const struct doctor_finding *findings, size_t count);

/* `done` once, on the loop, never before return, and never after it the doctor. On failure it is not called.
 * ERR_NOTFOUND: no such connection; ERR_BUSY: it is just being started. */
int doctor_start(struct daemon *daemon, const char *connection, enum language language, doctor_done_fn *done, void *ctx,
                 struct doctor **ret_doctor, struct error *err);

/* Ends it soon: done comes with ERR_CANCELED. */
void doctor_cancel(struct doctor *doctor);

#endif
