/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * classify - the one table from HTTP status and error word to an outcome class. Pure; private to src/microsoft.
 *
 *     status                     a device's URL          any other URL
 *     2xx                        ACCEPTED                ACCEPTED
 *     401                        AUTH                    AUTH
 *     429, 509, throttling word  THROTTLED               THROTTLED
 *     408 409 412 423 424 425,   TRANSIENT               TRANSIENT
 *     5xx, 3xx, 407
 *     404 410                    DEVICE unknown          CONNECTION endpoints
 *     402 403                    DEVICE refused          CONNECTION permission
 *     other 4xx                  DEVICE refused          CONNECTION our request is malformed
 *
 * Retry-After is obeyed whatever the class.
 */
#ifndef COMPLYD_MICROSOFT_CLASSIFY_H
#define COMPLYD_MICROSOFT_CLASSIFY_H

#include <stdbool.h>

#include "microsoft/outcome.h"

/* Sets class, trouble and reason. */
void classify_status(int status, const char *code, bool device_scope, struct outcome *outcome);

/* Fills the outcome of a request that got no answer (response->result < 0). */
void classify_failure(const struct http_response *response, struct outcome *outcome);

/* Sets the members that come from the headers: retry_after_ms and request_id. The server's own Date, when there is one,
 * is the better "now" for a Retry-After that is a date. */
void classify_headers(const struct http_headers *headers, int64_t now_s, struct outcome *outcome);

/* Writes "404 code: message" on one line: valid UTF-8, no control characters, cut to fit. Status 0 and empty parts
 * are left out. */
void classify_detail(struct outcome *outcome, int status, const char *code, const char *message);

/* Copies an id from outside: printable ASCII without blanks, else '?'. Nothing happens for an empty one. */
void classify_request_id(struct outcome *outcome, const char *request_id);

#endif
