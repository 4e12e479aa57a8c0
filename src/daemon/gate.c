/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "daemon/gate.h"

#include <stdio.h>
#include <string.h>

#include "base/backoff.h"
#include "base/guid.h"
#include "daemon/sender.h"

enum { FAILURES_TO_CLOSE = 3 };

static const struct backoff passing_trouble = {.base_ms = 1000, .max_ms = 60 * 1000};
static const struct backoff administrators_trouble = {.base_ms = 5 * 1000, .max_ms = 5 * 60 * 1000};

void gate_init(struct gate *gate, const struct gate_ops *ops, void *ctx, const struct clock *clock)
{
    memset(gate, 0, sizeof(*gate));
    gate->ops = ops;
    gate->ctx = ctx;
    gate->clock = clock;
    gate->next_try_ms = -1;
    gate->last_success_ms = -1;
}

int gate_window(const struct gate *gate, int most)
{
    switch (gate->state) {
    case GATE_OPEN:
        return gate->trial ? 1 : most;
    case GATE_SHUT:
    case GATE_OPENING:
        return SENDER_SHUT;
    case GATE_WAITING:
        break;
    }
    return SENDER_CLOSED;
}

static void move(struct gate *gate, enum gate_state state)
{
    enum gate_state before = gate->state;
    gate->state = state;
    gate->ops->changed(gate->ctx, before);
}

static void open_now(struct gate *gate)
{
    move(gate, GATE_OPENING);
    gate->ops->open(gate->ctx);
}

void gate_knock(struct gate *gate)
{
    if (gate->state == GATE_SHUT)
        open_now(gate);
}

static void clear_trouble(struct gate *gate)
{
    gate->opening_failed = false;
    gate->attempts = 0;
    gate->trouble = TROUBLE_NONE;
    gate->detail[0] = '\0';
    gate->next_try_ms = -1;
}

void gate_opened(struct gate *gate)
{
    if (gate->state != GATE_OPENING)
        return;
    gate->trial = true;
    gate->failures = 0;
    if (gate->opening_failed)
        clear_trouble(gate);
    move(gate, GATE_OPEN);
}

bool gate_heals_alone(enum trouble trouble)
{
    return trouble == TROUBLE_NETWORK || trouble == TROUBLE_PROXY || trouble == TROUBLE_SERVICE ||
           trouble == TROUBLE_THROTTLED || trouble == TROUBLE_REPLY || trouble == TROUBLE_TOKEN_REFUSED ||
           trouble == TROUBLE_STORE;
}

static int gravity(const struct gate *gate)
{
    return gate->trouble == TROUBLE_NONE ? 0 : gate_heals_alone(gate->trouble) ? 1 : 2;
}

const struct gate *gate_worse(const struct gate *first, const struct gate *second)
{
    return gravity(second) > gravity(first) ? second : first;
}

void gate_failed(struct gate *gate, const struct outcome *outcome)
{
    if (gate->state == GATE_WAITING)
        return; /* one of many that were in flight when the way was closed */
    const struct backoff *backoff = gate_heals_alone(outcome->trouble) ? &passing_trouble : &administrators_trouble;
    int64_t delay = backoff_delay_ms(backoff, ++gate->attempts, outcome->retry_after_ms, guid_random_u64());
    int64_t now = clock_realtime_ms(gate->clock);
    if (gate->trouble == TROUBLE_NONE)
        gate->trouble_since_ms = now;
    gate->trouble = outcome->trouble == TROUBLE_NONE ? TROUBLE_SERVICE : outcome->trouble;
    snprintf(gate->detail, sizeof(gate->detail), "%s", outcome->detail);
    gate->next_try_ms = now + delay;
    gate->opening_failed = gate->state == GATE_OPENING;
    gate->ops->wake(gate->ctx, delay);
    move(gate, GATE_WAITING);
}

static void succeeded(struct gate *gate)
{
    bool news = gate->trouble != TROUBLE_NONE || gate->trial;
    gate->last_success_ms = clock_realtime_ms(gate->clock);
    gate->failures = 0;
    gate->trial = false;
    clear_trouble(gate);
    if (news)
        gate->ops->changed(gate->ctx, gate->state);
}

void gate_answered(struct gate *gate, const struct outcome *outcome)
{
    if (gate->state != GATE_OPEN)
        return;
    switch (outcome->class) {
    case OUTCOME_ACCEPTED:
    case OUTCOME_DEVICE:
        succeeded(gate);
        break;
    case OUTCOME_THROTTLED:
        break; /* the budget waits; the way itself is good */
    case OUTCOME_TRANSIENT:
        if (++gate->failures >= FAILURES_TO_CLOSE || gate->trial)
            gate_failed(gate, outcome);
        break;
    case OUTCOME_AUTH:
    case OUTCOME_CONNECTION:
        gate_failed(gate, outcome);
        break;
    }
}

void gate_wake(struct gate *gate)
{
    if (gate->state == GATE_WAITING)
        open_now(gate);
}
