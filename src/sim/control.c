/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "sim/control.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "sim/exchange.h"
#include "sim/json.h"
#include "sim/permission.h"
#include "sim/registry.h"
#include "sim/token.h"
#include "sim/world.h"

static void refuse(struct exchange *ex, int status, const char *text)
{
    exchange_answer(ex, status, EXCHANGE_JSON);
    buf_add_text(&ex->reply, "{\"error\":");
    buf_add_json_string(&ex->reply, text);
    buf_add_text(&ex->reply, "}\n");
}

static void done(struct exchange *ex)
{
    exchange_answer(ex, 200, EXCHANGE_JSON);
    buf_add_text(&ex->reply, "{\"done\":true}\n");
}

/* The tenant of ?tenant=, else the first. NULL = unknown, ex is answered. */
static struct tenant *chosen_tenant(const struct world *world, struct exchange *ex)
{
    char *id = exchange_query(ex, "tenant");
    struct tenant *tenant = id ? world_tenant(world, id) : world->tenants[0];

    free(id);
    if (!tenant)
        refuse(ex, 404, "unknown tenant");
    return tenant;
}

static void answer_count(struct exchange *ex, int count, const struct error *err)
{
    if (count < 0) {
        refuse(ex, 400, error_text(err));
        return;
    }
    exchange_answer(ex, 200, EXCHANGE_JSON);
    buf_addf(&ex->reply, "{\"count\":%d}\n", count);
}

static void get_devices(struct world *world, struct exchange *ex)
{
    const struct tenant *tenant = chosen_tenant(world, ex);

    if (!tenant)
        return;
    exchange_answer(ex, 200, EXCHANGE_JSON);
    registry_write_devices(tenant, ex->segment_count > 2 ? ex->segments[2] : NULL, &ex->reply);
}

static void post_devices(struct world *world, struct exchange *ex)
{
    struct tenant *tenant = chosen_tenant(world, ex);
    struct error err;

    if (tenant)
        answer_count(ex, registry_add_devices(world, tenant, ex->body, &err), &err);
}

/* Somebody else who writes to the directory. */
static void patch_device(struct world *world, struct exchange *ex)
{
    static const struct json_field fields[] = {
        {"isManaged", JSON_BOOL, false}, {"isCompliant", JSON_BOOL, false}, {NULL, 0, false}};
    struct tenant *tenant = chosen_tenant(world, ex);
    cJSON *payload = json_parse(ex->body, ex->body_length);
    struct device *device;
    char reason[128];

    if (!tenant) {
        cJSON_Delete(payload);
        return;
    }
    device = ex->segment_count == 3 ? devices_find(&tenant->devices, ex->segments[2]) : NULL;
    if (!device) {
        refuse(ex, 404, "unknown device");
    } else if (!payload || json_check(payload, fields, reason, sizeof(reason))) {
        refuse(ex, 400, payload ? reason : "not JSON");
    } else {
        struct device_facts facts = {.check_in_ms = -1};
        if (json_member(payload, "isManaged"))
            facts.managed = json_bool(payload, "isManaged", false) ? KNOWN_TRUE : KNOWN_FALSE;
        if (json_member(payload, "isCompliant"))
            facts.compliant = json_bool(payload, "isCompliant", false) ? KNOWN_TRUE : KNOWN_FALSE;
        device_tell(device, &facts);
        done(ex);
    }
    cJSON_Delete(payload);
}

static void delete_device(struct world *world, struct exchange *ex)
{
    struct tenant *tenant = chosen_tenant(world, ex);
    struct device *device;

    if (!tenant)
        return;
    device = ex->segment_count == 3 ? devices_find(&tenant->devices, ex->segments[2]) : NULL;
    if (!device) {
        refuse(ex, 404, "unknown device");
        return;
    }
    devices_remove(&tenant->devices, device);
    done(ex);
}

static void post_users(struct world *world, struct exchange *ex)
{
    struct tenant *tenant = chosen_tenant(world, ex);
    struct error err;

    if (tenant)
        answer_count(ex, registry_add_users(world, tenant, ex->body, &err), &err);
}

