/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "tenant_answer.h"

#include <math.h>
#include <stdio.h>

#include "classify.h"
#include "reply.h"

void tenant_answer_odd(struct outcome *outcome, int status, const char *what)
{
    outcome->class = OUTCOME_TRANSIENT;
    outcome->trouble = TROUBLE_REPLY;
    classify_detail(outcome, status, "", what);
}

/* The code within the body: a number or a string that is one. False: there is none, or one that says nothing. */
static bool inner_code(const cJSON *root, int *ret_code)
{
    double number;

    if (!reply_number(root, "HttpStatusCode", &number) && !reply_number(root, "ErrorCode", &number))
        return false;
    if (number != floor(number) || number < 100 || number > 599)
        return false;
    *ret_code = (int)number;
    return true;
}

/* A refusal within an accepted HTTP answer. The token was good enough for the outer one: 401 here passes by itself. */
static void classify_inner(const cJSON *root, int code, struct outcome *outcome)
{
    char text[32];

    classify_status(code, "", false, outcome);
    if (outcome->class == OUTCOME_AUTH)
        outcome->class = OUTCOME_TRANSIENT;
    snprintf(text, sizeof(text), "HttpStatusCode %d", code);
    classify_detail(outcome, 0, text, reply_text(root, "ErrorDetail"));
}

cJSON *tenant_answer_read(const struct http_response *response, int64_t now_s, struct outcome *ret_outcome)
{
    cJSON *root = NULL;
    int code;

    if (response->result != 0) {
        classify_failure(response, ret_outcome);
        return NULL;
    }
    outcome_of_response(response, false, now_s, ret_outcome);
    if (reply_is_blank(response->body, response->body_length))
        return NULL;
    if (reply_parse(response->body, response->body_length, &root, NULL) != 0) {
        if (ret_outcome->class == OUTCOME_ACCEPTED)
            tenant_answer_odd(ret_outcome, response->status, "the body is not the JSON object of an answer");
        return NULL;
    }
    if (ret_outcome->class == OUTCOME_ACCEPTED && inner_code(root, &code) && code >= 300)
        classify_inner(root, code, ret_outcome);
    return root;
}
