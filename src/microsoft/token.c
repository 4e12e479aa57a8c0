/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "microsoft/token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/backoff.h"
#include "base/log.h"
#include "base/secret.h"
#include "classify.h"
#include "token_reply.h"
#include "token_request.h"

enum {
    EARLY_S = 5 * 60,       /* before expiry, without refresh_in */
    SHORT_LIFETIME_S = 600, /* of tokens that live no longer, half is used */
    JITTER_MAX_MS = 60 * 1000,
};

static const struct backoff renewal_backoff = {.base_ms = 5 * 1000, .max_ms = 5 * 60 * 1000};

struct waiter {
    struct waiter *next;
    token_done_fn *done;
    void *ctx;
};

/* Outlives the source when that is freed during a request. */
struct fetch {
    struct token_source *source; /* NULL: nobody wants the answer any more */
    uint64_t request_id;
    int64_t sent_ms;
    enum credential_kind kind;
    bool challenged; /* it already answers Azure Arc's challenge */
};

/* Outlives the source for the one turn that libuv needs to close a handle. */
struct turn {
    uv_timer_t timer;
    struct token_source *source;
};

struct token_source {
    struct http_client *client;
    const struct connection_settings *settings;
    const struct clock *clock;
    char *scope;
    struct secret token;       /* unset = none */
    int64_t expires_ms;        /* monotonic */
    int64_t expires_wall_ms;   /* wall clock */
    int64_t renew_ms;          /* monotonic: from then on a new one is fetched */
    unsigned renewal_failures; /* in a row */
    bool failed;               /* the last fetch did, and there is no token */
    enum credential_kind kinds[CREDENTIALS_MAX];
    uint64_t signatures[CREDENTIALS_MAX]; /* of their files when they were tried last; 0 = never */
    size_t kind_count, used;              /* used: the one that served last, else the first */
    size_t trying, tries;                 /* of this fetch */
    bool proven;                          /* `used` has given a token */
    struct outcome passed_over;           /* what the first one tried was refused with */
    struct outcome pause;                 /* the answer that asked for one ... */
    int64_t paused_until_ms;              /* ... and its end; monotonic */
    int64_t skew_s;                       /* of this machine's clock, by the last answer */
    struct fetch *fetch;                  /* NULL = none under way */
    struct turn *turn;
    struct waiter *waiting; /* oldest first */
    struct waiter *calling; /* being called back */
    uint64_t fetches;
    token_done_fn *observer;
    void *observer_ctx;
};

static void on_turn(uv_timer_t *timer);

static void next_turn(struct token_source *source)
{
    if (!uv_is_active((uv_handle_t *)&source->turn->timer))
        uv_timer_start(&source->turn->timer, on_turn, 0, 0);
}

static void on_turn_closed(uv_handle_t *handle)
{
    free(handle->data);
}

int token_source_new(struct http_client *client, const struct connection_settings *settings, const char *scope,
                     const struct clock *clock, struct token_source **ret_source, struct error *err)
{
    struct token_source *source = calloc(1, sizeof(*source));

    *ret_source = NULL;
    if (source == NULL)
        goto fail;
    source->scope = strdup(scope);
    source->turn = calloc(1, sizeof(*source->turn));
    if (source->scope == NULL || source->turn == NULL)
        goto fail_members;
    source->client = client;
    source->settings = settings;
    source->clock = clock;
    secret_init(&source->token);
    source->turn->source = source;
    uv_timer_init(http_client_loop(client), &source->turn->timer);
    source->turn->timer.data = source->turn;
    *ret_source = source;
    return 0;

fail_members:
    free(source->turn);
    free(source->scope);
    free(source);
fail:
    return error_set(err, ERR_NOMEM, 0, "no memory for a token source");
}

static void free_waiters(struct waiter *waiter)
{
    while (waiter != NULL) {
        struct waiter *next = waiter->next;

        free(waiter);
        waiter = next;
    }
}

void token_source_free(struct token_source *source)
{
    if (source == NULL)
        return;
    if (source->fetch != NULL) {
        source->fetch->source = NULL;
        http_cancel(source->client, source->fetch->request_id);
    }
    source->turn->source = NULL;
    uv_close((uv_handle_t *)&source->turn->timer, on_turn_closed);
    free_waiters(source->waiting);
    free_waiters(source->calling);
    secret_deinit(&source->token);
    free(source->scope);
    free(source);
}

