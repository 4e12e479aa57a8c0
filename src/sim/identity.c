/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "sim/identity.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sim/exchange.h"
#include "sim/token.h"
#include "sim/world.h"

static void refuse(struct exchange *ex, int status, const char *error, const char *text)
{
    exchange_answer(ex, status, EXCHANGE_JSON);
    buf_add_text(&ex->reply, "{\"error\":");
    buf_add_json_string(&ex->reply, error);
    buf_add_text(&ex->reply, ",\"error_description\":");
    buf_add_json_string(&ex->reply, text);
    buf_add_char(&ex->reply, '}');
}

/* A new key for each challenge, good once. */
static bool write_key(struct world *world)
{
    struct guid random;
    FILE *file;
    int fd;

    guid_random(&random);
    guid_format(&random, world->arc_key);
    fd = open(world->arc_key_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    file = fd >= 0 ? fdopen(fd, "w") : NULL;
    return file && fputs(world->arc_key, file) >= 0 && fclose(file) == 0;
}

/* True when the caller has shown the key; else ex is answered. */
static bool check_key(struct world *world, struct exchange *ex)
{
    static const char scheme[] = "Basic ";
    const char *given = ex->authorization;

    if (given && strncmp(given, scheme, strlen(scheme)) == 0 && world->arc_key[0] != '\0' &&
        strcmp(given + strlen(scheme), world->arc_key) == 0) {
        world->arc_key[0] = '\0';
        return true;
    }
    if (!write_key(world)) {
        refuse(ex, 500, "server_error", "The key file cannot be written.");
        return false;
    }
    refuse(ex, 401, "unauthorized", "Missing Basic Authorization header");
    exchange_header(ex, "WWW-Authenticate", "Basic realm=%s",
                    world->arc_realm ? world->arc_realm : world->arc_key_file);
    return false;
}

static bool check_request(const struct exchange *ex)
{
    return exchange_segment_is(ex, 0, "metadata") && exchange_segment_is(ex, 1, "identity") &&
           exchange_segment_is(ex, 2, "oauth2") && exchange_segment_is(ex, 3, "token") && ex->segment_count == 4;
}

static bool check_version(const struct world *world, const struct exchange *ex)
{
    char *version = exchange_query(ex, "api-version");
    bool known =
        version && (world->arc_key_file ? strcmp(version, "2019-11-01") == 0 || strcmp(version, "2020-06-01") == 0
                                        : strlen(version) == 10 && strcmp(version, "2018-02-01") >= 0);

    free(version);
    return known;
}

/* The machine's own identity when none is asked for; the one that bears the app's id. */
static bool has_identity(const struct world *world, const struct exchange *ex)
{
    char *client_id = exchange_query(ex, "client_id");
    bool there = client_id ? !world->arc_key_file && strcasecmp(client_id, world->app.client_id) == 0
                           : world->settings.machine_identity;

    free(client_id);
    return there;
}

/* expires_in is a text here, a number at Entra. */
static void answer(struct world *world, struct exchange *ex, const char *resource)
{
    int64_t lifetime_s = world->settings.token_lifetime_s > 0 ? world->settings.token_lifetime_s : 86400;
    const int64_t expires_s = world_now_ms(world) / 1000 + lifetime_s;
    enum token_kind kind;
    char scope[600];
    size_t length;
    char *token = NULL;

    snprintf(scope, sizeof(scope), "%s/.default", resource);
    if (token_scope(world, scope, &kind, &length))
        token = token_issue(world, world->tenants[0], kind, resource, lifetime_s);
    if (!token) {
        refuse(ex, 400, "invalid_resource", "AADSTS500011: The resource principal was not found in the tenant.");
        return;
    }
    world->stats.tokens_issued++;
    ex->token_kind = kind == TOKEN_GRAPH ? "graph" : "intune";
    exchange_answer(ex, 200, EXCHANGE_JSON "; charset=utf-8");
    buf_addf(
        &ex->reply,
        "{\"access_token\":\"%s\",\"client_id\":\"%s\",\"expires_in\":\"%lld\",\"expires_on\":\"%lld\",\"resource\":",
        token, world->app.client_id, (long long)lifetime_s, (long long)expires_s);
    buf_add_json_string(&ex->reply, resource);
    buf_add_text(&ex->reply, ",\"token_type\":\"Bearer\"}");
    free(token);
}

void identity_handle(struct world *world, struct exchange *ex)
{
    char *resource = exchange_query(ex, "resource");

    if (!exchange_method_is(ex, "GET"))
        refuse(ex, 405, "invalid_request", "Method not allowed");
    else if (!check_request(ex))
        refuse(ex, 404, "not_found", "No such resource");
    else if (!ex->metadata || strcmp(ex->metadata, "true") != 0)
        refuse(ex, 400, "invalid_request", "Required metadata header not specified");
    else if (ex->forwarded)
        refuse(ex, 400, "invalid_request", "X-Forwarded-For header is not allowed");
    else if (!check_version(world, ex))
        refuse(ex, 400, "invalid_request", "The api-version is missing or not supported");
    else if (!resource || *resource == '\0')
        refuse(ex, 400, "invalid_request", "Required audience parameter not specified");
    else if (!has_identity(world, ex))
        refuse(ex, 400, "invalid_request", "Identity not found");
    else if (!world->arc_key_file || check_key(world, ex))
        answer(world, ex, resource);
    free(resource);
}
