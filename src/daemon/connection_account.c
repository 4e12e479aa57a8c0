/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "connection_internal.h"
#include "daemon/activity_log.h"

enum { FEED_MAX = 200, LOAD_AGAIN_MS = 1000 };

static struct token_source *source_of(const struct connection *connection, enum account_token which)
{
    return which == ACCOUNT_TOKEN_GRAPH ? connection->graph_token : connection->intune_token;
}

/* ---- what is told ---- */

static bool is_of_disconnecting(enum account_step step)
{
    return step >= ACCOUNT_RETIRE;
}

static void note(const struct connection *connection, bool disconnect, const char *result, const char *reason,
                 const char *detail)
{
    activity_log_add(
        connection->context->activity,
        &(struct activity_entry){.kind = activity_kind_name(disconnect ? ACTIVITY_DISCONNECT : ACTIVITY_CONNECT),
                                 .connection = connection->name,
                                 .result = result,
                                 .reason = reason,
                                 .detail = detail});
}

/* The same trouble of the same step is told once, however often it is tried. */
static bool is_told(struct connection *connection, enum account_step step, const struct account_progress *progress)
{
    char told[sizeof(connection->account_told)];
    snprintf(told, sizeof(told), "%d %d %s %s", (int)step, (int)progress->state, progress->problem, progress->detail);
    if (strcmp(told, connection->account_told) == 0)
        return true;
    memcpy(connection->account_told, told, sizeof(told));
    return false;
}

static void stepped(void *ctx, enum account_step step)
{
    struct connection *connection = ctx;
    const struct account_progress *progress = &account_record(connection->account)->steps[step];
    struct log_fields fields = {.connection = connection->name};
    char text[400];
    bool trouble = progress->problem[0] != '\0';
    if ((progress->state == STEP_RUNNING && !trouble) || is_told(connection, step, progress))
        return;
    snprintf(text, sizeof(text), "%s: %s%s%s", account_step_text(step, LANGUAGE_EN),
             account_step_state_name(progress->state), progress->detail[0] ? ": " : "", progress->detail);
    log_at(trouble ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, TAG_CONNECTION, &fields, "account: %s%s%s%s", text,
           trouble ? " (" : "", progress->problem, trouble ? ")" : "");
    note(connection, is_of_disconnecting(step), account_step_name(step), progress->problem, text);
}

static void tell_move(struct connection *connection, enum account_state before)
{
    struct log_fields fields = {.connection = connection->name};
    enum account_state state = account_state(connection->account);
    bool disconnect = state == ACCOUNT_DISCONNECTING || state == ACCOUNT_DEPROVISIONING ||
                      (state == ACCOUNT_DISCONNECTED && before != ACCOUNT_RECONNECTING);
    char text[80];
    snprintf(text, sizeof(text), "it was %s", account_state_name(before));
    log_at(LOG_LEVEL_NOTICE, TAG_CONNECTION, &fields, "account %s (%s)", account_state_name(state), text);
    note(connection, disconnect, account_state_name(state), "", text);
}

/* With another way of running (reports flow, or only the account is worked on, or nothing at all) the connection begins
 * anew: its HTTP client, tokens and timers end with it, so that a disconnected one cannot send anything. */
static void moved(void *ctx, enum account_state before)
{
    struct connection *connection = ctx;
    enum account_state state = account_state(connection->account);
    tell_move(connection, before);
    connection_changed(connection);
    if (account_is_reporting(before) != account_is_reporting(state) || state == ACCOUNT_DISCONNECTED)
        connection->context->restart(connection->context->daemon, connection);
}

/* ---- Microsoft ---- */

static void on_token(void *ctx, const struct outcome *outcome)
{
    struct connection *connection = ctx;
    account_token_answered(connection->account, outcome);
}

static void drop_token(void *ctx, enum account_token which)
{
    struct token_source *source = source_of(ctx, which);
    const char *token = token_get(source);
    if (token)
        token_drop(source, token);
}

/* A new one: what it may do was perhaps granted a moment ago. */
static int want_token(void *ctx, enum account_token which)
{
    drop_token(ctx, which);
    return token_want(source_of(ctx, which), on_token, ctx);
}

static void on_discovered(void *ctx, const struct outcome *outcome, const struct endpoints *endpoints)
{
    struct connection *connection = ctx;
    connection->account_discovery = NULL;
    account_discovered(connection->account, outcome, endpoints);
}

static int discover(void *ctx)
{
    struct connection *connection = ctx;
    return endpoints_discover(connection->http, connection->settings->graph_url, connection->graph_token,
                              connection->context->clock, on_discovered, connection, &connection->account_discovery);
}

static void on_answer(void *ctx, const struct http_response *response)
{
    struct connection *connection = ctx;
    account_answered(connection->account, response);
}

static void on_request_token(void *ctx, const struct outcome *outcome)
{
    struct connection *connection = ctx;
    const struct account_request *asked = &connection->account_request;
    struct outcome failed = {.class = OUTCOME_TRANSIENT, .trouble = TROUBLE_NETWORK, .detail = "request not started"};
    if (!outcome) {
        struct http_request request = {.method = asked->method,
                                       .url = asked->url,
                                       .bearer = token_get(source_of(connection, asked->token)),
                                       .content_type = asked->body ? "application/json" : NULL,
                                       .body = asked->body,
                                       .body_length = asked->body ? strlen(asked->body) : 0};
        if (request.bearer && http_send(connection->http, &request, on_answer, connection, NULL, NULL, NULL) == 0)
            return;
        outcome = &failed;
    }
    account_failed(connection->account, outcome);
}

