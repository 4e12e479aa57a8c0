/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "daemon/account.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "account_internal.h"
#include "base/backoff.h"

enum { URL_MAX = 4096, BODY_MAX = 64 * 1024, SAVE_AGAIN_MS = 1000 };

static const struct backoff passing = {.base_ms = 1000, .max_ms = 60 * 1000};
static const struct backoff administrators = {.base_ms = 5 * 1000, .max_ms = 5 * 60 * 1000};

static int64_t now_ms(const struct account *account)
{
    return clock_realtime_ms(account->clock);
}

/* ---- states ---- */

void account_move(struct account *account, enum account_state to)
{
    assert(account_may_move(account->record.state, to));
    account->record.state = to;
    account->record.since_ms = now_ms(account);
    account->unsaved = true;
}

enum account_state account_state(const struct account *account)
{
    return account->durable;
}

const struct account_record *account_record(const struct account *account)
{
    return &account->record;
}

const struct account_counts *account_counts(const struct account *account)
{
    return &account->counts;
}

/* ---- steps ---- */

static bool is_over(const struct account_progress *progress)
{
    return progress->state == STEP_DONE || progress->state == STEP_SKIPPED;
}

enum account_step account_next_step(const struct account *account, enum account_step first, enum account_step last)
{
    while (first <= last && is_over(&account->record.steps[first]))
        first++;
    return first;
}

static void set_step(struct account *account, enum account_step step, enum account_step_state state,
                     const char *problem, const char *detail)
{
    struct account_progress *progress = &account->record.steps[step];
    progress->state = state;
    progress->at_ms = now_ms(account);
    snprintf(progress->problem, sizeof(progress->problem), "%s", problem);
    snprintf(progress->detail, sizeof(progress->detail), "%s", detail);
    account->unsaved = true;
    if (state != STEP_WAITING)
        account->ops->stepped(account->ctx, step);
}

bool account_begin_step(struct account *account, enum account_step step)
{
    if (account->record.steps[step].state == STEP_RUNNING)
        return true;
    account->tries = 0;
    account->renewed = false;
    account->next[0] = '\0';
    set_step(account, step, STEP_RUNNING, "", "");
    account_tick(account);
    return false;
}

void account_end_step(struct account *account, enum account_step step, enum account_step_state state,
                      const char *detail, const char *value)
{
    snprintf(account->record.steps[step].value, GUID_TEXT, "%s", value);
    set_step(account, step, state, "", detail);
}

void account_reset_steps(struct account *account, enum account_step first, enum account_step last)
{
    for (int step = (int)first; step <= (int)last; step++)
        account->record.steps[step] = (struct account_progress){.at_ms = -1};
    account->unsaved = true;
}

static bool passes_by_itself(const struct outcome *outcome)
{
    return outcome->class == OUTCOME_TRANSIENT || outcome->class == OUTCOME_THROTTLED || outcome->class == OUTCOME_AUTH;
}

bool account_put_off(struct account *account, enum account_step step, const struct outcome *outcome, unsigned tries)
{
    const struct backoff *backoff = passes_by_itself(outcome) ? &passing : &administrators;
    if (outcome->class == OUTCOME_AUTH && !account->renewed) {
        account->renewed = true; /* even fresh tokens are refused now and then */
        account->ops->drop_token(account->ctx, account->token);
        account_tick(account);
        return true;
    }
    if (account->tries + 1 >= tries)
        return false;
    int64_t delay = backoff_delay_ms(backoff, ++account->tries, outcome->retry_after_ms, guid_random_u64());
    set_step(account, step, passes_by_itself(outcome) ? STEP_RUNNING : STEP_FAILED, trouble_slug(outcome->trouble),
             outcome->detail);
    account_wait(account, delay);
    return true;
}

void account_refuse(struct account *account, enum account_step step, const char *problem, const char *detail)
{
    set_step(account, step, STEP_FAILED, problem, detail);
}

/* ---- operations ---- */

void account_wait(struct account *account, int64_t delay_ms)
{
    account->wait_until_ms = clock_monotonic_ms(account->clock) + delay_ms;
    account_tick(account);
}

/* Nothing was begun (memory): as if the network had failed. */
static void began(struct account *account, int result)
{
    struct outcome outcome = {.class = OUTCOME_TRANSIENT, .trouble = TROUBLE_NETWORK};
    account->asked_run = account->run;
    account->busy = true;
    if (result == 0)
        return;
    snprintf(outcome.detail, sizeof(outcome.detail), "not started: %s", error_code_text(result));
    account_failed(account, &outcome);
}