static bool is_valid(const struct token_source *source)
{
    return source->token.data != NULL && clock_monotonic_ms(source->clock) < source->expires_ms;
}

static bool wants_renewal(const struct token_source *source)
{
    return source->fetch == NULL && clock_monotonic_ms(source->clock) >= source->renew_ms;
}

/* outcome NULL = there is a token. A callback may want again, forget and free. */
static void call_waiters(struct token_source *source, const struct outcome *outcome)
{
    const struct turn *turn = source->turn; /* lives until the next turn at least, the source perhaps not */

    source->calling = source->waiting;
    source->waiting = NULL;
    while (turn->source != NULL && source->calling != NULL) {
        struct waiter waiter = *source->calling;

        free(source->calling);
        source->calling = waiter.next;
        waiter.done(waiter.ctx, outcome);
    }
}

/* When to renew a token that lives `lifetime_s` from sent_ms on: as Entra says, else five minutes before its end;
 * earlier by chance, so that many servers do not come at once. */
static int64_t renewal_delay_ms(const struct token_reply *reply)
{
    int64_t delay_s = reply->refresh_in_s;
    int64_t delay_ms, jitter_ms;

    if (delay_s == 0)
        delay_s = reply->expires_in_s <= SHORT_LIFETIME_S ? reply->expires_in_s / 2 : reply->expires_in_s - EARLY_S;
    delay_ms = delay_s * 1000;
    jitter_ms = delay_ms / 10 < JITTER_MAX_MS ? delay_ms / 10 : JITTER_MAX_MS;
    return delay_ms - (int64_t)(guid_random_u64() % (uint64_t)(jitter_ms + 1));
}

static void tell_observer(const struct token_source *source, const struct outcome *outcome)
{
    if (source->observer != NULL)
        source->observer(source->observer_ctx, outcome);
}

static void take_token(struct token_source *source, struct token_reply *reply, int64_t sent_ms)
{
    const int64_t age_ms = clock_monotonic_ms(source->clock) - sent_ms;

    secret_deinit(&source->token);
    source->token = reply->token;
    source->expires_ms = sent_ms + reply->expires_in_s * 1000;
    source->expires_wall_ms = clock_realtime_ms(source->clock) - age_ms + reply->expires_in_s * 1000;
    source->renew_ms = sent_ms + renewal_delay_ms(reply);
    source->renewal_failures = 0;
    source->failed = false;
    tell_observer(source, NULL);
    log_debug(TAG_TOKEN, "token obtained scope=%s expires_in_s=%lld", source->scope, (long long)reply->expires_in_s);
    call_waiters(source, NULL);
}

/* Several parts of a connection want the same token, each by its own clock: the pause is everybody's. */
static void note_pause(struct token_source *source, const struct outcome *outcome)
{
    const bool asked = outcome->class == OUTCOME_THROTTLED || outcome->class == OUTCOME_TRANSIENT ||
                       outcome->trouble == TROUBLE_TOKEN_LOOP;

    if (!asked || outcome->retry_after_ms <= 0)
        return;
    source->pause = *outcome;
    source->paused_until_ms = clock_monotonic_ms(source->clock) + outcome->retry_after_ms;
}

/* The old token goes on serving, if there is one, and the next try waits; without one the callers decide when to try
 * again. */
static void take_failure(struct token_source *source, const struct outcome *outcome)
{
    note_pause(source, outcome);
    tell_observer(source, outcome);
    log_debug(TAG_TOKEN, "no token scope=%s trouble=%s: %s", source->scope, trouble_slug(outcome->trouble),
              outcome->detail);
    if (is_valid(source)) {
        source->renew_ms =
            clock_monotonic_ms(source->clock) +
            backoff_delay_ms(&renewal_backoff, ++source->renewal_failures, outcome->retry_after_ms, guid_random_u64());
        call_waiters(source, NULL);
        return;
    }
    source->failed = true;
    call_waiters(source, outcome);
}

static void try_credential(struct token_source *source, const char *challenge);

/* With two credentials the reader wants to know which one. */
static void name_credential(const struct token_source *source, struct outcome *outcome)
{
    char text[sizeof(outcome->detail) + 32];

    if (source->kind_count < 2)
        return;
    snprintf(text, sizeof(text), "%s: %s", credential_name(source->kinds[source->trying]), outcome->detail);
    classify_detail(outcome, 0, "", text);
}

