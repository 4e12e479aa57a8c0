/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/log.h"
#include "connection_internal.h"
#include "daemon/daemon.h"
#include "microsoft/graph.h"
#include "microsoft/partner.h"

enum {
    BODY_MAX = 1024 * 1024,
    URL_MAX = 2048,
    FLIGHT_MAX = 100,   /* settings: partner_devices_per_message */
    DEVICES_OUT = 1000, /* at Microsoft at once, whatever max_in_flight says of requests: keeps the memory small */
};

static int64_t now_ms(const struct lane *lane)
{
    return clock_realtime_ms(lane->connection->context->clock);
}

struct token_source *lane_token(const struct lane *lane)
{
    return lane->channel == CHANNEL_PARTNER ? lane->connection->intune_token : lane->connection->graph_token;
}

static void settled(void *ctx, const struct outbox_result *result)
{
    struct lane *lane = ctx;
    stats_count_report(lane->connection->stats, lane->channel, result);
    lane_log_settled(lane, result);
}

static void verdict_settled(void *ctx, const struct message_result *result)
{
    struct lane *lane = ctx;
    stats_count_verdict(lane->connection->stats, result);
    lane_log_verdict(lane, result);
}

/* ---- store ---- */

static void stage_done(struct store_job *job)
{
    struct lane *lane = job->ctx;
    struct outbox_stage stage = lane->stage; /* the sender may stage again before it returns */
    bool elsewhere = job->result == 0 && stage.elsewhere;
    if (job->result == 0)
        account_seen(lane->connection->account, stage.platforms);
    if (job->result == 0 && stage.tripped)
        connection_breaker_tripped(lane->connection, &stage.trip);
    lane_log_parked(lane, &stage);
    sender_staged(lane->sender, &stage);
    outbox_stage_deinit(&stage);
    if (elsewhere)
        daemon_changed(lane->connection->context->daemon);
    connection_job_done(lane->connection);
}

static void stage(void *ctx, enum priority mildest, unsigned limit)
{
    struct lane *lane = ctx;
    outbox_stage_init(&lane->stage, lane->connection->name, lane->channel, NULL);
    lane->stage.mildest = mildest;
    lane->stage.limit = limit;
    lane->stage.now_ms = now_ms(lane);
    lane->stage.breaker = daemon_breaker_limits(lane->connection->context->settings);
    lane->stage.shared_messages =
        lane->channel == CHANNEL_PARTNER && lane->connection->settings->partner_devices_per_message > 1;
    connection_submit(lane->connection, &lane->stage.job, stage_done, lane);
}

static int64_t first_poll_ms(const struct outbox_record *record)
{
    int64_t first = -1;
    for (size_t i = 0; i < record->count; i++) {
        const struct outbox_result *result = &record->results[i];
        if (result->outcome == OUTBOX_ACCEPTED && (first < 0 || result->poll_ms < first))
            first = result->poll_ms;
    }
    return first;
}

static void record_done(struct store_job *job)
{
    struct lane *lane = job->ctx;
    struct outbox_record *record = (struct outbox_record *)job;
    int64_t poll_ms = job->result < 0 ? -1 : first_poll_ms(record);
    bool elsewhere = job->result == 0 && record->elsewhere;
    sender_recorded(lane->sender, record);
    if (poll_ms >= 0 && lane->results) {
        results_expect(lane->results, poll_ms);
        results_pump(lane->results);
    }
    if (elsewhere)
        daemon_changed(lane->connection->context->daemon);
    connection_job_done(lane->connection);
}

static void record(void *ctx, struct outbox_record *record)
{
    struct lane *lane = ctx;
    connection_submit(lane->connection, &record->job, record_done, lane);
}

static void fetch_done(struct store_job *job)
{
    struct lane *lane = job->ctx;
    struct message_fetch fetch = lane->fetch;
    results_fetched(lane->results, &fetch);
    message_fetch_deinit(&fetch);
    connection_job_done(lane->connection);
}

