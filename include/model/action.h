/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * action - what a policy does to a device that violates it, from mildest to strictest. Pure.
 */
#ifndef COMPLYD_MODEL_ACTION_H
#define COMPLYD_MODEL_ACTION_H

#include "model/device.h"

/* X(NAME, text in the store, Azure state it leads to); order is strictness. */
#define ACTIONS(X)                                                                                                     \
    X(ACTION_MONITOR, "monitor", AZURE_STATE_COMPLIANT)                                                                \
    X(ACTION_SEND_ALERT, "send_alert", AZURE_STATE_COMPLIANT)                                                          \
    X(ACTION_BLOCK_EMAIL, "block_email", AZURE_STATE_NON_COMPLIANT)                                                    \
    X(ACTION_BLOCK_APPCONNECT, "block_appconnect", AZURE_STATE_NON_COMPLIANT)                                          \
    X(ACTION_QUARANTINE, "quarantine", AZURE_STATE_NON_COMPLIANT)                                                      \
    X(ACTION_RETIRE, "retire", AZURE_STATE_REMOVED)

enum action {
#define X(name, text, state) name,
    ACTIONS(X)
#undef X
        ACTION_COUNT
};

int action_parse(const char *text, enum action *ret_action); /* 0 or ERR_INVALID */
const char *action_name(enum action action);
enum azure_state action_state(enum action action);

/* The strictest of a set of actions (bit 1u << action); -1 for the empty set. */
int action_strictest(unsigned actions);

#endif
