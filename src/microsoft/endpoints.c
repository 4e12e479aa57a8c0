/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "microsoft/endpoints.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "classify.h"
#include "microsoft/cloud.h"

enum {
    PAGES_MAX = 10,
    URL_MAX = 4096,
};

/*
 *     PRINCIPAL ──id──► LIST ──next page──► LIST ... ──► done
 *         └─── 401, once: a new token, the same question ───┘
 */
struct endpoints_discovery {
    struct http_client *client;
    struct token_source *token;
    const struct clock *clock;
    endpoints_done_fn *done;
    void *ctx;
    char *graph_url;
    struct buf url; /* of the question being asked */
    bool listing;   /* the principal is known */
    bool renewed;   /* a 401 was answered with a new token */
    bool canceled;
    bool asking; /* an answer will come, after a cancel too */
    unsigned pages;
    uint64_t request_id;
    uint64_t fetches; /* of the token source when the question was asked: tells whether its token is still that one */
    struct endpoints found;
};

static void discovery_free(struct endpoints_discovery *discovery)
{
    buf_deinit(&discovery->url);
    free(discovery->graph_url);
    free(discovery);
}

static void finish(struct endpoints_discovery *discovery, const struct outcome *outcome)
{
    endpoints_done_fn *done = discovery->done;
    void *ctx = discovery->ctx;
    struct endpoints found = discovery->found;

    discovery_free(discovery);
    done(ctx, outcome, &found);
}

static void on_answer(void *ctx, const struct http_response *response);
static void on_token(void *ctx, const struct outcome *outcome);

/* Asks with the token there is, else waits for one. */
static int ask(struct endpoints_discovery *discovery, struct error *err)
{
    const char *token = token_get(discovery->token);
    struct http_request request = {.method = HTTP_GET, .url = buf_text(&discovery->url), .bearer = token};
    int result;

    if (buf_error(&discovery->url) != 0)
        return error_set(err, buf_error(&discovery->url), 0, "the URL of the endpoint list is too long");
    if (token == NULL) {
        result = token_want(discovery->token, on_token, discovery);
        return result == 0 ? 0 : error_set(err, result, 0, "no memory for the endpoint discovery");
    }
    result = http_send(discovery->client, &request, on_answer, discovery, NULL, &discovery->request_id, err);
    discovery->asking = result == 0;
    discovery->fetches = token_fetches(discovery->token);
    return result;
}

static void ask_or_finish(struct endpoints_discovery *discovery)
{
    struct outcome outcome = {.class = OUTCOME_TRANSIENT, .trouble = TROUBLE_NETWORK};
    struct error error = {0};

    if (ask(discovery, &error) == 0)
        return;
    classify_detail(&outcome, 0, "", error_text(&error));
    finish(discovery, &outcome);
}

static void on_token(void *ctx, const struct outcome *outcome)
{
    struct endpoints_discovery *discovery = ctx;

    if (outcome != NULL)
        finish(discovery, outcome);
    else
        ask_or_finish(discovery);
}

static void finish_badly(struct endpoints_discovery *discovery, const struct error *error)
{
    struct outcome outcome = {.class = OUTCOME_TRANSIENT, .trouble = TROUBLE_REPLY};

    if (error->code == ERR_NOTFOUND) {
        outcome.class = OUTCOME_CONNECTION;
        outcome.trouble = TROUBLE_ENDPOINTS;
    } else if (error->code == ERR_REFUSED) {
        outcome.class = OUTCOME_CONNECTION;
        outcome.trouble = TROUBLE_CLOUD;
    }
    classify_detail(&outcome, 0, "", error_text(error));
    finish(discovery, &outcome);
}

/* The answer named the service principal: ask for its endpoints. */
static void take_principal(struct endpoints_discovery *discovery, const struct http_response *response)
{
    char id[GUID_TEXT];
    struct error error;

    if (endpoints_parse_principal(response->body, response->body_length, id, &error) != 0) {
        finish_badly(discovery, &error);
        return;
    }
    discovery->listing = true;
    buf_clear(&discovery->url);
    buf_add_text(&discovery->url, discovery->graph_url);
    buf_add_text(&discovery->url, "/v1.0/servicePrincipals/");
    buf_add_text(&discovery->url, id);
    buf_add_text(&discovery->url, "/endpoints");
    ask_or_finish(discovery);
}