static void fetch(void *ctx, const struct message_fetch *fetch)
{
    struct lane *lane = ctx;
    lane->fetch = *fetch;
    lane->fetch.now_ms = now_ms(lane);
    connection_submit(lane->connection, &lane->fetch.job, fetch_done, lane);
}

static void verdicts_done(struct store_job *job)
{
    struct lane *lane = job->ctx;
    results_recorded(lane->results, (struct message_record *)job);
    connection_job_done(lane->connection);
}

static void record_verdicts(void *ctx, struct message_record *verdicts)
{
    struct lane *lane = ctx;
    connection_submit(lane->connection, &verdicts->job, verdicts_done, lane);
}

static void requeued(void *ctx)
{
    struct lane *lane = ctx;
    sender_fed(lane->sender);
}

static void queued_again(struct store_job *job)
{
    struct lane *lane = job->ctx;
    struct connection *connection = lane->connection;
    if (job->result == 0)
        sender_fed(lane->sender);
    free(job);
    connection_job_done(connection);
}

/* A device that was parked on a suspicion. Should this fail, the weekly report will tell of it. */
static void queue_again(struct lane *lane, const char *device_id)
{
    struct outbox_enqueue *enqueue = device_id[0] ? malloc(sizeof(*enqueue)) : NULL;
    if (!enqueue)
        return;
    outbox_enqueue_init(enqueue, device_id, NULL);
    connection_submit(lane->connection, &enqueue->job, queued_again, lane);
}

/* ---- Microsoft ---- */

static void drop_token(struct lane *lane, uint64_t serial)
{
    struct token_source *source = lane_token(lane);
    const char *token = token_get(source);
    if (token && token_fetches(source) == serial)
        token_drop(source, token);
}

static void on_report_answer(void *ctx, const struct http_response *response)
{
    struct flight *flight = ctx;
    struct lane *lane = flight->ctx;
    struct outcome whole, outcomes[GRAPH_BATCH_MAX], *items = NULL;
    char parked[256];
    if (lane->channel == CHANNEL_GRAPH) {
        graph_batch_outcome(response, flight->count, now_ms(lane) / 1000, outcomes, NULL, &whole);
        items = outcomes;
        if (denial_judge(&lane->denial, flight, outcomes, &whole, parked))
            queue_again(lane, parked);
    } else {
        partner_put_outcome(response, now_ms(lane) / 1000, &whole);
    }
    lane->fresh = response->status == 503;
    if (whole.class == OUTCOME_AUTH)
        drop_token(lane, flight->token_serial);
    sender_answered(flight, items, &whole);
}

static int build(struct lane *lane, const struct flight *flight)
{
    const struct connection *connection = lane->connection;
    const struct report *reports[FLIGHT_MAX];
    for (unsigned i = 0; i < flight->count; i++)
        reports[i] = &flight->items[i]->report;
    buf_clear(&lane->url);
    buf_clear(&lane->body);
    if (lane->channel == CHANNEL_GRAPH) {
        graph_batch_url(&lane->url, connection->settings->graph_url);
        graph_devices_body(&lane->body, reports, flight->count);
    } else {
        partner_url(&lane->url, connection->endpoints.device_url, &flight->items[0]->report.message_id);
        partner_body(&lane->body, connection->settings->tenant_id, reports, flight->count);
    }
    return buf_error(&lane->url) < 0 ? buf_error(&lane->url) : buf_error(&lane->body);
}

static int launch(struct lane *lane, struct flight *flight, const char *token)
{
    int rc = build(lane, flight);
    if (rc < 0)
        return rc;
    struct http_request request = {.method = lane->channel == CHANNEL_GRAPH ? HTTP_POST : HTTP_PUT,
                                   .url = buf_text(&lane->url),
                                   .bearer = token,
                                   .content_type = "application/json",
                                   .body = buf_text(&lane->body),
                                   .body_length = lane->body.length,
                                   .fresh_connection = lane->fresh};
    lane->fresh = false;
    flight->token_serial = token_fetches(lane_token(lane));
    return http_send(lane->connection->http, &request, on_report_answer, flight, NULL, NULL, NULL);
}

