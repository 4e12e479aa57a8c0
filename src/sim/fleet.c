/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "sim/fleet.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sim/changes.h"
#include "sim/exchange.h"
#include "sim/json.h"
#include "sim/odata.h"
#include "sim/refusal.h"
#include "sim/world.h"

const char *const fleet_properties[] = {"id",
                                        "deletedDateTime",
                                        "accountEnabled",
                                        "alternativeSecurityIds",
                                        "approximateLastSignInDateTime",
                                        "complianceExpirationDateTime",
                                        "deviceId",
                                        "deviceMetadata",
                                        "deviceVersion",
                                        "displayName",
                                        "isCompliant",
                                        "isManaged",
                                        "mdmAppId",
                                        "onPremisesLastSyncDateTime",
                                        "onPremisesSyncEnabled",
                                        "operatingSystem",
                                        "operatingSystemVersion",
                                        "physicalIds",
                                        "profileType",
                                        "systemLabels",
                                        "trustType",
                                        NULL};

static const struct json_field writable[] = {
    {"accountEnabled", JSON_BOOL, false},        {"displayName", JSON_STRING, false},
    {"isCompliant", JSON_BOOL, false},           {"isManaged", JSON_BOOL, false},
    {"operatingSystem", JSON_STRING, false},     {"operatingSystemVersion", JSON_STRING, false},
    {"extensionAttributes", JSON_OBJECT, false}, {NULL, 0, false},
};

enum { LIST_PAGE = 100, LIST_PAGE_MAX = 999 };

static void write_json_text(struct buf *out, const char *text)
{
    if (text)
        buf_add_json_string(out, text);
    else
        buf_add_text(out, "null");
}

static void write_known(struct buf *out, enum known value)
{
    buf_add_text(out, value == KNOWN_NOT ? "null" : value == KNOWN_TRUE ? "true" : "false");
}

void fleet_write_property(const struct world *world, const struct device *device, const char *name, struct buf *out)
{
    char time[CLOCK_TEXT];

    if (strcmp(name, "accountEnabled") == 0)
        buf_add_text(out, device->enabled ? "true" : "false");
    else if (strcmp(name, "approximateLastSignInDateTime") == 0)
        buf_addf(out, "\"%s\"", clock_format_s(device->registered_ms / 1000, time));
    else if (strcmp(name, "deviceId") == 0)
        buf_addf(out, "\"%s\"", device->id);
    else if (strcmp(name, "deviceVersion") == 0)
        buf_add_text(out, "2");
    else if (strcmp(name, "displayName") == 0)
        write_json_text(out, device->name);
    else if (strcmp(name, "isCompliant") == 0)
        write_known(out, device->compliant);
    else if (strcmp(name, "isManaged") == 0)
        write_known(out, device->managed);
    else if (strcmp(name, "mdmAppId") == 0)
        write_json_text(out, device->managed == KNOWN_TRUE ? world->app.client_id : NULL);
    else if (strcmp(name, "operatingSystem") == 0)
        write_json_text(out, device->os);
    else if (strcmp(name, "operatingSystemVersion") == 0)
        write_json_text(out, device->os_version);
    else if (strcmp(name, "profileType") == 0)
        buf_add_text(out, "\"RegisteredDevice\"");
    else if (strcmp(name, "trustType") == 0)
        buf_add_text(out, "\"Workplace\"");
    else if (strcmp(name, "alternativeSecurityIds") == 0 || strcmp(name, "physicalIds") == 0 ||
             strcmp(name, "systemLabels") == 0)
        buf_add_text(out, "[]");
    else
        buf_add_text(out, "null");
}

static void write_device(const struct world *world, const struct device *device, const struct selection *selection,
                         struct buf *out)
{
    buf_addf(out, "\"id\":\"%s\"", device->object_id);
    for (size_t i = 1; fleet_properties[i]; i++) {
        if (!odata_selection_wants(selection, fleet_properties[i]))
            continue;
        buf_addf(out, ",\"%s\":", fleet_properties[i]);
        fleet_write_property(world, device, fleet_properties[i], out);
    }
}

