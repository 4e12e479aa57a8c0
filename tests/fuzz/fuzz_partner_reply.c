/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* Answers of the Intune partner service, to the message and to the question for its verdict. */
#include "base/utf8.h"
#include "microsoft/partner.h"

#include "answer.h"

static void check(const struct outcome *outcome)
{
    require(memchr(outcome->detail, '\0', sizeof(outcome->detail)) != NULL);
    require(memchr(outcome->request_id, '\0', sizeof(outcome->request_id)) != NULL);
    require(outcome->retry_after_ms >= 0 && outcome->retry_after_ms <= OUTCOME_RETRY_AFTER_MAX_MS);
    require((outcome->class == OUTCOME_DEVICE) == (outcome->reason != REASON_NONE));
    for (const char *p = outcome->detail; *p != '\0'; p += utf8_sequence(p))
        require(utf8_sequence(p) > 0 && !utf8_is_control(p));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_response response;
    struct outcome outcome;
    char *body = answer_make(data, size, &response);

    partner_put_outcome(&response, fuzz_now_s, &outcome);
    check(&outcome);
    enum partner_verdict verdict = partner_get_verdict(&response, fuzz_now_s, &outcome);
    check(&outcome);
    require((verdict == PARTNER_FAILED) == (outcome.class == OUTCOME_DEVICE));
    free(body);
    return 0;
}
