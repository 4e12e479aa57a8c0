/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * token - OAuth 2.0 client credentials: one access token per resource, cached, fetched once however many want it.
 *
 * Source: microsoft.md sections 4.1 and 4.5. Credential files are read anew for each request and wiped after it. When a
 * credential is refused and there is another (microsoft/credential.h), that one is tried in the same fetch, and goes on
 * being used.
 *
 *     NONE ──want──► FETCHING ──reply──► VALID ──refresh_in or 5 min before expiry──► RENEWING ──reply──► VALID
 *                       │ error            │ drop (401)  ▲ old token serves meanwhile        │ error: old one until
 *                       expiry ▼                  ▼
 *                     FAILED ◄────────── NONE        FAILED: waiting callers get the outcome; the next want tries again
 *
 * Thread    loop only.
 */
#ifndef COMPLYD_MICROSOFT_TOKEN_H
#define COMPLYD_MICROSOFT_TOKEN_H

#include "base/settings.h"
#include "microsoft/outcome.h"

struct token_source;

enum token_state { TOKEN_NONE, TOKEN_FETCHING, TOKEN_VALID, TOKEN_RENEWING, TOKEN_FAILED };

/* One source per connection and scope. `settings` and `client` must outlive it. `scope`:
 * "https://graph.microsoft.com/.default". */
int token_source_new(struct http_client *client, const struct connection_settings *settings, const char *scope,
                     const struct clock *clock, struct token_source **ret_source, struct error *err);
void token_source_free(struct token_source *source); /* cancels; waiting callbacks are not called any more */

/* Borrowed token when one is valid now, else NULL. Starts early renewal by itself when it is time. */
const char *token_get(struct token_source *source);

/* Calls done once: outcome NULL = token_get() has one; else why not. At once pending callers share one request.
 * Never before return. */
typedef void token_done_fn(void *ctx, const struct outcome *outcome);
int token_want(struct token_source *source, token_done_fn *done, void *ctx);

/* Takes back every want of this ctx: its callback is not called any more. */
void token_unwant(struct token_source *source, const void *ctx);

/* A 401 came for this token: forget it if it still is the current one. */
void token_drop(struct token_source *source, const char *token);

/* An operator wants another try now, although the token service has asked for a pause. */
void token_end_pause(struct token_source *source);

/* Calls back whenever a request has ended, asked for or a renewal: outcome NULL = there is a new token. It must not
 * free the source. */
void token_observe(struct token_source *source, token_done_fn *ended, void *ctx);

/* True when a credential's file is another than it was when it was tried, which makes a new request start soon: so a
 * mistake shows while the old token still serves, and a mended file works at once. */
bool token_look_at_files(struct token_source *source);

/* The key of the credential that gave the newest token, "" before the first; and why the one before it was passed over
 * in the same fetch, NULL when it was not. */
const char *token_credential(const struct token_source *source);
const struct outcome *token_passed_over(const struct token_source *source);

/* How far this machine's clock is ahead of the token endpoint's, in seconds, by its last answer. */
int64_t token_clock_skew_s(const struct token_source *source);

enum token_state token_state(const struct token_source *source);
int64_t token_expires_at_ms(const struct token_source *source); /* wall clock; -1 = none */
uint64_t token_fetches(const struct token_source *source);      /* requests made, for statistics */

#endif
