/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "sim/route.h"

#include <strings.h>

#include "sim/control.h"
#include "sim/exchange.h"
#include "sim/graph.h"
#include "sim/identity.h"
#include "sim/login.h"
#include "sim/partner.h"
#include "sim/provisioning.h"
#include "sim/refusal.h"
#include "sim/spoil.h"
#include "sim/world.h"

static bool starts_with(const char *text, const char *prefix, size_t length)
{
    return strncasecmp(text, prefix, length) == 0 && (text[length] == '\0' || text[length] == '(');
}

static enum place graph_place(const struct exchange *ex)
{
    if (exchange_segment_is(ex, 1, "$batch"))
        return PLACE_GRAPH_BATCH;
    if (ex->segment_count < 2)
        return PLACE_OTHER;
    if (starts_with(ex->segments[1], "servicePrincipals", 17))
        return PLACE_DISCOVERY;
    if (starts_with(ex->segments[1], "users", 5))
        return PLACE_USERS;
    if (starts_with(ex->segments[1], "devices", 7))
        return PLACE_DEVICES;
    if (starts_with(ex->segments[1], "groups", 6))
        return PLACE_GROUPS;
    return PLACE_OTHER;
}

static enum place tenant_place(const struct exchange *ex)
{
    if (exchange_method_is(ex, "PUT"))
        return PLACE_TENANT_PUT;
    return ex->segment_count > 3 ? PLACE_ASSIGN : PLACE_POLICIES;
}

static enum place find_place(const struct exchange *ex)
{
    if (ex->identity)
        return PLACE_IDENTITY;
    if (exchange_segment_is(ex, 0, "sim"))
        return PLACE_CONTROL;
    if (exchange_segment_is(ex, 0, "v1.0"))
        return graph_place(ex);
    if (provisioning_serves(ex))
        return tenant_place(ex);
    if (exchange_segment_is(ex, 0, "fef"))
        return exchange_method_is(ex, "PUT") ? PLACE_PARTNER_PUT : PLACE_PARTNER_GET;
    if (ex->segment_count == 4 && exchange_segment_is(ex, 1, "oauth2") && exchange_segment_is(ex, 2, "v2.0") &&
        exchange_segment_is(ex, 3, "token"))
        return PLACE_TOKEN;
    return PLACE_OTHER;
}

static void serve(struct world *world, struct exchange *ex)
{
    if (ex->place == PLACE_IDENTITY)
        identity_handle(world, ex);
    else if (ex->place == PLACE_TOKEN)
        login_token(world, ex);
    else if (ex->place == PLACE_PARTNER_PUT || ex->place == PLACE_PARTNER_GET)
        partner_handle(world, ex);
    else if (provisioning_serves(ex))
        provisioning_handle(world, ex);
    else if (exchange_segment_is(ex, 0, "v1.0"))
        graph_handle(world, ex);
    else
        refusal_graph(ex, 404, "NotFound", "No such resource. complyd-sim --help lists what there is.");
}

static void play(struct world *world, struct exchange *ex)
{
    ex->fault = faults_pick(&world->faults, ex);
    if (!ex->fault || fault_applies(ex->fault)) {
        serve(world, ex);
    } else {
        exchange_answer(ex, 200, EXCHANGE_JSON);
        buf_add_text(&ex->reply, "{\"done\":false}");
    }
    if (ex->fault) {
        world->stats.faults_played++;
        spoil_answer(ex);
    }
    if (exchange_segment_is(ex, 0, "v1.0"))
        graph_trace(ex);
    else
        exchange_header(ex, "x-ms-request-id", "%s", ex->request_id);
}

void route_handle(struct world *world, struct exchange *ex)
{
    bool lost;

    if (exchange_parse_target(ex) != 0) {
        refusal_graph(ex, 400, "BadRequest", "The request URI is malformed.");
    } else {
        ex->place = find_place(ex);
        if (ex->place == PLACE_CONTROL)
            control_handle(world, ex);
        else
            play(world, ex);
    }
    lost = ex->wire == WIRE_RESET || ex->wire == WIRE_CLOSE;
    stats_answer(&world->stats, ex->place, lost ? 0 : ex->status);
    if (ex->place != PLACE_CONTROL)
        journal_record(&world->journal, ex, world_now_ms(world));
}
