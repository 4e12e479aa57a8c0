/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "sim/login.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "sim/assertion.h"
#include "sim/exchange.h"
#include "sim/refusal.h"
#include "sim/token.h"
#include "sim/world.h"

enum parameter {
    GRANT_TYPE,
    CLIENT_ID,
    SCOPE,
    CLIENT_SECRET,
    ASSERTION_TYPE,
    ASSERTION,
    CLAIMS,
    PARAMETERS,
};

static const char *const names[PARAMETERS] = {
    "grant_type", "client_id", "scope", "client_secret", "client_assertion_type", "client_assertion", "claims",
};

/* The decoded form; NULL = parameter absent. Holds secrets: release() wipes. */
struct form {
    char *values[PARAMETERS];
};

static void release(struct form *form)
{
    for (size_t i = 0; i < PARAMETERS; i++) {
        if (form->values[i])
            explicit_bzero(form->values[i], strlen(form->values[i]));
        free(form->values[i]);
    }
}

static int parameter_index(const char *name, size_t length)
{
    for (int i = 0; i < PARAMETERS; i++) {
        if (strlen(names[i]) == length && memcmp(names[i], name, length) == 0)
            return i;
    }
    return -1;
}

/* False when malformed or a parameter comes twice; unknown ones are passed over, as Entra does. */
static bool read_form(const char *body, struct form *form)
{
    while (*body) {
        size_t length = strcspn(body, "&");
        size_t name_length = strcspn(body, "=&");
        int i = parameter_index(body, name_length);
        if (i >= 0 && (form->values[i] || name_length == length))
            return false;
        if (i >= 0) {
            form->values[i] = exchange_decode(body + name_length + 1, length - name_length - 1, true);
            if (!form->values[i])
                return false;
        }
        body += length + (body[length] == '&');
    }
    return true;
}

static void refuse_missing(struct exchange *ex, const char *name)
{
    char text[128];

    snprintf(text, sizeof(text), "The request body must contain the following parameter: '%s'.", name);
    refusal_login(ex, 400, "invalid_request", 900144, text);
}

