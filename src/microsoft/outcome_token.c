/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* Source: microsoft.md section 4.5. `error` decides the class; a number only says more exactly what the
 * administrator has to do. */
#include <string.h>

#include "classify.h"
#include "reply.h"

enum { TOKEN_LOOP_HOLD_OFF_MS = 10 * 60 * 1000 };

static const struct word {
    const char *word;
    enum outcome_class class;
    enum trouble trouble;
} words[] = {
    {"invalid_client", OUTCOME_CONNECTION, TROUBLE_CREDENTIAL_WRONG},
    {"unauthorized_client", OUTCOME_CONNECTION, TROUBLE_APP},
    {"invalid_request", OUTCOME_CONNECTION, TROUBLE_BUG},
    {"unsupported_grant_type", OUTCOME_CONNECTION, TROUBLE_BUG},
    {"unsupported_response_type", OUTCOME_CONNECTION, TROUBLE_BUG},
    {"invalid_scope", OUTCOME_CONNECTION, TROUBLE_RESOURCE},
    {"invalid_resource", OUTCOME_CONNECTION, TROUBLE_RESOURCE},
    {"invalid_grant", OUTCOME_CONNECTION, TROUBLE_CREDENTIAL_WRONG},
    {"access_denied", OUTCOME_CONNECTION, TROUBLE_POLICY},
    {"interaction_required", OUTCOME_CONNECTION, TROUBLE_CONSENT},
    {"consent_required", OUTCOME_CONNECTION, TROUBLE_CONSENT},
    {"temporarily_unavailable", OUTCOME_TRANSIENT, TROUBLE_SERVICE},
    {"server_error", OUTCOME_TRANSIENT, TROUBLE_SERVICE},
};

static const struct number {
    int number;
    enum trouble trouble;
} numbers[] = {
    {7000215, TROUBLE_CREDENTIAL_WRONG},
    {7000222, TROUBLE_CREDENTIAL_EXPIRED},
    {1000502, TROUBLE_CREDENTIAL_EXPIRED},
    {700027, TROUBLE_ASSERTION},
    {50012, TROUBLE_ASSERTION},
    {700030, TROUBLE_ASSERTION},
    {700021, TROUBLE_ASSERTION},
    {700023, TROUBLE_ASSERTION},
    {70021, TROUBLE_ASSERTION},
    {700211, TROUBLE_ASSERTION},
    {700212, TROUBLE_ASSERTION},
    {700213, TROUBLE_ASSERTION},
    {7002137, TROUBLE_ASSERTION},
    {7002138, TROUBLE_ASSERTION},
    {50013, TROUBLE_ASSERTION},
    {500133, TROUBLE_CLOCK},
    {700024, TROUBLE_CLOCK},
    {700011, TROUBLE_APP},
    {700016, TROUBLE_APP},
    {70001, TROUBLE_APP},
    {7000112, TROUBLE_APP},
    {50194, TROUBLE_APP},
    {90002, TROUBLE_TENANT},
    {50128, TROUBLE_TENANT},
    {900023, TROUBLE_TENANT},
    {90038, TROUBLE_CLOUD},
    {900432, TROUBLE_CLOUD},
    {65001, TROUBLE_CONSENT},
    {650056, TROUBLE_CONSENT},
    {650057, TROUBLE_RESOURCE},
    {500011, TROUBLE_RESOURCE},
    {650052, TROUBLE_RESOURCE},
    {70011, TROUBLE_RESOURCE},
    {53003, TROUBLE_POLICY},
    {50196, TROUBLE_TOKEN_LOOP},
    {900144, TROUBLE_BUG},
    {90014, TROUBLE_BUG},
    {70003, TROUBLE_BUG},
    {9001023, TROUBLE_BUG},
};

/* Of a passing nature by Microsoft's table; looked at only when `error` is a word that we do not know. */
static const int passing_numbers[] = {90006, 90012, 90024, 90033, 90055, 90090};

static const struct word *find_word(const char *error)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(words[i].word, error) == 0)
            return &words[i];
    }
    return NULL;
}

static enum trouble trouble_of_number(int number)
{
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (numbers[i].number == number)
            return numbers[i].trouble;
    }
    return TROUBLE_NONE;
}

static bool is_passing(int number)
{
    for (size_t i = 0; i < sizeof(passing_numbers) / sizeof(passing_numbers[0]); i++) {
        if (passing_numbers[i] == number)
            return true;
    }
    return false;
}

/* error_codes[0]; 0 when there is none. */
static int first_number(const cJSON *root)
{
    const cJSON *first = cJSON_GetArrayItem(reply_array(root, "error_codes"), 0);

    return cJSON_IsNumber(first) && first->valuedouble > 0 && first->valuedouble < 1e9 ? first->valueint : 0;
}

static void classify_word(const char *error, int number, int status, struct outcome *outcome)
{
    const struct word *word = find_word(error);
    enum trouble refined = trouble_of_number(number);

    outcome->class = OUTCOME_CONNECTION;
    outcome->trouble = refined;
    if (word != NULL) {
        outcome->class = word->class;
        if (refined == TROUBLE_NONE || word->class == OUTCOME_TRANSIENT)
            outcome->trouble = word->trouble;
    } else if (is_passing(number)) {
        outcome->class = OUTCOME_TRANSIENT;
        outcome->trouble = TROUBLE_SERVICE;
    } else if (status == 404) {
        outcome->trouble = TROUBLE_TENANT; /* not even the path exists: wrong authority_url or tenant */
    } else if (refined == TROUBLE_NONE) {
        outcome->class = OUTCOME_TRANSIENT; /* a word of the future, or somebody between us and Entra */
        outcome->trouble = TROUBLE_REPLY;
    }
    if (outcome->trouble == TROUBLE_TOKEN_LOOP && outcome->retry_after_ms < TOKEN_LOOP_HOLD_OFF_MS)
        outcome->retry_after_ms = TOKEN_LOOP_HOLD_OFF_MS;
}

void outcome_of_token_response(const struct http_response *response, int64_t now_s, struct outcome *ret_outcome)
{
    const int status = response->status;
    const char *error = "";
    const char *message = "";
    cJSON *root = NULL;

    if (response->result != 0) {
        classify_failure(response, ret_outcome);
        return;
    }
    *ret_outcome = (struct outcome){.class = OUTCOME_ACCEPTED};
    classify_headers(&response->headers, now_s, ret_outcome);
    if (status >= 200 && status < 300)
        return;
    if (reply_parse(response->body, response->body_length, &root, NULL) == 0) {
        error = reply_text(root, "error");
        message = reply_text(root, "error_description");
        if (ret_outcome->request_id[0] == '\0')
            classify_request_id(ret_outcome, reply_text(root, "trace_id"));
    }
    if (status < 400 || status >= 500 || status == 429 || status == 408 || status == 425)
        classify_status(status, "", false, ret_outcome);
    else
        classify_word(error, first_number(root), status, ret_outcome);
    classify_detail(ret_outcome, status, error, message);
    cJSON_Delete(root);
}
