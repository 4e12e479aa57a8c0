/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "daemon/connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/log.h"
#include "connection_internal.h"

enum {
    ENDPOINTS_FRESH_MS = 24 * 3600 * 1000,
    TELL_AGAIN_MS = 15 * 60 * 1000,
    MAX_CONNECTIONS = 2, /* to one host: a second one when the streams of the first are used up */
};

static int64_t now_ms(const struct connection *connection)
{
    return clock_realtime_ms(connection->context->clock);
}

const char *connection_state_name(enum connection_state state)
{
    static const char *const names[] = {
#define X(name, word) [name] = word,
        CONNECTION_STATES(X)
#undef X
    };
    return names[state];
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

/* ---- endpoints ---- */

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

static void load_endpoints(struct connection *connection)
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

/* The URL may be stale: discover anew before the next try. */
static void forget_endpoints(struct connection *connection)
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

/* ---- opening a channel ---- */

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

/* ---- state ---- */

static const struct gate *worst_gate(const struct connection *connection)
{
    const struct gate *worst = &connection->lanes[CHANNEL_GRAPH].gate;
    const struct gate *partner = &connection->lanes[CHANNEL_PARTNER].gate;
    return worst->trouble == TROUBLE_NONE && partner->trouble != TROUBLE_NONE ? partner : worst;
}

static bool is_throttled(const struct lane *lane)
{
    return budget_share(&lane->budget) < 1;
}

static enum connection_state derive_state(const struct connection *connection)
{
    const struct gate *gate = worst_gate(connection);
    if (gate->trouble != TROUBLE_NONE)
        return CONNECTION_BROKEN;
    if (gate->state == GATE_OPENING || gate->state == GATE_SHUT)
        return CONNECTION_CONNECTING;
    if (is_throttled(&connection->lanes[CHANNEL_GRAPH]) || is_throttled(&connection->lanes[CHANNEL_PARTNER]))
        return CONNECTION_THROTTLED;
    return CONNECTION_READY;
}

static void log_broken(struct connection *connection, const char *since)
{
    const struct gate *gate = worst_gate(connection);
    struct log_fields fields = {.connection = connection->name};
    char delay[DURATION_TEXT];
    int64_t wait = gate->next_try_ms - now_ms(connection);
    connection->told = gate->trouble;
    connection->told_ms = clock_monotonic_ms(connection->context->clock);
    log_at(LOG_LEVEL_WARN, TAG_CONNECTION, &fields, "broken%s: %s (%s); next try in %s, nothing is lost. Cure: %s",
           since, trouble_text(gate->trouble, LANGUAGE_EN), gate->detail, duration_format(wait > 0 ? wait : 0, delay),
           trouble_cure(gate->trouble, LANGUAGE_EN));
}

static void log_state(struct connection *connection, enum connection_state before)
{
    struct log_fields fields = {.connection = connection->name};
    char lasted[DURATION_TEXT];
    switch (connection->state) {
    case CONNECTION_BROKEN:
        log_broken(connection, "");
        break;
    case CONNECTION_THROTTLED:
        log_at(LOG_LEVEL_NOTICE, TAG_CONNECTION, &fields, "throttled by Microsoft: sending slower until it eases");
        break;
    case CONNECTION_READY:
        if (before == CONNECTION_BROKEN)
            log_at(LOG_LEVEL_NOTICE, TAG_CONNECTION, &fields, "ready again after %s",
                   duration_format(now_ms(connection) - connection->since_ms, lasted));
        else
            log_at(LOG_LEVEL_INFO, TAG_CONNECTION, &fields, "ready%s",
                   before == CONNECTION_THROTTLED ? ", at full rate again" : "");
        break;
    case CONNECTION_OFF:
    case CONNECTION_CONNECTING:
    case CONNECTION_DISCONNECTING:
    case CONNECTION_DISCONNECTED:
        break;
    }
}

void connection_changed(struct connection *connection)
{
    struct gate *partner = &connection->lanes[CHANNEL_PARTNER].gate;
    if (connection->stopping)
        return;
    if (partner->state == GATE_WAITING && (partner->trouble == TROUBLE_NETWORK || partner->trouble == TROUBLE_TLS))
        forget_endpoints(connection);
    enum connection_state state = derive_state(connection), before = connection->state;
    if (state == before) {
        if (state == CONNECTION_BROKEN && worst_gate(connection)->trouble != connection->told)
            log_broken(connection, " otherwise now");
        return;
    }
    connection->state = state;
    log_state(connection, before);
    connection->since_ms = now_ms(connection);
}

void connection_tend(struct connection *connection)
{
    if (connection->state == CONNECTION_OFF || connection->stopping)
        return;
    connection_changed(connection); /* a throttled rate recovers with time alone */
    if (endpoints_known(connection) && now_ms(connection) - connection->endpoints_at_ms > ENDPOINTS_FRESH_MS &&
        connection->lanes[CHANNEL_PARTNER].gate.state == GATE_OPEN)
        discover(connection);
    int64_t standing = clock_monotonic_ms(connection->context->clock) - connection->told_ms;
    if (connection->state == CONNECTION_BROKEN && standing > TELL_AGAIN_MS) {
        char since[64], lasted[DURATION_TEXT];
        snprintf(since, sizeof(since), " for %s now",
                 duration_format(now_ms(connection) - connection->since_ms, lasted));
        log_broken(connection, since);
    }
}

static int64_t wall_clock(const struct connection *connection, int64_t at_monotonic_ms)
{
    int64_t now = clock_monotonic_ms(connection->context->clock);
    return at_monotonic_ms > now ? now_ms(connection) + at_monotonic_ms - now : -1;
}

static void lane_status(const struct connection *connection, const struct lane *lane, struct channel_status *status)
{
    struct sender_stats stats;
    sender_stats(lane->sender, &stats);
    *status = (struct channel_status){
        .in_flight = stats.in_flight + (lane->results ? results_in_flight(lane->results) : 0),
        .staged = stats.staged,
        .requests = stats.requests,
        .accepted = stats.accepted,
        .refused = stats.refused,
        .transient = stats.transient,
        .throttled = stats.throttled,
        .quota_share = budget_share(&lane->budget),
        .retry_at_ms = wall_clock(connection, budget_blocked_until_ms(&lane->budget)),
    };
}

void connection_status(const struct connection *connection, struct connection_status *ret_status)
{
    *ret_status = (struct connection_status){
        .name = connection->name,
        .tenant_id = connection->settings->tenant_id,
        .state = connection->state,
        .detail = "",
        .since_ms = connection->since_ms,
        .next_try_ms = -1,
        .last_success_ms = -1,
        .graph_token_expires_ms = -1,
        .intune_token_expires_ms = -1,
    };
    if (connection->state == CONNECTION_OFF)
        return;
    const struct gate *gate = worst_gate(connection);
    ret_status->trouble = gate->trouble;
    ret_status->detail = gate->detail;
    ret_status->next_try_ms = gate->state == GATE_WAITING ? gate->next_try_ms : -1;
    ret_status->graph_token_expires_ms = token_expires_at_ms(connection->graph_token);
    ret_status->intune_token_expires_ms = token_expires_at_ms(connection->intune_token);
    for (int channel = 0; channel < CHANNEL_COUNT; channel++) {
        const struct lane *lane = &connection->lanes[channel];
        lane_status(connection, lane, &ret_status->channel[channel]);
        if (lane->gate.last_success_ms > ret_status->last_success_ms)
            ret_status->last_success_ms = lane->gate.last_success_ms;
    }
    ret_status->weekly = *weekly_state(connection->weekly, FULL_REPORT_WEEKLY);
    ret_status->resync = *weekly_state(connection->weekly, FULL_REPORT_RESYNC);
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
    gate_answered(&connection->lanes[CHANNEL_PARTNER].gate, outcome);
    connection_changed(connection);
}

static const struct resolver_ops resolver_operations = {
    .record = record_users, .resolved = users_resolved, .answered = look_up_answered};

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
    struct http_options options = {
        .ca_file = settings->ca_file, .proxy = settings->proxy, .max_connections = MAX_CONNECTIONS};
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
    return make_network(connection, err);
}

