/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "microsoft/graph.h"

#define add_literal(buf, text) buf_add((buf), (text), sizeof(text) - 1)

void graph_batch_url(struct buf *url, const char *graph_url)
{
    buf_add_text(url, graph_url);
    add_literal(url, "/v1.0/$batch");
}

static void open_item(struct buf *body, size_t place)
{
    if (place > 0)
        buf_add_char(body, ',');
    add_literal(body, "{\"id\":\"");
    buf_add_int(body, (long long)place);
}

static void add_property(struct buf *body, const char *text, const char *start, size_t length)
{
    if (text[0] == '\0')
        return; /* Graph would refuse to empty it */
    buf_add(body, start, length);
    buf_add_json_string(body, text);
}

#define add_property_literal(body, text, name) add_property((body), (text), ",\"" name "\":", sizeof(name) + 3)

static void add_device(struct buf *body, size_t place, const struct report *report)
{
    open_item(body, place);
    add_literal(body, "\",\"method\":\"PATCH\",\"url\":\"/devices(deviceId='");
    buf_add_url(body, report->azure_device_id);
    add_literal(body, "')\",\"headers\":{\"Content-Type\":\"application/json\"},\"body\":{\"isCompliant\":");
    if (report->state == AZURE_STATE_COMPLIANT)
        add_literal(body, "true,\"isManaged\":true");
    else if (report->state == AZURE_STATE_NON_COMPLIANT)
        add_literal(body, "false,\"isManaged\":true");
    else
        add_literal(body, "false,\"isManaged\":false");
    if (report->inventory_changed) {
        add_property_literal(body, report->name, "displayName");
        add_property_literal(body, report->os_version, "operatingSystemVersion");
    }
    add_literal(body, "}}");
}

void graph_devices_body(struct buf *body, const struct report *const *reports, size_t count)
{
    add_literal(body, "{\"requests\":[");
    for (size_t i = 0; i < count; i++)
        add_device(body, i, reports[i]);
    add_literal(body, "]}");
}

/* A quote within the quoted form is doubled (OData), and percent-encoded like everything else that is not
 * unreserved. */
static void add_quoted_name(struct buf *body, const char *name)
{
    add_literal(body, "('");
    for (; *name != '\0'; name++) {
        const char one[2] = {*name, '\0'};

        buf_add_url(body, one);
        if (*name == '\'')
            buf_add_url(body, one);
    }
    add_literal(body, "')");
}

static void add_user(struct buf *body, size_t place, const char *name)
{
    open_item(body, place);
    add_literal(body, "\",\"method\":\"GET\",\"url\":\"/users");
    if (name[0] == '$') {
        add_quoted_name(body, name);
    } else {
        buf_add_char(body, '/');
        buf_add_url(body, name);
    }
    add_literal(body, "?$select=id\"}");
}

void graph_users_body(struct buf *body, const char *const *user_principal_names, size_t count)
{
    add_literal(body, "{\"requests\":[");
    for (size_t i = 0; i < count; i++)
        add_user(body, i, user_principal_names[i]);
    add_literal(body, "]}");
}
