/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * account - the life of a connection's account at Microsoft: its states, the steps of connecting and disconnecting, and
 * what may be in their way. Pure. States, steps and problems are stored by their words.
 *
 *              ┌─────────── failed ────────────┐
 *              ▼                               │
 *      NEW ──connect──► CONNECTING ──all done──┼──► CONNECTED ──connect──► CONNECTING
 *       │                ▲      └─ disconnect ─┼──┐     │
 *       │          cancel│                     │  ▼     │disconnect
 *       └─disconnect─► DISCONNECTING ◄─────────┼────────┘        devices are retired, verdicts awaited
 *                        │                     │
 *                        ▼ all retired, or forced                no way back
 *                      DEPROVISIONING                            the tenant is deprovisioned; no report goes out any
 *                                                                more
 *                        │
 *                        ▼                     failed
 *                      DISCONNECTED ◄───────────────────┐        not one request
 *                        └──connect──► RECONNECTING ────┴──all done──► CONNECTED
 *
 * --this-server-only leads from NEW, CONNECTING, CONNECTED and DISCONNECTING to DISCONNECTED at once.
 */
#ifndef COMPLYD_MODEL_ACCOUNT_H
#define COMPLYD_MODEL_ACCOUNT_H

#include <stdbool.h>

#include "model/device.h"
#include "model/language.h"

/* X(NAME, word) */
#define ACCOUNT_STATES(X)                                                                                              \
    X(ACCOUNT_NEW, "new") /* nobody ever asked to connect or disconnect: reports flow */                               \
    X(ACCOUNT_CONNECTING, "connecting")                                                                                \
    X(ACCOUNT_CONNECTED, "connected")                                                                                  \
    X(ACCOUNT_DISCONNECTING, "disconnecting")                                                                          \
    X(ACCOUNT_DEPROVISIONING, "deprovisioning")                                                                        \
    X(ACCOUNT_DISCONNECTED, "disconnected")                                                                            \
    X(ACCOUNT_RECONNECTING, "reconnecting")

enum account_state {
#define X(name, word) name,
    ACCOUNT_STATES(X)
#undef X
        ACCOUNT_STATE_COUNT
};

const char *account_state_name(enum account_state state);
int account_state_parse(const char *word, enum account_state *ret_state); /* 0 or ERR_INVALID */
bool account_may_move(enum account_state from, enum account_state to);
bool account_is_reporting(enum account_state state); /* reports go out, of removals if nothing else */

/* X(NAME, word), in the order in which they are done: those of connecting, then those of disconnecting. */
#define ACCOUNT_STEPS(X)                                                                                               \
    X(ACCOUNT_CREDENTIAL, "credential")                                                                                \
    X(ACCOUNT_CONSENT, "consent")                                                                                      \
    X(ACCOUNT_DISCOVERY, "discovery")                                                                                  \
    X(ACCOUNT_GROUP, "group")                                                                                          \
    X(ACCOUNT_PROVISION, "provision")                                                                                  \
    X(ACCOUNT_POLICY_IOS, "policy_ios")                                                                                \
    X(ACCOUNT_ASSIGN_IOS, "assign_ios")                                                                                \
    X(ACCOUNT_POLICY_ANDROID, "policy_android")                                                                        \
    X(ACCOUNT_ASSIGN_ANDROID, "assign_android")                                                                        \
    X(ACCOUNT_POLICY_MACOS, "policy_macos")                                                                            \
    X(ACCOUNT_ASSIGN_MACOS, "assign_macos")                                                                            \
    X(ACCOUNT_RETIRE, "retire")                                                                                        \
    X(ACCOUNT_VERDICTS, "verdicts")                                                                                    \
    X(ACCOUNT_DEPROVISION, "deprovision")

enum account_step {
#define X(name, word) name,
    ACCOUNT_STEPS(X)
#undef X
        ACCOUNT_STEP_COUNT
};

const char *account_step_name(enum account_step step);
const char *account_step_text(enum account_step step, enum language language); /* what it does, in a few words */
int account_step_parse(const char *word, enum account_step *ret_step);

/* X(NAME, word) */
#define ACCOUNT_STEP_STATES(X)                                                                                         \
    X(STEP_WAITING, "waiting")                                                                                         \
    X(STEP_RUNNING, "running")                                                                                         \
    X(STEP_DONE, "done")                                                                                               \
    X(STEP_FAILED, "failed")                                                                                           \
    X(STEP_SKIPPED, "skipped")

enum account_step_state {
#define X(name, word) name,
    ACCOUNT_STEP_STATES(X)
#undef X
        STEP_STATE_COUNT
};

const char *account_step_state_name(enum account_step_state state);
int account_step_state_parse(const char *word, enum account_step_state *ret_state);

/* Why a step was passed over; X(NAME, English, Spanish). It is stored and logged in English. */
#define ACCOUNT_NOTES(X)                                                                                               \
    X(NOTE_ONLY_WINDOWS, "only Windows devices: nothing is to be done in Intune",                                      \
      "solo hay dispositivos Windows: no hay nada que hacer en Intune")                                                \
    X(NOTE_NO_DEVICES, "no devices yet: done by itself when there are",                                                \
      "todavía no hay dispositivos: se hace solo cuando los haya")                                                     \
    X(NOTE_NO_PLATFORM, "no devices of this platform yet: done by itself when there are",                              \
      "todavía no hay dispositivos de esta plataforma: se hace solo cuando los haya")                                  \
    X(NOTE_THIS_SERVER, "this server only", "solo este servidor")

enum account_note {
#define X(name, english, spanish) name,
    ACCOUNT_NOTES(X)
#undef X
        NOTE_COUNT
};

const char *account_note_text(enum account_note note);

/* A stored detail in a language: what is no note of ours stays as it is. */
const char *account_detail_text(const char *detail, enum language language);

/* What may be in the way besides the troubles of a connection (microsoft/outcome.h); X(NAME, word). */
#define ACCOUNT_PROBLEMS(X)                                                                                            \
    X(PROBLEM_NONE, "")                                                                                                \
    X(PROBLEM_GROUP_NOT_SET, "group_not_set")                                                                          \
    X(PROBLEM_GROUP_UNKNOWN, "group_unknown")                                                                          \
    X(PROBLEM_GROUP_AMBIGUOUS, "group_ambiguous")                                                                      \
    X(PROBLEM_PAGES_NOT_SET, "pages_not_set")                                                                          \
    X(PROBLEM_POLICY_HIDDEN, "policy_hidden")                                                                          \
    X(PROBLEM_DEVICES_REFUSED, "devices_refused")

enum account_problem {
#define X(name, word) name,
    ACCOUNT_PROBLEMS(X)
#undef X
        PROBLEM_COUNT
};

const char *account_problem_name(enum account_problem problem);
enum account_problem account_problem_parse(const char *word); /* PROBLEM_NONE for others */
const char *account_problem_text(enum account_problem problem, enum language language);
const char *account_problem_cure(enum account_problem problem, enum language language);

#endif
