/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "account_internal.h"
#include "microsoft/group.h"
#include "microsoft/provision.h"

enum { TRIES = 5, PAGES_MAX = 10 };

static int64_t now_s(const struct account *account)
{
    return clock_realtime_ms(account->clock) / 1000;
}

static bool is_policy(enum account_step step)
{
    return step == ACCOUNT_POLICY_IOS || step == ACCOUNT_POLICY_ANDROID || step == ACCOUNT_POLICY_MACOS;
}

/* Of a policy's step or its assignment's. */
static enum platform platform_of(enum account_step step)
{
    if (step == ACCOUNT_POLICY_IOS || step == ACCOUNT_ASSIGN_IOS)
        return PLATFORM_IOS;
    return step == ACCOUNT_POLICY_ANDROID || step == ACCOUNT_ASSIGN_ANDROID ? PLATFORM_ANDROID : PLATFORM_MACOS;
}

static const char *policy_of(const struct account *account, enum account_step assignment)
{
    return account->record.steps[assignment - 1].value;
}

/* ---- what need not be done ---- */

static bool has_devices(const struct account *account, enum platform platform)
{
    return (account->counts.platforms & 1u << platform) != 0;
}

static bool has_partner_devices(const struct account *account)
{
    return (account->counts.platforms & ~(1u << PLATFORM_WINDOWS)) != 0;
}

/* Windows goes by Graph alone. */
const char *account_needless(const struct account *account, enum account_step step)
{
    if (step == ACCOUNT_CREDENTIAL)
        return NULL;
    if (!has_partner_devices(account) && has_devices(account, PLATFORM_WINDOWS))
        return account_note_text(NOTE_ONLY_WINDOWS);
    if (step == ACCOUNT_GROUP && !has_partner_devices(account) && account->settings->assignment_group[0] == '\0')
        return account_note_text(NOTE_NO_DEVICES);
    if (step >= ACCOUNT_POLICY_IOS && !has_devices(account, platform_of(step)))
        return account_note_text(NOTE_NO_PLATFORM);
    return NULL;
}

/* ---- the end ---- */

static void succeed(struct account *account)
{
    if (account->extending) {
        account_extend_done(account);
        return;
    }
    account->record.connected_at_ms = clock_realtime_ms(account->clock);
    if (account->record.state == ACCOUNT_RECONNECTING) {
        account->walk = true; /* Microsoft is told everything anew */
        account->record.feeding = true;
    }
    account_move(account, ACCOUNT_CONNECTED);
    account_tick(account);
}

static void give_up(struct account *account, enum account_step step, const char *problem, const char *detail)
{
    account_refuse(account, step, problem, detail);
    account_extend_put_off(account);
    if (account->record.state == ACCOUNT_RECONNECTING)
        account_move(account, ACCOUNT_DISCONNECTED);
    else if (account->record.state == ACCOUNT_CONNECTING)
        account_move(account, account->record.connected_at_ms >= 0 ? ACCOUNT_CONNECTED : ACCOUNT_NEW);
    account_tick(account);
}

void account_connect_failed(struct account *account, const struct outcome *outcome)
{
    bool hopeless = outcome->class == OUTCOME_CONNECTION;
    if (hopeless || !account_put_off(account, account->step, outcome, TRIES))
        give_up(account, account->step, trouble_slug(outcome->trouble), outcome->detail);
}

/* ---- questions ---- */

static void ask_provision(struct account *account)
{
    const struct connection_settings *settings = account->settings;
    if (settings->enrollment_url[0] == '\0' || settings->remediation_url[0] == '\0') {
        give_up(account, ACCOUNT_PROVISION, account_problem_name(PROBLEM_PAGES_NOT_SET), "");
        return;
    }
    provision_url(&account->url, account->endpoints.tenant_url, settings->tenant_id);
    provision_body(&account->body, PROVISION_ON, settings->enrollment_url, settings->remediation_url);
    account_ask(account, ACCOUNT_PROVISION, ACCOUNT_TOKEN_INTUNE, HTTP_PUT);
}

static void ask_group(struct account *account)
{
    if (account->settings->assignment_group[0] == '\0') {
        give_up(account, ACCOUNT_GROUP, account_problem_name(PROBLEM_GROUP_NOT_SET), "");
        return;
    }
    group_url(&account->url, account->settings->graph_url, account->settings->assignment_group);
    account_ask(account, ACCOUNT_GROUP, ACCOUNT_TOKEN_GRAPH, HTTP_GET);
}

static void ask_policy(struct account *account, enum account_step step)
{
    if (account->next[0] != '\0') {
        buf_add_text(&account->url, account->next);
        account_ask(account, step, ACCOUNT_TOKEN_INTUNE, HTTP_GET);
        return;
    }
    compliance_policy_url(&account->url, account->endpoints.tenant_url);
    compliance_policy_body(&account->body, platform_of(step));
    account_ask(account, step, ACCOUNT_TOKEN_INTUNE, HTTP_POST);
}

static void ask_assignment(struct account *account, enum account_step step)
{
    compliance_policy_assign_url(&account->url, account->endpoints.tenant_url, policy_of(account, step));
    compliance_policy_assign_body(&account->body, account->record.steps[ACCOUNT_GROUP].value);
    account_ask(account, step, ACCOUNT_TOKEN_INTUNE, HTTP_POST);
}

