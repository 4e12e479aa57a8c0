/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "classify.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"

static bool is_throttling_word(const char *code)
{
    static const char *const words[] = {"TooManyRequests",
                                        "activityLimitReached",
                                        "throttledRequest",
                                        "Request_Throttled",
                                        "ApplicationThrottled",
                                        "RequestThrottled",
                                        "Request_ThrottledTemporarily"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(code, words[i]) == 0)
            return true;
    }
    return false;
}

static bool passes_by_itself(int status)
{
    switch (status) {
    case 407: /* a proxy's, not Microsoft's */
    case 408:
    case 409:
    case 412:
    case 423:
    case 424:
    case 425:
        return true;
    default:
        return status < 400 || status >= 500;
    }
}

static void set(struct outcome *outcome, enum outcome_class class, enum trouble trouble, enum reason reason)
{
    outcome->class = class;
    outcome->trouble = trouble;
    outcome->reason = reason;
}

static void classify_refusal(int status, bool device_scope, struct outcome *outcome)
{
    const bool unknown = status == 404 || status == 410;

    if (device_scope)
        set(outcome, OUTCOME_DEVICE, TROUBLE_NONE, unknown ? REASON_DEVICE_UNKNOWN : REASON_DEVICE_REFUSED);
    else if (unknown)
        set(outcome, OUTCOME_CONNECTION, TROUBLE_ENDPOINTS, REASON_NONE);
    else if (status == 402 || status == 403)
        set(outcome, OUTCOME_CONNECTION, TROUBLE_PERMISSION, REASON_NONE);
    else
        set(outcome, OUTCOME_CONNECTION, TROUBLE_BUG, REASON_NONE);
}

void classify_status(int status, const char *code, bool device_scope, struct outcome *outcome)
{
    if (status >= 200 && status < 300)
        set(outcome, OUTCOME_ACCEPTED, TROUBLE_NONE, REASON_NONE);
    else if (status == 401)
        set(outcome, OUTCOME_AUTH, TROUBLE_TOKEN_REFUSED, REASON_NONE);
    else if (status == 429 || status == 509 || is_throttling_word(code))
        set(outcome, OUTCOME_THROTTLED, TROUBLE_THROTTLED, REASON_NONE);
    else if (status < 400)
        set(outcome, OUTCOME_TRANSIENT, TROUBLE_REPLY, REASON_NONE);
    else if (passes_by_itself(status))
        set(outcome, OUTCOME_TRANSIENT, status == 407 ? TROUBLE_NETWORK : TROUBLE_SERVICE, REASON_NONE);
    else
        classify_refusal(status, device_scope, outcome);
}

static enum trouble trouble_of(int result)
{
    switch (result) {
    case ERR_TLS:
        return TROUBLE_TLS;
    case ERR_TOOBIG:
        return TROUBLE_REPLY;
    case ERR_INVALID:
        return TROUBLE_BUG;
    case ERR_CANCELED:
    case ERR_NOMEM:
        return TROUBLE_NONE;
    default:
        return TROUBLE_NETWORK;
    }
}

void classify_failure(const struct http_response *response, struct outcome *outcome)
{
    const bool proxy = response->proxy_status >= 300;

    *outcome = (struct outcome){.trouble = proxy ? TROUBLE_PROXY : trouble_of(response->result)};
    outcome->class = outcome->trouble == TROUBLE_BUG ? OUTCOME_CONNECTION : OUTCOME_TRANSIENT;
    classify_detail(outcome, 0, "", error_text(&response->error));
}

void classify_headers(const struct http_headers *headers, int64_t now_s, struct outcome *outcome)
{
    int64_t server_s;

    if (headers->retry_after[0] != '\0') {
        if (headers->date[0] != '\0' && clock_parse_http(headers->date, &server_s) == 0)
            now_s = server_s;
        outcome->retry_after_ms = outcome_retry_after_ms(headers->retry_after, now_s);
    }
    classify_request_id(outcome, headers->request_id);
}

/* Appends text, each control character or stray byte as one blank; stops where the next character would not fit. */
static size_t add_line(char *out, size_t length, size_t size, const char *text)
{
    while (*text != '\0') {
        size_t bytes = utf8_sequence(text);

        if (bytes == 0 || utf8_is_control(text)) {
            if (length + 1 >= size)
                break;
            out[length++] = ' ';
            text += bytes > 0 ? bytes : 1;
            continue;
        }
        if (length + bytes >= size)
            break;
        memcpy(out + length, text, bytes);
        length += bytes;
        text += bytes;
    }
    out[length] = '\0';
    return length;
}

void classify_detail(struct outcome *outcome, int status, const char *code, const char *message)
{
    const size_t size = sizeof(outcome->detail);
    char number[16] = "";
    size_t length;

    if (status != 0)
        snprintf(number, sizeof(number), "%d", status);
    length = add_line(outcome->detail, 0, size, number);
    if (code[0] != '\0')
        length = add_line(outcome->detail, add_line(outcome->detail, length, size, length > 0 ? " " : ""), size, code);
    if (message[0] != '\0')
        add_line(outcome->detail, add_line(outcome->detail, length, size, length > 0 ? ": " : ""), size, message);
}

void classify_request_id(struct outcome *outcome, const char *request_id)
{
    size_t length = 0;

    if (request_id[0] == '\0')
        return;
    for (; length < sizeof(outcome->request_id) - 1 && request_id[length] != '\0'; length++)
        outcome->request_id[length] = request_id[length] > ' ' && request_id[length] <= '~' ? request_id[length] : '?';
    outcome->request_id[length] = '\0';
}