static int64_t query_number(const struct exchange *ex, const char *name, int64_t absent)
{
    char *text = exchange_query(ex, name);
    int64_t value = text ? strtoll(text, NULL, 10) : absent;

    free(text);
    return value < 0 ? 0 : value;
}

static void get_requests(struct world *world, struct exchange *ex)
{
    int64_t since = query_number(ex, "since", 0);
    int64_t limit = query_number(ex, "limit", JOURNAL_ENTRIES);

    exchange_answer(ex, 200, EXCHANGE_JSON);
    journal_write(&world->journal, (uint64_t)since, (size_t)limit, query_number(ex, "body", 0) != 0, &ex->reply);
}

static void get_stats(struct world *world, struct exchange *ex)
{
    exchange_answer(ex, 200, EXCHANGE_JSON);
    stats_write(&world->stats, &ex->reply);
}

static void get_faults(struct world *world, struct exchange *ex)
{
    exchange_answer(ex, 200, EXCHANGE_JSON);
    faults_write(&world->faults, &ex->reply);
}

/* One rule, or an array of rules: then all or none. */
static void post_faults(struct world *world, struct exchange *ex)
{
    cJSON *payload = json_parse(ex->body, ex->body_length);
    const cJSON *spec = cJSON_IsArray(payload) ? payload->child : payload;
    struct error err = {.code = 0};
    size_t before = world->faults.count;
    int rc = payload ? 0 : error_set(&err, ERR_INVALID, 0, "not JSON");

    for (; spec && rc >= 0; spec = spec->next)
        rc = faults_add(&world->faults, spec, &err);
    if (rc < 0) {
        faults_truncate(&world->faults, before);
        refuse(ex, 400, error_text(&err));
    } else {
        exchange_answer(ex, 201, EXCHANGE_JSON);
        buf_addf(&ex->reply, "{\"number\":%d}\n", rc);
    }
    cJSON_Delete(payload);
}

static void delete_faults(struct world *world, struct exchange *ex)
{
    faults_clear(&world->faults);
    done(ex);
}

static void get_tenants(struct world *world, struct exchange *ex)
{
    exchange_answer(ex, 200, EXCHANGE_JSON);
    buf_add_text(&ex->reply, "{\"value\":[");
    for (size_t i = 0; i < world->tenant_count; i++) {
        buf_addf(&ex->reply, "%s{\"tenantId\":\"%s\",\"devices\":%zu,\"messages\":%zu,", i ? "," : "",
                 world->tenants[i]->id, world->tenants[i]->devices.count, world->tenants[i]->messages.count);
        enrolment_write(&world->tenants[i]->enrolment, &ex->reply);
        buf_add_char(&ex->reply, '}');
    }
    buf_add_text(&ex->reply, "]}\n");
}

static void post_tenants(struct world *world, struct exchange *ex)
{
    cJSON *payload = json_parse(ex->body, ex->body_length);
    const char *id = json_string(payload, "tenantId");

    if (id && world_add_tenant(world, id))
        done(ex);
    else
        refuse(ex, 400, "tenantId must be a GUID, and there is room for 64 tenants");
    cJSON_Delete(payload);
}

static void post_groups(struct world *world, struct exchange *ex)
{
    struct tenant *tenant = chosen_tenant(world, ex);
    cJSON *payload = json_parse(ex->body, ex->body_length);
    const char *name = json_string(payload, "displayName");
    const struct sim_group *group;

    if (tenant && name && (group = enrolment_add_group(&tenant->enrolment, name, json_string(payload, "id")))) {
        exchange_answer(ex, 201, EXCHANGE_JSON);
        buf_addf(&ex->reply, "{\"id\":\"%s\"}\n", group->id);
    } else if (tenant) {
        refuse(ex, 400, "displayName is needed, id must be a GUID, and there is room for 64 groups");
    }
    cJSON_Delete(payload);
}

