/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "sim/graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sim/batch.h"
#include "sim/discovery.h"
#include "sim/exchange.h"
#include "sim/fleet.h"
#include "sim/groups.h"
#include "sim/people.h"
#include "sim/permission.h"
#include "sim/refusal.h"
#include "sim/token.h"
#include "sim/world.h"

void graph_trace(struct exchange *ex)
{
    exchange_header(ex, "request-id", "%s", ex->request_id);
    exchange_header(ex, "client-request-id", "%s", ex->client_request_id ? ex->client_request_id : ex->request_id);
    exchange_header(
        ex, "x-ms-ags-diagnostic",
        "{\"ServerInfo\":{\"DataCenter\":\"Simulated\",\"Slice\":\"E\",\"Ring\":\"5\",\"ScaleUnit\":\"001\","
        "\"RoleInstance\":\"SIM000000\"}}");
    exchange_header(ex, "OData-Version", "4.0");
    exchange_header(ex, "Cache-Control", "no-cache");
}

/* Counts the request, and the write that it may be, against the tenant's quota. */
static bool take_quota(struct world *world, struct exchange *ex)
{
    const struct quota_limits *limits = &world->settings.quota;
    struct quota *quota = &ex->tenant->quota;
    int64_t now_ms = world_monotonic_ms(world);
    bool write = exchange_method_is(ex, "PATCH");
    int64_t wait_ms = 0;

    if (quota_take(quota, limits, QUOTA_GRAPH_REQUESTS, now_ms, &wait_ms) &&
        (!write || quota_take(quota, limits, QUOTA_GRAPH_WRITES, now_ms, &wait_ms)))
        return true;
    refusal_graph(ex, 429, "TooManyRequests", "Too many requests.");
    exchange_header(ex, "Retry-After", "%lld.%03lld", (long long)(wait_ms / 1000), (long long)(wait_ms % 1000));
    exchange_header(ex, "x-ms-throttle-scope", "Tenant_Application/%s/%s/%s", write ? "ReadWrite" : "Read",
                    world->app.client_id, ex->tenant->id);
    exchange_header(ex, "x-ms-throttle-information", "%s", write ? "WriteLimitExceeded" : "ResourceUnitLimitExceeded");
    return false;
}

/* True when part 1 of the path is `name`, alone or with a key. */
static bool collection_is(const struct exchange *ex, const char *name)
{
    size_t length = strlen(name);
    const char *part = ex->segments[1];

    return strncasecmp(part, name, length) == 0 && (part[length] == '\0' || part[length] == '(');
}

static void refuse_path(struct exchange *ex)
{
    char text[160];

    snprintf(text, sizeof(text), "Resource not found for the segment '%.80s'.",
             ex->segment_count > 1 ? ex->segments[1] : "");
    refusal_graph(ex, 400, "BadRequest", text);
}

static const struct {
    const char *name;
    enum permission_use read;
    void (*handle)(struct world *world, struct exchange *ex);
    const char *options[6]; /* of the query; what is not served must not be passed over */
} collections[] = {
    {"servicePrincipals", PERMISSION_READ_PRINCIPALS, discovery_get, {"$filter", "$select", "$skiptoken"}},
    {"users", PERMISSION_READ_USERS, people_get, {"$select"}},
    {"devices", PERMISSION_READ_DEVICES, fleet_handle, {"$filter", "$select", "$top", "$skiptoken", "$deltatoken"}},
    {"groups", PERMISSION_READ_GROUPS, groups_get, {"$filter", "$select"}},
};

static bool check_options(struct exchange *ex, const char *const *known)
{
    char *option = exchange_unknown_option(ex, known);
    char text[128];

    if (!option)
        return true;
    snprintf(text, sizeof(text), "The query option '%.40s' is not served here.", option);
    refusal_graph(ex, 400, "Request_UnsupportedQuery", text);
    free(option);
    return false;
}

static void serve_collection(struct world *world, struct exchange *ex)
{
    for (size_t i = 0; i < sizeof(collections) / sizeof(collections[0]); i++) {
        if (!collection_is(ex, collections[i].name))
            continue;
        /* Of all there is only devices can be written. */
        enum permission_use use = exchange_method_is(ex, "GET") ? collections[i].read : PERMISSION_WRITE_DEVICES;
        if (!permission_allows(ex->permissions, use))
            refusal_graph(ex, 403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.");
        else if (check_options(ex, collections[i].options))
            collections[i].handle(world, ex);
        return;
    }
    refuse_path(ex);
}

void graph_serve(struct world *world, struct exchange *ex)
{
    if (ex->segment_count < 2) {
        refuse_path(ex);
    } else if (!exchange_segment_is(ex, 1, "$batch")) {
        if (take_quota(world, ex))
            serve_collection(world, ex);
    } else if (ex->place == PLACE_GRAPH_BATCH_ITEM) {
        refusal_graph(ex, 400, "BadRequest", "A batch within a batch is not allowed.");
    } else {
        batch_post(world, ex);
    }
}

void graph_handle(struct world *world, struct exchange *ex)
{
    enum token_verdict verdict = token_check(world, ex, TOKEN_GRAPH);

    if (verdict != TOKEN_GOOD)
        refusal_token(ex, verdict);
    else if (ex->client_request_id && !guid_is_valid(ex->client_request_id))
        refusal_graph(ex, 400, "BadRequest", "Invalid client-request-id: not a GUID.");
    else
        graph_serve(world, ex);
}
