/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "daemon/connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "connection_internal.h"

enum { MAX_CONNECTIONS = 2 }; /* to one host: a second one when the streams of the first are used up */

static int64_t now_ms(const struct connection *connection)
{
    return clock_realtime_ms(connection->context->clock);
}

/* ---- store jobs ---- */

static void finish_if_done(struct connection *connection);

void connection_submit(struct connection *connection, struct store_job *job, void (*done)(struct store_job *job),
                       void *ctx)
{
    job->ctx = ctx;
    job->done = done;
    connection->jobs++;
    store_thread_submit(connection->context->writer, job);
}

void connection_job_done(struct connection *connection)
{
    connection->jobs--;
    finish_if_done(connection);
}

/* ---- parts ---- */

static void users_done(struct store_job *job)
{
    struct connection *connection = job->ctx;
    resolver_recorded(connection->resolver, (struct users_record *)job);
    connection_job_done(connection);
}

static void record_users(void *ctx, struct users_record *record)
{
    connection_submit(ctx, &record->job, users_done, ctx);
}

static void users_resolved(void *ctx)
{
    struct connection *connection = ctx;
    sender_fed(connection->lanes[CHANNEL_PARTNER].sender);
}

static void look_up_answered(void *ctx, const struct outcome *outcome)
{
    struct connection *connection = ctx;
    stats_count_answer(connection->stats, CHANNEL_GRAPH, outcome);
    gate_answered(&connection->lanes[CHANNEL_PARTNER].gate, outcome);
    connection_changed(connection);
}

static bool way_is_open(void *ctx)
{
    const struct connection *connection = ctx;
    return connection->lanes[CHANNEL_PARTNER].gate.state == GATE_OPEN;
}

static const struct resolver_ops resolver_operations = {
    .record = record_users, .resolved = users_resolved, .answered = look_up_answered, .open = way_is_open};

static void weekly_job_done(struct store_job *job)
{
    struct connection *connection = job->ctx;
    weekly_job_ended(connection->weekly, job);
    connection_job_done(connection);
}

static void submit_weekly(void *ctx, struct store_job *job)
{
    connection_submit(ctx, job, weekly_job_done, ctx);
}

static void weekly_fed(void *ctx)
{
    struct connection *connection = ctx;
    for (int channel = 0; channel < CHANNEL_COUNT; channel++)
        sender_fed(connection->lanes[channel].sender);
}

static void weekly_moved(void *ctx, enum full_report_kind kind, const struct full_report_state *state, bool began)
{
    struct connection *connection = ctx;
    struct log_fields fields = {.connection = connection->name};
    const char *what = kind == FULL_REPORT_WEEKLY ? "full report" : "resync";
    char next[CLOCK_TEXT];
    connection_note_walk(connection, kind, state, began);
    if (began)
        log_at(LOG_LEVEL_NOTICE, TAG_WEEKLY, &fields, "%s begins: %lld devices, %lld done before", what,
               (long long)state->total, (long long)state->fed);
    else
        log_at(LOG_LEVEL_NOTICE, TAG_WEEKLY, &fields, "%s done: %lld devices%s%s", what, (long long)state->fed,
               kind == FULL_REPORT_WEEKLY ? "; next on " : "",
               kind == FULL_REPORT_WEEKLY ? clock_format_s(state->due_at_ms / 1000, next) : "");
}

static const struct weekly_ops weekly_operations = {.submit = submit_weekly, .fed = weekly_fed, .moved = weekly_moved};

static int make_network(struct connection *connection, struct error *err)
{
    const struct connection_settings *settings = connection->settings;
    const struct clock *clock = connection->context->clock;
    struct http_options options = {.ca_file = settings->ca_file,
                                   .proxy = settings->proxy,
                                   .proxy_credentials_file = settings->proxy_credentials_file,
                                   .max_connections = MAX_CONNECTIONS};
    char scope[600];
    int rc = http_client_new(connection->context->loop, &options, &connection->http, err);
    if (rc < 0)
        return rc;
    snprintf(scope, sizeof(scope), "%s/.default", settings->graph_url);
    rc = token_source_new(connection->http, settings, scope, clock, &connection->graph_token, err);
    if (rc == 0)
        rc =
            token_source_new(connection->http, settings, settings->intune_scope, clock, &connection->intune_token, err);
    if (rc == 0)
        connection_note_tokens(connection);
    if (rc == 0)
        rc = resolver_new(connection->context->loop, &resolver_operations, connection, connection->http,
                          connection->graph_token, settings->graph_url, connection->name, clock,
                          &connection->lanes[CHANNEL_GRAPH].budget, &connection->resolver, err);
    return rc;
}

