/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * drift - where Microsoft believes something else than what it was told. Pure. Phases, causes and problems are stored
 * by their words.
 *
 *         ┌────────────────────── end of the fleet ──────────────────────┐
 *         ▼                                                              │
 *       IDLE ──date, or asked──► READING ──everything was read──► SWEEPING   (only when it was read from the start)
 *       │ ▲ ▲                    │ │  ▲ │                              │
 *       │ │ └── may not read ────┘ └──┘ └──what changed was read──► COMPARING
 *       │ │                    a page was stored, 410: from the start
 *  repair │ end of the differences
 *       ▼ │
 *     REPAIRING
 */
#ifndef COMPLYD_MODEL_DRIFT_H
#define COMPLYD_MODEL_DRIFT_H

#include <stdbool.h>

#include "base/guid.h"
#include "model/device.h"
#include "model/language.h"

/* X(NAME, word) */
#define DRIFT_PHASES(X)                                                                                                \
    X(DRIFT_IDLE, "idle")                                                                                              \
    X(DRIFT_READING, "reading")                                                                                        \
    X(DRIFT_SWEEPING, "sweeping")                                                                                      \
    X(DRIFT_COMPARING, "comparing")                                                                                    \
    X(DRIFT_REPAIRING, "repairing")

enum drift_phase {
#define X(name, word) name,
    DRIFT_PHASES(X)
#undef X
        DRIFT_PHASE_COUNT
};

const char *drift_phase_name(enum drift_phase phase);
enum drift_phase drift_phase_parse(const char *word); /* DRIFT_IDLE for others */

/* X(NAME, word). From DRIFT_UNKNOWN on a difference. */
#define DRIFT_CAUSES(X)                                                                                                \
    X(DRIFT_NONE, "")                                                                                                  \
    X(DRIFT_UNKNOWN, "unknown_at_microsoft") /* we told of it, Microsoft has no such device */                         \
    X(DRIFT_VALUE, "other_value")            /* Microsoft says otherwise than what it accepted */                      \
    X(DRIFT_WRITER, "other_writer")          /* it was right, we told nothing, and now it is otherwise */              \
    X(DRIFT_STALE, "stale_id")               /* one side goes on with an id that the other has given up */

enum drift_cause {
#define X(name, word) name,
    DRIFT_CAUSES(X)
#undef X
        DRIFT_CAUSE_COUNT
};

const char *drift_cause_name(enum drift_cause cause);
enum drift_cause drift_cause_parse(const char *word); /* DRIFT_NONE for others */
const char *drift_cause_text(enum drift_cause cause, enum language language);
const char *drift_cause_cure(enum drift_cause cause, enum language language);

/* What Microsoft's list of changes says of one device. */
struct drift_item {
    struct guid object_id; /* of the directory's entry */
    struct guid device_id; /* complyd's azure_device_id */
    bool has_device_id;
    bool removed;                   /* there is no such device any more */
    signed char managed, compliant; /* 1, 0, or -1: not said, so as before */
};

/* What Microsoft says of a device now. */
struct drift_seen {
    bool known; /* there is such a device */
    bool gone;  /* there was one, and it was deleted */
    bool managed, compliant;
};

/* `told`: what it accepted last. `given_up`: the device does not exist any more, or goes by another id. `was_right`:
 * the same was seen to be so since it was told. */
enum drift_cause drift_judge(enum azure_state told, bool given_up, const struct drift_seen *seen, bool was_right);

/* complyd may not read devices: no trouble of reporting. Stored where else a trouble's word stands. */
extern const char drift_problem_permission[];
const char *drift_problem_text(enum language language);
const char *drift_problem_cure(enum language language);

#endif
