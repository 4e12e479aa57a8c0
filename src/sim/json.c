/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "sim/json.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

static bool is_utf8(const char *text, size_t length)
{
    for (const char *end = text + length; text < end;) {
        size_t step = utf8_sequence(text);
        if (step == 0)
            return false;
        text += step;
    }
    return true;
}

struct cJSON *json_parse(const char *text, size_t length)
{
    if (!is_utf8(text, length))
        return NULL;
    return cJSON_ParseWithLengthOpts(text, length + 1, NULL, true);
}

static int type_of(const cJSON *item)
{
    switch (item->type & 0xFF) {
    case cJSON_String:
        return JSON_STRING;
    case cJSON_Number:
        return JSON_NUMBER;
    case cJSON_True:
    case cJSON_False:
        return JSON_BOOL;
    case cJSON_NULL:
        return JSON_NULL;
    case cJSON_Array:
        return JSON_ARRAY;
    default:
        return JSON_OBJECT;
    }
}

static int field_index(const struct json_field *fields, const char *name)
{
    for (int i = 0; fields[i].name; i++) {
        if (strcmp(fields[i].name, name) == 0)
            return i;
    }
    return -1;
}

const char *json_check(const struct cJSON *object, const struct json_field *fields, char *reason, size_t size)
{
    uint64_t seen = 0;

    if (!cJSON_IsObject(object)) {
        snprintf(reason, size, "not a JSON object");
        return reason;
    }
    for (const cJSON *item = object->child; item; item = item->next) {
        int i = field_index(fields, item->string);
        const char *fault = i < 0                                ? "unknown member"
                            : (seen >> i & 1)                    ? "member given twice"
                            : !(type_of(item) & fields[i].types) ? "wrong JSON type of"
                                                                 : NULL;
        if (fault) {
            snprintf(reason, size, "%s '%.60s'", fault, item->string);
            return reason;
        }
        seen |= UINT64_C(1) << i;
    }
    for (int i = 0; fields[i].name; i++) {
        if (fields[i].required && !(seen >> i & 1)) {
            snprintf(reason, size, "missing member '%s'", fields[i].name);
            return reason;
        }
    }
    return NULL;
}

const struct cJSON *json_member(const struct cJSON *object, const char *name)
{
    return cJSON_IsObject(object) ? cJSON_GetObjectItemCaseSensitive(object, name) : NULL;
}

const char *json_string(const struct cJSON *object, const char *name)
{
    return cJSON_GetStringValue(json_member(object, name));
}

bool json_number(const struct cJSON *object, const char *name, double *ret_value)
{
    const cJSON *item = json_member(object, name);

    if (!cJSON_IsNumber(item))
        return false;
    *ret_value = item->valuedouble;
    return true;
}

int64_t json_int(const struct cJSON *object, const char *name, int64_t absent)
{
    double value;

    if (!json_number(object, name, &value) || !(value >= -9e15 && value <= 9e15) || (double)(int64_t)value != value)
        return absent;
    return (int64_t)value;
}

bool json_bool(const struct cJSON *object, const char *name, bool absent)
{
    const cJSON *item = json_member(object, name);

    return cJSON_IsBool(item) ? cJSON_IsTrue(item) : absent;
}
