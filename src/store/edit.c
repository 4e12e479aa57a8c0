/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "store/edit.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "database_internal.h"
#include "import_internal.h"
#include "statement.h"

static const char platform[] = "platform", actions[] = "actions";

static int refuse_missing(struct edit *edit, const char *field, struct error *err)
{
    snprintf(edit->field, sizeof(edit->field), "%s", field);
    return error_set(err, ERR_INVALID, 0, "is missing");
}

static int not_found(const char *what, const char *id, struct error *err)
{
    return error_set(err, ERR_NOTFOUND, 0, "there is no %s '%s'", what, id);
}

/* -------------------------------------------------------------------------------------- what a member is by default */

static cJSON *make_default(const char *field)
{
    enum import_column column;

    if (strcmp(field, actions) == 0 || strcmp(field, "violations") == 0)
        return cJSON_CreateArray();
    if (strcmp(field, "enabled") == 0)
        return cJSON_CreateTrue();
    if (import_column_find(field, &column) != 0)
        return cJSON_CreateString("");
    if (column == COLUMN_MANAGED)
        return cJSON_CreateTrue();
    if (import_column_kind(column) == IMPORT_TIME)
        return cJSON_CreateNull();
    return cJSON_CreateString(column == COLUMN_CONNECTION ? "default" : "");
}

static bool add_default(cJSON *object, const char *field)
{
    return cJSON_GetObjectItemCaseSensitive(object, field) || cJSON_AddItemToObject(object, field, make_default(field));
}

/* PUT: what is left out is as if it had never been said. */
static int complete_device(struct edit *edit, cJSON *device, struct error *err)
{
    if (!cJSON_GetObjectItemCaseSensitive(device, platform))
        return refuse_missing(edit, platform, err);
    for (int i = COLUMN_DEVICE_ID + 1; i < IMPORT_COLUMN_COUNT; i++) {
        if (!add_default(device, import_column_name((enum import_column)i)))
            return error_set(err, ERR_NOMEM, 0, "out of memory");
    }
    return 0;
}

/* Without actions a policy takes no device's access away: nobody should say that by leaving them out. */
static int complete_policy(struct edit *edit, cJSON *policy, struct error *err)
{
    if (!cJSON_GetObjectItemCaseSensitive(policy, actions))
        return refuse_missing(edit, actions, err);
    if (!add_default(policy, "name") || !add_default(policy, "enabled"))
        return error_set(err, ERR_NOMEM, 0, "out of memory");
    return 0;
}

/* PATCH: null takes a member away, which leaves its default. A platform has none. */
static int replace_nulls(cJSON *object, struct error *err)
{
    for (cJSON *item = object->child, *next; item; item = next) {
        next = item->next;
        if (!cJSON_IsNull(item) || strcmp(item->string, platform) == 0)
            continue;
        cJSON *value = make_default(item->string);
        if (!value || !cJSON_ReplaceItemInObjectCaseSensitive(object, item->string, value))
            return error_set(err, ERR_NOMEM, 0, "out of memory");
    }
    return 0;
}

/* ------------------------------------------------------------------------------------------------------ the record */

static int read_body(struct import *import, const struct edit *edit, cJSON **ret_record)
{
    *ret_record = NULL;
    int code = import_check_text(import, edit->body, edit->body_length);
    if (code == 0)
        code = import_json_parse(import, edit->body, edit->body_length, ret_record);
    if (code == 0 && !cJSON_IsObject(*ret_record))
        code = import_refuse(import, "", "the body must be a JSON object");
    return code;
}

/* The id is the path's; the body may say it again, but nothing else. */
static int name_record(struct import *import, const struct edit *edit, cJSON *record, const char *field)
{
    const cJSON *given = cJSON_GetObjectItemCaseSensitive(record, field);

    if (given && (!cJSON_IsString(given) || strcmp(given->valuestring, edit->id) != 0))
        return import_refuse(import, field, "is not the id in the path");
    if (!given && !cJSON_AddStringToObject(record, field, edit->id))
        return error_set(import->err, ERR_NOMEM, 0, "out of memory");
    return 0;
}

/* 1 or 0, or ERR_*. */
static int device_exists(struct import *import, const struct edit *edit)
{
    static const char sql[] = "SELECT 1 FROM device WHERE device_id = ?";
    int64_t one;

    return statement_int(import->database, sql, &one, import->err, "t", edit->id);
}

static int policy_exists(struct import *import, const struct edit *edit)
{
    static const char sql[] = "SELECT 1 FROM policy WHERE policy_id = ?";
    int64_t one;

    return statement_int(import->database, sql, &one, import->err, "t", edit->id);
}

/* -------------------------------------------------------------------------------------------------------- the acts */