static void delete_group(struct world *world, struct exchange *ex)
{
    struct tenant *tenant = chosen_tenant(world, ex);
    struct sim_group *group;

    if (!tenant)
        return;
    group = ex->segment_count == 3 ? enrolment_group(&tenant->enrolment, ex->segments[2]) : NULL;
    if (!group) {
        refuse(ex, 404, "unknown group");
        return;
    }
    enrolment_remove_group(&tenant->enrolment, group);
    done(ex);
}

static void post_reset(struct world *world, struct exchange *ex)
{
    world_reset(world);
    done(ex);
}

static void post_revoke(struct world *world, struct exchange *ex)
{
    token_revoke_all(world);
    done(ex);
}

static void post_resync(struct world *world, struct exchange *ex)
{
    struct tenant *tenant = chosen_tenant(world, ex);

    if (!tenant)
        return;
    devices_forget_changes(&tenant->devices);
    done(ex);
}

static void post_quit(struct world *world, struct exchange *ex)
{
    world->quit = true;
    done(ex);
}

/* One setting: where it lives and how it reads. */
enum setting_kind { SETTING_DURATION, SETTING_SECONDS, SETTING_COUNT, SETTING_FLAG, SETTING_PERMISSIONS };

struct setting {
    const char *name;
    enum setting_kind kind;
    size_t offset;
    int64_t min;
};

#define AT(member) offsetof(struct world_settings, member)

static const struct setting settings[] = {
    {"verdict_delay", SETTING_DURATION, AT(verdict_delay_ms), 0},
    {"token_lifetime", SETTING_SECONDS, AT(token_lifetime_s), 0},
    {"auto_register", SETTING_FLAG, AT(auto_register), 0},
    {"auto_users", SETTING_FLAG, AT(auto_users), 0},
    {"secret_expired", SETTING_FLAG, AT(secret_expired), 0},
    {"machine_identity", SETTING_FLAG, AT(machine_identity), 0},
    {"clock_offset_s", SETTING_COUNT, AT(clock_offset_s), -1000000000},
    {"partner_ios", SETTING_FLAG, AT(partner_ios), 0},
    {"partner_android", SETTING_FLAG, AT(partner_android), 0},
    {"partner_macos", SETTING_FLAG, AT(partner_macos), 0},
    {"devices_per_message", SETTING_COUNT, AT(devices_per_message), 1},
    {"page_size", SETTING_COUNT, AT(page_size), 0},
    {"quota_graph_requests_per_10s", SETTING_COUNT, AT(quota.max[QUOTA_GRAPH_REQUESTS]), 0},
    {"quota_graph_writes_per_150s", SETTING_COUNT, AT(quota.max[QUOTA_GRAPH_WRITES]), 0},
    {"quota_partner_requests_per_20s", SETTING_COUNT, AT(quota.max[QUOTA_PARTNER_REQUESTS]), 0},
    {"permissions", SETTING_PERMISSIONS, AT(permissions), 0},
};

enum { SETTINGS = sizeof(settings) / sizeof(settings[0]) };

static bool *flag_at(struct world_settings *values, const struct setting *setting)
{
    return (bool *)(void *)((char *)values + setting->offset);
}

static int64_t *number_at(struct world_settings *values, const struct setting *setting)
{
    return (int64_t *)(void *)((char *)values + setting->offset);
}

static const struct setting *find_setting(const char *name)
{
    for (size_t i = 0; i < SETTINGS; i++) {
        if (strcmp(settings[i].name, name) == 0)
            return &settings[i];
    }
    return NULL;
}