static void start_answer(const struct world *world, struct exchange *ex, const struct selection *selection,
                         const char *tail)
{
    exchange_answer(ex, 200, EXCHANGE_JSON);
    buf_addf(&ex->reply, "{\"@odata.context\":\"%s/v1.0/$metadata#devices", world->base_url);
    if (selection->list)
        buf_addf(&ex->reply, "(%s)", selection->list);
    buf_addf(&ex->reply, "%s\",", tail);
}

static void show(const struct world *world, struct exchange *ex, const struct device *device)
{
    struct selection selection;

    if (!odata_selection_read(ex, fleet_properties, "microsoft.graph.device", &selection))
        return;
    start_answer(world, ex, &selection, "/$entity");
    write_device(world, device, &selection, &ex->reply);
    buf_add_char(&ex->reply, '}');
    odata_selection_release(&selection);
}

/* One page of a list. */
struct page {
    const struct world *world;
    const struct selection *selection;
    struct buf *out;
    const char *after; /* device id of the last entry of the page before; "" = first page */
    long left;
    const struct device *last;
    bool more;
};

static void add_to_page(void *ctx, const struct device *device)
{
    struct page *page = ctx;

    if (strcmp(device->id, page->after) <= 0)
        return;
    if (page->left == 0) {
        page->more = true;
        return;
    }
    buf_add_text(page->out, page->last ? ",{" : "{");
    write_device(page->world, device, page->selection, page->out);
    buf_add_char(page->out, '}');
    page->last = device;
    page->left--;
}

static void list_all(const struct world *world, struct exchange *ex, const struct selection *selection)
{
    char *top = exchange_query(ex, "$top");
    char *token = exchange_query(ex, "$skiptoken");
    char *end = NULL;
    long size = top ? strtol(top, &end, 10) : LIST_PAGE;
    struct page page = {
        .world = world, .selection = selection, .out = &ex->reply, .after = token ? token : "", .left = size};

    if ((end && *end) || size < 1 || size > LIST_PAGE_MAX) {
        refusal_graph(ex, 400, "Request_BadRequest",
                      "Invalid page size specified. Must be between 1 and 999 inclusive.");
    } else {
        start_answer(world, ex, selection, "");
        buf_add_text(&ex->reply, "\"value\":[");
        devices_each(&ex->tenant->devices, add_to_page, &page);
        buf_add_char(&ex->reply, ']');
        if (page.more) {
            buf_addf(&ex->reply, ",\"@odata.nextLink\":\"%s/v1.0/devices?$top=%ld&$skiptoken=%s", world->base_url, size,
                     page.last->id);
            if (selection->list)
                buf_addf(&ex->reply, "&$select=%s", selection->list);
            buf_add_char(&ex->reply, '"');
        }
        buf_add_char(&ex->reply, '}');
    }
    free(top);
    free(token);
}

static void list_one(const struct world *world, struct exchange *ex, const struct selection *selection,
                     const char *filter)
{
    char *device_id = odata_filter_eq(filter, "deviceId");

    if (!device_id) {
        refusal_graph(ex, 400, "Request_UnsupportedQuery",
                      "Unsupported or invalid query filter clause specified: only deviceId "
                      "eq '{id}' is served.");
        return;
    }
    const struct device *device = devices_find(&ex->tenant->devices, device_id);
    start_answer(world, ex, selection, "");
    buf_add_text(&ex->reply, "\"value\":[");
    if (device) {
        buf_add_char(&ex->reply, '{');
        write_device(world, device, selection, &ex->reply);
        buf_add_char(&ex->reply, '}');
    }
    buf_add_text(&ex->reply, "]}");
    free(device_id);
}

static void list(const struct world *world, struct exchange *ex)
{
    struct selection selection;
    char *filter;

    if (!odata_selection_read(ex, fleet_properties, "microsoft.graph.device", &selection))
        return;
    filter = exchange_query(ex, "$filter");
    if (filter)
        list_one(world, ex, &selection, filter);
    else
        list_all(world, ex, &selection);
    free(filter);
    odata_selection_release(&selection);
}

static enum known known_of(const cJSON *body, const char *name)
{
    const cJSON *item = json_member(body, name);

