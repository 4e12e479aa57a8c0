/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "connection_internal.h"
#include "microsoft/cloud.h"

enum { ENDPOINTS_FRESH_MS = 24 * 3600 * 1000 };

static int64_t now_ms(const struct connection *connection)
{
    return clock_realtime_ms(connection->context->clock);
}

static bool endpoints_known(const struct connection *connection)
{
    return connection->endpoints.device_url[0] != '\0';
}

static void endpoints_loaded(struct store_job *job)
{
    struct connection *connection = job->ctx;
    struct endpoints_load *load = (struct endpoints_load *)job;
    connection->endpoints_loaded = true;
    if (job->result == 0 && load->device_url[0] != '\0' &&
        cloud_is_same(connection->settings->graph_url, load->device_url) && /* it may have moved to another cloud */
        now_ms(connection) - load->fetched_at_ms < ENDPOINTS_FRESH_MS && load->fetched_at_ms <= now_ms(connection)) {
        snprintf(connection->endpoints.device_url, sizeof(connection->endpoints.device_url), "%s", load->device_url);
        snprintf(connection->endpoints.tenant_url, sizeof(connection->endpoints.tenant_url), "%s", load->tenant_url);
        connection->endpoints_at_ms = load->fetched_at_ms;
    }
    free(load);
    struct lane *lane = &connection->lanes[CHANNEL_PARTNER];
    if (lane->gate.state == GATE_OPENING)
        connection_open(connection, lane);
    connection_job_done(connection);
}

void connection_load_endpoints(struct connection *connection)
{
    struct endpoints_load *load = malloc(sizeof(*load));
    if (!load) {
        connection->endpoints_loaded = true; /* they will be discovered */
        return;
    }
    endpoints_load_init(load, connection->name, NULL);
    connection_submit(connection, &load->job, endpoints_loaded, connection);
}

static void endpoints_saved(struct store_job *job)
{
    struct connection *connection = job->ctx;
    if (job->result < 0)
        log_debug(TAG_ENDPOINTS, "not remembered: %s", error_text(&job->error));
    free(job);
    connection_job_done(connection);
}

static void save_endpoints(struct connection *connection)
{
    struct endpoints_save *save = malloc(sizeof(*save));
    if (!save)
        return; /* only a cache */
    endpoints_save_init(save, connection->name, NULL);
    snprintf(save->device_url, sizeof(save->device_url), "%s", connection->endpoints.device_url);
    snprintf(save->tenant_url, sizeof(save->tenant_url), "%s", connection->endpoints.tenant_url);
    save->fetched_at_ms = connection->endpoints_at_ms;
    connection_submit(connection, &save->job, endpoints_saved, connection);
}

void connection_forget_endpoints(struct connection *connection)
{
    memset(&connection->endpoints, 0, sizeof(connection->endpoints));
    connection->endpoints_at_ms = 0;
}

static void on_discovered(void *ctx, const struct outcome *outcome, const struct endpoints *endpoints)
{
    struct connection *connection = ctx;
    struct lane *lane = &connection->lanes[CHANNEL_PARTNER];
    connection->discovery = NULL;
    if (!outcome) {
        struct log_fields fields = {.connection = connection->name};
        log_at(LOG_LEVEL_INFO, TAG_ENDPOINTS, &fields, "discovered device service %s", endpoints->device_url);
        connection->endpoints = *endpoints;
        connection->endpoints_at_ms = now_ms(connection);
        save_endpoints(connection);
    }
    if (lane->gate.state != GATE_OPENING)
        return; /* a renewal in the background: the old URLs serve on if it failed */
    if (outcome)
        gate_failed(&lane->gate, outcome);
    else
        connection_open(connection, lane);
}

static int discover(struct connection *connection)
{
    if (connection->discovery)
        return 0;
    return endpoints_discover(connection->http, connection->settings->graph_url, connection->graph_token,
                              connection->context->clock, on_discovered, connection, &connection->discovery);
}

void connection_renew_endpoints(struct connection *connection)
{
    if (endpoints_known(connection) && now_ms(connection) - connection->endpoints_at_ms > ENDPOINTS_FRESH_MS &&
        connection->lanes[CHANNEL_PARTNER].gate.state == GATE_OPEN)
        discover(connection);
}

static void fail_opening(struct lane *lane, int code)
{
    struct outcome outcome = {.class = OUTCOME_TRANSIENT, .trouble = TROUBLE_NETWORK};
    snprintf(outcome.detail, sizeof(outcome.detail), "request not started: %s", error_code_text(code));
    gate_failed(&lane->gate, &outcome);
}

static void on_opening_token(void *ctx, const struct outcome *outcome)
{
    struct lane *lane = ctx;
    if (lane->gate.state != GATE_OPENING)
        return;
    if (outcome)
        gate_failed(&lane->gate, outcome);
    else
        connection_open(lane->connection, lane);
}

/* One missing thing at a time: each answer comes back here. */
void connection_open(struct connection *connection, struct lane *lane)
{
    int rc = 0;
    if (connection->stopping)
        return;
    if (lane->channel == CHANNEL_PARTNER && !endpoints_known(connection)) {
        if (!connection->endpoints_loaded)
            return; /* endpoints_loaded() goes on */
        rc = discover(connection);
    } else if (!token_get(lane_token(lane))) {
        rc = token_want(lane_token(lane), on_opening_token, lane);
    } else {
        gate_opened(&lane->gate);
    }
    if (rc < 0)
        fail_opening(lane, rc);
}