void account_ask(struct account *account, enum account_step step, enum account_token token, enum http_method method)
{
    const struct account_request request = {.token = token,
                                            .method = method,
                                            .url = buf_text(&account->url),
                                            .body = account->body.length > 0 ? buf_text(&account->body) : NULL};
    int result = buf_error(&account->url) < 0 ? buf_error(&account->url) : buf_error(&account->body);
    account->step = step;
    account->token = token;
    began(account, result < 0 ? result : account->ops->request(account->ctx, &request));
}

void account_ask_token(struct account *account, enum account_step step, enum account_token token)
{
    account->step = step;
    began(account, account->ops->token(account->ctx, token));
}

void account_ask_discovery(struct account *account, enum account_step step)
{
    account->step = step;
    began(account, account->ops->discover(account->ctx));
}

void account_ask_count(struct account *account)
{
    account->asked_run = account->run;
    account->count_began_ms = clock_monotonic_ms(account->clock);
    account->busy = account->ops->count(account->ctx) == 0;
    if (!account->busy)
        account_wait(account, SAVE_AGAIN_MS);
}

/* The answer is about what is being done now. */
static bool take_answer(struct account *account)
{
    account->busy = false;
    if (account->stopped)
        return false;
    if (account->asked_run == account->run)
        return true;
    account_tick(account);
    return false;
}

static bool is_connecting(const struct account *account)
{
    return account->record.state == ACCOUNT_CONNECTING || account->record.state == ACCOUNT_RECONNECTING;
}

/* What is asked is about a step of connecting. */
static bool asks_to_connect(const struct account *account)
{
    return account->extending || is_connecting(account);
}

void account_failed(struct account *account, const struct outcome *outcome)
{
    if (!take_answer(account))
        return;
    if (asks_to_connect(account))
        account_connect_failed(account, outcome);
    else
        account_deprovision_failed(account, outcome);
}

void account_answered(struct account *account, const struct http_response *response)
{
    if (!take_answer(account))
        return;
    if (asks_to_connect(account))
        account_connect_answered(account, response);
    else
        account_deprovision_answered(account, response);
}

void account_token_answered(struct account *account, const struct outcome *outcome)
{
    if (outcome) {
        account_failed(account, outcome);
    } else if (take_answer(account)) {
        account_end_step(account, account->step, STEP_DONE, "", "");
        account_tick(account);
    }
}

void account_discovered(struct account *account, const struct outcome *outcome, const struct endpoints *endpoints)
{
    struct outcome missing = {.class = OUTCOME_CONNECTION,
                              .trouble = TROUBLE_ENDPOINTS,
                              .detail = "no PartnerTenantDataSyncService among the endpoints of Intune"};
    if (!outcome && endpoints->tenant_url[0] == '\0')
        outcome = &missing;
    if (outcome) {
        account_failed(account, outcome);
    } else if (take_answer(account)) {
        account->endpoints = *endpoints;
        if (account->step == ACCOUNT_DISCOVERY)
            account_end_step(account, ACCOUNT_DISCOVERY, STEP_DONE, "", "");
        account_tick(account);
    }
}

static void save(struct account *account)
{
    account->busy = account->ops->save(account->ctx, &account->record, account->walk) == 0;
    if (!account->busy) {
        account->ops->wake(account->ctx, SAVE_AGAIN_MS);
        return;
    }
    account->saving = account->record.state;
    account->unsaved = false;
    account->walk = false;
    for (struct account_waiter *waiter = account->waiters; waiter; waiter = waiter->next)
        waiter->covered = true;
}

/* Everybody whose wish is durable now, or (`all`) everybody. */
static void answer_waiters(struct account *account, bool all, int result)
{
    struct account_waiter **place = &account->waiters;
    struct error err = {0};
    if (result < 0)
        error_set(&err, result, 0, "the connection is being stopped; ask again");
    while (*place) {
        struct account_waiter *waiter = *place;
        if (!waiter->covered && !all) {
            place = &waiter->next;
            continue;
        }
        *place = waiter->next;
        waiter->done(waiter->ctx, result, &err);
        free(waiter);
    }
}

void account_saved(struct account *account, int result)
{
    enum account_state before = account->durable;
    account->busy = false;
    if (account->stopped)
        return;
    if (result < 0) {
        for (struct account_waiter *waiter = account->waiters; waiter; waiter = waiter->next)
            waiter->covered = false;
        account->unsaved = true;
        account->walk = account->record.feeding;
        account->ops->wake(account->ctx, SAVE_AGAIN_MS);
        return;
    }
    account->durable = account->saving;
    answer_waiters(account, false, 0);
    if (account->durable != before)
        account->ops->moved(account->ctx, before);
    account_tick(account);
}

