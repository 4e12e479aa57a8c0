/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <cjson/cJSON.h>
#include <string.h>

#include "import_internal.h"
#include "model/action.h"

static int read_text(struct import *import, const char *field, const cJSON *item, const char **ret_text)
{
    if (!cJSON_IsString(item))
        return import_refuse(import, field, "must be a string");
    *ret_text = item->valuestring;
    return 0;
}

static int read_flag(struct import *import, const char *field, const cJSON *item, int64_t *ret_flag)
{
    if (cJSON_IsBool(item))
        *ret_flag = cJSON_IsTrue(item);
    else if (cJSON_IsNumber(item) && (item->valuedouble == 0 || item->valuedouble == 1))
        *ret_flag = item->valuedouble == 1;
    else
        return import_refuse(import, field, "must be 0, 1, true or false");
    return 0;
}

static int read_time(struct import *import, enum import_column column, const cJSON *item, struct import_value *value)
{
    value->null = cJSON_IsNull(item);
    if (value->null)
        return 0;
    if (!cJSON_IsNumber(item))
        return import_refuse(import, import_column_name(column), "must be a whole number or null");
    int code = import_column_check_time(import, column, item->valuedouble);
    if (code == 0)
        value->number = (int64_t)item->valuedouble;
    return code;
}

static int read_column(struct import *import, const cJSON *item, enum import_column column,
                       struct import_device *device)
{
    const char *field = import_column_name(column);
    struct import_value *value = &device->values[column];

    if (device->given & 1u << column)
        return import_refuse(import, field, "is there twice");
    device->given |= 1u << column;
    if (import_column_kind(column) == IMPORT_FLAG)
        return read_flag(import, field, item, &value->number);
    if (import_column_kind(column) == IMPORT_TIME)
        return read_time(import, column, item, value);

    int code = read_text(import, field, item, &value->text);
    return code == 0 ? import_column_check_text(import, column, value->text) : code;
}

static int read_violations(struct import *import, const cJSON *list, struct import_device *device)
{
    static const char field[] = "violations";
    const cJSON *item;

    if (device->has_violations)
        return import_refuse(import, field, "is there twice");
    if (!cJSON_IsArray(list))
        return import_refuse(import, field, "must be an array of policy ids");
    device->has_violations = true;
    cJSON_ArrayForEach(item, list)
    {
        if (!cJSON_IsString(item))
            return import_refuse(import, field, "must be an array of policy ids");
        int code = import_column_check_id(import, field, item->valuestring);
        if (code == 0 && import_names_add(&device->violations, item->valuestring) < 0)
            code = error_set(import->err, ERR_NOMEM, 0, "out of memory");
        if (code < 0)
            return code;
    }
    return 0;
}

static int refuse_unknown(struct import *import, const cJSON *item, const char *whose)
{
    char shown[IMPORT_SHOWN];

    import_show(item->string, shown);
    return import_refuse(import, shown, "is no field of a %s", whose);
}

static int read_device(struct import *import, const cJSON *object, struct import_device *device)
{
    enum import_column column;
    const cJSON *item;
    int code = 0;

    if (!cJSON_IsObject(object))
        return import_refuse(import, "device", "must be an object");
    cJSON_ArrayForEach(item, object)
    {
        if (import_column_find(item->string, &column) == 0)
            code = read_column(import, item, column, device);
        else if (strcmp(item->string, "violations") == 0)
            code = read_violations(import, item, device);
        else
            code = refuse_unknown(import, item, "device");
        if (code < 0)
            return code;
    }
    if (!(device->given & 1u << COLUMN_DEVICE_ID))
        return import_refuse(import, import_column_name(COLUMN_DEVICE_ID), "is missing");
    return 0;
}

int import_json_device(struct import *import, const cJSON *object)
{
    struct import_device device = {.violations = import->names};

    import_names_clear(&device.violations);
    int code = read_device(import, object, &device);
    if (code == 0)
        code = import_take_device(import, &device);
    import->names = device.violations;
    return code;
}

static int read_actions(struct import *import, const cJSON *list, struct import_policy *policy)
{
    static const char field[] = "actions";
    char shown[IMPORT_SHOWN];
    enum action action;
    const cJSON *item;

    if (!cJSON_IsArray(list))
        return import_refuse(import, field, "must be an array of actions");
    policy->has_actions = true;
    cJSON_ArrayForEach(item, list)
    {
        if (!cJSON_IsString(item))
            return import_refuse(import, field, "must be an array of actions");
        if (action_parse(item->valuestring, &action) != 0)
            return import_refuse(
                import, field,
                "\"%s\" is none of monitor, send_alert, block_email, block_appconnect, quarantine, retire",
                import_show(item->valuestring, shown));
        policy->actions |= 1u << action;
    }
    return 0;
}

