/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "token_request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/secret.h"
#include "classify.h"
#include "identity.h"
#include "microsoft/assertion.h"
#include "textfile.h"

enum { FORM_ROOM = 1024 }; /* of a form's fields beside the credential */

static const char assertion_type[] =
    "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=";

/* A buffer that grows leaves its old bytes behind in freed memory; so one that takes a secret is made big enough
 * first. */
static void make_room(struct buf *buf, size_t room)
{
    static const char zeros[256];

    for (size_t i = 0; i < room; i += sizeof(zeros))
        buf_add(buf, zeros, sizeof(zeros));
    if (buf_error(buf) == 0)
        buf_clear(buf);
}

static void add_form(struct buf *body, const char *client_id, const char *scope)
{
    buf_add_text(body, "grant_type=client_credentials&client_id=");
    buf_add_url(body, client_id);
    buf_add_text(body, "&scope=");
    buf_add_url(body, scope);
}

static int add_secret(struct token_request *request, const struct connection_settings *settings, const char *scope,
                      struct error *err)
{
    struct secret secret;
    int result;

    secret_init(&secret);
    result = secret_load(&secret, settings->client_secret_file, err);
    if (result == 0)
        secret_trim(&secret);
    if (result == 0 && secret.length == 0)
        result = error_set(err, ERR_CREDENTIAL, 0, "%s: holds no secret", settings->client_secret_file);
    if (result == 0 && strlen(secret.data) != secret.length)
        result = error_set(err, ERR_CREDENTIAL, 0, "%s: is not text", settings->client_secret_file);
    if (result == 0) {
        make_room(&request->body, FORM_ROOM + 3 * secret.length);
        add_form(&request->body, settings->client_id, scope);
        buf_add_text(&request->body, "&client_secret=");
        buf_add_url(&request->body, secret.data);
    }
    secret_deinit(&secret);
    return result;
}

static int add_certificate(struct token_request *request, const struct connection_settings *settings, const char *scope,
                           int64_t now_s, struct error *err)
{
    struct buf jwt;
    int result;

    buf_init(&jwt, 0);
    result = assertion_make(settings->certificate_file, settings->private_key_file, settings->client_id,
                            buf_text(&request->url), now_s, &jwt, err);
    if (result == 0) {
        add_form(&request->body, settings->client_id, scope);
        buf_add_text(&request->body, assertion_type);
        buf_add_url(&request->body, jwt.data);
    }
    buf_wipe(&jwt);
    return result;
}

static bool is_jwt_text(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    }
    return length > 0;
}

static int add_federated(struct token_request *request, const struct connection_settings *settings, const char *scope,
                         struct error *err)
{
    struct buf token;
    int result;

    buf_init(&token, 0);
    make_room(&token, TEXTFILE_MAX + 4096);
    result = textfile_read(settings->federated_token_file, &token, err);
    while (result == 0 && token.length > 0 && strchr(" \t\r\n", token.data[token.length - 1]) != NULL)
        token.data[--token.length] = '\0';
    if (result == 0 && !is_jwt_text(token.data, token.length))
        result = error_set(err, ERR_CREDENTIAL, 0, "%s: holds no token", settings->federated_token_file);
    if (result == 0) {
        make_room(&request->body, FORM_ROOM + 3 * token.length);
        add_form(&request->body, settings->client_id, scope);
        buf_add_text(&request->body, assertion_type);
        buf_add_url(&request->body, token.data);
    }
    buf_wipe(&token);
    return result;
}

/* Never by a proxy, and in plain HTTP since it does not leave the machine (net/http.h holds it to that). */
static int set_managed_identity(struct token_request *request, const struct connection_settings *settings,
                                const char *scope, const char *challenge, struct error *err)
{
    char path[256];
    int result = identity_url(scope, settings->client_id, &request->url, err);

    request->headers[0] = "Metadata: true";
    if (result == 0 && challenge != NULL) {
        make_room(&request->authorization, FORM_ROOM + IDENTITY_KEY_MAX);
        buf_add_text(&request->authorization, "Authorization: Basic ");
        result = identity_challenge(challenge, path, sizeof(path), err);
        if (result == 0)
            result = identity_key(IDENTITY_ARC_FOLDER, path, &request->authorization, err);
        request->headers[1] = buf_text(&request->authorization);
    }
    request->http = (struct http_request){
        .method = HTTP_GET, .headers = request->headers, .allow_plain = true, .no_proxy = true, .secret_body = true};
    return result;
}

static int build(struct token_request *request, const struct connection_settings *settings, enum credential_kind kind,
                 const char *scope, int64_t now_s, struct error *err)
{
    request->http = (struct http_request){
        .method = HTTP_POST, .content_type = "application/x-www-form-urlencoded", .secret_body = true};
    buf_add_text(&request->url, settings->authority_url);
    buf_add_char(&request->url, '/');
    buf_add_url(&request->url, settings->tenant_id);
    buf_add_text(&request->url, "/oauth2/v2.0/token");
    switch (kind) {
    case CREDENTIAL_CERTIFICATE:
        return add_certificate(request, settings, scope, now_s, err);
    case CREDENTIAL_FEDERATED:
        return add_federated(request, settings, scope, err);
    default:
        return add_secret(request, settings, scope, err);
    }
}