static bool set_one(struct world_settings *values, const struct setting *setting, const cJSON *item)
{
    const char *text = cJSON_GetStringValue(item);
    int64_t value;

    if (setting->kind == SETTING_FLAG) {
        *flag_at(values, setting) = cJSON_IsTrue(item);
        return cJSON_IsBool(item);
    }
    if (setting->kind == SETTING_COUNT) {
        *number_at(values, setting) = cJSON_IsNumber(item) ? (int64_t)item->valueint : setting->min - 1;
        return *number_at(values, setting) >= setting->min;
    }
    if (setting->kind == SETTING_PERMISSIONS)
        return text && permission_parse(text, &values->permissions) == 0;
    if (!text || duration_parse(text, &value) != 0)
        return false;
    *number_at(values, setting) = setting->kind == SETTING_SECONDS ? value / 1000 : value;
    return true;
}

static void write_setting(struct world_settings *values, const struct setting *setting, struct buf *out)
{
    char text[DURATION_TEXT];

    switch (setting->kind) {
    case SETTING_FLAG:
        buf_add_text(out, *flag_at(values, setting) ? "true" : "false");
        break;
    case SETTING_COUNT:
        buf_add_int(out, *number_at(values, setting));
        break;
    case SETTING_PERMISSIONS:
        buf_add_char(out, '"');
        permission_format(values->permissions, out);
        buf_add_char(out, '"');
        break;
    case SETTING_SECONDS:
        buf_add_json_string(out, duration_format(*number_at(values, setting) * 1000, text));
        break;
    case SETTING_DURATION:
        buf_add_json_string(out, duration_format(*number_at(values, setting), text));
        break;
    }
}

static void get_settings(struct world *world, struct exchange *ex)
{
    exchange_answer(ex, 200, EXCHANGE_JSON);
    for (size_t i = 0; i < SETTINGS; i++) {
        buf_addf(&ex->reply, "%s\"%s\":", i ? "," : "{", settings[i].name);
        write_setting(&world->settings, &settings[i], &ex->reply);
    }
    buf_add_text(&ex->reply, "}\n");
}

static void put_settings(struct world *world, struct exchange *ex)
{
    struct world_settings values = world->settings;
    cJSON *payload = json_parse(ex->body, ex->body_length);
    char text[128];

    for (const cJSON *item = cJSON_IsObject(payload) ? payload->child : NULL; item; item = item->next) {
        const struct setting *setting = find_setting(item->string);
        if (!setting || !set_one(&values, setting, item)) {
            snprintf(text, sizeof(text), "%s '%.40s'", setting ? "bad value of" : "no setting is called", item->string);
            refuse(ex, 400, text);
            cJSON_Delete(payload);
            return;
        }
    }
    if (cJSON_IsObject(payload)) {
        world->settings = values;
        get_settings(world, ex);
    } else {
        refuse(ex, 400, "not a JSON object");
    }
    cJSON_Delete(payload);
}

static const struct {
    const char *method;
    const char *name;
    void (*handle)(struct world *world, struct exchange *ex);
} routes[] = {
    {"GET", "devices", get_devices},    {"POST", "devices", post_devices}, {"DELETE", "devices", delete_device},
    {"POST", "users", post_users},      {"GET", "requests", get_requests}, {"GET", "stats", get_stats},
    {"GET", "faults", get_faults},      {"POST", "faults", post_faults},   {"DELETE", "faults", delete_faults},
    {"GET", "tenants", get_tenants},    {"POST", "tenants", post_tenants}, {"GET", "settings", get_settings},
    {"PUT", "settings", put_settings},  {"POST", "groups", post_groups},   {"DELETE", "groups", delete_group},
    {"POST", "reset", post_reset},      {"POST", "revoke", post_revoke},   {"POST", "quit", post_quit},
    {"PATCH", "devices", patch_device}, {"POST", "resync", post_resync},
};

void control_handle(struct world *world, struct exchange *ex)
{
    bool known = false;

    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (!exchange_segment_is(ex, 1, routes[i].name))
            continue;
        known = true;
        if (exchange_method_is(ex, routes[i].method)) {
            routes[i].handle(world, ex);
            return;
        }
    }
    if (known)
        refuse(ex, 405, "method not allowed here");
    else
        refuse(ex, 404,
               "below /sim/ are: devices users groups requests stats faults tenants settings reset revoke resync quit");
}
