/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * reason - why a device is not reported or was refused, with its cure, in English and Spanish. One catalogue for
 * complyctl, page and log.
 *
 * The values are stored in report.reason by their names (slug), never by number.
 */
#ifndef COMPLYD_MODEL_REASON_H
#define COMPLYD_MODEL_REASON_H

#include "model/device.h"
#include "model/language.h"

/* X(NAME, slug); texts and cures stand in reason.c, one per language. */
#define REASONS(X)                                                                                                     \
    X(REASON_NONE, "")                                                                                                 \
    /* waiting for data */                                                                                             \
    X(REASON_NOT_REGISTERED, "not_registered")                                                                         \
    X(REASON_NOT_EVALUATED, "not_evaluated")                                                                           \
    X(REASON_UNKNOWN_POLICY, "unknown_policy")                                                                         \
    X(REASON_HELD, "held")                                                                                             \
    X(REASON_UNKNOWN_CONNECTION, "unknown_connection")                                                                 \
    X(REASON_REPORTING_OFF, "reporting_off")                                                                           \
    X(REASON_DISCONNECTED, "disconnected")                                                                             \
    /* parked: the store's data is wrong */                                                                            \
    X(REASON_BAD_AZURE_ID, "bad_azure_device_id")                                                                      \
    X(REASON_NO_USER, "no_user")                                                                                       \
    X(REASON_BAD_DATA, "bad_data")                                                                                     \
    /* parked: Microsoft says this device or user is wrong */                                                          \
    X(REASON_USER_UNKNOWN, "user_unknown")                                                                             \
    X(REASON_DEVICE_UNKNOWN, "device_unknown")                                                                         \
    X(REASON_DEVICE_REFUSED, "device_refused")                                                                         \
    X(REASON_MESSAGE_FAILED, "message_failed")                                                                         \
    X(REASON_ID_TWIN, "azure_device_id_taken")                                                                         \
    /* on its way or delayed */                                                                                        \
    X(REASON_NO_VERDICT, "no_verdict")                                                                                 \
    X(REASON_RETRYING, "retrying")                                                                                     \
    X(REASON_CONNECTION_TROUBLE, "connection_trouble")                                                                 \
    X(REASON_RETIRED, "retired")                                                                                       \
    X(REASON_BREAKER_HOLDS, "breaker_holds")                                                                           \
    X(REASON_QUEUED, "queued")

enum reason {
#define X(name, slug) name,
    REASONS(X)
#undef X
        REASON_COUNT
};

const char *reason_slug(enum reason reason);
enum reason reason_parse(const char *slug); /* REASON_NONE for NULL, "" and unknown ones */

/* What is the matter, and the one-line cure. Never NULL; "" for REASON_NONE. */
const char *reason_text(enum reason reason, enum language language);
const char *reason_cure(enum reason reason, enum language language);

/* The same for what the device's MSAL library said; "" for unknown and Success. */
const char *client_status_cure(enum client_status status, enum language language);

/* Words of section 5 of the contract: "In progress"/"En curso" ... */
const char *compliance_status_label(enum compliance_status status, enum language language);

#endif
