/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* Answers to provisioning, to policies and their list, and about groups. */
#include "base/utf8.h"
#include "microsoft/compliance_policy.h"
#include "microsoft/group.h"
#include "microsoft/provision.h"

#include "answer.h"

#define ID "aaaaaaaa-0000-4000-8000-00000000000a"

static void check(const struct outcome *outcome)
{
    require(memchr(outcome->detail, '\0', sizeof(outcome->detail)) != NULL);
    require(outcome->class != OUTCOME_DEVICE && outcome->reason == REASON_NONE);
    require(outcome->class == OUTCOME_ACCEPTED || outcome->trouble != TROUBLE_NONE);
    for (const char *p = outcome->detail; *p != '\0'; p += utf8_sequence(p))
        require(utf8_sequence(p) > 0 && !utf8_is_control(p));
}

static void check_id(const char *id)
{
    require(id[0] == '\0' || guid_is_valid(id));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_response response;
    struct outcome outcome;
    char id[GUID_TEXT], next[COMPLIANCE_POLICY_NEXT];
    unsigned count;
    char *body = answer_make(data, size, &response);

    provision_outcome(&response, PROVISION_ON, ID, fuzz_now_s, &outcome);
    check(&outcome);
    provision_outcome(&response, PROVISION_OFF, ID, fuzz_now_s, &outcome);
    check(&outcome);
    compliance_policy_created(&response, fuzz_now_s, id, &outcome);
    check(&outcome);
    check_id(id);
    compliance_policy_listed(&response, PLATFORM_IOS, fuzz_now_s, id, next, &outcome);
    check(&outcome);
    check_id(id);
    compliance_policy_assigned(&response, fuzz_now_s, &outcome);
    check(&outcome);
    group_outcome(&response, "Staff", fuzz_now_s, id, &count, &outcome);
    check(&outcome);
    require((count > 0) == (id[0] != '\0'));
    group_outcome(&response, ID, fuzz_now_s, id, &count, &outcome);
    check(&outcome);
    free(body);
    return 0;
}