/* Refused, the other credential is tried at once. What is told when that does not work either is the refusal of the
 * first, unless it is of a passing nature. */
static void take_refusal(struct token_source *source, struct outcome *outcome)
{
    const bool refused = outcome->class == OUTCOME_CONNECTION && credential_is_trouble(outcome->trouble);

    name_credential(source, outcome);
    if (source->tries == 1)
        source->passed_over = *outcome;
    if (refused && source->tries < source->kind_count) {
        source->trying = 1 - source->trying; /* of two */
        try_credential(source, NULL);
        return;
    }
    take_failure(source, refused ? &source->passed_over : outcome);
}

static void accept_token(struct token_source *source, struct token_reply *reply, int64_t sent_ms)
{
    source->used = source->trying;
    source->proven = true;
    if (source->tries == 1)
        source->passed_over = (struct outcome){.class = OUTCOME_ACCEPTED};
    take_token(source, reply, sent_ms);
}

static void on_reply(void *ctx, const struct http_response *response)
{
    const struct fetch fetch = *(struct fetch *)ctx;
    struct token_source *source = fetch.source;
    struct token_reply reply;
    struct outcome outcome;
    struct error error;
    int64_t now_s;

    free(ctx);
    if (source == NULL)
        return;
    source->fetch = NULL;
    if (token_request_is_challenge(fetch.kind, response) && !fetch.challenged) {
        try_credential(source, response->headers.www_authenticate);
        return;
    }
    now_s = clock_realtime_ms(source->clock) / 1000;
    source->skew_s = token_request_skew_s(response, now_s);
    token_request_refusal(fetch.kind, response, now_s, &outcome);
    if (outcome.class == OUTCOME_ACCEPTED) {
        if (token_reply_parse(response->body, response->body_length, &reply, &error) == 0) {
            accept_token(source, &reply, fetch.sent_ms);
            return;
        }
        outcome = (struct outcome){.class = OUTCOME_TRANSIENT, .trouble = TROUBLE_REPLY};
        classify_detail(&outcome, response->status, "", error_text(&error));
    }
    take_refusal(source, &outcome);
}

static int send_request(struct token_source *source, const struct token_request *request, bool challenged,
                        struct error *err)
{
    struct fetch *fetch = calloc(1, sizeof(*fetch));
    int result;

    if (fetch == NULL)
        return error_set(err, ERR_NOMEM, 0, "no memory for a token request");
    fetch->source = source;
    fetch->sent_ms = clock_monotonic_ms(source->clock);
    fetch->kind = source->kinds[source->trying];
    fetch->challenged = challenged;
    result = http_send(source->client, &request->http, on_reply, fetch, NULL, &fetch->request_id, err);
    if (result != 0) {
        free(fetch);
        return result;
    }
    source->fetch = fetch;
    source->fetches++;
    return 0;
}

/* `challenge`: Azure Arc's answer to the same try. */
static void try_credential(struct token_source *source, const char *challenge)
{
    const int64_t now_s = clock_realtime_ms(source->clock) / 1000;
    const enum credential_kind kind = source->kinds[source->trying];
    struct token_request request;
    struct outcome outcome;
    struct error error = {0};
    int result;

    source->tries += challenge == NULL;
    source->signatures[source->trying] = credential_signature(source->settings, kind);
    result = token_request_init(&request, source->settings, kind, source->scope, challenge, now_s, &error);
    if (result != 0) {
        token_request_failure(kind, &error, &outcome);
    } else {
        result = send_request(source, &request, challenge != NULL, &error);
        outcome = (struct outcome){.class = OUTCOME_TRANSIENT, .trouble = TROUBLE_NETWORK};
        classify_detail(&outcome, 0, "", error_text(&error));
    }
    token_request_deinit(&request);
    if (result != 0)
        take_refusal(source, &outcome);
}

static bool has_changed(const struct token_source *source, size_t index)
{
    return source->signatures[index] != 0 &&
           source->signatures[index] != credential_signature(source->settings, source->kinds[index]);
}

/* Whoever comes before the pause is over is told what the one before was told, and how long it still lasts. */
static bool is_paused(struct token_source *source)
{
    struct outcome outcome = source->pause;

    outcome.retry_after_ms = source->paused_until_ms - clock_monotonic_ms(source->clock);
    if (outcome.retry_after_ms <= 0)
        return false;
    call_waiters(source, &outcome);
    return true;
}

