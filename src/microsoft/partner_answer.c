/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <math.h>
#include <stdio.h>
#include <strings.h>

#include "microsoft/partner.h"
#include "model/device.h"

#include "classify.h"
#include "reply.h"

/* ErrorCode of an answer: a JSON number or string. */
enum code_kind {
    CODE_NONE, /* absent, null or "" */
    CODE_NUMBER,
    CODE_WORD,   /* a string that is no number */
    CODE_ABSURD, /* another type, not a whole number, or no text */
};

struct answer {
    cJSON *root; /* NULL: the body is blank, or no JSON object */
    bool blank;
    enum code_kind kind;
    int number;
    const char *word;
    const char *detail;
};

static void read_code(struct answer *answer)
{
    const cJSON *member = cJSON_GetObjectItem(answer->root, "ErrorCode");
    double number;

    answer->word = reply_text(answer->root, "ErrorCode");
    if (member == NULL || cJSON_IsNull(member) || (cJSON_IsString(member) && answer->word[0] == '\0')) {
        answer->kind = CODE_NONE;
    } else if (reply_number(answer->root, "ErrorCode", &number)) {
        answer->kind = number == floor(number) && fabs(number) < 1e9 ? CODE_NUMBER : CODE_ABSURD;
        answer->number = answer->kind == CODE_NUMBER ? (int)number : 0;
    } else {
        answer->kind = cJSON_IsString(member) && text_is_utf8(answer->word) ? CODE_WORD : CODE_ABSURD;
    }
}

/* The caller frees answer->root. */
static void read_answer(const struct http_response *response, struct answer *answer)
{
    *answer = (struct answer){.word = "", .detail = ""};
    answer->blank = reply_is_blank(response->body, response->body_length);
    if (answer->blank || reply_parse(response->body, response->body_length, &answer->root, NULL) != 0)
        return;
    read_code(answer);
    answer->detail = reply_text(answer->root, "ErrorDetail");
}

static void describe(const struct answer *answer, int status, struct outcome *outcome)
{
    char code[48] = "";

    if (answer->kind == CODE_NUMBER)
        snprintf(code, sizeof(code), "ErrorCode %d", answer->number);
    else if (answer->kind == CODE_WORD)
        snprintf(code, sizeof(code), "ErrorCode %.32s", answer->word);
    else if (answer->kind == CODE_ABSURD)
        snprintf(code, sizeof(code), "unreadable ErrorCode");
    classify_detail(outcome, status, code, answer->detail);
}

static void set_unintelligible(struct outcome *outcome, int status)
{
    outcome->class = OUTCOME_TRANSIENT;
    outcome->trouble = TROUBLE_REPLY;
    classify_detail(outcome, status, "", "the body is not the JSON object of an answer");
}

/* A refusal within an accepted HTTP answer speaks of this message alone. So 401 and 403, which for a whole request stop
 * the connection, here only delay or park one device: stopping would lock out a company for one device that
 * Microsoft dislikes. */
static void classify_code(const struct answer *answer, struct outcome *outcome)
{
    if (answer->kind == CODE_NONE ||
        (answer->kind == CODE_NUMBER && (answer->number == 202 || answer->number == 409))) {
        outcome->class = OUTCOME_ACCEPTED;
    } else if (answer->kind == CODE_WORD) {
        classify_status(400, answer->word, true, outcome);
    } else if (answer->kind == CODE_ABSURD || answer->number < 400) {
        outcome->class = OUTCOME_TRANSIENT;
        outcome->trouble = TROUBLE_REPLY;
    } else if (answer->number == 401) {
        outcome->class = OUTCOME_TRANSIENT;
        outcome->trouble = TROUBLE_TOKEN_REFUSED;
    } else if (answer->number >= 600) {
        classify_status(400, "", true, outcome); /* no HTTP status, so a code of the service's own */
    } else {
        classify_status(answer->number, "", true, outcome);
    }
}