static void ask_step(struct account *account, enum account_step step)
{
    buf_clear(&account->url);
    buf_clear(&account->body);
    switch (step) {
    case ACCOUNT_CREDENTIAL:
        account_ask_token(account, step, ACCOUNT_TOKEN_GRAPH);
        break;
    case ACCOUNT_CONSENT:
        account_ask_token(account, step, ACCOUNT_TOKEN_INTUNE);
        break;
    case ACCOUNT_DISCOVERY:
        account_ask_discovery(account, step);
        break;
    case ACCOUNT_GROUP:
        ask_group(account);
        break;
    case ACCOUNT_PROVISION:
        ask_provision(account);
        break;
    default:
        if (is_policy(step))
            ask_policy(account, step);
        else
            ask_assignment(account, step);
        break;
    }
}

void account_connect_next(struct account *account)
{
    enum account_step step;
    if (!account->counted) {
        account_ask_count(account);
        return;
    }
    if (account->extending && !account->prepared)
        account_extend_prepare(account);
    while ((step = account_next_step(account, ACCOUNT_CREDENTIAL, ACCOUNT_ASSIGN_MACOS)) <= ACCOUNT_ASSIGN_MACOS) {
        const char *why = account_needless(account, step);
        if (!why) {
            if (account_begin_step(account, step))
                ask_step(account, step);
            return;
        }
        account_end_step(account, step, STEP_SKIPPED, why, "");
    }
    succeed(account);
}

/* ---- answers ---- */

static void finish(struct account *account, const char *value)
{
    account_end_step(account, account->step, STEP_DONE, "", value);
    account_tick(account);
}

/* Another group than the one of an earlier run: what was assigned then is assigned anew. */
static void take_group(struct account *account, const char *id)
{
    static const enum account_step assignments[] = {ACCOUNT_ASSIGN_IOS, ACCOUNT_ASSIGN_ANDROID, ACCOUNT_ASSIGN_MACOS};
    for (size_t i = 0; i < sizeof(assignments) / sizeof(assignments[0]) && strcmp(id, account->old_group) != 0; i++)
        account_reset_steps(account, assignments[i], assignments[i]);
    finish(account, id);
}

static void read_group(struct account *account, const struct http_response *response)
{
    struct outcome outcome;
    char id[GUID_TEXT];
    unsigned count;
    group_outcome(response, account->settings->assignment_group, now_s(account), id, &count, &outcome);
    if (outcome.class != OUTCOME_ACCEPTED)
        account_connect_failed(account, &outcome);
    else if (count == 1)
        take_group(account, id);
    else
        give_up(account, ACCOUNT_GROUP,
                account_problem_name(count == 0 ? PROBLEM_GROUP_UNKNOWN : PROBLEM_GROUP_AMBIGUOUS),
                count == 0 ? account->settings->assignment_group : outcome.detail);
}

/* The next page gets our token, so it must be the service's own. */
static bool is_own(const struct account *account, const char *url)
{
    size_t length = strlen(account->endpoints.tenant_url);
    return strncasecmp(url, account->endpoints.tenant_url, length) == 0 && url[length] == '/';
}

static void read_list(struct account *account, const struct http_response *response)
{
    struct outcome outcome;
    char id[GUID_TEXT], next[COMPLIANCE_POLICY_NEXT];
    compliance_policy_listed(response, platform_of(account->step), now_s(account), id, next, &outcome);
    if (outcome.class != OUTCOME_ACCEPTED) {
        account_connect_failed(account, &outcome);
    } else if (id[0] != '\0') {
        finish(account, id);
    } else if (next[0] != '\0' && is_own(account, next) && ++account->pages < PAGES_MAX) {
        memcpy(account->next, next, sizeof(next));
        account_tick(account);
    } else {
        give_up(account, account->step, account_problem_name(PROBLEM_POLICY_HIDDEN), "");
    }
}

static void read_policy(struct account *account, const struct http_response *response)
{
    struct outcome outcome;
    char id[GUID_TEXT];
    if (account->next[0] != '\0') {
        read_list(account, response);
        return;
    }
    compliance_policy_created(response, now_s(account), id, &outcome);
    if (outcome.class != OUTCOME_ACCEPTED) {
        account_connect_failed(account, &outcome);
    } else if (id[0] != '\0') {
        finish(account, id);
    } else {
        account->pages = 0;
        snprintf(account->next, sizeof(account->next), "%s", buf_text(&account->url));
        account_tick(account);
    }
}

void account_connect_answered(struct account *account, const struct http_response *response)
{
    struct outcome outcome;
    if (account->step == ACCOUNT_GROUP) {
        read_group(account, response);
        return;
    }
    if (is_policy(account->step)) {
        read_policy(account, response);
        return;
    }
    if (account->step == ACCOUNT_PROVISION)
        provision_outcome(response, PROVISION_ON, account->settings->tenant_id, now_s(account), &outcome);
    else
        compliance_policy_assigned(response, now_s(account), &outcome);
    if (outcome.class == OUTCOME_ACCEPTED)
        finish(account, "");
    else
        account_connect_failed(account, &outcome);
}
