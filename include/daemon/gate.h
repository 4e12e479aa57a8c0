/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * gate - the way to Microsoft of one channel: shut until it is wanted, open while answers are good, waiting after
 * failures.
 *
 *      ┌── knock ──► OPENING ──gate_opened──► OPEN ─┐
 *     SHUT              │ ▲                    │    │ a lone failure is everyday life: three in a row, or one on trial,
 *                       │ │ timer              │    │ or a refusal of the credential close it
 *           gate_failed ▼ │                    │    │
 *                     WAITING ◄────────────────┴────┘
 *
 * An opened gate is on trial (one request at a time) until the first good answer. The wait grows with each failure and
 * is short for the network, long for what an administrator must mend.
 *
 * Thread    loop only; pure but for the operations.
 */
#ifndef COMPLYD_DAEMON_GATE_H
#define COMPLYD_DAEMON_GATE_H

#include <stdbool.h>

#include "base/clock.h"
#include "microsoft/outcome.h"

enum gate_state { GATE_SHUT, GATE_OPENING, GATE_OPEN, GATE_WAITING };

struct gate;

struct gate_ops {
    /* Fetch what is needed (tokens, endpoints); ends in gate_opened() or gate_failed(). */
    void (*open)(void *ctx);
    /* The state, or the trouble, is another one now. */
    void (*changed)(void *ctx, enum gate_state before);
    /* Asks for gate_wake() in delay_ms; -1 = no need. */
    void (*wake)(void *ctx, int64_t delay_ms);
};

/* Embedded by its owner; read freely, change by the functions only. */
struct gate {
    const struct gate_ops *ops;
    void *ctx;
    const struct clock *clock;
    enum gate_state state;
    bool trial;
    bool opening_failed;  /* the trouble is one of opening: opened, it is over */
    unsigned failures;    /* transient ones in a row while open */
    unsigned attempts;    /* waits in a row */
    enum trouble trouble; /* TROUBLE_NONE: all is well */
    char detail[256];
    int64_t trouble_since_ms; /* wall clock */
    int64_t next_try_ms;      /* wall clock; -1 = not waiting */
    int64_t last_success_ms;  /* wall clock; -1 = none yet */
};

void gate_init(struct gate *gate, const struct gate_ops *ops, void *ctx, const struct clock *clock);

/* Requests that may be in flight: `most`, 1 on trial, or SENDER_SHUT / SENDER_CLOSED (daemon/sender.h). */
int gate_window(const struct gate *gate, int most);

void gate_knock(struct gate *gate); /* opens if shut; else nothing */
void gate_opened(struct gate *gate);
void gate_failed(struct gate *gate, const struct outcome *outcome);
void gate_answered(struct gate *gate, const struct outcome *outcome);
void gate_wake(struct gate *gate);

/* False: an administrator must mend it (credential, consent, tenant). */
bool gate_heals_alone(enum trouble trouble);

/* The one to tell of: an administrator's trouble before one that heals by itself before none; else `first`. */
const struct gate *gate_worse(const struct gate *first, const struct gate *second);

#endif