enum policy_field { POLICY_ID, POLICY_NAME, POLICY_ENABLED, POLICY_ACTIONS, POLICY_FIELDS };

static const char *const policy_fields[POLICY_FIELDS] = {"policy_id", "name", "enabled", "actions"};

static int read_policy_field(struct import *import, const cJSON *item, enum policy_field field,
                             struct import_policy *policy)
{
    const char *name = policy_fields[field];
    int64_t flag = 0;
    int code = 0;

    switch (field) {
    case POLICY_ID:
        code = read_text(import, name, item, &policy->policy_id);
        return code == 0 ? import_column_check_id(import, name, policy->policy_id) : code;
    case POLICY_NAME:
        code = read_text(import, name, item, &policy->name);
        return code == 0 ? import_column_check_name(import, name, policy->name) : code;
    case POLICY_ENABLED:
        code = read_flag(import, name, item, &flag);
        policy->enabled = (int)flag;
        return code;
    default:
        return read_actions(import, item, policy);
    }
}

static int read_policy(struct import *import, const cJSON *object, struct import_policy *policy)
{
    unsigned given = 0;
    const cJSON *item;

    if (!cJSON_IsObject(object))
        return import_refuse(import, "policy", "must be an object");
    cJSON_ArrayForEach(item, object)
    {
        unsigned field = 0;
        while (field < POLICY_FIELDS && strcmp(item->string, policy_fields[field]) != 0)
            field++;
        if (field == POLICY_FIELDS)
            return refuse_unknown(import, item, "policy");
        if (given & 1u << field)
            return import_refuse(import, item->string, "is there twice");
        given |= 1u << field;
        int code = read_policy_field(import, item, (enum policy_field)field, policy);
        if (code < 0)
            return code;
    }
    if (!policy->policy_id)
        return import_refuse(import, policy_fields[POLICY_ID], "is missing");
    return 0;
}

int import_json_policy(struct import *import, const cJSON *object)
{
    struct import_policy policy = {.enabled = -1};

    int code = read_policy(import, object, &policy);
    return code == 0 ? import_take_policy(import, &policy) : code;
}

static int take_deletion(struct import *import, const cJSON *item)
{
    const char *device_id = NULL;

    int code = read_text(import, "delete_device", item, &device_id);
    if (code == 0)
        code = import_column_check_id(import, "delete_device", device_id);
    return code == 0 ? import_take_deletion(import, device_id) : code;
}

static int take_record(struct import *import, const cJSON *record)
{
    static const char wanted[] = "the line must be an object with one of device, policy and delete_device";
    const cJSON *item = record ? record->child : NULL;
    char shown[IMPORT_SHOWN];

    if (!cJSON_IsObject(record) || !item)
        return import_refuse(import, "", "%s", wanted);
    if (item->next)
        return import_refuse(import, import_show(item->next->string, shown), "%s", wanted);
    if (strcmp(item->string, "device") == 0)
        return import_json_device(import, item);
    if (strcmp(item->string, "policy") == 0)
        return import_json_policy(import, item);
    if (strcmp(item->string, "delete_device") == 0)
        return take_deletion(import, item);
    return import_refuse(import, import_show(item->string, shown), "%s", wanted);
}

/* An escaped NUL would end the string in which it stands. Backslashes are found in strings only. */
static bool has_escaped_nul(const char *text, size_t length)
{
    const char *end = text + length;

    for (const char *p = memchr(text, '\\', length); p && end - p >= 6; p = memchr(p, '\\', (size_t)(end - p))) {
        if (strncmp(p + 1, "u0000", 5) == 0)
            return true;
        p += 2;
    }
    return false;
}

int import_json_parse(struct import *import, const char *text, size_t length, cJSON **ret_object)
{
    const char *end = text;

    *ret_object = NULL;
    if (has_escaped_nul(text, length))
        return import_refuse(import, "", "holds a NUL character");
    cJSON *object = cJSON_ParseWithLengthOpts(text, length, &end, false);
    while (object && end < text + length && strchr(" \t\r\n", *end))
        end++;
    if (!object || end < text + length) {
        cJSON_Delete(object);
        return import_refuse(import, "", "is not one JSON object: see byte %zu", (size_t)(end - text) + 1);
    }
    *ret_object = object;
    return 0;
}

int import_json_line(struct import *import, const char *text, size_t length)
{
    cJSON *record;

    if (import_is_blank(text, length))
        return 0;
    if (text[strspn(text, " \t\r")] == '[')
        return import_refuse(import, "", "is a JSON array: give one object a line instead, such as jq -c '.[]' makes");
    int code = import_json_parse(import, text, length, &record);
    if (code == 0)
        code = take_record(import, record);
    cJSON_Delete(record);
    return code;
}