/* 404 without an in-band code: the discovered URL is stale, or something between us and Intune answers. Neither is the
 * device's fault, and the next discovery mends it. 409, here and in-band: a message of this GUID is there already;
 * the question for its verdict will tell. */
static void classify_put_status(const struct http_response *response, const struct answer *answer, int64_t now_s,
                                struct outcome *outcome)
{
    const int status = response->status;

    if (status == 404 && answer->kind == CODE_NONE) {
        outcome_of_response(response, true, now_s, outcome);
        outcome->class = OUTCOME_TRANSIENT;
        outcome->trouble = TROUBLE_ENDPOINTS;
        outcome->reason = REASON_NONE;
        return;
    }
    outcome_of_response(response, status != 402 && status != 403, now_s, outcome);
    if (status == 409)
        *outcome = (struct outcome){.class = OUTCOME_ACCEPTED};
    if (answer->kind != CODE_NONE)
        describe(answer, status, outcome);
}

void partner_put_outcome(const struct http_response *response, int64_t now_s, struct outcome *ret_outcome)
{
    struct answer answer;

    if (response->result != 0) {
        classify_failure(response, ret_outcome);
        return;
    }
    *ret_outcome = (struct outcome){.class = OUTCOME_ACCEPTED};
    read_answer(response, &answer);
    if (response->status < 200 || response->status >= 300) {
        classify_put_status(response, &answer, now_s, ret_outcome);
    } else if (answer.root == NULL && !answer.blank) {
        set_unintelligible(ret_outcome, response->status);
    } else {
        classify_code(&answer, ret_outcome);
        if (ret_outcome->class != OUTCOME_ACCEPTED)
            describe(&answer, response->status, ret_outcome);
    }
    classify_headers(&response->headers, now_s, ret_outcome);
    cJSON_Delete(answer.root);
}

/* No answer to the question. Only what concerns every message stops the connection. */
static enum partner_verdict classify_get_status(const struct http_response *response, int64_t now_s,
                                                struct outcome *outcome)
{
    outcome_of_response(response, response->status != 402 && response->status != 403, now_s, outcome);
    if (response->status == 404 || response->status == 410) {
        outcome->class = OUTCOME_ACCEPTED;
        outcome->reason = REASON_NONE;
        return PARTNER_LOST;
    }
    if (outcome->class == OUTCOME_DEVICE) {
        outcome->class = OUTCOME_TRANSIENT;
        outcome->trouble = TROUBLE_REPLY;
        outcome->reason = REASON_NONE;
    }
    return PARTNER_UNKNOWN;
}

static enum partner_verdict classify_get_body(const struct answer *answer, int status, struct outcome *outcome)
{
    const char *word = reply_text(answer->root, "Status");

    if (answer->root == NULL && !answer->blank) {
        set_unintelligible(outcome, status);
        return PARTNER_UNKNOWN;
    }
    if (strcasecmp(word, "Completed") == 0)
        return PARTNER_COMPLETED;
    if (strcasecmp(word, "Failed") != 0)
        return PARTNER_PENDING;
    outcome->class = OUTCOME_DEVICE;
    outcome->reason = REASON_MESSAGE_FAILED;
    describe(answer, 0, outcome);
    return PARTNER_FAILED;
}

enum partner_verdict partner_get_verdict(const struct http_response *response, int64_t now_s,
                                         struct outcome *ret_outcome)
{
    enum partner_verdict verdict;
    struct answer answer;

    if (response->result != 0) {
        classify_failure(response, ret_outcome);
        return PARTNER_UNKNOWN;
    }
    if (response->status < 200 || response->status >= 300)
        return classify_get_status(response, now_s, ret_outcome);
    *ret_outcome = (struct outcome){.class = OUTCOME_ACCEPTED};
    classify_headers(&response->headers, now_s, ret_outcome);
    read_answer(response, &answer);
    verdict = classify_get_body(&answer, response->status, ret_outcome);
    cJSON_Delete(answer.root);
    return verdict;
}
