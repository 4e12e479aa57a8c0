/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "token_request.h"

#include <openssl/x509.h>
#include <string.h>

#include "base/secret.h"
#include "classify.h"
#include "microsoft/assertion.h"
#include "textfile.h"

enum { FORM_ROOM = 1024 }; /* of a form's fields beside the credential */

static const char assertion_type[] =
    "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=";

/* A buffer that grows leaves its old bytes behind in freed memory; so one that takes a secret is made big enough first. */
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

/* The instance metadata service: the resource instead of the scope, and never by a proxy. */
static void set_managed_identity(struct token_request *request, const struct connection_settings *settings,
                                 const char *scope)
{
    static const char *const headers[] = {"Metadata: true", NULL};
    static const char suffix[] = "/.default";
    struct buf resource;
    size_t length = strlen(scope);

    if (length >= sizeof(suffix) - 1 && strcmp(scope + length - (sizeof(suffix) - 1), suffix) == 0)
        length -= sizeof(suffix) - 1;
    buf_init(&resource, 0);
    buf_add(&resource, scope, length);
    buf_add_text(&request->url,
                 "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=");
    buf_add_url(&request->url, buf_text(&resource));
    if (settings->client_id[0] != '\0') {
        buf_add_text(&request->url, "&client_id=");
        buf_add_url(&request->url, settings->client_id);
    }
    if (buf_error(&resource) != 0)
        request->url.error = buf_error(&resource);
    buf_deinit(&resource);
    request->http = (struct http_request){
        .method = HTTP_GET, .headers = headers, .allow_plain = true, .no_proxy = true, .secret_body = true};
}

static int build(struct token_request *request, const struct connection_settings *settings, const char *scope,
                 int64_t now_s, struct error *err)
{
    if (settings->managed_identity) {
        set_managed_identity(request, settings, scope);
        return 0;
    }
    request->http = (struct http_request){
        .method = HTTP_POST, .content_type = "application/x-www-form-urlencoded", .secret_body = true};
    buf_add_text(&request->url, settings->authority_url);
    buf_add_char(&request->url, '/');
    buf_add_url(&request->url, settings->tenant_id);
    buf_add_text(&request->url, "/oauth2/v2.0/token");
    if (settings->client_secret_file[0] != '\0')
        return add_secret(request, settings, scope, err);
    if (settings->certificate_file[0] != '\0')
        return add_certificate(request, settings, scope, now_s, err);
    if (settings->federated_token_file[0] != '\0')
        return add_federated(request, settings, scope, err);
    return error_set(err, ERR_CREDENTIAL, 0, "the connection has no credential");
}

int token_request_init(struct token_request *request, const struct connection_settings *settings, const char *scope,
                       int64_t now_s, struct error *err)
{
    int result;

    buf_init(&request->url, 0);
    buf_init(&request->body, 0);
    result = build(request, settings, scope, now_s, err);
    if (result == 0 && (buf_error(&request->url) != 0 || buf_error(&request->body) != 0))
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
}

void token_request_failure(const struct error *error, struct outcome *ret_outcome)
{
    *ret_outcome = (struct outcome){.class = OUTCOME_CONNECTION, .trouble = TROUBLE_CREDENTIAL_FILE};
    if (error->code == ERR_NOMEM)
        *ret_outcome = (struct outcome){.class = OUTCOME_TRANSIENT};
    else if (error->code == ERR_CREDENTIAL && error->origin == X509_V_ERR_CERT_HAS_EXPIRED)
        ret_outcome->trouble = TROUBLE_CREDENTIAL_EXPIRED;
    else if (error->code == ERR_CREDENTIAL && error->origin == X509_V_ERR_CERT_NOT_YET_VALID)
        ret_outcome->trouble = TROUBLE_CLOCK;
    classify_detail(ret_outcome, 0, "", error_text(error));
}

/* "Retry on 404, 429, 5xx and time-out; 410 = back within 70 s; other 4xx are permanent": the machine has no such identity. */
void token_request_refusal(const struct connection_settings *settings, const struct http_response *response,
                           int64_t now_s, struct outcome *ret_outcome)
{
    outcome_of_token_response(response, now_s, ret_outcome);
    if (!settings->managed_identity || response->result != 0 || response->status < 400)
        return;
    if (response->status == 404 || response->status == 410) {
        ret_outcome->class = OUTCOME_TRANSIENT;
        ret_outcome->trouble = TROUBLE_SERVICE;
    } else if (response->status < 500 && ret_outcome->class != OUTCOME_THROTTLED) {
        ret_outcome->class = OUTCOME_CONNECTION;
        ret_outcome->trouble = TROUBLE_CREDENTIAL_WRONG;
    }
}
