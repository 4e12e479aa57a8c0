/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "model/decision.h"

#include "model/action.h"

/* Microsoft lets somebody in, or knows somebody, on our word. */
static bool is_live(enum azure_state reported)
{
    return reported == AZURE_STATE_COMPLIANT || reported == AZURE_STATE_NON_COMPLIANT;
}

/* The state that Microsoft was last told stays. */
static struct decision stay(const struct decision_input *input, enum decision_kind kind, enum reason reason)
{
    return (struct decision){kind, input->reported_state, reason, -1};
}

static struct decision retire(void)
{
    return (struct decision){DECISION_RETIRE, AZURE_STATE_REMOVED, REASON_NONE, -1};
}

/* A partner message names the user. A removal may use the id remembered from an earlier report: the MDM often drops
 * the user first. */
static bool lacks_user(const struct decision_input *input, enum azure_state state)
{
    if (platform_channel(input->platform) != CHANNEL_PARTNER || input->has_user)
        return false;
    return state != AZURE_STATE_REMOVED || !input->reported_has_user;
}

static struct decision tell(const struct decision_input *input, enum azure_state state, int strictest)
{
    struct decision decision = {DECISION_REPORT, state, REASON_NONE, strictest};

    if (lacks_user(input, state)) {
        decision = stay(input, DECISION_PARK, REASON_NO_USER);
        decision.strictest = strictest;
    }
    return decision;
}

static struct decision judge(const struct decision_input *input)
{
    int strictest = action_strictest(input->actions);

    return tell(input, strictest < 0 ? AZURE_STATE_COMPLIANT : action_state((enum action)strictest), strictest);
}

/* An operator keeps the device at what was told: told again as it is, or else nothing. */
static struct decision keep(const struct decision_input *input, struct decision decision)
{
    if (decision.kind != DECISION_REPORT && decision.kind != DECISION_RETIRE)
        return decision;
    if (decision.kind == DECISION_RETIRE || input->reported_state == AZURE_STATE_NONE || !input->reported_same_subject)
        return stay(input, DECISION_WAIT, REASON_HELD);
    return tell(input, input->reported_state, decision.strictest);
}

static struct decision decide(const struct decision_input *input)
{
    bool live = is_live(input->reported_state);

    if (!input->exists)
        return live ? retire() : stay(input, DECISION_NOTHING, REASON_NONE);
    /* Before the old id is retired: a slip in the column must not lock out a user who was let in. */
    if (input->has_azure_id && !input->azure_id_valid)
        return stay(input, DECISION_PARK, REASON_BAD_AZURE_ID);
    if (live && !input->reported_same_subject)
        return retire();
    if (!input->managed && !input->has_azure_id)
        return stay(input, DECISION_NOTHING, REASON_NONE);
    if (!input->text_valid)
        return stay(input, DECISION_PARK, REASON_BAD_DATA);
    /* Told even when never reported before: Microsoft may know the device from an earlier life. */
    if (!input->managed)
        return tell(input, AZURE_STATE_REMOVED, -1);
    if (!input->has_azure_id)
        return stay(input, DECISION_WAIT, REASON_NOT_REGISTERED);
    if (input->unknown_policy)
        return stay(input, DECISION_WAIT, REASON_UNKNOWN_POLICY);
    if (!input->evaluated)
        return stay(input, DECISION_WAIT, REASON_NOT_EVALUATED);
    return judge(input);
}

struct decision decision_make(const struct decision_input *input)
{
    struct decision decision = decide(input);

    return input->held ? keep(input, decision) : decision;
}

bool decision_is_worsening(enum azure_state from, enum azure_state to)
{
    return (to == AZURE_STATE_NON_COMPLIANT || to == AZURE_STATE_REMOVED) && to > from;
}
