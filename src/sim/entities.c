/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "sim/entities.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "sim/json.h"

static const struct json_field inventory_fields[] = {
    {"EntityType", JSON_NUMBER, true},
    {"TenantId", JSON_STRING, true},
    {"DeviceManagementState", JSON_STRING, true},
    {"DeviceId", JSON_STRING, true},
    {"DeviceName", JSON_STRING, true},
    {"UserId", JSON_STRING, true},
    {"LastCheckInTime", JSON_STRING, true},
    {"LastUpdateTime", JSON_STRING, true},
    {"Os", JSON_STRING, true},
    {"OsVersion", JSON_STRING, true},
    {"EasIds", JSON_ARRAY, true},
    {"State", JSON_NUMBER, true},
    {NULL, 0, false},
};

static const struct json_field compliance_fields[] = {
    {"EntityType", JSON_NUMBER, true},
    {"TenantId", JSON_STRING, true},
    {"DeviceId", JSON_STRING, true},
    {"UserId", JSON_STRING, true},
    {"LastUpdateTime", JSON_STRING, true},
    {"complianceStatus", JSON_STRING, true},
    {NULL, 0, false},
};

enum { ENTITY_INVENTORY = 1, ENTITY_COMPLIANCE = 4 };

/* One call's arguments on their way down. */
struct reading {
    const char *tenant_id;
    char *reason;
};

static int refuse(const struct reading *reading, const char *entity, const char *text)
{
    snprintf(reading->reason, ENTITIES_REASON, "%s: %s", entity, text);
    return ERR_INVALID;
}

void beliefs_free(struct beliefs *beliefs)
{
    for (size_t i = 0; i < beliefs->count; i++) {
        free(beliefs->list[i].name);
        free(beliefs->list[i].os_version);
    }
    free(beliefs->list);
    *beliefs = (struct beliefs){0};
}

bool entities_time(const char *text, int64_t *ret_ms)
{
    size_t length = strlen(text);

    /* clock_parse() would take a blank for the T. */
    return length > 0 && text[length - 1] == 'Z' && strchr(text, 'T') && clock_parse(text, ret_ms) == 0;
}

static const char *known_os(const char *text)
{
    static const char *const names[] = {"iOS", "Android", "macOS"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(text, names[i]) == 0)
            return names[i];
    }
    return NULL;
}

/* 1 or 0 for the two words, -1 for any other. */
static int one_of(const char *text, const char *yes, const char *no)
{
    return strcmp(text, yes) == 0 ? 1 : strcmp(text, no) == 0 ? 0 : -1;
}

static bool read_guid(const cJSON *entity, const char *name, char ret_id[GUID_TEXT])
{
    struct guid guid;

    if (guid_parse(json_string(entity, name), &guid) != 0)
        return false;
    guid_format(&guid, ret_id);
    return true;
}

/* What both kinds carry. */
static int read_common(const struct reading *reading, const char *kind, const cJSON *entity, struct belief *belief)
{
    char tenant_id[GUID_TEXT];

    if (!read_guid(entity, "TenantId", tenant_id) || strcmp(tenant_id, reading->tenant_id) != 0)
        return refuse(reading, kind, "TenantId is not the token's tenant");
    if (!read_guid(entity, "DeviceId", belief->device_id))
        return refuse(reading, kind, "DeviceId is not a GUID");
    if (!read_guid(entity, "UserId", belief->user_id))
        return refuse(reading, kind, "UserId is not a GUID");
    if (!entities_time(json_string(entity, "LastUpdateTime"), &belief->stamp_ms))
        return refuse(reading, kind, "LastUpdateTime is not an ISO 8601 time in UTC");
    return 0;
}

static bool strings_only(const cJSON *array)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, array)
    {
        if (!cJSON_IsString(item))
            return false;
    }
    return true;
}

static int check_inventory(const struct reading *reading, const cJSON *entity, struct belief *belief)
{
    int managed = one_of(json_string(entity, "DeviceManagementState"), "managed", "notManaged");

    belief->os = known_os(json_string(entity, "Os"));
    belief->managed = managed == 1;
    if (managed < 0)
        return refuse(reading, "inventory", "DeviceManagementState is neither managed nor notManaged");
    if (!belief->os)
        return refuse(reading, "inventory", "Os is none of iOS, Android, macOS");
    if (!entities_time(json_string(entity, "LastCheckInTime"), &belief->check_in_ms))
        return refuse(reading, "inventory", "LastCheckInTime is not an ISO 8601 time in UTC");
    if (!strings_only(json_member(entity, "EasIds")))
        return refuse(reading, "inventory", "EasIds holds something else than strings");
    if (json_int(entity, "State", -1) != 0)
        return refuse(reading, "inventory", "State is not 0");
    return 0;
}

