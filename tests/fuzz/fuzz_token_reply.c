/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* The token endpoint's answers, good and bad. */
#include "microsoft/outcome.h"
#include "microsoft/token_reply.h"

#include "answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_response response;
    struct token_reply reply;
    struct outcome outcome;
    char *body = answer_make(data, size, &response);

    outcome_of_token_response(&response, fuzz_now_s, &outcome);
    require(outcome.class != OUTCOME_DEVICE);
    if (token_reply_parse(response.body, response.body_length, &reply, NULL) == 0) {
        require(reply.expires_in_s > 0 && reply.expires_in_s <= TOKEN_REPLY_LIFETIME_MAX_S);
        require(reply.refresh_in_s >= 0 && reply.refresh_in_s < reply.expires_in_s);
        require(reply.token.length > 0 && strlen(reply.token.data) == reply.token.length);
        for (size_t i = 0; i < reply.token.length; i++)
            require(reply.token.data[i] > ' ' && reply.token.data[i] <= '~');
    }
    secret_deinit(&reply.token);
    free(body);
    return 0;
}
