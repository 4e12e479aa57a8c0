/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * response - makes the answers that the tests of src/microsoft read.
 */
#ifndef COMPLYD_TESTS_RESPONSE_H
#define COMPLYD_TESTS_RESPONSE_H

#include <string.h>

#include "net/http.h"

static inline struct http_response response_of(int status, const char *body)
{
    return (struct http_response){.status = status, .body = body, .body_length = strlen(body)};
}

static inline struct http_response response_failed(int result, const char *message)
{
    struct http_response response = {.result = result, .body = ""};

    error_set(&response.error, result, 0, "%s", message);
    return response;
}

#endif
