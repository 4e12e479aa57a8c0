/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "sim/batch.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sim/exchange.h"
#include "sim/faults.h"
#include "sim/graph.h"
#include "sim/json.h"
#include "sim/refusal.h"
#include "sim/spoil.h"
#include "sim/world.h"

enum { BATCH_MAX = 20 };

static const struct json_field batch_fields[] = {{"requests", JSON_ARRAY, true}, {NULL, 0, false}};

static const struct json_field item_fields[] = {
    {"id", JSON_STRING, true},
    {"method", JSON_STRING, true},
    {"url", JSON_STRING, true},
    {"headers", JSON_OBJECT, false},
    {"dependsOn", JSON_ARRAY, false},
    {"body", JSON_OBJECT | JSON_STRING | JSON_NULL, false},
    {NULL, 0, false},
};

/* One request of the batch and, once served, its response. */
struct item {
    const cJSON *request;
    const char *id;
    char *target; /* "/v1.0" + url */
    char *body;
    struct buf response; /* JSON; empty = left out */
    int status;
    bool twice;
};

struct batch {
    struct item items[BATCH_MAX];
    size_t count;
};

static bool refuse(struct exchange *ex, const char *text)
{
    refusal_graph(ex, 400, "BadRequest", text);
    return false;
}

static bool same_id_before(const struct batch *batch, const char *id)
{
    for (size_t i = 0; i < batch->count; i++) {
        if (strcasecmp(batch->items[i].id, id) == 0)
            return true;
    }
    return false;
}

/* A header of an item, by any letter case; NULL = absent or no string. */
static const char *item_header(const struct item *item, const char *name)
{
    const cJSON *headers = json_member(item->request, "headers");

    for (const cJSON *header = headers ? headers->child : NULL; header; header = header->next) {
        if (strcasecmp(header->string, name) == 0)
            return cJSON_GetStringValue(header);
    }
    return NULL;
}

static bool headers_are_text(const cJSON *request)
{
    const cJSON *header;

    cJSON_ArrayForEach(header, json_member(request, "headers"))
    {
        if (!cJSON_IsString(header))
            return false;
    }
    return true;
}

/* Either nobody depends on anybody, or everyone but the first on exactly the one before. */
static bool chain_is_sound(const struct batch *batch)
{
    bool chained = batch->count > 1 && json_member(batch->items[1].request, "dependsOn");

    for (size_t i = 0; i < batch->count; i++) {
        const cJSON *depends = json_member(batch->items[i].request, "dependsOn");
        bool wanted = chained && i > 0;
        if (!depends && !wanted)
            continue;
        if (!depends || cJSON_GetArraySize(depends) != (wanted ? 1 : 0))
            return false;
        const char *id = cJSON_GetStringValue(depends->child);
        if (wanted && (!id || strcasecmp(id, batch->items[i - 1].id) != 0))
            return false;
    }
    return true;
}

static bool read_item(struct exchange *ex, const cJSON *request, struct batch *batch)
{
    struct item *item = &batch->items[batch->count];
    const cJSON *body = json_member(request, "body");
    const char *url = json_string(request, "url");
    char reason[128];
    char text[192];

    if (json_check(request, item_fields, reason, sizeof(reason))) {
        snprintf(text, sizeof(text), "Invalid batch payload format: a request has %s.", reason);
        return refuse(ex, text);
    }
    *item = (struct item){.request = request, .id = json_string(request, "id")};
    if (!headers_are_text(request))
        return refuse(ex, "Invalid batch payload format: headers must be strings.");
    if (item->id[0] == '\0' || same_id_before(batch, item->id))
        return refuse(ex, "Invalid batch payload format: every request needs an id of its own.");
    if (url[0] != '/' || strstr(url, "://"))
        return refuse(ex, "Invalid batch payload format: urls must be relative, such as /users/{id}.");
    if (body && !cJSON_IsNull(body)) {
        if (!item_header(item, "Content-Type"))
            return refuse(ex, "Invalid batch payload format: a request with a body needs a Content-Type header.");
        item->body = cJSON_PrintUnformatted(body);
    }
    buf_init(&item->response, 0);
    batch->count++;
    return asprintf(&item->target, "/v1.0%s", url) >= 0 || (item->target = NULL, refuse(ex, "Out of memory."));
}

static bool read_batch(struct exchange *ex, const cJSON *payload, struct batch *batch)
{
    char reason[128];

    if (!payload || json_check(payload, batch_fields, reason, sizeof(reason)))
        return refuse(ex, "Invalid batch payload format.");
    const cJSON *requests = json_member(payload, "requests");
    int count = cJSON_GetArraySize(requests);
    if (count == 0)
        return refuse(ex, "Invalid batch payload format: no requests.");
    if (count > BATCH_MAX)
        return refuse(ex, "Number of batch request steps exceeds the maximum value of 20.");
    for (const cJSON *request = requests->child; request; request = request->next) {
        if (!read_item(ex, request, batch))
            return false;
    }
    return chain_is_sound(batch) ||
           refuse(ex, "Invalid batch payload format: dependsOn must chain all requests or none.");
}