static int make_parts(struct connection *connection, struct error *err)
{
    for (int channel = 0; channel < CHANNEL_COUNT; channel++) {
        int rc = lane_init(&connection->lanes[channel], connection, (enum channel)channel, err);
        if (rc < 0)
            return rc;
    }
    int rc = weekly_new(connection->context->loop, &weekly_operations, connection, connection->context->clock,
                        connection->name, &connection->weekly);
    if (rc < 0)
        return error_set(err, rc, 0, "connection %s", connection->name);
    rc = connection_make_drift(connection, err);
    return rc < 0 ? rc : make_network(connection, err);
}

/* ---- lifetime ---- */

/* Where its reports go: what the reader of the log wants to know first. */
static void tell_start(const struct connection *connection)
{
    const struct connection_settings *settings = connection->settings;
    struct log_fields fields = {.connection = connection->name};
    if (!settings->enabled)
        log_at(LOG_LEVEL_NOTICE, TAG_CONNECTION, &fields,
               "switched off (enabled = no): its changes queue, nothing is sent");
    else if (connection->context->settings->enabled)
        log_at(LOG_LEVEL_NOTICE, TAG_CONNECTION, &fields, "starting: tenant %s, app %s, %s", settings->tenant_id,
               settings->client_id[0] ? settings->client_id : "of the machine", settings->graph_url);
}

int connection_start(const struct connection_context *context, const struct connection_settings *settings,
                     struct connection **ret_connection, struct error *err)
{
    struct stats *stats = stats_of(context->stats, settings->name);
    struct connection *connection = stats ? calloc(1, sizeof(*connection)) : NULL;
    if (!connection)
        return error_set(err, ERR_NOMEM, 0, "connection %s", settings->name);
    connection->context = context;
    connection->stats = stats;
    connection->settings = settings;
    snprintf(connection->name, sizeof(connection->name), "%s", settings->name);
    connection->since_ms = now_ms(connection);
    *ret_connection = connection;
    tell_start(connection);
    if (!settings->enabled || !context->settings->enabled) {
        connection->state = CONNECTION_OFF;
        return 0;
    }
    connection->state = CONNECTION_CONNECTING;
    int rc = make_parts(connection, err);
    if (rc < 0)
        return rc; /* the caller stops it as any other */
    return connection_load_account(connection, err);
}

void connection_begin(struct connection *connection, enum account_state state)
{
    connection->begun = true;
    connection->reporting = account_is_reporting(state);
    if (!connection->reporting)
        return;
    connection_load_endpoints(connection);
    token_end_pause(connection->graph_token);
    token_end_pause(connection->intune_token);
    connection_tend_credentials(connection);
    weekly_configure(connection->weekly, connection->context->settings->full_report_interval_ms,
                     connection->context->settings->full_report_spread_ms);
    drift_tick(connection->drift);
    gate_knock(&connection->lanes[CHANNEL_GRAPH].gate);
    for (int channel = 0; channel < CHANNEL_COUNT; channel++)
        lane_pump(&connection->lanes[channel]); /* reports, and verdicts still owed from an earlier run */
}

static bool is_running(const struct connection *connection)
{
    return connection->reporting && !connection->stopping;
}

void connection_dirty(struct connection *connection)
{
    for (int channel = 0; channel < CHANNEL_COUNT && is_running(connection); channel++)
        sender_dirty(connection->lanes[channel].sender);
}

void connection_resync(struct connection *connection, const struct full_report_state *state)
{
    if (is_running(connection))
        weekly_resync(connection->weekly, state);
}

const struct connection_settings *connection_settings(const struct connection *connection)
{
    return connection->settings;
}

