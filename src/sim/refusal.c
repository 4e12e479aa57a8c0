/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "sim/refusal.h"

#include <stdbool.h>
#include <time.h>

/* The time now: Graph writes "2026-02-03T04:05:06", Entra "2026-02-03 04:05:06Z". */
static void stamp(char text[32], bool graph)
{
    struct tm tm;
    time_t now = time(NULL);

    gmtime_r(&now, &tm);
    if (graph)
        strftime(text, 32, "%Y-%m-%dT%H:%M:%S", &tm);
    else
        strftime(text, 32, "%Y-%m-%d %H:%M:%SZ", &tm);
}

void refusal_login(struct exchange *ex, int status, const char *error, int number, const char *text)
{
    struct buf description;
    struct guid id;
    char correlation[GUID_TEXT];
    char when[32];

    stamp(when, false);
    guid_random(&id);
    guid_format(&id, correlation);
    buf_init(&description, 0);
    buf_addf(&description, "AADSTS%d: %s Trace ID: %s Correlation ID: %s Timestamp: %s", number, text, ex->request_id,
             correlation, when);
    exchange_answer(ex, status, EXCHANGE_JSON "; charset=utf-8");
    buf_addf(&ex->reply, "{\"error\":\"%s\",\"error_description\":", error);
    buf_add_json_string(&ex->reply, buf_text(&description));
    buf_addf(&ex->reply,
             ",\"error_codes\":[%d],\"timestamp\":\"%s\",\"trace_id\":\"%s\",\"correlation_id\":\"%s\","
             "\"error_uri\":\"https://login.microsoftonline.com/error?code=%d\"}",
             number, when, ex->request_id, correlation, number);
    buf_deinit(&description);
}

void refusal_graph(struct exchange *ex, int status, const char *code, const char *text)
{
    char when[32];

    stamp(when, true);
    exchange_answer(ex, status, EXCHANGE_JSON);
    buf_add_text(&ex->reply, "{\"error\":{\"code\":");
    buf_add_json_string(&ex->reply, code);
    buf_add_text(&ex->reply, ",\"message\":");
    buf_add_json_string(&ex->reply, text);
    buf_addf(&ex->reply, ",\"innerError\":{\"date\":\"%s\",\"request-id\":\"%s\",\"client-request-id\":", when,
             ex->request_id);
    buf_add_json_string(&ex->reply, ex->client_request_id ? ex->client_request_id : ex->request_id);
    buf_add_text(&ex->reply, "}}}");
}

void refusal_partner(struct exchange *ex, int status, const char *code, const char *text)
{
    exchange_answer(ex, status, EXCHANGE_JSON "; charset=utf-8");
    buf_add_text(&ex->reply, "{\"error\":{\"code\":");
    buf_add_json_string(&ex->reply, code);
    buf_add_text(&ex->reply, ",\"message\":");
    buf_add_json_string(&ex->reply, text);
    buf_add_text(&ex->reply, "}}");
}

/* Entra's own words for what happens to any service. */
static void refuse_login_by_status(struct exchange *ex, int status, const char *text)
{
    if (status == 429)
        refusal_login(ex, status, "temporarily_unavailable", 90055, "The tenant is throttled. Try again later.");
    else if (status >= 500)
        refusal_login(ex, status, "temporarily_unavailable", 90033,
                      "A transient error has occurred. Please try again.");
    else if (status == 401)
        refusal_login(ex, status, "invalid_client", 7000215, "Invalid client secret provided.");
    else
        refusal_login(ex, status, "invalid_request", 90100, text);
}

void refusal_any(struct exchange *ex, int status, const char *code, const char *text)
{
    if (ex->place == PLACE_TOKEN)
        refuse_login_by_status(ex, status, text);
    else if (exchange_segment_is(ex, 0, "fef"))
        refusal_partner(ex, status, code, text);
    else
        refusal_graph(ex, status, code, text);
}

void refusal_token(struct exchange *ex, enum token_verdict verdict)
{
    static const char *const texts[] = {
        [TOKEN_GOOD] = "",
        [TOKEN_MISSING] = "Access token is empty.",
        [TOKEN_MALFORMED] = "CompactToken parsing failed.",
        [TOKEN_FORGED] = "Access token validation failure. Invalid signature.",
        [TOKEN_EXPIRED] = "Lifetime validation failed, the token is expired.",
        [TOKEN_AUDIENCE] = "Access token validation failure. Invalid audience.",
        [TOKEN_REVOKED] = "Access token has been revoked.",
    };

    refusal_any(ex, 401, "InvalidAuthenticationToken", texts[verdict]);
    exchange_header(ex, "WWW-Authenticate", "Bearer realm=\"\", authorization_uri=\"%s\"",
                    "https://login.microsoftonline.com/common/oauth2/authorize");
}
