/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <limits.h>
#include <stdio.h>

#include "account_internal.h"
#include "microsoft/provision.h"

enum { LOOK_MS = 500, LOOK_SELDOM_MS = 10 * 1000, LOOK_SHARE = 4 };

/* Counting a large fleet takes its time: it may take a fifth of the reader's. */
static void look_again(struct account *account)
{
    int64_t took_ms = clock_monotonic_ms(account->clock) - account->count_began_ms;
    account_wait(account, took_ms * LOOK_SHARE > LOOK_MS ? took_ms * LOOK_SHARE : LOOK_MS);
}

/* ---- every device is removed ---- */

/* The walk queues every device; the sender tells each as removed, for its connection is leaving (store/subject.c). */
static void begin_walk(struct account *account)
{
    if (account->record.total < account->counts.managed)
        account->record.total = account->counts.managed;
    account->walk = true;
    account->record.feeding = true;
    account_begin_step(account, ACCOUNT_RETIRE);
}

void account_disconnect_next(struct account *account)
{
    account_ask_count(account);
}

static void describe_left(const struct account *account, char detail[256])
{
    const struct account_counts *counts = &account->counts;
    snprintf(detail, 256, "%lld device%s: %s%s", (long long)counts->left, counts->left == 1 ? "" : "s", counts->names,
             counts->left > 3 ? ", ..." : "");
}

/* They may be mended while we look; an operator may force it. */
static void hold(struct account *account)
{
    char detail[256];
    describe_left(account, detail);
    if (account->record.steps[ACCOUNT_RETIRE].state != STEP_FAILED)
        account_refuse(account, ACCOUNT_RETIRE, account_problem_name(PROBLEM_DEVICES_REFUSED), detail);
    account_wait(account, LOOK_SELDOM_MS);
}

static void finish_removal(struct account *account)
{
    char detail[256] = "";
    if (account->counts.left > 0)
        describe_left(account, detail);
    account_end_step(account, ACCOUNT_RETIRE, STEP_DONE, detail, "");
    account_end_step(account, ACCOUNT_VERDICTS, STEP_DONE, "", "");
    account_move(account, ACCOUNT_DEPROVISIONING);
    account_tick(account);
}

void account_disconnect_counted(struct account *account)
{
    const struct account_counts *counts = &account->counts;
    if (account->record.steps[ACCOUNT_RETIRE].state == STEP_WAITING) {
        begin_walk(account);
    } else if (counts->queued > 0) {
        look_again(account);
    } else if (counts->awaiting > 0) {
        if (account->record.steps[ACCOUNT_RETIRE].state == STEP_RUNNING)
            account_end_step(account, ACCOUNT_RETIRE, STEP_DONE, "", "");
        if (account_begin_step(account, ACCOUNT_VERDICTS))
            look_again(account);
    } else if (counts->left > 0 && !account->record.force) {
        hold(account);
    } else {
        finish_removal(account);
    }
}

/* ---- the tenant is given back ---- */

static void fall_silent(struct account *account)
{
    account->record.connected_at_ms = -1;
    account_move(account, ACCOUNT_DISCONNECTED);
    account_tick(account);
}

/* Why there is nothing to give back; NULL = there is. */
static const char *needless(const struct account *account)
{
    const struct account_record *record = &account->record;
    bool pages = account->settings->enrollment_url[0] != '\0' && account->settings->remediation_url[0] != '\0';
    if (record->steps[ACCOUNT_PROVISION].state == STEP_SKIPPED)
        return "only Windows devices: the tenant was not provisioned";
    if (record->connected_at_ms < 0 && !pages)
        return "complyd has not provisioned the tenant";
    return NULL;
}

void account_deprovision_next(struct account *account)
{
    const struct connection_settings *settings = account->settings;
    const char *why = needless(account);
    if (why) {
        account_end_step(account, ACCOUNT_DEPROVISION, STEP_SKIPPED, why, "");
        fall_silent(account);
        return;
    }
    if (account->record.steps[ACCOUNT_DEPROVISION].state != STEP_FAILED &&
        !account_begin_step(account, ACCOUNT_DEPROVISION))
        return;
    if (account->endpoints.tenant_url[0] == '\0') {
        account_ask_discovery(account, ACCOUNT_DEPROVISION);
        return;
    }
    buf_clear(&account->url);
    buf_clear(&account->body);
    provision_url(&account->url, account->endpoints.tenant_url, settings->tenant_id);
    provision_body(&account->body, PROVISION_OFF, settings->enrollment_url, settings->remediation_url);
    account_ask(account, ACCOUNT_DEPROVISION, ACCOUNT_TOKEN_INTUNE, HTTP_PUT);
}

/* Disconnecting never gives up; forced, it leaves the tenant as it is when Microsoft refuses. */
void account_deprovision_failed(struct account *account, const struct outcome *outcome)
{
    if (account->record.force && outcome->class == OUTCOME_CONNECTION) {
        account_refuse(account, ACCOUNT_DEPROVISION, trouble_slug(outcome->trouble), outcome->detail);
        fall_silent(account);
        return;
    }
    account->endpoints.tenant_url[0] = '\0'; /* it may have moved */
    account_put_off(account, ACCOUNT_DEPROVISION, outcome, UINT_MAX);
}

void account_deprovision_answered(struct account *account, const struct http_response *response)
{
    struct outcome outcome;
    provision_outcome(response, PROVISION_OFF, account->settings->tenant_id, clock_realtime_ms(account->clock) / 1000,
                      &outcome);
    if (outcome.class != OUTCOME_ACCEPTED) {
        account_deprovision_failed(account, &outcome);
        return;
    }
    account_end_step(account, ACCOUNT_DEPROVISION, STEP_DONE, "", "");
    fall_silent(account);
}
