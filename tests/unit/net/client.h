/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * client - an HTTP client on a loop of its own beside a scripted server, and answers that are kept for the test to look
 * at.
 */
#ifndef COMPLYD_TESTS_CLIENT_H
#define COMPLYD_TESTS_CLIENT_H

#include <stdlib.h>
#include <string.h>

#include "loop.h"
#include "net/http.h"
#include "scripted.h"
#include "tempdir.h"

struct fixture {
    uv_loop_t loop;
    struct scripted *server;
    struct http_client *client;
    unsigned answers; /* callbacks so far, of all requests */
    unsigned closed;
};

/* What came of one request. */
struct answer {
    struct fixture *fixture;
    unsigned calls;
    struct http_response response; /* body is a copy */
    char body[256];
};

static inline void on_answer(void *ctx, const struct http_response *response)
{
    struct answer *answer = ctx;

    answer->calls++;
    answer->response = *response;
    snprintf(answer->body, sizeof(answer->body), "%s", response->body);
    answer->response.body = answer->body;
    answer->fixture->answers++;
}

static inline void on_closed(void *ctx)
{
    ((struct fixture *)ctx)->closed++;
}

static inline void client_start(struct fixture *fixture, const struct http_options *options)
{
    struct http_options with_ca = *options;
    struct error error = {0};

    if (with_ca.ca_file == NULL)
        with_ca.ca_file = scripted_ca_file(fixture->server);
    if (http_client_new(&fixture->loop, &with_ca, &fixture->client, &error) != 0)
        fail_msg("%s", error.message);
}

static inline void fixture_start(struct fixture *fixture, bool http2, const struct http_options *options)
{
    const struct scripted_options server = {.directory = tempdir, .http2 = http2};

    *fixture = (struct fixture){0};
    uv_loop_init(&fixture->loop);
    fixture->server = scripted_start(&server);
    client_start(fixture, options);
}

/* Asserts that nothing is left: no call-back, no handle. */
static inline void fixture_stop(struct fixture *fixture)
{
    http_client_close(fixture->client, on_closed, fixture);
    loop_until(&fixture->loop, &fixture->closed, 1);
    loop_finish(&fixture->loop);
    scripted_stop(fixture->server);
}

static inline const char *url_of(const struct fixture *fixture, const char *path)
{
    static char url[256];

    snprintf(url, sizeof(url), "%s%s", scripted_base(fixture->server), path);
    return url;
}

/* Sends without waiting; returns the request's id. */
static inline uint64_t start(struct fixture *fixture, const struct http_request *request, struct answer *answer)
{
    struct error error = {0};
    uint64_t id = 0;

    *answer = (struct answer){.fixture = fixture};
    if (http_send(fixture->client, request, on_answer, answer, NULL, &id, &error) != 0)
        fail_msg("%s", error.message);
    assert_int_equal(answer->calls, 0);
    return id;
}

static inline uint64_t start_get(struct fixture *fixture, struct answer *answer)
{
    const struct http_request request = {.method = HTTP_GET, .url = url_of(fixture, "/")};

    return start(fixture, &request, answer);
}

static inline void send_and_wait(struct fixture *fixture, const struct http_request *request, struct answer *answer)
{
    start(fixture, request, answer);
    loop_until(&fixture->loop, &answer->calls, 1);
    assert_int_equal(answer->calls, 1);
}

static inline void get_and_wait(struct fixture *fixture, struct answer *answer)
{
    start_get(fixture, answer);
    loop_until(&fixture->loop, &answer->calls, 1);
    assert_int_equal(answer->calls, 1);
}

#define play(fixture, steps) scripted_play((fixture)->server, (steps), sizeof(steps) / sizeof((steps)[0]))

#endif
