/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "sim/registry.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/json.h"
#include "sim/world.h"

typedef int add_fn(struct world *world, struct tenant *tenant, const cJSON *object, struct error *err);

static const struct json_field device_fields[] = {
    {"deviceId", JSON_STRING, true},         {"tenantId", JSON_STRING, false},
    {"operatingSystem", JSON_STRING, false}, {"operatingSystemVersion", JSON_STRING, false},
    {"displayName", JSON_STRING, false},     {"isManaged", JSON_BOOL, false},
    {"isCompliant", JSON_BOOL, false},       {NULL, 0, false},
};

static const struct json_field user_fields[] = {
    {"userPrincipalName", JSON_STRING, true},
    {"tenantId", JSON_STRING, false},
    {"id", JSON_STRING, false},
    {"displayName", JSON_STRING, false},
    {NULL, 0, false},
};

static struct tenant *tenant_of(const struct world *world, struct tenant *tenant, const cJSON *object)
{
    const char *id = json_string(object, "tenantId");

    return id ? world_tenant(world, id) : tenant;
}

static enum known known_of(const cJSON *object, const char *name)
{
    const cJSON *item = json_member(object, name);

    return !item ? KNOWN_NOT : cJSON_IsTrue(item) ? KNOWN_TRUE : KNOWN_FALSE;
}

static int add_device(struct world *world, struct tenant *tenant, const cJSON *object, struct error *err)
{
    char reason[128];
    struct device *device;

    if (json_check(object, device_fields, reason, sizeof(reason)))
        return error_set(err, ERR_INVALID, 0, "device: %s", reason);
    tenant = tenant_of(world, tenant, object);
    if (!tenant)
        return error_set(err, ERR_INVALID, 0, "device: unknown tenantId");
    if (!guid_is_valid(json_string(object, "deviceId")))
        return error_set(err, ERR_INVALID, 0, "device: deviceId is not a GUID");
    const struct device_facts facts = {.os = json_string(object, "operatingSystem"),
                                       .os_version = json_string(object, "operatingSystemVersion"),
                                       .name = json_string(object, "displayName"),
                                       .managed = known_of(object, "isManaged"),
                                       .compliant = known_of(object, "isCompliant"),
                                       .check_in_ms = -1};
    device = devices_add(&tenant->devices, json_string(object, "deviceId"), world_now_ms(world));
    if (!device || device_tell(device, &facts) != 0)
        return error_set(err, ERR_NOMEM, 0, "device");
    return 0;
}

static int add_user(struct world *world, struct tenant *tenant, const cJSON *object, struct error *err)
{
    char reason[128];
    int rc;

    if (json_check(object, user_fields, reason, sizeof(reason)))
        return error_set(err, ERR_INVALID, 0, "user: %s", reason);
    tenant = tenant_of(world, tenant, object);
    if (!tenant)
        return error_set(err, ERR_INVALID, 0, "user: unknown tenantId");
    rc = users_add(&tenant->users, json_string(object, "userPrincipalName"), json_string(object, "id"),
                   json_string(object, "displayName"));
    return rc == 0 ? 0 : error_set(err, rc, 0, "user: %s", error_code_text(rc));
}

/* A whole JSON value: an array of objects, or one object. */
static int add_value(struct world *world, struct tenant *tenant, const cJSON *value, add_fn *add, struct error *err)
{
    const cJSON *object;
    int count = 0;

    if (!cJSON_IsArray(value))
        return add(world, tenant, value, err) == 0 ? 1 : err->code;
    cJSON_ArrayForEach(object, value)
    {
        if (add(world, tenant, object, err) != 0)
            return error_prefix(err, "entry %d", count + 1);
        count++;
    }
    return count;
}

static int add_line(struct world *world, struct tenant *tenant, const char *line, size_t length, add_fn *add,
                    struct error *err)
{
    char *copy = strndup(line, length);
    cJSON *object = copy ? json_parse(copy, length) : NULL;
    int rc = object ? add(world, tenant, object, err) : error_set(err, ERR_INVALID, 0, "not a JSON object");

    free(copy);
    cJSON_Delete(object);
    return rc;
}

