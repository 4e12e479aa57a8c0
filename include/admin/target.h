/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * target - the request target of HTTP (RFC 9112, origin form) taken apart: segments of the path, parameters of the
 * query.
 *
 * Percent-decoding happens after the split, so a device id may hold '/', '?' or '&'. Pure.
 */
#ifndef COMPLYD_ADMIN_TARGET_H
#define COMPLYD_ADMIN_TARGET_H

#include <stdbool.h>
#include <stddef.h>

enum { TARGET_SEGMENTS_MAX = 8, TARGET_PARAMETERS_MAX = 16, TARGET_IDS_MAX = 2 };

struct target_parameter {
    const char *name;
    const char *value; /* "" for a name without '=' */
};

struct target {
    char *text; /* owns what the rest points into */
    const char *segments[TARGET_SEGMENTS_MAX];
    size_t segment_count;
    struct target_parameter parameters[TARGET_PARAMETERS_MAX];
    size_t parameter_count;
};

/* 0; ERR_INVALID for a bad escape or %00, ERR_TOOBIG for too many parts, ERR_NOMEM. On failure there is nothing to
 * free. */
int target_parse(const char *raw, struct target *ret_target);
void target_deinit(struct target *target);

/* Value of the first parameter of that name; NULL when there is none. */
const char *target_get(const struct target *target, const char *name);

/* Percent-decodes in place; ERR_INVALID for a bad escape or %00. */
int target_decode(char *text);

/* True when the path reads like the pattern, in which each "{name}" stands for any segment that is not empty: ret_ids
 * has them in their order, as many as the pattern has (at most TARGET_IDS_MAX). */
bool target_matches(const struct target *target, const char *pattern, const char **ret_ids);

#endif