int token_request_init(struct token_request *request, const struct connection_settings *settings,
                       enum credential_kind kind, const char *scope, const char *challenge, int64_t now_s,
                       struct error *err)
{
    int result;

    *request = (struct token_request){.headers = {NULL}};
    buf_init(&request->url, 0);
    buf_init(&request->body, 0);
    buf_init(&request->authorization, 0);
    if (kind == CREDENTIAL_MANAGED)
        result = set_managed_identity(request, settings, scope, challenge, err);
    else
        result = build(request, settings, kind, scope, now_s, err);
    if (result == 0 &&
        (buf_error(&request->url) != 0 || buf_error(&request->body) != 0 || buf_error(&request->authorization) != 0))
        result = error_set(err, ERR_NOMEM, 0, "no memory for a token request");
    request->http.url = buf_text(&request->url);
    request->http.body = buf_text(&request->body);
    request->http.body_length = request->body.length;
    return result;
}

void token_request_deinit(struct token_request *request)
{
    buf_deinit(&request->url);
    buf_wipe(&request->body);
    buf_wipe(&request->authorization);
}

bool token_request_is_challenge(enum credential_kind kind, const struct http_response *response)
{
    return kind == CREDENTIAL_MANAGED && identity_is_arc() && response->result == 0 && response->status == 401 &&
           response->headers.www_authenticate[0] != '\0';
}

static enum trouble trouble_of_origin(int origin)
{
    switch (origin) {
    case ASSERTION_EXPIRED:
        return TROUBLE_CREDENTIAL_EXPIRED;
    case ASSERTION_EARLY:
        return TROUBLE_CERTIFICATE_EARLY;
    case ASSERTION_KEY_MISMATCH:
        return TROUBLE_KEY_MISMATCH;
    default:
        return TROUBLE_CREDENTIAL_FILE;
    }
}

void token_request_failure(enum credential_kind kind, const struct error *error, struct outcome *ret_outcome)
{
    *ret_outcome = (struct outcome){.class = OUTCOME_CONNECTION, .trouble = TROUBLE_CREDENTIAL_FILE};
    if (error->code == ERR_NOMEM)
        *ret_outcome = (struct outcome){.class = OUTCOME_TRANSIENT};
    else if (kind == CREDENTIAL_MANAGED)
        ret_outcome->trouble = TROUBLE_IDENTITY;
    else if (error->code == ERR_CREDENTIAL)
        ret_outcome->trouble = trouble_of_origin(error->origin);
    classify_detail(ret_outcome, 0, "", error_text(error));
}

/* "Retry on 404, 429, 5xx and time-out; 410 = back within 70 s; other 4xx are permanent": the machine has no such
 * identity. */
static void refine_identity(const struct http_response *response, struct outcome *outcome)
{
    const bool passing = response->status == 404 || response->status == 410 || response->status >= 500;

    if (outcome->class == OUTCOME_ACCEPTED || outcome->class == OUTCOME_THROTTLED)
        return;
    outcome->class = response->result != 0 || passing ? OUTCOME_TRANSIENT : OUTCOME_CONNECTION;
    outcome->trouble = passing ? TROUBLE_SERVICE : TROUBLE_IDENTITY;
}

int64_t token_request_skew_s(const struct http_response *response, int64_t now_s)
{
    int64_t server_s;

    if (response->result != 0 || clock_parse_http(response->headers.date, &server_s) != 0)
        return 0;
    return now_s - server_s;
}

/* A refusal of an assertion's times: our clock when it is off, else the times of the assertion itself. */
static void refine_clock(enum credential_kind kind, const struct http_response *response, int64_t now_s,
                         struct outcome *outcome)
{
    const int64_t skew_s = token_request_skew_s(response, now_s);
    char detail[sizeof(outcome->detail)], off[DURATION_TEXT], text[sizeof(outcome->detail) + 100];

    if (outcome->class != OUTCOME_CONNECTION ||
        (outcome->trouble != TROUBLE_CLOCK && outcome->trouble != TROUBLE_ASSERTION))
        return;
    if (llabs(skew_s) <= TOKEN_REQUEST_SKEW_S) {
        if (outcome->trouble == TROUBLE_CLOCK && kind == CREDENTIAL_FEDERATED)
            outcome->trouble = TROUBLE_CREDENTIAL_EXPIRED;
        return;
    }
    outcome->trouble = TROUBLE_CLOCK;
    snprintf(detail, sizeof(detail), "%s", outcome->detail);
    snprintf(text, sizeof(text), "this clock is %s %s: %s", duration_format(llabs(skew_s) * 1000, off),
             skew_s > 0 ? "ahead" : "behind", detail);
    classify_detail(outcome, 0, "", text);
}

void token_request_refusal(enum credential_kind kind, const struct http_response *response, int64_t now_s,
                           struct outcome *ret_outcome)
{
    outcome_of_token_response(response, now_s, ret_outcome);
    if (kind == CREDENTIAL_MANAGED)
        refine_identity(response, ret_outcome);
    else
        refine_clock(kind, response, now_s, ret_outcome);
}
