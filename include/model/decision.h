/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * decision - what has to be told to Microsoft about a device now. Pure: everything comes in by the arguments.
 *
 * The rules (docs/decision.md has them as a table):
 *  1. an id that Microsoft still holds as ours but that is no longer this device's (azure_device_id changed or emptied,
 *     row deleted, connection changed) is retired first;
 *  2. managed = 0, a deleted row: removed; that is a fact, not a verdict, and needs no evaluation;
 *  3. no azure_device_id: waits for registration. One that is no GUID: parked, and the old id stays as it is;
 *  4. a violation of an unknown policy, or never evaluated: waits and keeps the state last reported;
 *  5. held by an operator: what was told is told again; what was never told, or would be retired, waits;
 *  6. else the strictest action among violations of enabled policies decides.
 */
#ifndef COMPLYD_MODEL_DECISION_H
#define COMPLYD_MODEL_DECISION_H

#include <stdbool.h>
#include <stdint.h>

#include "model/device.h"
#include "model/reason.h"

enum decision_kind {
    DECISION_NOTHING, /* nothing to tell: never known to Microsoft, or already told */
    DECISION_WAIT,    /* data is missing: `reason` says which; a trigger queues the device when it arrives */
    DECISION_PARK,    /* data is wrong: `reason` says how */
    DECISION_REPORT,  /* tell `state` about the device's own azure_device_id */
    DECISION_RETIRE,  /* tell removed about the id last reported, on the connection that reported it; decide again */
};

struct decision_input {
    /* the store's row; false = deleted (then only the reported_* members count) */
    bool exists;
    bool managed;
    bool evaluated;
    enum platform platform;
    bool has_azure_id;   /* azure_device_id is not empty */
    bool azure_id_valid; /* ... and is a GUID */
    bool has_user;       /* user_principal_name is not empty */
    bool text_valid;     /* every text column is valid UTF-8 and platform is known */
    unsigned actions;    /* set of actions of enabled policies violated, bit 1u << action */
    bool unknown_policy; /* violates a policy that the store does not know */
    bool held;           /* an operator keeps it at what was told */

    /* what Microsoft was last told and accepted */
    enum azure_state reported_state; /* NONE = never */
    bool reported_same_subject;      /* ... about this azure_device_id on this connection */
    bool reported_has_user;          /* ... and its Entra user id is remembered */
};

struct decision {
    enum decision_kind kind;
    enum azure_state state; /* for REPORT and RETIRE; for WAIT and PARK the state that stays */
    enum reason reason;     /* REASON_NONE for NOTHING, REPORT and RETIRE */
    int strictest;          /* the deciding enum action, -1 = none */
};

struct decision decision_make(const struct decision_input *input);

/* True if telling `to` after `from` takes access away or keeps a removed one out: to is non_compliant or removed, and
 * worse than from. Such a report overtakes all others and counts for the breaker. */
bool decision_is_worsening(enum azure_state from, enum azure_state to);

#endif