static int read_inventory(const struct reading *reading, const cJSON *entity, struct belief *belief)
{
    char why[ENTITIES_REASON / 2];
    int rc;

    if (json_check(entity, inventory_fields, why, sizeof(why)))
        return refuse(reading, "inventory", why);
    if (json_int(entity, "EntityType", 0) != ENTITY_INVENTORY)
        return refuse(reading, "inventory", "EntityType is not 1");
    rc = read_common(reading, "inventory", entity, belief);
    if (rc == 0)
        rc = check_inventory(reading, entity, belief);
    if (rc != 0)
        return rc;
    belief->name = strdup(json_string(entity, "DeviceName"));
    belief->os_version = strdup(json_string(entity, "OsVersion"));
    return belief->name && belief->os_version ? 0 : ERR_NOMEM;
}

static int read_compliance(const struct reading *reading, const cJSON *entity, struct belief *belief)
{
    char why[ENTITIES_REASON / 2];
    struct belief other = {.name = NULL};
    int rc;

    if (json_check(entity, compliance_fields, why, sizeof(why)))
        return refuse(reading, "compliance", why);
    if (json_int(entity, "EntityType", 0) != ENTITY_COMPLIANCE)
        return refuse(reading, "compliance", "EntityType is not 4");
    rc = read_common(reading, "compliance", entity, &other);
    if (rc != 0)
        return rc;
    int compliant = one_of(json_string(entity, "complianceStatus"), "compliant", "notCompliant");
    if (compliant < 0)
        return refuse(reading, "compliance", "complianceStatus is neither compliant nor notCompliant");
    belief->compliant = compliant == 1;
    if (strcmp(belief->device_id, other.device_id) != 0 || strcmp(belief->user_id, other.user_id) != 0 ||
        belief->stamp_ms != other.stamp_ms)
        return refuse(reading, "compliance", "does not agree with the inventory entity before it");
    return 0;
}

static bool named_before(const struct beliefs *beliefs, const struct belief *belief)
{
    for (size_t i = 0; i < beliefs->count; i++) {
        if (strcmp(beliefs->list[i].device_id, belief->device_id) == 0)
            return true;
    }
    return false;
}

/* Reads the pair that starts at `entity`; its belief is the caller's even when reading fails half-way. */
static int read_pair(const struct reading *reading, const cJSON *entity, struct beliefs *beliefs)
{
    struct belief belief = {.name = NULL};
    int rc = read_inventory(reading, entity, &belief);

    if (rc == 0)
        rc = read_compliance(reading, entity->next, &belief);
    if (rc == 0 && named_before(beliefs, &belief))
        rc = refuse(reading, "Content", "names a device twice");
    beliefs->list[beliefs->count++] = belief;
    return rc;
}

static int read_pairs(const struct reading *reading, const cJSON *array, size_t max_devices, struct beliefs *beliefs)
{
    size_t entities = cJSON_IsArray(array) ? (size_t)cJSON_GetArraySize(array) : 0;
    int rc = 0;

    if (!cJSON_IsArray(array))
        return refuse(reading, "Content", "is not a JSON array");
    if (entities == 0 || entities % 2 != 0)
        return refuse(reading, "Content", "does not hold pairs of inventory and compliance");
    if (entities / 2 > max_devices)
        return refuse(reading, "Content", "more devices than one message may name");
    beliefs->list = calloc(entities / 2, sizeof(struct belief));
    if (!beliefs->list)
        return ERR_NOMEM;
    for (const cJSON *entity = array->child; entity && rc == 0; entity = entity->next->next)
        rc = read_pair(reading, entity, beliefs);
    return rc;
}

int entities_parse(const char *content, const char *tenant_id, size_t max_devices, struct beliefs *ret_beliefs,
                   char reason[ENTITIES_REASON])
{
    struct reading reading = {.tenant_id = tenant_id, .reason = reason};
    cJSON *array = json_parse(content, strlen(content));
    int rc = read_pairs(&reading, array, max_devices, ret_beliefs);

    if (rc != 0)
        beliefs_free(ret_beliefs);
    cJSON_Delete(array);
    return rc;
}