/* What must hold whatever the credential. True = goes on; else ex is answered. */
static bool check_request(const struct world *world, struct exchange *ex, const struct form *form)
{
    const char *const *values = (const char *const *)form->values;

    for (int i = GRANT_TYPE; i <= SCOPE; i++) {
        if (!values[i]) {
            refuse_missing(ex, names[i]);
            return false;
        }
    }
    if (strcmp(values[GRANT_TYPE], "client_credentials") != 0) {
        refusal_login(ex, 400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type.");
        return false;
    }
    if (strcasecmp(values[CLIENT_ID], world->app.client_id) != 0) {
        refusal_login(
            ex, 400, "unauthorized_client", 700016,
            "Application was not found in the directory. This can happen if the application has not been installed "
            "by the administrator of the tenant. You may have sent your authentication request to the wrong tenant.");
        return false;
    }
    return true;
}

static bool check_scope(const struct world *world, struct exchange *ex, const char *scope, enum token_kind *ret_kind,
                        size_t *ret_length)
{
    if (strchr(scope, ' ')) {
        refusal_login(ex, 400, "invalid_scope", 70011,
                      "The provided value for the input parameter 'scope' is not valid: one resource a request.");
        return false;
    }
    if (token_scope(world, scope, ret_kind, ret_length))
        return true;
    const char *suffix = strstr(scope, "/.default");
    if (!suffix || suffix[strlen("/.default")])
        refusal_login(ex, 400, "invalid_scope", 1002012,
                      "The provided value for scope is not valid. Client credential flows must have a scope value with "
                      "/.default suffixed to the resource identifier (application ID URI).");
    else
        refusal_login(
            ex, 400, "invalid_resource", 500011,
            "The resource principal was not found in the tenant. This can happen if the application has not been "
            "installed by the administrator of the tenant or consented to by any user in the tenant.");
    return false;
}

static bool check_secret(const struct world *world, struct exchange *ex, const char *given)
{
    const struct secret *secret = &world->app.client_secret;

    if (world->settings.secret_expired) {
        refusal_login(
            ex, 401, "invalid_client", 7000222,
            "The provided client secret keys for app are expired. Visit the Azure portal to create new keys for "
            "your app, or consider using certificate credentials for added security.");
        return false;
    }
    if (secret->data && strlen(given) == secret->length && memcmp(given, secret->data, secret->length) == 0)
        return true;
    refusal_login(
        ex, 401, "invalid_client", 7000215,
        "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not "
        "the client secret ID, for a secret added to app.");
    return false;
}

static bool check_assertion(struct world *world, struct exchange *ex, const struct form *form)
{
    static const char type[] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    char url[512];

    if (!form->values[ASSERTION_TYPE] || strcmp(form->values[ASSERTION_TYPE], type) != 0) {
        refuse_missing(ex, names[ASSERTION_TYPE]);
        return false;
    }
    /* The host as the client sees it: the listener may have several names. */
    snprintf(url, sizeof(url), "https://%s%s", ex->host ? ex->host : "", ex->target);
    url[strcspn(url, "?")] = '\0';
    const struct assertion_refusal *refusal =
        assertion_check(world, form->values[ASSERTION], url, world->app.client_id);
    if (refusal)
        refusal_login(ex, 401, "invalid_client", refusal->code, refusal->text);
    return refusal == NULL;
}

static bool check_credential(struct world *world, struct exchange *ex, const struct form *form)
{
    bool secret = form->values[CLIENT_SECRET] != NULL;
    bool assertion = form->values[ASSERTION] != NULL;

    if (secret && assertion) {
        refusal_login(ex, 400, "invalid_request", 90100,
                      "Only one of client_secret and client_assertion may be given.");
        return false;
    }
    if (assertion)
        return check_assertion(world, ex, form);
    if (secret)
        return check_secret(world, ex, form->values[CLIENT_SECRET]);
    refusal_login(ex, 401, "invalid_client", 7000218,
                  "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.");
    return false;
}

static void answer_token(struct world *world, struct exchange *ex, const struct tenant *tenant, enum token_kind kind,
                         const char *scope, size_t length)
{
    int64_t lifetime_s = world->settings.token_lifetime_s;
    char *audience = strndup(scope, length);
    char *token;

    if (lifetime_s <= 0)
        lifetime_s = 3599 + (int64_t)(guid_random_u64() % 1801);
    token = audience ? token_issue(world, tenant, kind, audience, lifetime_s) : NULL;
    free(audience);
    if (!token) {
        refusal_any(ex, 503, "ServiceUnavailable", "Out of memory.");
        return;
    }
    world->stats.tokens_issued++;
    ex->token_kind = kind == TOKEN_GRAPH ? "graph" : "intune";
    exchange_answer(ex, 200, EXCHANGE_JSON "; charset=utf-8");
    exchange_header(ex, "Cache-Control", "no-store, no-cache");
    buf_addf(&ex->reply,
             "{\"token_type\":\"Bearer\",\"expires_in\":%lld,\"ext_expires_in\":%lld,\"access_token\":\"%s\"}",
             (long long)lifetime_s, (long long)lifetime_s, token);
    free(token);
}

static void handle_form(struct world *world, struct exchange *ex, const struct tenant *tenant, struct form *form)
{
    enum token_kind kind;
    size_t length;

    if (!read_form(ex->body, form))
        refusal_login(ex, 400, "invalid_request", 9000411,
                      "The request is not properly formatted. A parameter is duplicated or malformed.");
    else if (check_request(world, ex, form) && check_scope(world, ex, form->values[SCOPE], &kind, &length) &&
             check_credential(world, ex, form))
        answer_token(world, ex, tenant, kind, form->values[SCOPE], length);
}

static const char *http_date(int64_t time_s, char text[40])
{
    time_t time = (time_t)time_s;
    struct tm tm;

    gmtime_r(&time, &tm);
    strftime(text, 40, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    return text;
}

void login_token(struct world *world, struct exchange *ex)
{
    static const char form_type[] = "application/x-www-form-urlencoded";
    const struct tenant *tenant = world_tenant(world, ex->segments[0]);
    struct form form = {{NULL}};
    char date[40];

    if (!exchange_method_is(ex, "POST")) {
        refusal_login(ex, 405, "invalid_request", 900561, "The endpoint only accepts POST requests.");
        exchange_header(ex, "Allow", "POST");
    } else if (!tenant) {
        refusal_login(
            ex, 400, "invalid_request", 90002,
            "Tenant not found. Check to make sure you have the correct tenant ID and are signing into the correct "
            "cloud.");
    } else if (!ex->content_type || strncasecmp(ex->content_type, form_type, strlen(form_type)) != 0) {
        refuse_missing(ex, names[GRANT_TYPE]);
    } else {
        handle_form(world, ex, tenant, &form);
    }
    release(&form);
    if (world->settings.clock_offset_s != 0)
        exchange_header(ex, "Date", "%s", http_date(world_now_ms(world) / 1000, date));
}
