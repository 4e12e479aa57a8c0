/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * token_request - the request for a token, by the kind of credential. Private to src/microsoft.
 *
 * Source: microsoft.md sections 4.1 to 4.4. Credential files are read here, anew for each request.
 */
#ifndef COMPLYD_MICROSOFT_TOKEN_REQUEST_H
#define COMPLYD_MICROSOFT_TOKEN_REQUEST_H

#include "base/settings.h"
#include "microsoft/credential.h"
#include "microsoft/outcome.h"

struct token_request {
    struct http_request http; /* points into the members below */
    struct buf url;
    struct buf body;
    struct buf authorization; /* a header line, of Azure Arc's second request */
    const char *headers[3];
};

/* 0, or an ERR_* that says what is wrong with the credential's file. The caller ends with token_request_deinit(), which
 * wipes, in both cases. `challenge`: the WWW-Authenticate of Azure Arc's first answer; NULL = a first request. */
int token_request_init(struct token_request *request, const struct connection_settings *settings,
                       enum credential_kind kind, const char *scope, const char *challenge, int64_t now_s,
                       struct error *err);
void token_request_deinit(struct token_request *request);

/* True when the answer is Azure Arc's challenge: the same again, with it. */
bool token_request_is_challenge(enum credential_kind kind, const struct http_response *response);

/* What a failure of token_request_init() means. */
void token_request_failure(enum credential_kind kind, const struct error *error, struct outcome *ret_outcome);

/* What an answer other than 2xx means; managed identity endpoints speak a dialect of their own, and a clock that is
 * off says itself. */
void token_request_refusal(enum credential_kind kind, const struct http_response *response, int64_t now_s,
                           struct outcome *ret_outcome);

/* How far this machine's clock is ahead of the server's; 0 when it did not say. */
int64_t token_request_skew_s(const struct http_response *response, int64_t now_s);

enum { TOKEN_REQUEST_SKEW_S = 300 }; /* from there on it matters */

#endif
