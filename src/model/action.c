/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "model/action.h"

#include <stddef.h>
#include <string.h>

#include "base/error.h"

static const struct {
    const char *name;
    enum azure_state state;
} actions_table[ACTION_COUNT] = {
#define X(action, text, leads_to) [action] = {text, leads_to},
    ACTIONS(X)
#undef X
};

int action_parse(const char *text, enum action *ret_action)
{
    for (int i = 0; text != NULL && i < ACTION_COUNT; i++) {
        if (strcmp(text, actions_table[i].name) == 0) {
            *ret_action = (enum action)i;
            return 0;
        }
    }
    return ERR_INVALID;
}

const char *action_name(enum action action)
{
    return action < ACTION_COUNT ? actions_table[action].name : "";
}

enum azure_state action_state(enum action action)
{
    return action < ACTION_COUNT ? actions_table[action].state : AZURE_STATE_NONE;
}

int action_strictest(unsigned actions)
{
    for (int i = ACTION_COUNT - 1; i >= 0; i--) {
        if (actions & 1U << i)
            return i;
    }
    return -1;
}