static int add_lines(struct world *world, struct tenant *tenant, const char *text, add_fn *add, struct error *err)
{
    int count = 0;

    for (int number = 1; *text; number++) {
        size_t length = strcspn(text, "\n");
        size_t blank = strspn(text, " \t\r");
        if (blank < length) {
            if (add_line(world, tenant, text, length, add, err) != 0)
                return error_prefix(err, "line %d", number);
            count++;
        }
        text += length + (text[length] == '\n');
    }
    return count;
}

static int add_text(struct world *world, struct tenant *tenant, const char *text, add_fn *add, struct error *err)
{
    struct error local;
    cJSON *value;
    int rc;

    if (!err)
        err = &local;
    *err = (struct error){.code = 0};
    /* JSON Lines of more than one line is no JSON value; a list of one line is both, and means the same. */
    value = json_parse(text, strlen(text));
    rc = value ? add_value(world, tenant, value, add, err) : add_lines(world, tenant, text, add, err);
    cJSON_Delete(value);
    return rc;
}

int registry_add_devices(struct world *world, struct tenant *tenant, const char *text, struct error *err)
{
    return add_text(world, tenant, text, add_device, err);
}

int registry_add_users(struct world *world, struct tenant *tenant, const char *text, struct error *err)
{
    return add_text(world, tenant, text, add_user, err);
}

static int load(struct world *world, struct tenant *tenant, const char *path, add_fn *add, struct error *err)
{
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t size = 0;
    int count = 0;
    int rc = 0;

    if (!file)
        return error_set(err, ERR_IO, 0, "cannot open %s", path);
    for (int number = 1; rc == 0 && getline(&line, &size, file) >= 0; number++) {
        if (line[strspn(line, " \t\r\n")] == '\0')
            continue;
        rc = add_line(world, tenant, line, strcspn(line, "\n"), add, err);
        if (rc != 0)
            error_prefix(err, "%s:%d", path, number);
        count++;
    }
    free(line);
    fclose(file);
    return rc == 0 ? count : rc;
}

int registry_load_devices(struct world *world, struct tenant *tenant, const char *path, struct error *err)
{
    return load(world, tenant, path, add_device, err);
}

int registry_load_users(struct world *world, struct tenant *tenant, const char *path, struct error *err)
{
    return load(world, tenant, path, add_user, err);
}

struct listing {
    struct buf *out;
    const char *comma;
};

static void write_text(struct buf *out, const char *name, const char *text)
{
    buf_addf(out, ",\"%s\":", name);
    buf_add_json_string(out, text);
}

static void write_known(struct buf *out, const char *name, enum known value)
{
    buf_addf(out, ",\"%s\":%s", name, value == KNOWN_NOT ? "null" : value == KNOWN_TRUE ? "true" : "false");
}

static void write_time(struct buf *out, const char *name, int64_t time_ms)
{
    char text[CLOCK_TEXT];

    buf_addf(out, ",\"%s\":\"%s\"", name, clock_format_ms(time_ms, text));
}

static void write_device(void *ctx, const struct device *device)
{
    struct listing *listing = ctx;
    struct buf *out = listing->out;

    buf_addf(out, "%s{\"deviceId\":\"%s\",\"id\":\"%s\"", listing->comma, device->id, device->object_id);
    write_text(out, "operatingSystem", device->os);
    write_text(out, "operatingSystemVersion", device->os_version);
    write_text(out, "displayName", device->name);
    write_text(out, "userId", device->user_id);
    write_known(out, "isManaged", device->managed);
    write_known(out, "isCompliant", device->compliant);
    write_time(out, "lastUpdateTime", device->applied_ms);
    write_time(out, "lastAcceptedTime", device->accepted_ms);
    write_time(out, "lastCheckInTime", device->check_in_ms);
    buf_addf(out, ",\"updates\":%llu}", (unsigned long long)device->updates);
    listing->comma = ",\n";
}

void registry_write_devices(const struct tenant *tenant, const char *device_id, struct buf *out)
{
    struct listing listing = {.out = out, .comma = ""};
    const struct device *device = device_id ? devices_find(&tenant->devices, device_id) : NULL;

    buf_addf(out, "{\"tenantId\":\"%s\",\"value\":[", tenant->id);
    if (device)
        write_device(&listing, device);
    if (!device_id)
        devices_each(&tenant->devices, write_device, &listing);
    buf_add_text(out, "]}\n");
}