/* The one that served last; an earlier one again once its files are others than those that were refused. */
static void start_fetch(struct token_source *source)
{
    struct outcome outcome = {.class = OUTCOME_CONNECTION, .trouble = TROUBLE_CREDENTIAL_FILE};

    source->kind_count = credential_list(source->settings, source->kinds);
    if (source->kind_count == 0) {
        classify_detail(&outcome, 0, "", "the connection has no credential");
        take_failure(source, &outcome);
        return;
    }
    for (size_t i = source->used; i-- > 0;)
        source->used = has_changed(source, i) ? i : source->used;
    source->trying = source->used;
    source->tries = 0;
    try_credential(source, NULL);
}

/* A start that fails at once calls back, and a callback may free the source. */
static void on_turn(uv_timer_t *timer)
{
    const struct turn *turn = timer->data;

    if (turn->source->fetch == NULL && (!is_valid(turn->source) || wants_renewal(turn->source)) &&
        !is_paused(turn->source))
        start_fetch(turn->source);
    if (turn->source != NULL && is_valid(turn->source))
        call_waiters(turn->source, NULL);
}

const char *token_get(struct token_source *source)
{
    if (!is_valid(source)) {
        secret_deinit(&source->token);
        return NULL;
    }
    if (wants_renewal(source))
        next_turn(source);
    return source->token.data;
}

int token_want(struct token_source *source, token_done_fn *done, void *ctx)
{
    struct waiter *waiter = malloc(sizeof(*waiter));
    struct waiter **link = &source->waiting;

    if (waiter == NULL)
        return ERR_NOMEM;
    *waiter = (struct waiter){.done = done, .ctx = ctx};
    while (*link != NULL)
        link = &(*link)->next;
    *link = waiter;
    if (source->fetch == NULL || is_valid(source))
        next_turn(source);
    return 0;
}

static void forget(struct waiter **link, const void *ctx)
{
    while (*link != NULL) {
        struct waiter *waiter = *link;

        if (waiter->ctx == ctx) {
            *link = waiter->next;
            free(waiter);
        } else {
            link = &waiter->next;
        }
    }
}

void token_unwant(struct token_source *source, const void *ctx)
{
    forget(&source->waiting, ctx);
    forget(&source->calling, ctx);
}

void token_drop(struct token_source *source, const char *token)
{
    if (token == NULL || source->token.data == NULL || strcmp(source->token.data, token) != 0)
        return;
    secret_deinit(&source->token);
    source->failed = false;
}

void token_end_pause(struct token_source *source)
{
    source->paused_until_ms = 0;
}

void token_observe(struct token_source *source, token_done_fn *ended, void *ctx)
{
    source->observer = ended;
    source->observer_ctx = ctx;
}

/* A projected token changes every hour: while it serves, that is no news. */
bool token_look_at_files(struct token_source *source)
{
    const bool in_trouble = source->failed || source->renewal_failures > 0;
    bool news = false;

    for (size_t i = 0; i < source->kind_count; i++)
        news = news || ((in_trouble || source->kinds[i] != CREDENTIAL_FEDERATED) && has_changed(source, i));
    if (!news || source->fetch != NULL)
        return false;
    source->renew_ms = clock_monotonic_ms(source->clock);
    next_turn(source);
    return true;
}

const char *token_credential(const struct token_source *source)
{
    return source->proven ? credential_name(source->kinds[source->used]) : "";
}

const struct outcome *token_passed_over(const struct token_source *source)
{
    return source->proven && source->passed_over.class == OUTCOME_CONNECTION ? &source->passed_over : NULL;
}

int64_t token_clock_skew_s(const struct token_source *source)
{
    return source->skew_s;
}

enum token_state token_state(const struct token_source *source)
{
    if (is_valid(source))
        return source->fetch != NULL ? TOKEN_RENEWING : TOKEN_VALID;
    if (source->fetch != NULL)
        return TOKEN_FETCHING;
    return source->failed ? TOKEN_FAILED : TOKEN_NONE;
}

int64_t token_expires_at_ms(const struct token_source *source)
{
    return is_valid(source) ? source->expires_wall_ms : -1;
}

uint64_t token_fetches(const struct token_source *source)
{
    return source->fetches;
}
