/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * outcome - what an answer of Microsoft's means: from HTTP status, body and headers to what we do next. Pure.
 *
 * Source: microsoft.md sections 1.3, 2.2, 2.3, 3 and 4.5. Branches on HTTP status and the `error`/`code` words, never
 * on texts; AADSTS numbers only sharpen what the operator reads.
 *
 * A wrong stop of a connection locks out a whole company, and a wrong parking hides a fault of the connection. So a
 * refusal stops the connection only when it cannot be one device's: 403 for a whole request, 403 for each of several
 * devices of a batch, a refused credential. A refusal that names one device parks that device. What is not Microsoft's
 * JSON is TRANSIENT: nobody is parked or stopped on the word of a proxy. src/microsoft/classify.h has the table.
 */
#ifndef COMPLYD_MICROSOFT_OUTCOME_H
#define COMPLYD_MICROSOFT_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "model/reason.h"
#include "net/http.h"

enum outcome_class {
    OUTCOME_ACCEPTED,   /* taken */
    OUTCOME_TRANSIENT,  /* again later */
    OUTCOME_THROTTLED,  /* again later, and slow the whole channel down */
    OUTCOME_AUTH,       /* 401: drop the token, try once more */
    OUTCOME_DEVICE,     /* this device or user is wrong */
    OUTCOME_CONNECTION, /* credential, consent or tenant is wrong: stop the connection */
};

/* Why a connection stands still, each with a cure; X(NAME, slug). Texts in English and Spanish:
 * outcome_trouble_text/cure. */
#define TROUBLES(X)                                                                                                    \
    X(TROUBLE_NONE, "")                                                                                                \
    X(TROUBLE_NETWORK, "network")                                                                                      \
    X(TROUBLE_TLS, "tls")                                                                                              \
    X(TROUBLE_PROXY, "proxy_refused")                                                                                  \
    X(TROUBLE_THROTTLED, "throttled")                                                                                  \
    X(TROUBLE_SERVICE, "service_unavailable")                                                                          \
    X(TROUBLE_CREDENTIAL_FILE, "credential_file")                                                                      \
    X(TROUBLE_CREDENTIAL_WRONG, "credential_wrong")                                                                    \
    X(TROUBLE_CREDENTIAL_EXPIRED, "credential_expired")                                                                \
    X(TROUBLE_CERTIFICATE_EARLY, "certificate_not_yet_valid")                                                          \
    X(TROUBLE_KEY_MISMATCH, "key_mismatch")                                                                            \
    X(TROUBLE_IDENTITY, "managed_identity_refused")                                                                    \
    X(TROUBLE_ASSERTION, "assertion_refused")                                                                          \
    X(TROUBLE_CLOCK, "clock_skew")                                                                                     \
    X(TROUBLE_APP, "app_unknown")                                                                                      \
    X(TROUBLE_TENANT, "tenant_unknown")                                                                                \
    X(TROUBLE_CLOUD, "cloud_mismatch")                                                                                 \
    X(TROUBLE_CONSENT, "consent_missing")                                                                              \
    X(TROUBLE_RESOURCE, "resource_missing")                                                                            \
    X(TROUBLE_POLICY, "blocked_by_policy")                                                                             \
    X(TROUBLE_TOKEN_LOOP, "token_loop")                                                                                \
    X(TROUBLE_TOKEN_REFUSED, "token_refused")                                                                          \
    X(TROUBLE_PERMISSION, "permission_missing")                                                                        \
    X(TROUBLE_NOT_PARTNER, "partner_not_registered")                                                                   \
    X(TROUBLE_ENDPOINTS, "endpoints_missing")                                                                          \
    X(TROUBLE_BUG, "request_malformed")                                                                                \
    X(TROUBLE_REPLY, "reply_unintelligible")                                                                           \
    X(TROUBLE_STORE, "store")

enum trouble {
#define X(name, slug) name,
    TROUBLES(X)
#undef X
        TROUBLE_COUNT
};

const char *trouble_slug(enum trouble trouble);
enum trouble trouble_parse(const char *slug); /* TROUBLE_NONE for others */
const char *trouble_text(enum trouble trouble, enum language language);
const char *trouble_cure(enum trouble trouble, enum language language);

struct outcome {
    enum outcome_class class;
    enum trouble trouble;   /* CONNECTION, AUTH, TRANSIENT, THROTTLED */
    enum reason reason;     /* DEVICE */
    bool denied;            /* 403 for one device of a batch: its fault, or the app's */
    int64_t retry_after_ms; /* as asked by Microsoft, capped at OUTCOME_RETRY_AFTER_MAX_MS; 0 = not asked */
    char detail[256];       /* what Microsoft said, one line, shortened: "404 Request_ResourceNotFound: ..." */
    char request_id[64];
};

enum { OUTCOME_RETRY_AFTER_MAX_MS = 3600 * 1000 };

/* Reads Retry-After in all its forms: integer, decimal seconds ("2.128"), HTTP date. Negative, absurd and unreadable
 * values: capped, or 0 for "not asked". `now_s` is for dates. */
int64_t outcome_retry_after_ms(const char *value, int64_t now_s);

/* A response that carries no partner or batch semantics: status, network error, Graph's error object. `device_scope`:
 * the URL names one device or user, so 400/403/404 may be its fault (DEVICE); else they are the connection's. */
void outcome_of_response(const struct http_response *response, bool device_scope, int64_t now_s,
                         struct outcome *ret_outcome);

/* The same from the parts of one batch item. */
void outcome_of_item(int status, const char *retry_after, const char *code, const char *message, const char *request_id,
                     int64_t now_s, struct outcome *ret_outcome);

/* Token endpoint: RFC 6749 error body with Entra's error_codes. */
void outcome_of_token_response(const struct http_response *response, int64_t now_s, struct outcome *ret_outcome);

#endif
