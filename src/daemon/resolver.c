/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "daemon/resolver.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/backoff.h"
#include "base/log.h"
#include "microsoft/graph.h"

enum { NAMES_MAX = 100 };

static const char unknown_user[GUID_TEXT] = "";

static const struct backoff retry_backoff = {.base_ms = 1000, .max_ms = 60 * 1000};

struct resolver {
    const struct resolver_ops *ops;
    void *ctx;
    struct http_client *client;
    struct token_source *token;
    const char *graph_url, *connection;
    const struct clock *clock;
    struct budget *budget;
    uv_timer_t timer;

    char *names[NAMES_MAX]; /* still to be asked for; settled ones are NULL */
    size_t name_count;
    size_t asked[GRAPH_BATCH_MAX]; /* which names the batch under way asks for */
    size_t asked_count;
    struct users_record *found;
    unsigned failures;
    unsigned auth_tries;
    uint64_t token_serial;
    bool busy, closed;
    struct buf url, body;
};

static void next_batch(struct resolver *resolver);

static void forget_names(struct resolver *resolver)
{
    for (size_t i = 0; i < resolver->name_count; i++)
        free(resolver->names[i]);
    resolver->name_count = 0;
}

/* The round is over: what was found goes to the store. */
static void finish(struct resolver *resolver)
{
    struct users_record *found = resolver->found;
    resolver->found = NULL;
    forget_names(resolver);
    if (found->count > 0) {
        found->now_ms = clock_realtime_ms(resolver->clock);
        resolver->ops->record(resolver->ctx, found);
        return;
    }
    users_record_deinit(found);
    free(found);
    resolver->busy = false;
    resolver->ops->resolved(resolver->ctx);
}

void resolver_recorded(struct resolver *resolver, struct users_record *record)
{
    if (record->job.result < 0)
        log_warn(TAG_USERS, "found users were not remembered: %s; asking again", error_text(&record->job.error));
    users_record_deinit(record);
    free(record);
    resolver->busy = false;
    resolver->ops->resolved(resolver->ctx);
}

static void go_on(struct resolver *resolver)
{
    if (resolver->ops->open(resolver->ctx))
        next_batch(resolver);
    else
        finish(resolver); /* whoever opens the way again asks anew */
}

static void on_timer(uv_timer_t *timer)
{
    go_on(timer->data);
}

static void retry_later(struct resolver *resolver, int64_t retry_after_ms)
{
    int64_t delay = backoff_delay_ms(&retry_backoff, ++resolver->failures, retry_after_ms, guid_random_u64());
    uv_timer_start(&resolver->timer, on_timer, (uint64_t)delay, 0);
}

static void settle(struct resolver *resolver, size_t name, const char *user_id)
{
    struct user_entry *entry = &resolver->found->entries[resolver->found->count++];
    entry->user_principal_name = resolver->names[name];
    resolver->names[name] = NULL;
    memcpy(entry->user_id, user_id, GUID_TEXT);
}

static void read_items(struct resolver *resolver, const struct outcome *outcomes, char (*user_ids)[GUID_TEXT])
{
    for (size_t i = 0; i < resolver->asked_count; i++) {
        size_t name = resolver->asked[i];
        if (outcomes[i].class == OUTCOME_ACCEPTED && user_ids[i][0] != '\0')
            settle(resolver, name, user_ids[i]);
        else if (outcomes[i].class == OUTCOME_DEVICE)
            settle(resolver, name, unknown_user);
        else if (outcomes[i].retry_after_ms > 0)
            budget_throttled(resolver->budget, outcomes[i].retry_after_ms);
    }
}

static size_t unsettled(const struct resolver *resolver)
{
    size_t count = 0;
    for (size_t i = 0; i < resolver->name_count; i++)
        count += resolver->names[i] != NULL;
    return count;
}

static void on_answer(void *ctx, const struct http_response *response)
{
    struct resolver *resolver = ctx;
    struct outcome outcomes[GRAPH_BATCH_MAX], whole;
    char user_ids[GRAPH_BATCH_MAX][GUID_TEXT];
    if (resolver->closed)
        return;
    graph_batch_outcome(response, resolver->asked_count, clock_realtime_ms(resolver->clock) / 1000, outcomes, user_ids,
                        &whole);
    if (whole.class == OUTCOME_AUTH && resolver->auth_tries++ == 0) {
        if (token_fetches(resolver->token) == resolver->token_serial)
            token_drop(resolver->token, token_get(resolver->token));
        next_batch(resolver);
        return;
    }
    size_t before = unsettled(resolver);
    read_items(resolver, outcomes, user_ids);
    resolver->ops->answered(resolver->ctx, &whole);
    size_t left = unsettled(resolver);
    if (left > 0 && left < before) {
        resolver->failures = 0;
        next_batch(resolver);
    } else if (left == 0 || resolver->found->count > 0) {
        finish(resolver); /* what is known need not wait for the rest: that is asked for in the next round */
    } else {
        retry_later(resolver, whole.retry_after_ms);
    }
}

