/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* Graph's answer to a batch, of devices and of users. */
#include "microsoft/graph.h"

#include "answer.h"

static void check(const struct outcome *outcomes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        require((unsigned)outcomes[i].class <= OUTCOME_CONNECTION);
        require(outcomes[i].retry_after_ms >= 0 && outcomes[i].retry_after_ms <= OUTCOME_RETRY_AFTER_MAX_MS);
        require((outcomes[i].class == OUTCOME_DEVICE) == (outcomes[i].reason != REASON_NONE));
        require(memchr(outcomes[i].detail, '\0', sizeof(outcomes[i].detail)) != NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct outcome outcomes[GRAPH_BATCH_MAX], whole;
    char ids[GRAPH_BATCH_MAX][GUID_TEXT];
    struct http_response response;
    size_t count = size > 1 ? data[1] % (GRAPH_BATCH_MAX + 1u) : 1;
    char *body = answer_make(data, size, &response);

    graph_batch_outcome(&response, count, fuzz_now_s, outcomes, NULL, &whole);
    check(outcomes, count);
    check(&whole, 1);
    graph_batch_outcome(&response, count, fuzz_now_s, outcomes, ids, &whole);
    check(outcomes, count);
    for (size_t i = 0; i < count; i++)
        require(guid_is_valid(ids[i]) == (outcomes[i].class == OUTCOME_ACCEPTED));
    free(body);
    return 0;
}
