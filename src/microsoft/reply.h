/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * reply - strictly typed reading of JSON that came from outside: a member of another type than wanted is a member that
 * is not there. Private to src/microsoft.
 *
 * Names are compared without regard to case: Graph itself spells innerError in two ways, and a missing ErrorCode means
 * "accepted".
 */
#ifndef COMPLYD_MICROSOFT_REPLY_H
#define COMPLYD_MICROSOFT_REPLY_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* Reads one JSON object and nothing else; the caller frees with cJSON_Delete(). ERR_REPLY for anything else, NUL bytes
 * and trailing bytes included; nesting is bounded by cJSON. */
int reply_parse(const char *text, size_t length, cJSON **ret_object, struct error *err);

bool reply_is_blank(const char *text, size_t length); /* nothing but white space */

/* `object` may be NULL or of any type. */
const cJSON *reply_object(const cJSON *object, const char *name); /* NULL when there is none */
const cJSON *reply_array(const cJSON *object, const char *name);
const char *reply_text(const cJSON *object, const char *name); /* "" when there is none */

/* A finite JSON number, or a string that is nothing but a decimal number (blanks around it allowed). */
bool reply_number(const cJSON *object, const char *name, double *ret_value);
bool reply_read_number(const char *text, double *ret_value);

/* The error of Graph ({"error": {...}}), of OData ("odata.error", "Message") or OAuth ({"error": "word"}). Never NULL
 * members; valid as long as the tree. */
struct reply_error {
    const char *code;       /* outermost that is not empty */
    const char *inner_code; /* innermost */
    const char *message;
    const char *request_id;
};

void reply_read_error(const cJSON *object, struct reply_error *ret_error);

#endif