static void write_headers(const struct exchange *sub, struct buf *out)
{
    buf_add_text(out, ",\"headers\":{\"Cache-Control\":\"no-cache\"");
    if (sub->reply_type)
        buf_addf(out, ",\"Content-Type\":\"%s\"", sub->reply_type);
    for (size_t i = 0; i < sub->header_count; i++) {
        buf_add_char(out, ',');
        buf_add_json_string(out, sub->headers[i].name);
        buf_add_char(out, ':');
        buf_add_json_string(out, sub->headers[i].value);
    }
    buf_add_char(out, '}');
}

static void write_response(struct item *item, const struct exchange *sub)
{
    struct buf *out = &item->response;

    item->status = sub->status;
    buf_add_text(out, "{\"id\":");
    buf_add_json_string(out, item->id);
    buf_addf(out, ",\"status\":%d", sub->status);
    write_headers(sub, out);
    buf_add_text(out, ",\"body\":");
    if (sub->reply_type && sub->reply.length > 0)
        buf_add(out, sub->reply.data, sub->reply.length);
    else
        buf_add_text(out, "null");
    buf_add_char(out, '}');
}

static void serve_unspoilt(struct world *world, struct exchange *sub)
{
    if (exchange_parse_target(sub) != 0 || (sub->client_request_id && !guid_is_valid(sub->client_request_id)))
        refusal_graph(sub, 400, "BadRequest", "The request URI or client-request-id is not valid.");
    else
        graph_serve(world, sub);
}

static void play_item_fault(struct world *world, struct exchange *sub, struct item *item)
{
    enum fault_kind kind = fault_kind(sub->fault);

    world->stats.faults_played++;
    spoil_answer(sub);
    item->twice = kind == FAULT_DUPLICATE_ITEM;
    if (kind != FAULT_MISSING_ITEM)
        write_response(item, sub);
}

static void serve_item(struct world *world, const struct exchange *outer, struct item *item)
{
    struct exchange sub;
    const char *client_id = item_header(item, "client-request-id");

    exchange_init(&sub, json_string(item->request, "method"), item->target);
    sub.content_type = item_header(item, "Content-Type");
    sub.client_request_id = client_id ? client_id : outer->client_request_id;
    sub.body = item->body ? item->body : "";
    sub.body_length = strlen(sub.body);
    sub.place = PLACE_GRAPH_BATCH_ITEM;
    sub.tenant = outer->tenant;
    sub.permissions = outer->permissions;
    sub.fault = faults_pick(&world->faults, &sub);
    exchange_answer(&sub, 200, NULL);
    if (!sub.fault || fault_applies(sub.fault))
        serve_unspoilt(world, &sub);
    if (sub.fault)
        play_item_fault(world, &sub, item);
    else
        write_response(item, &sub);
    item->status = sub.status;
    stats_answer(&world->stats, PLACE_GRAPH_BATCH_ITEM, sub.status);
    exchange_deinit(&sub);
}

/* An item that depends on one that failed is not carried out. */
static void serve_dependant(struct world *world, const struct exchange *outer, struct item *item)
{
    struct exchange sub;

    exchange_init(&sub, "", "");
    sub.client_request_id = outer->client_request_id;
    refusal_graph(&sub, 424, "FailedDependency", "The request depends on one that failed.");
    write_response(item, &sub);
    stats_answer(&world->stats, PLACE_GRAPH_BATCH_ITEM, sub.status);
    exchange_deinit(&sub);
}

static void serve_items(struct world *world, const struct exchange *outer, struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        struct item *item = &batch->items[i];
        bool failed_before = i > 0 && batch->items[i - 1].status >= 400 && json_member(item->request, "dependsOn");
        if (failed_before)
            serve_dependant(world, outer, item);
        else
            serve_item(world, outer, item);
    }
}

static void add_response(struct exchange *ex, const struct item *item, const char **comma)
{
    for (int copies = item->twice ? 2 : 1; copies > 0 && item->response.length > 0; copies--) {
        buf_add_text(&ex->reply, *comma);
        buf_add(&ex->reply, item->response.data, item->response.length);
        *comma = ",";
    }
}

/* Graph keeps no order; here the last comes first, so that a client that counts on the order fails at once. */
static void write_responses(struct exchange *ex, const struct batch *batch)
{
    const char *comma = "";

    exchange_answer(ex, 200, EXCHANGE_JSON);
    buf_add_text(&ex->reply, "{\"responses\":[");
    for (size_t i = batch->count; i > 0; i--)
        add_response(ex, &batch->items[i - 1], &comma);
    buf_add_text(&ex->reply, "]}");
}

static void release(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        free(batch->items[i].target);
        cJSON_free(batch->items[i].body);
        buf_deinit(&batch->items[i].response);
    }
}

void batch_post(struct world *world, struct exchange *ex)
{
    struct batch batch = {.count = 0};
    cJSON *payload;

    if (!exchange_method_is(ex, "POST")) {
        refusal_graph(ex, 405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.");
        return;
    }
    if (!ex->content_type || strncasecmp(ex->content_type, EXCHANGE_JSON, strlen(EXCHANGE_JSON)) != 0) {
        refusal_graph(ex, 415, "BadRequest", "The content type of a batch must be application/json.");
        return;
    }
    payload = json_parse(ex->body, ex->body_length);
    if (read_batch(ex, payload, &batch)) {
        serve_items(world, ex, &batch);
        write_responses(ex, &batch);
    }
    release(&batch);
    cJSON_Delete(payload);
}