static int write_device(struct import *import, struct edit *edit)
{
    bool patch = edit->act == EDIT_PATCH_DEVICE;
    cJSON *record;

    int found = device_exists(import, edit);
    if (found < 0)
        return found;
    if (patch && found == 0)
        return not_found("device", edit->id, import->err);
    int code = read_body(import, edit, &record);
    if (code == 0)
        code = patch ? replace_nulls(record, import->err) : complete_device(edit, record, import->err);
    if (code == 0)
        code = name_record(import, edit, record, import_column_name(COLUMN_DEVICE_ID));
    if (code == 0)
        code = import_json_device(import, record);
    cJSON_Delete(record);
    edit->created = found == 0;
    return code;
}

static int write_policy(struct import *import, struct edit *edit)
{
    bool patch = edit->act == EDIT_PATCH_POLICY;
    cJSON *record;

    int found = policy_exists(import, edit);
    if (found < 0)
        return found;
    if (patch && found == 0)
        return not_found("policy", edit->id, import->err);
    int code = read_body(import, edit, &record);
    if (code == 0)
        code = patch ? replace_nulls(record, import->err) : complete_policy(edit, record, import->err);
    if (code == 0)
        code = name_record(import, edit, record, "policy_id");
    if (code == 0)
        code = import_json_policy(import, record);
    cJSON_Delete(record);
    edit->created = found == 0;
    return code;
}

static int delete_device(struct import *import, const struct edit *edit)
{
    int found = device_exists(import, edit);

    if (found == 0)
        return not_found("device", edit->id, import->err);
    return found < 0 ? found : import_write_deletion(import, edit->id);
}

static int delete_policy(struct import *import, const struct edit *edit)
{
    static const char policy[] = "DELETE FROM policy WHERE policy_id = ?";
    static const char its_actions[] = "DELETE FROM policy_action WHERE policy_id = ?";

    int found = policy_exists(import, edit);
    if (found == 0)
        return not_found("policy", edit->id, import->err);
    /* Before its actions: what violates it waits from now on, and at no time looks as if it was no offence. */
    int code = found < 0 ? found : statement_run(import->database, policy, import->err, "t", edit->id);
    return code < 0 ? code : statement_run(import->database, its_actions, import->err, "t", edit->id);
}

static int violation_exists(struct import *import, const struct edit *edit)
{
    static const char sql[] = "SELECT 1 FROM violation WHERE device_id = ? AND policy_id = ?";
    int64_t one;

    return statement_int(import->database, sql, &one, import->err, "tt", edit->id, edit->policy_id);
}

static int put_violation(struct import *import, struct edit *edit)
{
    static const char sql[] = "INSERT INTO violation (device_id, policy_id, since) VALUES (?, ?, ?)";

    int found = device_exists(import, edit);
    if (found == 0)
        return not_found("device", edit->id, import->err);
    int code = found < 0 ? found : import_column_check_id(import, "", edit->policy_id);
    if (code == 0)
        code = violation_exists(import, edit);
    edit->created = code == 0;
    if (code == 0)
        code =
            statement_run(import->database, sql, import->err, "tti", edit->id, edit->policy_id, import->writer.now_s);
    return code < 0 ? code : 0;
}

static int delete_violation(struct import *import, const struct edit *edit)
{
    static const char sql[] = "DELETE FROM violation WHERE device_id = ? AND policy_id = ?";

    int found = violation_exists(import, edit);
    if (found == 0)
        return error_set(import->err, ERR_NOTFOUND, 0, "device '%s' does not violate policy '%s'", edit->id,
                         edit->policy_id);
    return found < 0 ? found : statement_run(import->database, sql, import->err, "tt", edit->id, edit->policy_id);
}

static int act(struct import *import, struct edit *edit)
{
    int code = import_column_check_id(import, "", edit->id);

    if (code < 0)
        return error_prefix(import->err, "the id in the path");
    switch (edit->act) {
    case EDIT_PUT_DEVICE:
    case EDIT_PATCH_DEVICE:
        return write_device(import, edit);
    case EDIT_DELETE_DEVICE:
        return delete_device(import, edit);
    case EDIT_PUT_POLICY:
    case EDIT_PATCH_POLICY:
        return write_policy(import, edit);
    case EDIT_DELETE_POLICY:
        return delete_policy(import, edit);
    case EDIT_PUT_VIOLATION:
        return put_violation(import, edit);
    default:
        return delete_violation(import, edit);
    }
}

int edit_apply(struct edit *edit, struct database *database, struct error *err)
{
    struct import_progress done = {0};
    struct import_error where = {0};
    struct import import = {
        .database = database,
        .writing = true,
        .writer.now_s = clock_realtime_ms(clock_system()) / 1000,
        .done = &done,
        .where = &where,
        .err = err,
    };

    int code = act(&import, edit);
    if (where.column[0] != '\0')
        snprintf(edit->field, sizeof(edit->field), "%s", where.column);
    import_write_finalize(&import.writer);
    import_names_free(&import.names);
    return code;
}
