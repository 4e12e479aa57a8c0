/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "connection_internal.h"
#include "daemon/activity_log.h"

/* ---- the store ---- */

static void job_done(struct store_job *job)
{
    struct connection *connection = job->ctx;
    drift_job_ended(connection->drift, job);
    connection_job_done(connection);
}

static void submit(void *ctx, struct store_job *job)
{
    connection_submit(ctx, job, job_done, ctx);
}

/* ---- Microsoft ---- */

static void on_answer(void *ctx, const struct http_response *response)
{
    struct connection *connection = ctx;
    drift_answered(connection->drift, response);
}

static void on_token(void *ctx, const struct outcome *outcome)
{
    struct connection *connection = ctx;
    struct outcome failed = {.class = OUTCOME_TRANSIENT, .trouble = TROUBLE_NETWORK, .detail = "request not started"};
    if (!outcome) {
        struct http_request request = {
            .method = HTTP_GET, .url = buf_text(&connection->drift_url), .bearer = token_get(connection->graph_token)};
        if (request.bearer && http_send(connection->http, &request, on_answer, connection, NULL, NULL, NULL) == 0) {
            budget_take_reads(&connection->lanes[CHANNEL_GRAPH].budget, 1);
            return;
        }
        outcome = &failed;
    }
    drift_failed(connection->drift, outcome);
}

static int request(void *ctx, const char *url)
{
    struct connection *connection = ctx;
    buf_clear(&connection->drift_url);
    buf_add_text(&connection->drift_url, url);
    if (buf_error(&connection->drift_url) < 0)
        return buf_error(&connection->drift_url);
    return token_want(connection->graph_token, on_token, connection);
}

/* What is read shares Graph's quota, behind all reports. */
static int64_t quota_wait_ms(void *ctx)
{
    struct connection *connection = ctx;
    struct budget *budget = &connection->lanes[CHANNEL_GRAPH].budget;
    if (budget_available(budget, BUDGET_BULK, 1) > 0)
        return 0;
    int64_t left = budget_ready_at_ms(budget, BUDGET_BULK, 1) - clock_monotonic_ms(connection->context->clock);
    return left > 1 ? left : 1;
}

static void drop_token(void *ctx)
{
    struct connection *connection = ctx;
    const char *token = token_get(connection->graph_token);
    if (token)
        token_drop(connection->graph_token, token);
}

/* ---- time ---- */

static void on_timer(uv_timer_t *timer)
{
    struct connection *connection = timer->data;
    drift_tick(connection->drift);
}

static void wake(void *ctx, int64_t delay_ms)
{
    struct connection *connection = ctx;
    if (!uv_is_closing((uv_handle_t *)&connection->drift_timer))
        uv_timer_start(&connection->drift_timer, on_timer, (uint64_t)(delay_ms > 1 ? delay_ms : 1), 0);
}

/* ---- what is told ---- */

static int64_t differences(const struct drift_record *record)
{
    int64_t sum = 0;
    for (int cause = DRIFT_UNKNOWN; cause < DRIFT_CAUSE_COUNT; cause++)
        sum += record->counts[cause];
    return sum;
}

static void describe(const struct drift_record *record, char *text, size_t size)
{
    int used = snprintf(text, size, "%lld devices compared, %lld differ", (long long)record->compared,
                        (long long)differences(record));
    const char *gap = ": ";
    for (int cause = DRIFT_UNKNOWN; cause < DRIFT_CAUSE_COUNT && used > 0 && (size_t)used < size; cause++) {
        if (record->counts[cause] == 0)
            continue;
        used += snprintf(text + used, size - (size_t)used, "%s%lld %s", gap, (long long)record->counts[cause],
                         drift_cause_name((enum drift_cause)cause));
        gap = ", ";
    }
}