    return !item ? KNOWN_NOT : cJSON_IsTrue(item) ? KNOWN_TRUE : KNOWN_FALSE;
}

/* Only an approved MDM app may write these two, and for Windows alone. */
static bool may_write(const struct device *device, const cJSON *body)
{
    bool state = json_member(body, "isCompliant") || json_member(body, "isManaged");

    return !json_member(body, "accountEnabled") && (!state || (device->os && strcasecmp(device->os, "Windows") == 0));
}

static void apply_patch(struct world *world, struct exchange *ex, struct device *device, const cJSON *body)
{
    struct device_facts facts = {.os = json_string(body, "operatingSystem"),
                                 .os_version = json_string(body, "operatingSystemVersion"),
                                 .name = json_string(body, "displayName"),
                                 .managed = known_of(body, "isManaged"),
                                 .compliant = known_of(body, "isCompliant"),
                                 .check_in_ms = -1};

    if (device_tell(device, &facts) != 0) {
        refusal_graph(ex, 503, "ServiceNotAvailable", "Out of memory.");
        return;
    }
    device->updates++;
    world->stats.graph_updates++;
    exchange_answer(ex, 204, NULL);
}

static void patch(struct world *world, struct exchange *ex, struct device *device)
{
    cJSON *body = json_parse(ex->body, ex->body_length);
    char reason[128];
    char text[192];

    if (!ex->content_type || strncasecmp(ex->content_type, EXCHANGE_JSON, strlen(EXCHANGE_JSON)) != 0) {
        refusal_graph(ex, 415, "Request_BadRequest",
                      "A supported MIME type could not be found that matches the content type of "
                      "the request: application/json is needed.");
    } else if (!body) {
        refusal_graph(ex, 400, "BadRequest", "Unable to read JSON request payload.");
    } else if (json_check(body, writable, reason, sizeof(reason))) {
        snprintf(text, sizeof(text), "A property cannot be written: %s.", reason);
        refusal_graph(ex, 400, "Request_BadRequest", text);
    } else if (!body->child) {
        refusal_graph(ex, 400, "Request_BadRequest", "Nothing to update.");
    } else if (!may_write(device, body)) {
        refusal_graph(ex, 403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.");
    } else {
        apply_patch(world, ex, device, body);
    }
    cJSON_Delete(body);
}

/* The device that the path names; NULL = none. A device Graph never heard of may be registered by its first PATCH. */
static struct device *find(struct world *world, struct exchange *ex)
{
    char *device_id = ex->segment_count == 2 ? odata_key(ex->segments[1], "devices", "deviceId=") : NULL;
    struct devices *devices = &ex->tenant->devices;
    struct device *device = NULL;

    if (device_id) {
        device = devices_find(devices, device_id);
        if (!device && world->settings.auto_register && exchange_method_is(ex, "PATCH")) {
            const struct device_facts facts = {.os = "Windows", .check_in_ms = -1};
            device = devices_add(devices, device_id, world_now_ms(world));
            if (device)
                device_tell(device, &facts);
        }
    } else if (ex->segment_count == 3 && exchange_segment_is(ex, 1, "devices")) {
        device = devices_find_object(devices, ex->segments[2]);
    }
    free(device_id);
    return device;
}

static void refuse_unknown(struct exchange *ex)
{
    refusal_graph(ex, 404, "Request_ResourceNotFound",
                  "Resource does not exist or one of its queried reference-property objects are not present.");
}

void fleet_handle(struct world *world, struct exchange *ex)
{
    bool collection = ex->segment_count == 2 && exchange_segment_is(ex, 1, "devices");
    bool changes = changes_serves(ex);
    bool get = exchange_method_is(ex, "GET");
    struct device *device;

    if (!get && (collection || changes || !exchange_method_is(ex, "PATCH"))) {
        refusal_graph(ex, 405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.");
    } else if (collection) {
        list(world, ex);
    } else if (changes) {
        changes_get(world, ex);
    } else if (!(device = find(world, ex))) {
        refuse_unknown(ex);
    } else if (get) {
        show(world, ex, device);
    } else {
        patch(world, ex, device);
    }
}
