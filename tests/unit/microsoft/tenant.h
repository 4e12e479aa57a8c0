/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * tenant - a connection to a scripted server that stands for Entra and Graph, with a token source and a clock that the
 * test moves.
 */
#ifndef COMPLYD_TESTS_TENANT_H
#define COMPLYD_TESTS_TENANT_H

#include <stdlib.h>
#include <string.h>

#include "loop.h"
#include "microsoft/token.h"
#include "scripted.h"
#include "tempdir.h"

#define TENANT_ID     "11111111-2222-3333-4444-555555555555"
#define TENANT_CLIENT "66666666-7777-8888-9999-000000000000"
#define TENANT_SCOPE  "https://graph.example/.default"

/* The token endpoint's answer: a token of four characters, a lifetime in four characters. */
#define TOKEN_RESPONSE(token, expires)                                                                                 \
    "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n"                                  \
    "2D\r\n{\"token_type\":\"Bearer\",\"access_token\":\"" token "\",\r\n14\r\n\"expires_in\":\"" expires              \
    "\"}\r\n0\r\n\r\n"

struct tenant {
    uv_loop_t loop;
    struct scripted *server;
    struct http_client *client;
    struct connection_settings settings;
    struct clock clock;
    int64_t now_ms; /* of both clocks, besides the start of each */
    struct token_source *source;
    unsigned closed;
};

/* What a want was told. */
struct told {
    unsigned calls;
    bool good; /* there is a token */
    struct outcome outcome;
};

static inline int64_t tenant_realtime(void *ctx)
{
    return INT64_C(1767225600000) + ((struct tenant *)ctx)->now_ms;
}

static inline int64_t tenant_monotonic(void *ctx)
{
    return INT64_C(5000) + ((struct tenant *)ctx)->now_ms;
}

static inline void tenant_closed(void *ctx)
{
    ((struct tenant *)ctx)->closed++;
}

static inline void tenant_start(struct tenant *tenant)
{
    static char empty[] = "", id[] = TENANT_ID, client[] = TENANT_CLIENT, name[] = "test";
    const struct scripted_options options = {.directory = tempdir};
    const char *secret_file = tempdir_write("secret", "s3cr&t=\n", 8, 0600);

    *tenant = (struct tenant){0};
    uv_loop_init(&tenant->loop);
    tenant->server = scripted_start(&options);
    tenant->clock = (struct clock){.realtime_ms = tenant_realtime, .monotonic_ms = tenant_monotonic, .ctx = tenant};
    tenant->settings = (struct connection_settings){.name = name,
                                                    .tenant_id = id,
                                                    .client_id = client,
                                                    .client_secret_file = strdup(secret_file),
                                                    .certificate_file = empty,
                                                    .private_key_file = empty,
                                                    .federated_token_file = empty,
                                                    .authority_url = strdup(scripted_base(tenant->server)),
                                                    .graph_url = strdup(scripted_base(tenant->server))};
    const struct http_options http = {.ca_file = scripted_ca_file(tenant->server)};
    assert_int_equal(http_client_new(&tenant->loop, &http, &tenant->client, NULL), 0);
    assert_int_equal(
        token_source_new(tenant->client, &tenant->settings, TENANT_SCOPE, &tenant->clock, &tenant->source, NULL), 0);
}

static inline void tenant_stop(struct tenant *tenant)
{
    token_source_free(tenant->source);
    http_client_close(tenant->client, tenant_closed, tenant);
    loop_until(&tenant->loop, &tenant->closed, 1);
    loop_finish(&tenant->loop);
    scripted_stop(tenant->server);
    free(tenant->settings.client_secret_file);
    free(tenant->settings.authority_url);
    free(tenant->settings.graph_url);
}

static inline void tell(void *ctx, const struct outcome *outcome)
{
    struct told *told = ctx;

    told->calls++;
    told->good = outcome == NULL;
    if (outcome != NULL)
        told->outcome = *outcome;
}

/* Wants a token and waits for the word. */
static inline void want(struct tenant *tenant, struct told *told)
{
    *told = (struct told){0};
    assert_int_equal(token_want(tenant->source, tell, told), 0);
    assert_int_equal(told->calls, 0);
    loop_until(&tenant->loop, &told->calls, 1);
    assert_int_equal(told->calls, 1);
}

#define play(tenant, steps) scripted_play((tenant)->server, (steps), sizeof(steps) / sizeof((steps)[0]))

#endif
