/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * json - strict reading of JSON on top of cJSON: nothing after the value, valid UTF-8, exact names, no member twice.
 *
 * Names are compared letter by letter. Getters give the "absent" value for a member of another type; json_check() is
 * what tells the two apart.
 */
#ifndef COMPLYD_SIM_JSON_H
#define COMPLYD_SIM_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cJSON;

/* Types that a member may have; `|` for several. */
enum json_type { JSON_STRING = 1, JSON_NUMBER = 2, JSON_BOOL = 4, JSON_NULL = 8, JSON_ARRAY = 16, JSON_OBJECT = 32 };

/* One allowed member; tables end with a NULL name. */
struct json_field {
    const char *name;
    int types;
    bool required;
};

/* NULL unless [text, text+length) is one JSON value; text[length] must be NUL. The caller frees with cJSON_Delete(). */
struct cJSON *json_parse(const char *text, size_t length);

/* Holds an object against a table: every member known, none twice, types right, required ones there. Returns NULL, or
 * what is wrong in `reason`. */
const char *json_check(const struct cJSON *object, const struct json_field *fields, char *reason, size_t size);

const struct cJSON *json_member(const struct cJSON *object, const char *name); /* NULL = absent */
const char *json_string(const struct cJSON *object, const char *name);         /* NULL = absent or no string */
bool json_number(const struct cJSON *object, const char *name, double *ret_value);
int64_t json_int(const struct cJSON *object, const char *name, int64_t absent); /* whole numbers only */
bool json_bool(const struct cJSON *object, const char *name, bool absent);

#endif