static void not_started(struct outcome *outcome, int code)
{
    *outcome = (struct outcome){.class = OUTCOME_TRANSIENT, .trouble = TROUBLE_NETWORK};
    snprintf(outcome->detail, sizeof(outcome->detail), "request not started: %s", error_code_text(code));
}

static void on_flight_token(void *ctx, const struct outcome *outcome)
{
    struct flight *flight = ctx;
    struct lane *lane = flight->ctx;
    struct outcome failed;
    if (!outcome) {
        const char *token = token_get(lane_token(lane));
        int rc = token ? launch(lane, flight, token) : ERR_AUTH;
        if (rc == 0)
            return;
        not_started(&failed, rc);
        outcome = &failed;
    }
    sender_answered(flight, NULL, outcome);
}

static int send_flight(void *ctx, struct flight *flight)
{
    struct lane *lane = ctx;
    const char *token = token_get(lane_token(lane));
    return token ? launch(lane, flight, token) : token_want(lane_token(lane), on_flight_token, flight);
}

static void on_verdict_answer(void *ctx, const struct http_response *response)
{
    struct question *question = ctx;
    struct lane *lane = question->ctx;
    struct outcome outcome;
    enum partner_verdict verdict = partner_get_verdict(response, now_ms(lane) / 1000, &outcome);
    if (verdict == PARTNER_UNKNOWN && outcome.class == OUTCOME_AUTH)
        drop_token(lane, question->token_serial);
    results_answered(question, verdict, &outcome);
}

static int put_question(struct lane *lane, struct question *question, const char *token)
{
    buf_clear(&lane->url);
    partner_url(&lane->url, lane->connection->endpoints.device_url, &question->message->sent_as);
    if (buf_error(&lane->url) < 0)
        return buf_error(&lane->url);
    struct http_request request = {.method = HTTP_GET, .url = buf_text(&lane->url), .bearer = token};
    question->token_serial = token_fetches(lane_token(lane));
    return http_send(lane->connection->http, &request, on_verdict_answer, question, NULL, NULL, NULL);
}

static void on_question_token(void *ctx, const struct outcome *outcome)
{
    struct question *question = ctx;
    struct lane *lane = question->ctx;
    struct outcome failed;
    if (!outcome) {
        const char *token = token_get(lane_token(lane));
        int rc = token ? put_question(lane, question, token) : ERR_AUTH;
        if (rc == 0)
            return;
        not_started(&failed, rc);
        outcome = &failed;
    }
    results_answered(question, PARTNER_UNKNOWN, outcome);
}

static int ask_verdict(void *ctx, struct question *question)
{
    struct lane *lane = ctx;
    const char *token = token_get(lane_token(lane));
    return token ? put_question(lane, question, token) : token_want(lane_token(lane), on_question_token, question);
}

/* ---- the way ---- */

/* Reports and questions share the channel's max_in_flight: `taken` of it by the others, and at least one place is
 * left. */
static int window_beside(const struct lane *lane, unsigned taken)
{
    int most = lane->connection->context->settings->max_in_flight;
    if (lane->channel == CHANNEL_GRAPH && most > DEVICES_OUT / GRAPH_BATCH_MAX)
        most = DEVICES_OUT / GRAPH_BATCH_MAX;
    if (lane->connection->stopping || !lane->connection->reporting)
        return SENDER_CLOSED;
    return gate_window(&lane->gate, (int)taken < most ? most - (int)taken : 1);
}

/* While both wait, each has half of the places: else the first to fill them would keep them. */
static unsigned kept_for(const struct lane *lane, bool waiting, unsigned in_flight)
{
    unsigned half = (unsigned)lane->connection->context->settings->max_in_flight / 2;
    return waiting && in_flight < half ? half : in_flight;
}

