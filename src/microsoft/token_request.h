/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * token_request - the request for a token, by the kind of credential that the connection has. Private to src/microsoft.
 *
 * Source: microsoft.md sections 4.1 to 4.4. Credential files are read here, anew for each request.
 */
#ifndef COMPLYD_MICROSOFT_TOKEN_REQUEST_H
#define COMPLYD_MICROSOFT_TOKEN_REQUEST_H

#include "base/settings.h"
#include "microsoft/outcome.h"

struct token_request {
    struct http_request http; /* points into the members below */
    struct buf url;
    struct buf body;
};

/* 0, or an ERR_* that says what is wrong with the credential's file. The caller ends with token_request_deinit(), which wipes, in both
 * cases. */
int token_request_init(struct token_request *request, const struct connection_settings *settings, const char *scope,
                       int64_t now_s, struct error *err);
void token_request_deinit(struct token_request *request);

/* What a failure of token_request_init() means. */
void token_request_failure(const struct error *error, struct outcome *ret_outcome);

/* What an answer other than 2xx means; managed identity endpoints speak a dialect of their own. */
void token_request_refusal(const struct connection_settings *settings, const struct http_response *response,
                           int64_t now_s, struct outcome *ret_outcome);

#endif
