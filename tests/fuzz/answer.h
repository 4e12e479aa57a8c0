/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * answer - makes an HTTP answer of the fuzzer's bytes: one byte of status, one of Retry-After, the rest is the body.
 */
#ifndef COMPLYD_FUZZ_ANSWER_H
#define COMPLYD_FUZZ_ANSWER_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void require(bool condition)
{
    if (!condition)
        abort();
}

static const int64_t fuzz_now_s = 1767225600;

/* The body is a copy of exactly its size and a NUL, so that a read beyond it is seen; the caller frees it. */
static inline char *answer_make(const uint8_t *data, size_t size, struct http_response *response)
{
    static const int statuses[] = {200, 202, 204, 400, 401, 403, 404, 409, 410, 424, 429, 500, 503, 100, 302, 999};
    char *body;

    *response = (struct http_response){.status = size > 0 ? statuses[data[0] % 16] : 200};
    if (size > 1)
        snprintf(response->headers.retry_after, sizeof(response->headers.retry_after), "%d", (int)data[1] - 10);
    data += size > 2 ? 2 : size;
    size -= size > 2 ? 2 : size;
    body = malloc(size + 1);
    if (size > 0)
        memcpy(body, data, size);
    body[size] = '\0';
    response->body = body;
    response->body_length = size;
    return body;
}

#endif