void account_fed(struct account *account, int result, bool finished)
{
    account->busy = false;
    if (account->stopped)
        return;
    if (result < 0) {
        account_wait(account, SAVE_AGAIN_MS);
        return;
    }
    if (finished && account->asked_run == account->run)
        account->record.feeding = false;
    account_tick(account);
}

void account_counted(struct account *account, int result, const struct account_counts *counts)
{
    if (!take_answer(account))
        return;
    if (result < 0) {
        account_wait(account, SAVE_AGAIN_MS);
        return;
    }
    account->counts = *counts;
    account->counted = true;
    if (account->record.state == ACCOUNT_DISCONNECTING)
        account_disconnect_counted(account);
    else
        account_tick(account);
}

/* ---- the machine ---- */

static void feed(struct account *account)
{
    account->asked_run = account->run;
    account->busy = account->ops->feed(account->ctx) == 0;
    if (!account->busy)
        account_wait(account, SAVE_AGAIN_MS);
}

static void next(struct account *account)
{
    switch (account->record.state) {
    case ACCOUNT_CONNECTING:
    case ACCOUNT_RECONNECTING:
        account_connect_next(account);
        break;
    case ACCOUNT_DISCONNECTING:
        account_disconnect_next(account);
        break;
    case ACCOUNT_DEPROVISIONING:
        account_deprovision_next(account);
        break;
    case ACCOUNT_CONNECTED:
        account_extend_next(account);
        break;
    default:
        break;
    }
}

void account_tick(struct account *account)
{
    if (!account->started || account->stopped || account->busy)
        return;
    if (account->unsaved) {
        save(account);
        return;
    }
    int64_t wait = account->wait_until_ms - clock_monotonic_ms(account->clock);
    if (wait > 0)
        account->ops->wake(account->ctx, wait);
    else if (account->record.feeding && account_is_reporting(account->record.state))
        feed(account);
    else
        next(account);
}

void account_retry(struct account *account)
{
    account->wait_until_ms = account->extend_after_ms = 0;
    account_tick(account);
}

/* ---- operator's acts ---- */

static int add_waiter(struct account *account, account_done_fn *done, void *ctx, struct error *err)
{
    struct account_waiter *waiter = calloc(1, sizeof(*waiter));
    if (!waiter)
        return error_set(err, ERR_NOMEM, 0, "account");
    *waiter = (struct account_waiter){.done = done, .ctx = ctx, .next = account->waiters};
    account->waiters = waiter;
    return 0;
}

/* What was asked before is of no interest any more; what is done now is saved first. */
static void act(struct account *account)
{
    account_extend_forget(account);
    account->run++;
    account->tries = 0;
    account->renewed = false;
    account->counted = false;
    account->wait_until_ms = 0;
    account->unsaved = true;
    account_tick(account);
}

static void start_walk(struct account *account)
{
    account->walk = true;
    account->record.feeding = true;
}

/* Policies and assignments that an interrupted run left done stay done. */
static void forget_run(struct account *account)
{
    bool failed = false;
    for (int step = 0; step <= (int)ACCOUNT_ASSIGN_MACOS; step++) {
        enum account_step_state state = account->record.steps[step].state;
        failed |= state == STEP_FAILED || state == STEP_RUNNING;
    }
    memcpy(account->old_group, account->record.steps[ACCOUNT_GROUP].value, GUID_TEXT);
    for (int step = 0; step < ACCOUNT_STEP_COUNT; step++) {
        bool policy = step >= (int)ACCOUNT_POLICY_IOS && step <= (int)ACCOUNT_ASSIGN_MACOS;
        if (!failed || !policy || account->record.steps[step].state != STEP_DONE)
            account->record.steps[step] = (struct account_progress){.at_ms = -1};
    }
}

int account_connect(struct account *account, account_done_fn *done, void *ctx, struct error *err)
{
    enum account_state state = account->record.state;
    if (state == ACCOUNT_DEPROVISIONING)
        return error_set(err, ERR_EXISTS, 0,
                         "the tenant is being deprovisioned, which cannot be turned back: connect when that is done");
    int rc = add_waiter(account, done, ctx, err);
    if (rc < 0)
        return rc;
    if (!is_connecting(account)) {
        forget_run(account);
        account_move(account, state == ACCOUNT_DISCONNECTED ? ACCOUNT_RECONNECTING : ACCOUNT_CONNECTING);
    }
    if (state == ACCOUNT_DISCONNECTING)
        start_walk(account); /* what was retired already is told anew */
    snprintf(account->record.tenant_id, GUID_TEXT, "%s", account->settings->tenant_id);
    act(account);
    return 0;
}

