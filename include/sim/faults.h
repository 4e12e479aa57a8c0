/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * faults - what goes wrong on demand: rules from the control endpoint or a script, each for a place, some requests,
 * some times.
 *
 * Rules are asked in the order in which they were added; the first that fits plays, and only it. A rule that has played
 * its `count` stays listed, so that a test can see that it played.
 */
#ifndef COMPLYD_SIM_FAULTS_H
#define COMPLYD_SIM_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/queue.h>

#include "base/buf.h"
#include "base/error.h"

struct cJSON;
struct exchange;
struct fault;

enum fault_kind {
    FAULT_UNAUTHORIZED,
    FAULT_THROTTLE,
    FAULT_DEPENDENCY,
    FAULT_STATUS,
    FAULT_LYING_200,
    FAULT_AADSTS,
    FAULT_EXPIRED_SECRET,
    FAULT_RESET,
    FAULT_RESET_AFTER_APPLY,
    FAULT_CLOSE,
    FAULT_RESET_BODY,
    FAULT_SHORT_BODY,
    FAULT_SLOW_HEADERS,
    FAULT_SLOW_BODY,
    FAULT_TRUNCATED_JSON,
    FAULT_HUGE_JSON,
    FAULT_WRONG_JSON,
    FAULT_INVALID_UTF8,
    FAULT_EMPTY_BODY,
    FAULT_BODY,
    FAULT_VERDICT_FAILED,
    FAULT_VERDICT_NEVER,
    FAULT_VERDICT_DELAY,
    FAULT_LOST_MESSAGE,
    FAULT_TOKEN_FIELDS,
    FAULT_BAD_TOKEN,
    FAULT_MISSING_ITEM,
    FAULT_DUPLICATE_ITEM,
};

enum { FAULTS_MAX = 1000 };

TAILQ_HEAD(fault_list, fault);

struct faults {
    struct fault_list list;
    size_t count;
    unsigned next_number;
};

void faults_init(struct faults *faults);
void faults_deinit(struct faults *faults);
void faults_clear(struct faults *faults);

/* Adds one rule from its JSON object (copied). Returns its number, or ERR_INVALID, ERR_TOOBIG or ERR_NOMEM with the
 * reason. */
int faults_add(struct faults *faults, const struct cJSON *spec, struct error *err);

/* Takes back the newest rules until only `count` are left. */
void faults_truncate(struct faults *faults, size_t count);

/* Adds every line of a script file (JSON Lines, blank lines and lines that start with '#' skipped), or none of them. */
int faults_load(struct faults *faults, const char *path, struct error *err);

/* The rule that plays on this exchange; NULL = none. Counts. */
const struct fault *faults_pick(struct faults *faults, const struct exchange *ex);

/* {"value":[...]}: every rule with how often it fitted and played. */
void faults_write(const struct faults *faults, struct buf *out);

/* The table of faults and places for --help. */
void faults_describe(FILE *out);

enum fault_kind fault_kind(const struct fault *fault);
const char *fault_name(const struct fault *fault);
const struct cJSON *fault_spec(const struct fault *fault);

/* Whether the request is carried out before its answer is spoilt. */
bool fault_applies(const struct fault *fault);

#endif