/* ---- lifetime ---- */

int connection_start(const struct connection_context *context, const struct connection_settings *settings,
                     struct connection **ret_connection, struct error *err)
{
    struct connection *connection = calloc(1, sizeof(*connection));
    if (!connection)
        return error_set(err, ERR_NOMEM, 0, "connection %s", settings->name);
    connection->context = context;
    connection->settings = settings;
    snprintf(connection->name, sizeof(connection->name), "%s", settings->name);
    connection->since_ms = now_ms(connection);
    *ret_connection = connection;
    if (!settings->enabled || !context->settings->enabled) {
        connection->state = CONNECTION_OFF;
        return 0;
    }
    connection->state = CONNECTION_CONNECTING;
    int rc = make_parts(connection, err);
    if (rc < 0)
        return rc; /* the caller stops it as any other */
    load_endpoints(connection);
    weekly_configure(connection->weekly, context->settings->full_report_interval_ms,
                     context->settings->full_report_spread_ms);
    gate_knock(&connection->lanes[CHANNEL_GRAPH].gate);
    connection_dirty(connection);
    return 0;
}

static bool is_running(const struct connection *connection)
{
    return connection->state != CONNECTION_OFF && !connection->stopping;
}

void connection_dirty(struct connection *connection)
{
    for (int channel = 0; channel < CHANNEL_COUNT && is_running(connection); channel++)
        sender_dirty(connection->lanes[channel].sender);
}

bool connection_is_busy(const struct connection *connection)
{
    struct sender_stats stats;
    for (int channel = 0; channel < CHANNEL_COUNT && is_running(connection); channel++) {
        sender_stats(connection->lanes[channel].sender, &stats);
        if (stats.backlog)
            return true;
    }
    return false;
}

void connection_resync(struct connection *connection)
{
    if (is_running(connection))
        weekly_resync(connection->weekly);
}

const struct connection_settings *connection_settings(const struct connection *connection)
{
    return connection->settings;
}

void connection_retry(struct connection *connection)
{
    if (!is_running(connection))
        return;
    weekly_configure(connection->weekly, connection->context->settings->full_report_interval_ms,
                     connection->context->settings->full_report_spread_ms);
    for (int channel = 0; channel < CHANNEL_COUNT; channel++) {
        lane_configure(&connection->lanes[channel]);
        gate_wake(&connection->lanes[channel].gate);
        lane_pump(&connection->lanes[channel]);
    }
}

static void free_connection(struct connection *connection)
{
    void (*stopped)(void *ctx) = connection->stopped;
    void *ctx = connection->stopped_ctx;
    for (int channel = 0; channel < CHANNEL_COUNT; channel++)
        lane_deinit(&connection->lanes[channel]);
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
    endpoints_cancel(connection->discovery);
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

/* Stopping goes: drained, or out of time; requests cancelled; their results recorded as well as may be; everything freed. */
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
    if (connection->weekly)
        weekly_stop(connection->weekly);
    for (int channel = 0; channel < CHANNEL_COUNT; channel++) {
        struct lane *lane = &connection->lanes[channel];
        if (lane->sender)
            sender_drain(lane->sender);
        if (lane->results)
            results_drain(lane->results);
    }
    finish_if_done(connection);
}
