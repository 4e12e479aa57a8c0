/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * breaker_gauge - the breaker's part in one pass over the outbox: whether a worsening may go.
 */
#ifndef COMPLYD_STORE_BREAKER_GAUGE_H
#define COMPLYD_STORE_BREAKER_GAUGE_H

#include "store/breaker.h"

struct subject;
struct decision;
struct candidate;

struct breaker_gauge {
    struct database *database;
    const char *connection;
    struct breaker_limits limits;
    int64_t now_ms;
    bool dry; /* writes nothing: what would be */
    bool off; /* no limits, or the account is being disconnected */
    bool open;
    bool tripped;     /* in this pass */
    int64_t turned;   /* devices within the window */
    int64_t at_least; /* devices that the connection is known to have */
    struct breaker_trip trip;
};

/* Reads the breaker, and looks ahead at the queue: may trip. */
int breaker_gauge_begin(struct breaker_gauge *gauge, struct error *err);

/* Whether a worsening of this device may be told, which then counts. May trip. */
int breaker_gauge_admit(struct breaker_gauge *gauge, const char *device_id, bool *ret_held, struct error *err);

/* Whether this is what the breaker is about. */
bool breaker_counts(const struct subject *subject, const struct decision *decision, int forced, int sent);

#endif