static int request(void *ctx, const struct account_request *asked)
{
    struct connection *connection = ctx;
    connection->account_request = *asked; /* its texts stay until the answer */
    return token_want(source_of(connection, asked->token), on_request_token, connection);
}

/* ---- the store ---- */

static void save_done(struct store_job *job)
{
    struct connection *connection = job->ctx;
    int result = job->result;
    free(job);
    account_saved(connection->account, result);
    connection_job_done(connection);
}

static int save(void *ctx, const struct account_record *record, bool start_walk)
{
    struct account_save *job = malloc(sizeof(*job));
    if (!job)
        return ERR_NOMEM;
    account_save_init(job, record, NULL);
    job->start_walk = start_walk;
    connection_submit(ctx, &job->job, save_done, ctx);
    return 0;
}

static void feed_done(struct store_job *job)
{
    struct connection *connection = job->ctx;
    const struct account_feed *feed = (const struct account_feed *)job;
    int result = job->result;
    bool finished = feed->finished;
    free(job);
    connection_dirty(connection);
    account_fed(connection->account, result, finished);
    connection_job_done(connection);
}

static int feed(void *ctx)
{
    struct connection *connection = ctx;
    struct account_feed *job = malloc(sizeof(*job));
    if (!job)
        return ERR_NOMEM;
    account_feed_init(job, connection->name, NULL);
    job->limit = FEED_MAX;
    job->now_ms = clock_realtime_ms(connection->context->clock);
    connection_submit(connection, &job->job, feed_done, connection);
    return 0;
}

static void count_done(struct store_job *job)
{
    struct connection *connection = job->ctx;
    const struct account_count *count = (const struct account_count *)job;
    struct account_counts counts = count->counts;
    int result = job->result;
    free(job);
    account_counted(connection->account, result, &counts);
    connection_job_done(connection);
}

/* On the reader's thread: it walks tables, and no report waits for it. */
static int count(void *ctx)
{
    struct connection *connection = ctx;
    struct account_count *job = malloc(sizeof(*job));
    if (!job)
        return ERR_NOMEM;
    account_count_init(job, connection->name, count_done);
    job->now_ms = clock_realtime_ms(connection->context->clock);
    job->job.ctx = connection;
    connection->jobs++;
    store_thread_submit(connection->context->reader, &job->job);
    return 0;
}

/* ---- time ---- */

static void on_timer(uv_timer_t *timer)
{
    struct connection *connection = timer->data;
    account_tick(connection->account);
}

static void wake(void *ctx, int64_t delay_ms)
{
    struct connection *connection = ctx;
    if (!uv_is_closing((uv_handle_t *)&connection->account_timer))
        uv_timer_start(&connection->account_timer, on_timer, (uint64_t)(delay_ms > 1 ? delay_ms : 1), 0);
}

/* ---- lifetime ---- */

static const struct account_ops operations = {
    .token = want_token,
    .discover = discover,
    .request = request,
    .save = save,
    .feed = feed,
    .count = count,
    .drop_token = drop_token,
    .wake = wake,
    .moved = moved,
    .stepped = stepped,
};

static void load(struct connection *connection);

static void on_load_timer(uv_timer_t *timer)
{
    load(timer->data);
}

static void load_done(struct store_job *job)
{
    struct connection *connection = job->ctx;
    struct account_load *loaded = (struct account_load *)job;
    if (!connection->stopping && job->result == 0) {
        account_start(connection->account, &loaded->record); /* before reports: it may forget what an old tenant said */
        connection_begin(connection, loaded->record.state);
        connection_changed(connection);
    } else if (!connection->stopping) {
        log_debug(TAG_CONNECTION, "account not loaded, trying again: %s", error_text(&job->error));
        uv_timer_start(&connection->account_timer, on_load_timer, LOAD_AGAIN_MS, 0);
    }
    free(loaded);
    connection_job_done(connection);
}

static void load(struct connection *connection)
{
    struct account_load *job = malloc(sizeof(*job));
    if (!job) {
        uv_timer_start(&connection->account_timer, on_load_timer, LOAD_AGAIN_MS, 0);
        return;
    }
    account_load_init(job, connection->name, NULL);
    connection_submit(connection, &job->job, load_done, connection);
}

int connection_load_account(struct connection *connection, struct error *err)
{
    int rc =
        account_new(&operations, connection, connection->context->clock, connection->settings, &connection->account);
    if (rc < 0)
        return error_set(err, rc, 0, "connection %s", connection->name);
    uv_timer_init(connection->context->loop, &connection->account_timer);
    connection->account_timer.data = connection;
    load(connection);
    return 0;
}

/* ---- operators ---- */

int connection_connect(struct connection *connection, account_done_fn *done, void *ctx, struct error *err)
{
    if (connection->stopping || !connection->begun)
        return error_set(err, ERR_BUSY, 0, "connection %s is just being started: ask again", connection->name);
    return account_connect(connection->account, done, ctx, err);
}

int connection_disconnect(struct connection *connection, const struct account_disconnect_options *options,
                          account_done_fn *done, void *ctx, struct error *err)
{
    if (connection->stopping || !connection->begun)
        return error_set(err, ERR_BUSY, 0, "connection %s is just being started: ask again", connection->name);
    return account_disconnect(connection->account, options, done, ctx, err);
}