static void fall_silent(struct account *account)
{
    account->record.feeding = false;
    account->record.connected_at_ms = -1;
    for (int step = (int)ACCOUNT_RETIRE; step < ACCOUNT_STEP_COUNT; step++)
        account_end_step(account, (enum account_step)step, STEP_SKIPPED, account_note_text(NOTE_THIS_SERVER), "");
    account_move(account, ACCOUNT_DISCONNECTED);
}

static int check_disconnect(const struct account *account, bool this_server_only, struct error *err)
{
    if (account->record.state == ACCOUNT_RECONNECTING && !this_server_only)
        return error_set(err, ERR_EXISTS, 0, "connecting is under way: disconnect when that has ended");
    if (account->record.state == ACCOUNT_DEPROVISIONING && this_server_only)
        return error_set(err, ERR_EXISTS, 0,
                         "too late for this server only: the tenant is being deprovisioned, all devices are removed");
    return 0;
}

int account_disconnect(struct account *account, const struct account_disconnect_options *options, account_done_fn *done,
                       void *ctx, struct error *err)
{
    enum account_state state = account->record.state;
    int rc = check_disconnect(account, options->this_server_only, err);
    if (rc == 0)
        rc = add_waiter(account, done, ctx, err);
    if (rc < 0)
        return rc;
    account->record.force = options->force || (account->record.force && state == ACCOUNT_DISCONNECTING);
    if (state != ACCOUNT_DISCONNECTED && options->this_server_only) {
        fall_silent(account);
    } else if (state != ACCOUNT_DISCONNECTED && state != ACCOUNT_DEPROVISIONING) {
        account_reset_steps(account, ACCOUNT_RETIRE, ACCOUNT_DEPROVISION);
        account->record.feeding = false;
        account->record.total = state == ACCOUNT_DISCONNECTING ? account->record.total : 0;
        if (state != ACCOUNT_DISCONNECTING)
            account_move(account, ACCOUNT_DISCONNECTING);
    }
    act(account);
    return 0;
}

/* ---- lifetime ---- */

/* The reports that are stored were told to another tenant: the new one knows nothing yet. */
static void change_tenant(struct account *account)
{
    account_reset_steps(account, ACCOUNT_CREDENTIAL, ACCOUNT_DEPROVISION);
    account->record.connected_at_ms = -1;
    if (account->record.state == ACCOUNT_CONNECTED || account->record.state == ACCOUNT_CONNECTING)
        account->record.state = account->durable = ACCOUNT_NEW;
    start_walk(account);
}

void account_start(struct account *account, const struct account_record *record)
{
    account->record = *record;
    account->durable = record->state;
    account->started = true;
    if (record->since_ms < 0)
        account->record.since_ms = now_ms(account);
    if (strcasecmp(record->tenant_id, account->settings->tenant_id) != 0 && account_is_reporting(record->state) &&
        record->state != ACCOUNT_DISCONNECTING) {
        if (record->tenant_id[0] != '\0')
            change_tenant(account);
        snprintf(account->record.tenant_id, GUID_TEXT, "%s", account->settings->tenant_id);
        account->unsaved = true;
    }
    if (is_connecting(account) && is_over(&account->record.steps[ACCOUNT_DISCOVERY]))
        account_reset_steps(account, ACCOUNT_DISCOVERY, ACCOUNT_DISCOVERY); /* the URLs are not kept */
    account_extend_resume(account);
    account_tick(account);
}

int account_new(const struct account_ops *ops, void *ctx, const struct clock *clock,
                const struct connection_settings *settings, struct account **ret_account)
{
    struct account *account = calloc(1, sizeof(*account));
    if (!account)
        return ERR_NOMEM;
    account->ops = ops;
    account->ctx = ctx;
    account->clock = clock;
    account->settings = settings;
    account_record_init(&account->record, settings->name);
    buf_init(&account->url, URL_MAX);
    buf_init(&account->body, BODY_MAX);
    *ret_account = account;
    return 0;
}

void account_stop(struct account *account)
{
    account->stopped = true;
    answer_waiters(account, true, ERR_CANCELED);
}

void account_free(struct account *account)
{
    if (!account)
        return;
    account_stop(account);
    buf_deinit(&account->url);
    buf_deinit(&account->body);
    free(account);
}