static void gather_batch(struct resolver *resolver, const char *names[GRAPH_BATCH_MAX], size_t most)
{
    resolver->asked_count = 0;
    for (size_t i = 0; i < resolver->name_count && resolver->asked_count < most; i++) {
        if (resolver->names[i]) {
            names[resolver->asked_count] = resolver->names[i];
            resolver->asked[resolver->asked_count++] = i;
        }
    }
}

static void send_batch(struct resolver *resolver, const char *token, size_t most)
{
    const char *names[GRAPH_BATCH_MAX];
    gather_batch(resolver, names, most);
    buf_clear(&resolver->url);
    buf_clear(&resolver->body);
    graph_batch_url(&resolver->url, resolver->graph_url);
    graph_users_body(&resolver->body, names, resolver->asked_count);
    struct http_request request = {.method = HTTP_POST,
                                   .url = buf_text(&resolver->url),
                                   .bearer = token,
                                   .content_type = "application/json",
                                   .body = buf_text(&resolver->body),
                                   .body_length = resolver->body.length};
    int rc = buf_error(&resolver->url) < 0 ? ERR_NOMEM : buf_error(&resolver->body);
    if (rc == 0)
        rc = http_send(resolver->client, &request, on_answer, resolver, NULL, NULL, NULL);
    if (rc < 0) {
        retry_later(resolver, 0);
        return;
    }
    resolver->token_serial = token_fetches(resolver->token);
    budget_take_reads(resolver->budget, (unsigned)resolver->asked_count);
}

static void on_token(void *ctx, const struct outcome *outcome)
{
    struct resolver *resolver = ctx;
    if (!outcome) {
        next_batch(resolver);
        return;
    }
    resolver->ops->answered(resolver->ctx, outcome);
    retry_later(resolver, outcome->retry_after_ms);
}

static void next_batch(struct resolver *resolver)
{
    unsigned most = budget_available(resolver->budget, BUDGET_LOOKUP, GRAPH_BATCH_MAX);
    const char *token = token_get(resolver->token);
    if (most == 0 && resolver->found->count > 0) {
        finish(resolver); /* what is known need not wait for the quota */
    } else if (most == 0) {
        int64_t delay = budget_ready_at_ms(resolver->budget, BUDGET_LOOKUP, 1) - clock_monotonic_ms(resolver->clock);
        uv_timer_start(&resolver->timer, on_timer, delay > 1 ? (uint64_t)delay : 1, 0);
    } else if (token) {
        send_batch(resolver, token, most);
    } else if (token_want(resolver->token, on_token, resolver) < 0) {
        retry_later(resolver, 0);
    }
}

static int new_round(struct resolver *resolver, char *const *names, size_t count)
{
    resolver->found = malloc(sizeof(*resolver->found));
    if (!resolver->found)
        return ERR_NOMEM;
    if (users_record_init(resolver->found, resolver->connection, count, NULL) < 0) {
        free(resolver->found);
        resolver->found = NULL;
        return ERR_NOMEM;
    }
    resolver->found->count = 0;
    for (size_t i = 0; i < count; i++) {
        resolver->names[i] = strdup(names[i]);
        resolver->name_count += resolver->names[i] != NULL;
        if (!resolver->names[i])
            break;
    }
    return 0;
}

void resolver_ask(struct resolver *resolver, char *const *names, size_t count)
{
    if (resolver->busy || count == 0 || new_round(resolver, names, count < NAMES_MAX ? count : NAMES_MAX) < 0)
        return;
    resolver->busy = true;
    resolver->failures = 0;
    resolver->auth_tries = 0;
    next_batch(resolver);
}

void resolver_retry(struct resolver *resolver)
{
    if (uv_is_active((uv_handle_t *)&resolver->timer)) {
        uv_timer_stop(&resolver->timer);
        go_on(resolver);
    }
}

int resolver_new(struct uv_loop_s *loop, const struct resolver_ops *ops, void *ctx, struct http_client *client,
                 struct token_source *graph_token, const char *graph_url, const char *connection,
                 const struct clock *clock, struct budget *budget, struct resolver **ret_resolver, struct error *err)
{
    struct resolver *resolver = calloc(1, sizeof(*resolver));
    if (!resolver)
        return error_set(err, ERR_NOMEM, 0, "resolver");
    resolver->ops = ops;
    resolver->ctx = ctx;
    resolver->client = client;
    resolver->token = graph_token;
    resolver->graph_url = graph_url;
    resolver->connection = connection;
    resolver->clock = clock;
    resolver->budget = budget;
    buf_init(&resolver->url, 4096);
    buf_init(&resolver->body, 256 * 1024);
    uv_timer_init(loop, &resolver->timer);
    resolver->timer.data = resolver;
    *ret_resolver = resolver;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct resolver *resolver = handle->data;
    forget_names(resolver);
    if (resolver->found) {
        users_record_deinit(resolver->found);
        free(resolver->found);
    }
    buf_deinit(&resolver->url);
    buf_deinit(&resolver->body);
    free(resolver);
}

void resolver_close(struct resolver *resolver)
{
    if (!resolver || resolver->closed)
        return;
    resolver->closed = true;
    uv_close((uv_handle_t *)&resolver->timer, on_closed);
}
