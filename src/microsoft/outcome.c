/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "microsoft/outcome.h"

#include <math.h>
#include <string.h>

#include "classify.h"
#include "reply.h"

int64_t outcome_retry_after_ms(const char *value, int64_t now_s)
{
    double seconds;
    int64_t at_s;

    if (clock_parse_http(value, &at_s) == 0)
        seconds = (double)at_s - (double)now_s;
    else if (strpbrk(value, "eExX") != NULL || !reply_read_number(value, &seconds))
        return 0;
    if (!(seconds > 0))
        return 0;
    if (seconds * 1000 >= (double)OUTCOME_RETRY_AFTER_MAX_MS)
        return OUTCOME_RETRY_AFTER_MAX_MS;
    return (int64_t)ceil(seconds * 1000);
}

void outcome_of_response(const struct http_response *response, bool device_scope, int64_t now_s,
                         struct outcome *ret_outcome)
{
    struct reply_error error = {.code = "", .inner_code = "", .message = "", .request_id = ""};
    cJSON *root = NULL;

    if (response->result != 0) {
        classify_failure(response, ret_outcome);
        return;
    }
    *ret_outcome = (struct outcome){.class = OUTCOME_ACCEPTED};
    classify_headers(&response->headers, now_s, ret_outcome);
    if (response->status >= 200 && response->status < 300)
        return;
    if (reply_parse(response->body, response->body_length, &root, NULL) == 0)
        reply_read_error(root, &error);
    classify_status(response->status, error.code, device_scope, ret_outcome);
    classify_detail(ret_outcome, response->status, error.code, error.message);
    if (ret_outcome->request_id[0] == '\0')
        classify_request_id(ret_outcome, error.request_id);
    cJSON_Delete(root);
}

void outcome_of_item(int status, const char *retry_after, const char *code, const char *message, const char *request_id,
                     int64_t now_s, struct outcome *ret_outcome)
{
    *ret_outcome = (struct outcome){.retry_after_ms = outcome_retry_after_ms(retry_after, now_s)};
    classify_status(status, code, true, ret_outcome);
    if (ret_outcome->class != OUTCOME_ACCEPTED)
        classify_detail(ret_outcome, status, code, message);
    classify_request_id(ret_outcome, request_id);
}