static void note(const struct connection *connection, const char *result, const char *reason, const char *detail)
{
    activity_log_add(connection->context->activity, &(struct activity_entry){.kind = activity_kind_name(ACTIVITY_DRIFT),
                                                                             .connection = connection->name,
                                                                             .result = result,
                                                                             .reason = reason,
                                                                             .detail = detail});
}

static void tell_compared(const struct connection *connection, const struct drift_record *record)
{
    struct log_fields fields = {.connection = connection->name};
    char text[256];
    describe(record, text, sizeof(text));
    note(connection, "compared", "", text);
    if (differences(record) > 0)
        log_at(LOG_LEVEL_WARN, TAG_DRIFT, &fields, "compared with Microsoft: %s; \"complyctl drift\" lists them", text);
    else
        log_at(LOG_LEVEL_INFO, TAG_DRIFT, &fields, "compared with Microsoft: %s", text);
}

static void tell_given_up(const struct connection *connection, const struct drift_record *record)
{
    struct log_fields fields = {.connection = connection->name};
    bool permission = strcmp(record->problem, drift_problem_permission) == 0;
    note(connection, "given_up", record->problem, record->detail);
    log_at(LOG_LEVEL_WARN, TAG_DRIFT, &fields, "not compared with Microsoft: %s (%s)%s%s",
           permission ? drift_problem_text(LANGUAGE_EN) : record->problem, record->detail, permission ? " Cure: " : "",
           permission ? drift_problem_cure(LANGUAGE_EN) : "; tried again tomorrow");
}

static void tell_repaired(const struct connection *connection, const struct drift_record *record)
{
    struct log_fields fields = {.connection = connection->name};
    char text[64];
    snprintf(text, sizeof(text), "%lld devices queued again", (long long)record->repaired);
    note(connection, "repaired", "", text);
    log_at(LOG_LEVEL_NOTICE, TAG_DRIFT, &fields, "differences with Microsoft: %s", text);
}

static void moved(void *ctx, const struct drift_record *record, enum drift_phase before)
{
    struct connection *connection = ctx;
    if (record->phase != DRIFT_IDLE)
        return;
    if (before == DRIFT_COMPARING)
        tell_compared(connection, record);
    else if (before == DRIFT_READING)
        tell_given_up(connection, record);
    else if (before == DRIFT_REPAIRING)
        tell_repaired(connection, record);
    if (before == DRIFT_REPAIRING)
        connection_dirty(connection);
}

/* ---- lifetime ---- */

static const struct drift_ops operations = {
    .submit = submit,
    .request = request,
    .quota_wait_ms = quota_wait_ms,
    .drop_token = drop_token,
    .wake = wake,
    .moved = moved,
};

int connection_make_drift(struct connection *connection, struct error *err)
{
    const struct connection_settings *settings = connection->settings;
    buf_init(&connection->drift_url, DRIFT_LINK_MAX);
    uv_timer_init(connection->context->loop, &connection->drift_timer);
    connection->drift_timer.data = connection;
    int rc = drift_new(&operations, connection, connection->context->clock, connection->name, settings->tenant_id,
                       settings->graph_url, &connection->drift);
    return rc < 0 ? error_set(err, rc, 0, "connection %s", connection->name) : 0;
}

/* ---- operators ---- */

static int check_running(const struct connection *connection, struct error *err)
{
    if (connection->stopping || !connection->begun)
        return error_set(err, ERR_BUSY, 0, "connection %s is just being started: ask again", connection->name);
    if (!connection->reporting)
        return error_set(err, ERR_EXISTS, 0, "connection %s is disconnected: nothing is asked of Microsoft for it",
                         connection->name);
    return 0;
}

int connection_check_drift(struct connection *connection, int64_t *ret_check, struct error *err)
{
    int rc = check_running(connection, err);
    return rc < 0 ? rc : drift_ask(connection->drift, ret_check, err);
}

int connection_repair_drift(struct connection *connection, struct error *err)
{
    int rc = check_running(connection, err);
    return rc < 0 ? rc : drift_repair(connection->drift, err);
}