void connection_retry(struct connection *connection)
{
    if (connection->begun && !connection->stopping)
        account_retry(connection->account);
    if (!is_running(connection))
        return;
    (void)http_reload_proxy(connection->http, NULL);
    token_end_pause(connection->graph_token);
    token_end_pause(connection->intune_token);
    connection_tend_credentials(connection);
    weekly_configure(connection->weekly, connection->context->settings->full_report_interval_ms,
                     connection->context->settings->full_report_spread_ms);
    for (int channel = 0; channel < CHANNEL_COUNT; channel++) {
        lane_configure(&connection->lanes[channel]);
        gate_wake(&connection->lanes[channel].gate);
        lane_pump(&connection->lanes[channel]);
    }
    resolver_retry(connection->resolver);
    drift_retry(connection->drift);
}

static void free_connection(struct connection *connection)
{
    void (*stopped)(void *ctx) = connection->stopped;
    void *ctx = connection->stopped_ctx;
    for (int channel = 0; channel < CHANNEL_COUNT; channel++)
        lane_deinit(&connection->lanes[channel]);
    account_free(connection->account);
    drift_free(connection->drift);
    buf_deinit(&connection->drift_url);
    free(connection);
    stopped(ctx);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct connection *connection = handle->data;
    if (--connection->handles == 0)
        free_connection(connection);
}

static void close_timer(struct connection *connection, uv_timer_t *timer)
{
    if (!timer->loop)
        return;
    timer->data = connection;
    connection->handles++;
    uv_close((uv_handle_t *)timer, on_handle_closed);
}

/* No request and no job is left: only memory and timers. */
static void close_parts(struct connection *connection)
{
    if (connection->discovery)
        endpoints_cancel(connection->discovery);
    if (connection->account_discovery)
        endpoints_cancel(connection->account_discovery);
    token_source_free(connection->graph_token);
    token_source_free(connection->intune_token);
    resolver_close(connection->resolver);
    weekly_close(connection->weekly);
    for (int channel = 0; channel < CHANNEL_COUNT; channel++) {
        struct lane *lane = &connection->lanes[channel];
        close_timer(connection, &lane->gate_timer);
        close_timer(connection, &lane->sender_timer);
        close_timer(connection, &lane->results_timer);
    }
    close_timer(connection, &connection->account_timer);
    close_timer(connection, &connection->drift_timer);
    close_timer(connection, &connection->stop_timer);
}

static void on_http_closed(void *ctx)
{
    struct connection *connection = ctx;
    connection->http = NULL;
    finish_if_done(connection);
}

static bool is_drained(const struct connection *connection)
{
    if (connection->state == CONNECTION_OFF || !connection->weekly)
        return true;
    return lane_is_idle(&connection->lanes[CHANNEL_PARTNER]) && lane_is_idle(&connection->lanes[CHANNEL_GRAPH]) &&
           weekly_is_idle(connection->weekly);
}

/* Stopping goes: drained, or out of time; requests cancelled; their results recorded as well as may be; everything
 * freed. */
static void finish_if_done(struct connection *connection)
{
    if (!connection->stopping)
        return;
    if (!connection->closing) {
        if (!is_drained(connection))
            return;
        connection->closing = true;
        if (connection->http) {
            http_client_close(connection->http, on_http_closed, connection);
            return;
        }
    }
    if (connection->http || connection->jobs > 0 || connection->handles > 0)
        return;
    close_parts(connection);
}

static void on_stop_timer(uv_timer_t *timer)
{
    struct connection *connection = timer->data;
    if (connection->closing)
        return;
    connection->closing = true;
    if (connection->http)
        http_client_close(connection->http, on_http_closed, connection);
    else
        finish_if_done(connection);
}

void connection_stop(struct connection *connection, int64_t drain_ms, void (*stopped)(void *ctx), void *ctx)
{
    connection->stopping = true;
    connection->stopped = stopped;
    connection->stopped_ctx = ctx;
    uv_timer_init(connection->context->loop, &connection->stop_timer);
    connection->stop_timer.data = connection;
    uv_timer_start(&connection->stop_timer, on_stop_timer, (uint64_t)drain_ms, 0);
    if (connection->account)
        account_stop(connection->account);
    if (connection->weekly)
        weekly_stop(connection->weekly);
    if (connection->drift)
        drift_stop(connection->drift);
    for (int channel = 0; channel < CHANNEL_COUNT; channel++) {
        struct lane *lane = &connection->lanes[channel];
        if (lane->sender)
            sender_drain(lane->sender);
        if (lane->results)
            results_drain(lane->results);
    }
    finish_if_done(connection);
}