static int report_window(void *ctx)
{
    const struct lane *lane = ctx;
    if (!lane->results)
        return window_beside(lane, 0);
    return window_beside(lane, kept_for(lane, results_are_due(lane->results), results_in_flight(lane->results)));
}

static int question_window(void *ctx)
{
    const struct lane *lane = ctx;
    struct sender_stats stats;
    sender_stats(lane->sender, &stats);
    return window_beside(lane, kept_for(lane, stats.staged > 0, stats.in_flight));
}

static void knock(void *ctx)
{
    struct lane *lane = ctx;
    gate_knock(&lane->gate);
}

static void answered(void *ctx, const struct outcome *outcome)
{
    struct lane *lane = ctx;
    stats_count_answer(lane->connection->stats, lane->channel, outcome);
    gate_answered(&lane->gate, outcome);
    connection_changed(lane->connection);
}

static void hungry(void *ctx)
{
    struct lane *lane = ctx;
    weekly_hungry(lane->connection->weekly);
}

/* Look-ups are the first requests of many a channel: their trouble is the channel's, so its gate must be open to see
 * it. */
static void resolve(void *ctx, char *const *names, size_t count)
{
    struct lane *lane = ctx;
    if (lane->gate.state == GATE_OPEN) {
        resolver_ask(lane->connection->resolver, names, count);
        return;
    }
    lane->users_wanted = true;
    gate_knock(&lane->gate);
}

static void look_up_users(struct lane *lane)
{
    if (lane->channel != CHANNEL_PARTNER)
        return;
    resolver_retry(lane->connection->resolver);
    if (lane->users_wanted)
        sender_fed(lane->sender);
    lane->users_wanted = false;
}

/* What was granted meanwhile is in new tokens only. Graph's is the partner channel's too: for users and addresses. */
static void forget_tokens(struct lane *lane)
{
    struct token_source *sources[] = {lane_token(lane), lane->connection->graph_token};
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
        token_drop(sources[i], token_get(sources[i]));
}

static void open_gate(void *ctx)
{
    struct lane *lane = ctx;
    if (lane->gate.trouble == TROUBLE_PERMISSION)
        forget_tokens(lane);
    connection_open(lane->connection, lane);
}

static void gate_moved(void *ctx, enum gate_state before)
{
    struct lane *lane = ctx;
    if (lane->gate.state == GATE_WAITING && before != GATE_WAITING)
        sender_release(lane->sender);
    connection_changed(lane->connection);
    if (lane->gate.state == GATE_OPEN && before != GATE_OPEN)
        look_up_users(lane);
    if (lane->gate.state != before)
        lane_pump(lane);
}

/* ---- timers ---- */

static void set_timer(uv_timer_t *timer, uv_timer_cb callback, int64_t delay_ms)
{
    if (uv_is_closing((uv_handle_t *)timer))
        return;
    if (delay_ms >= 0)
        uv_timer_start(timer, callback, (uint64_t)delay_ms, 0);
    else
        uv_timer_stop(timer);
}

static void on_gate_timer(uv_timer_t *timer)
{
    struct lane *lane = timer->data;
    gate_wake(&lane->gate);
}

static void wake_gate(void *ctx, int64_t delay_ms)
{
    struct lane *lane = ctx;
    set_timer(&lane->gate_timer, on_gate_timer, delay_ms);
}

static void on_sender_timer(uv_timer_t *timer)
{
    struct lane *lane = timer->data;
    sender_pump(lane->sender);
}

static void wake_sender(void *ctx, int64_t delay_ms)
{
    struct lane *lane = ctx;
    set_timer(&lane->sender_timer, on_sender_timer, delay_ms);
}

static void on_results_timer(uv_timer_t *timer)
{
    struct lane *lane = timer->data;
    results_pump(lane->results);
}

