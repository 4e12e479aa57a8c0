/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* Retry-After as a server may write it, with a Date beside it after the first newline. */
#include "microsoft/outcome.h"

#include "answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_response response = {.status = 429, .body = ""};
    struct outcome outcome;
    char *text = malloc(size + 1), *date;

    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    int64_t delay_ms = outcome_retry_after_ms(text, fuzz_now_s);
    require(delay_ms >= 0 && delay_ms <= OUTCOME_RETRY_AFTER_MAX_MS);

    date = strchr(text, '\n');
    if (date != NULL) {
        *date++ = '\0';
        snprintf(response.headers.date, sizeof(response.headers.date), "%s", date);
    }
    snprintf(response.headers.retry_after, sizeof(response.headers.retry_after), "%s", text);
    outcome_of_response(&response, true, fuzz_now_s, &outcome);
    require(outcome.retry_after_ms >= 0 && outcome.retry_after_ms <= OUTCOME_RETRY_AFTER_MAX_MS);
    free(text);
    return 0;
}
