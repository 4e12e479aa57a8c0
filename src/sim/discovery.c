/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "sim/discovery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sim/exchange.h"
#include "sim/odata.h"
#include "sim/refusal.h"
#include "sim/world.h"

#define INTUNE_APP_ID "0000000a-0000-0000-c000-000000000000"

static const char *const principal_names[] = {
    "id", "appId", "displayName", "appDisplayName", "accountEnabled", "servicePrincipalType", "servicePrincipalNames",
    NULL};

static void write_principal(const struct tenant *tenant, const struct selection *selection, struct buf *out)
{
    const struct {
        const char *name;
        const char *json;
    } properties[] = {
        {"appId", "\"" INTUNE_APP_ID "\""},
        {"displayName", "\"Microsoft Intune\""},
        {"appDisplayName", "\"Microsoft Intune\""},
        {"accountEnabled", "true"},
        {"servicePrincipalType", "\"Application\""},
        {"servicePrincipalNames", "[\"" INTUNE_APP_ID "\",\"https://manage.microsoft.com/\"]"},
    };

    /* The key is always there, selected or not. */
    buf_addf(out, "\"id\":\"%s\"", tenant->principal_id);
    for (size_t i = 0; i < sizeof(properties) / sizeof(properties[0]); i++) {
        if (odata_selection_wants(selection, properties[i].name))
            buf_addf(out, ",\"%s\":%s", properties[i].name, properties[i].json);
    }
}

static void list_principals(struct world *world, struct exchange *ex, const struct selection *selection)
{
    char *filter = exchange_query(ex, "$filter");
    char *app_id = filter ? odata_filter_eq(filter, "appId") : NULL;

    if (!app_id || !guid_is_valid(app_id)) {
        refusal_graph(ex, 400, "Request_BadRequest", "Invalid filter clause: only appId eq '{guid}' is served.");
    } else {
        exchange_answer(ex, 200, EXCHANGE_JSON);
        buf_addf(&ex->reply, "{\"@odata.context\":\"%s/v1.0/$metadata#servicePrincipals\",\"value\":[",
                 world->base_url);
        if (strcasecmp(app_id, INTUNE_APP_ID) == 0) {
            buf_add_char(&ex->reply, '{');
            write_principal(ex->tenant, selection, &ex->reply);
            buf_add_char(&ex->reply, '}');
        }
        buf_add_text(&ex->reply, "]}");
    }
    free(filter);
    free(app_id);
}

static void show_principal(const struct world *world, struct exchange *ex, const struct selection *selection)
{
    exchange_answer(ex, 200, EXCHANGE_JSON);
    buf_addf(&ex->reply, "{\"@odata.context\":\"%s/v1.0/$metadata#servicePrincipals/$entity\",", world->base_url);
    write_principal(ex->tenant, selection, &ex->reply);
    buf_add_char(&ex->reply, '}');
}

/* The first entries are others' services, as in a real tenant. */
static const char *const providers[] = {"TrafficRoutingService",  "EnrollmentService",
                                        DISCOVERY_TENANT_SERVICE, "IWService",
                                        DISCOVERY_DEVICE_SERVICE, "ScepRequestValidationFEService"};

enum { PROVIDERS = sizeof(providers) / sizeof(providers[0]) };

static void write_endpoint(const struct world *world, const struct tenant *tenant, const char *provider,
                           struct buf *out)
{
    char id[GUID_TEXT];

    world_derive_guid("endpoint", tenant->id, provider, id);
    buf_addf(out,
             "{\"id\":\"%s\",\"deletedDateTime\":null,\"capability\":\"%s\",\"providerId\":\"" INTUNE_APP_ID "\","
             "\"providerName\":\"%s\",\"providerResourceId\":\"%s\",\"uri\":\"%s/fef/%s\"}",
             id, provider, provider, provider, world->service_url ? world->service_url : world->base_url, provider);
}

static void list_endpoints(const struct world *world, struct exchange *ex)
{
    char *token = exchange_query(ex, "$skiptoken");
    long first = token ? strtol(token, NULL, 10) : 0;
    int64_t page = world->settings.page_size;

    free(token);
    if (first < 0 || first > PROVIDERS) {
        refusal_graph(ex, 400, "Request_BadRequest", "Invalid $skiptoken.");
        return;
    }
    long end = page > 0 && first + page < PROVIDERS ? first + (long)page : PROVIDERS;
    exchange_answer(ex, 200, EXCHANGE_JSON);
    buf_addf(&ex->reply, "{\"@odata.context\":\"%s/v1.0/$metadata#servicePrincipals('%s')/endpoints\",",
             world->base_url, ex->tenant->principal_id);
    if (end < PROVIDERS)
        buf_addf(&ex->reply, "\"@odata.nextLink\":\"%s/v1.0/servicePrincipals/%s/endpoints?$skiptoken=%ld\",",
                 world->base_url, ex->tenant->principal_id, end);
    buf_add_text(&ex->reply, "\"value\":[");
    for (long i = first; i < end; i++) {
        if (i > first)
            buf_add_char(&ex->reply, ',');
        write_endpoint(world, ex->tenant, providers[i], &ex->reply);
    }
    buf_add_text(&ex->reply, "]}");
}

void discovery_get(struct world *world, struct exchange *ex)
{
    struct selection selection;
    bool known = ex->segment_count > 2 && strcasecmp(ex->segments[2], ex->tenant->principal_id) == 0;

    if (!exchange_method_is(ex, "GET")) {
        refusal_graph(ex, 405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.");
        return;
    }
    if (!odata_selection_read(ex, principal_names, "microsoft.graph.servicePrincipal", &selection))
        return;
    if (ex->segment_count == 2 && exchange_segment_is(ex, 1, "servicePrincipals"))
        list_principals(world, ex, &selection);
    else if (known && ex->segment_count == 3)
        show_principal(world, ex, &selection);
    else if (known && ex->segment_count == 4 && exchange_segment_is(ex, 3, "endpoints"))
        list_endpoints(world, ex);
    else
        refusal_graph(ex, 404, "Request_ResourceNotFound",
                      "Resource does not exist or one of its queried reference-property objects are not present.");
    odata_selection_release(&selection);
}
