/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "sim/groups.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sim/exchange.h"
#include "sim/odata.h"
#include "sim/refusal.h"
#include "sim/world.h"

static const char *const names[] = {"id", "displayName", "description", "securityEnabled", "mailEnabled", NULL};

static void write_group(const struct sim_group *group, const struct selection *selection, struct buf *out)
{
    buf_addf(out, "\"id\":\"%s\"", group->id);
    if (odata_selection_wants(selection, "displayName")) {
        buf_add_text(out, ",\"displayName\":");
        buf_add_json_string(out, group->name);
    }
    if (odata_selection_wants(selection, "description"))
        buf_add_text(out, ",\"description\":null");
    if (odata_selection_wants(selection, "securityEnabled"))
        buf_add_text(out, ",\"securityEnabled\":true");
    if (odata_selection_wants(selection, "mailEnabled"))
        buf_add_text(out, ",\"mailEnabled\":false");
}

static void show(const struct world *world, struct exchange *ex, const struct selection *selection)
{
    const struct sim_group *group = enrolment_group(&ex->tenant->enrolment, ex->segments[2]);

    if (!group) {
        refusal_graph(ex, 404, "Request_ResourceNotFound",
                      "Resource does not exist or one of its queried reference-property objects are not present.");
        return;
    }
    exchange_answer(ex, 200, EXCHANGE_JSON);
    buf_addf(&ex->reply, "{\"@odata.context\":\"%s/v1.0/$metadata#groups/$entity\",", world->base_url);
    write_group(group, selection, &ex->reply);
    buf_add_char(&ex->reply, '}');
}

static void list(const struct world *world, struct exchange *ex, const struct selection *selection)
{
    const struct enrolment *enrolment = &ex->tenant->enrolment;
    char *filter = exchange_query(ex, "$filter");
    char *name = filter ? odata_filter_eq(filter, "displayName") : NULL;
    const char *comma = "";

    if (filter && !name) {
        refusal_graph(ex, 400, "Request_UnsupportedQuery",
                      "Unsupported or invalid query filter clause: only displayName eq '{name}' is served.");
    } else {
        exchange_answer(ex, 200, EXCHANGE_JSON);
        buf_addf(&ex->reply, "{\"@odata.context\":\"%s/v1.0/$metadata#groups\",\"value\":[", world->base_url);
        for (size_t i = 0; i < enrolment->group_count; i++) {
            if (name && strcasecmp(enrolment->groups[i].name, name) != 0)
                continue;
            buf_addf(&ex->reply, "%s{", comma);
            write_group(&enrolment->groups[i], selection, &ex->reply);
            buf_add_char(&ex->reply, '}');
            comma = ",";
        }
        buf_add_text(&ex->reply, "]}");
    }
    free(filter);
    free(name);
}

void groups_get(struct world *world, struct exchange *ex)
{
    struct selection selection;

    if (!exchange_method_is(ex, "GET")) {
        refusal_graph(ex, 405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.");
        return;
    }
    if (!odata_selection_read(ex, names, "microsoft.graph.group", &selection))
        return;
    if (ex->segment_count == 2 && exchange_segment_is(ex, 1, "groups"))
        list(world, ex, &selection);
    else if (ex->segment_count == 3 && exchange_segment_is(ex, 1, "groups") && guid_is_valid(ex->segments[2]))
        show(world, ex, &selection);
    else
        refusal_graph(ex, 400, "Request_BadRequest", "Invalid object identifier.");
    odata_selection_release(&selection);
}
