/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * A platform that has its first device when the account is connected already: the steps of connecting that it needs are
 * done by themselves, while the account stays connected and reports flow.
 */
#include <string.h>

#include "account_internal.h"
#include "base/backoff.h"
#include "base/guid.h"

/* It may be an administrator who has to mend it. */
static const struct backoff later = {.base_ms = 5 * 60 * 1000, .max_ms = 6 * 60 * 60 * 1000};

static const struct {
    enum platform platform;
    enum account_step policy, assignment;
} steps[] = {
    {PLATFORM_IOS, ACCOUNT_POLICY_IOS, ACCOUNT_ASSIGN_IOS},
    {PLATFORM_ANDROID, ACCOUNT_POLICY_ANDROID, ACCOUNT_ASSIGN_ANDROID},
    {PLATFORM_MACOS, ACCOUNT_POLICY_MACOS, ACCOUNT_ASSIGN_MACOS},
};

enum { STEPS = sizeof(steps) / sizeof(steps[0]) };

static bool is_done(const struct account *account, enum account_step step)
{
    return account->record.steps[step].state == STEP_DONE;
}

/* Those of `platforms` that lack something. */
static unsigned lacking(const struct account *account, unsigned platforms)
{
    unsigned found = 0;
    for (size_t i = 0; i < STEPS; i++) {
        if (!is_done(account, steps[i].policy) || !is_done(account, steps[i].assignment))
            found |= 1u << steps[i].platform;
    }
    return found & platforms;
}

void account_seen(struct account *account, unsigned platforms)
{
    if (account->durable != ACCOUNT_CONNECTED || account->record.state != ACCOUNT_CONNECTED ||
        (lacking(account, platforms) & ~account->missing) == 0)
        return;
    account->missing |= lacking(account, platforms);
    account_tick(account);
}

/* Of a connected account every step is done or passed over, unless something was begun and has not ended. */
void account_extend_resume(struct account *account)
{
    bool begun = false;
    for (int step = 0; step <= (int)ACCOUNT_ASSIGN_MACOS; step++)
        begun |= account->record.steps[step].state != STEP_DONE && account->record.steps[step].state != STEP_SKIPPED;
    if (begun)
        account_seen(account, ~0u);
}

void account_extend_next(struct account *account)
{
    int64_t wait = account->extend_after_ms - clock_monotonic_ms(account->clock);
    if (!account->extending && account->missing == 0)
        return;
    if (!account->extending && wait > 0) {
        account->ops->wake(account->ctx, wait);
        return;
    }
    if (!account->extending) {
        account->extending = true;
        account->prepared = false;
        account->counted = false; /* devices may have gone again */
        account->run++;
    }
    account_connect_next(account);
}

/* What was passed over or has failed is done if it is needed now. The URLs are not kept, and the group may be
 * another one since. */
void account_extend_prepare(struct account *account)
{
    account->prepared = true;
    account->missing = 0; /* what is seen from now on may have come after the count */
    if (lacking(account, account->counts.platforms) == 0)
        return;
    memcpy(account->old_group, account->record.steps[ACCOUNT_GROUP].value, GUID_TEXT);
    account_reset_steps(account, ACCOUNT_GROUP, ACCOUNT_GROUP);
    if (account->endpoints.tenant_url[0] == '\0')
        account_reset_steps(account, ACCOUNT_DISCOVERY, ACCOUNT_DISCOVERY);
    for (int step = 0; step <= (int)ACCOUNT_ASSIGN_MACOS; step++) {
        enum account_step one = (enum account_step)step;
        if (!is_done(account, one) && !account_needless(account, one))
            account_reset_steps(account, one, one);
    }
}

void account_extend_done(struct account *account)
{
    unsigned seen = lacking(account, account->missing);
    account_extend_forget(account);
    account->missing = seen;
    account_tick(account);
}

void account_extend_put_off(struct account *account)
{
    account->extending = false;
    account->missing |= lacking(account, account->counts.platforms);
    account->extend_after_ms =
        clock_monotonic_ms(account->clock) + backoff_delay_ms(&later, ++account->extend_tries, 0, guid_random_u64());
}

void account_extend_forget(struct account *account)
{
    account->extending = false;
    account->missing = 0;
    account->extend_tries = 0;
    account->extend_after_ms = 0;
}