static void wake_results(void *ctx, int64_t delay_ms)
{
    struct lane *lane = ctx;
    set_timer(&lane->results_timer, on_results_timer, delay_ms);
}

/* ---- lifetime ---- */

static const struct sender_ops sender_operations = {
    .stage = stage,
    .record = record,
    .send = send_flight,
    .window = report_window,
    .knock = knock,
    .answered = answered,
    .wake = wake_sender,
    .settled = settled,
    .hungry = hungry,
    .resolve = resolve,
};

static const struct results_ops results_operations = {
    .fetch = fetch,
    .record = record_verdicts,
    .ask = ask_verdict,
    .window = question_window,
    .knock = knock,
    .answered = answered,
    .wake = wake_results,
    .settled = verdict_settled,
    .requeued = requeued,
};

static const struct gate_ops gate_operations = {.open = open_gate, .changed = gate_moved, .wake = wake_gate};

static void sender_settings(const struct lane *lane, struct sender_options *options)
{
    const struct connection_settings *settings = lane->connection->settings;
    *options = (struct sender_options){
        .channel = lane->channel,
        .connection = lane->connection->name,
        .items_per_flight =
            lane->channel == CHANNEL_GRAPH ? GRAPH_BATCH_MAX : (unsigned)settings->partner_devices_per_message,
        .result_deadline_ms = lane->connection->context->settings->result_deadline_ms,
    };
}

void lane_configure(struct lane *lane)
{
    struct sender_options options;
    sender_settings(lane, &options);
    sender_set_options(lane->sender, &options);
}

static void init_budget(struct lane *lane)
{
    const struct connection_settings *settings = lane->connection->settings;
    budget_init(&lane->budget, lane->connection->context->clock);
    lane->budget.throttlings = &lane->connection->stats->channel[lane->channel].throttled;
    if (lane->channel == CHANNEL_GRAPH) {
        budget_add(&lane->budget, settings->graph_requests_per_10s, 10 * 1000);
        budget_add_writes(&lane->budget, settings->graph_writes_per_150s, 150 * 1000);
    } else {
        budget_add(&lane->budget, settings->partner_requests_per_20s, 20 * 1000);
    }
}

static void init_timer(struct lane *lane, uv_timer_t *timer)
{
    uv_timer_init(lane->connection->context->loop, timer);
    timer->data = lane;
}

int lane_init(struct lane *lane, struct connection *connection, enum channel channel, struct error *err)
{
    const struct clock *clock = connection->context->clock;
    struct sender_options options;
    lane->connection = connection;
    lane->channel = channel;
    lane_log_init(lane);
    buf_init(&lane->url, URL_MAX);
    buf_init(&lane->body, BODY_MAX);
    init_timer(lane, &lane->gate_timer);
    init_timer(lane, &lane->sender_timer);
    init_timer(lane, &lane->results_timer);
    gate_init(&lane->gate, &gate_operations, lane, clock);
    init_budget(lane);
    sender_settings(lane, &options);
    int rc = sender_new(&sender_operations, lane, clock, &lane->budget, &options, &lane->sender);
    if (rc == 0 && channel == CHANNEL_PARTNER)
        rc = results_new(&results_operations, lane, clock, &lane->budget, connection->name, &lane->results);
    return rc < 0 ? error_set(err, rc, 0, "connection %s", connection->name) : 0;
}

void lane_deinit(struct lane *lane)
{
    if (lane->connection) /* else it was never made: the connection is off */
        lane_log_flush(lane, true);
    sender_free(lane->sender);
    results_free(lane->results);
    buf_deinit(&lane->url);
    buf_deinit(&lane->body);
}

void lane_pump(struct lane *lane)
{
    if (lane->sender)
        sender_pump(lane->sender);
    if (lane->results)
        results_pump(lane->results);
}

bool lane_is_idle(const struct lane *lane)
{
    return sender_is_idle(lane->sender) && (!lane->results || results_is_idle(lane->results));
}