/* Tokens never cross clouds, whatever a list says. */
static int check_cloud(const struct endpoints_discovery *discovery, struct error *err)
{
    const char *const urls[] = {discovery->found.device_url, discovery->found.tenant_url};

    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        if (urls[i][0] != '\0' && !cloud_is_same(discovery->graph_url, urls[i]))
            return error_set(err, ERR_REFUSED, 0,
                             "the endpoint list names %s, which is not of the cloud of %s: not contacted", urls[i],
                             discovery->graph_url);
    }
    return 0;
}

static void take_page(struct endpoints_discovery *discovery, const struct http_response *response)
{
    char next[1024];
    struct error error = {0};
    int result = endpoints_parse_list(response->body, response->body_length, &discovery->found, next, &error);
    if (result == 0)
        result = check_cloud(discovery, &error);
    const bool complete = discovery->found.device_url[0] != '\0' && discovery->found.tenant_url[0] != '\0';

    if (result == 0 && next[0] != '\0' && !complete) {
        if (!cloud_is_graphs_own(discovery->graph_url, next))
            result = error_set(&error, ERR_REPLY, 0, "the endpoint list goes on at another host");
        else if (++discovery->pages >= PAGES_MAX)
            result = error_set(&error, ERR_REPLY, 0, "the endpoint list has no end");
        if (result == 0) {
            buf_clear(&discovery->url);
            buf_add_text(&discovery->url, next);
            ask_or_finish(discovery);
            return;
        }
    } else if (result == 0 && discovery->found.device_url[0] == '\0') {
        result = error_set(&error, ERR_NOTFOUND, 0, "no PartnerDeviceDataSyncService among the endpoints of Intune");
    }
    if (result != 0)
        finish_badly(discovery, &error);
    else
        finish(discovery, NULL);
}

static void on_answer(void *ctx, const struct http_response *response)
{
    struct endpoints_discovery *discovery = ctx;
    struct outcome outcome;

    discovery->asking = false;
    if (discovery->canceled) {
        discovery_free(discovery);
        return;
    }
    outcome_of_response(response, false, clock_realtime_ms(discovery->clock) / 1000, &outcome);
    if (outcome.class == OUTCOME_AUTH && !discovery->renewed) {
        discovery->renewed = true;
        if (token_fetches(discovery->token) == discovery->fetches)
            token_drop(discovery->token, token_get(discovery->token));
        ask_or_finish(discovery);
    } else if (outcome.class != OUTCOME_ACCEPTED) {
        finish(discovery, &outcome);
    } else if (discovery->listing) {
        take_page(discovery, response);
    } else {
        take_principal(discovery, response);
    }
}

int endpoints_discover(struct http_client *client, const char *graph_url, struct token_source *graph_token,
                       const struct clock *clock, endpoints_done_fn *done, void *ctx,
                       struct endpoints_discovery **ret_discovery)
{
    struct endpoints_discovery *discovery = calloc(1, sizeof(*discovery));
    int result;

    *ret_discovery = NULL;
    if (discovery == NULL)
        return ERR_NOMEM;
    *discovery =
        (struct endpoints_discovery){.client = client, .token = graph_token, .clock = clock, .done = done, .ctx = ctx};
    buf_init(&discovery->url, URL_MAX);
    discovery->graph_url = strdup(graph_url);
    result = discovery->graph_url != NULL ? 0 : ERR_NOMEM;
    if (result == 0) {
        buf_add_text(&discovery->url, graph_url);
        buf_add_text(&discovery->url, "/v1.0/servicePrincipals?$filter=appId%20eq%20'" INTUNE_APP_ID "'");
        result = ask(discovery, NULL);
    }
    if (result != 0) {
        discovery_free(discovery);
        return result;
    }
    *ret_discovery = discovery;
    return 0;
}

void endpoints_cancel(struct endpoints_discovery *discovery)
{
    if (discovery == NULL)
        return;
    if (!discovery->asking) {
        token_unwant(discovery->token, discovery);
        discovery_free(discovery);
        return;
    }
    discovery->canceled = true;
    http_cancel(discovery->client, discovery->request_id);
}
