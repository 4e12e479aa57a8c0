/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* Requests and answers as they should be, over HTTP/1.1 and real TLS. */
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "client.h"

static const struct http_options usual = {0};

static const struct scripted_step fine[] = {{SCRIPTED_JSON("200 OK", "", "{}", "2"), SCRIPTED_KEEP}};

static void test_an_answer_arrives_whole(void **state)
{
    static const struct scripted_step steps[] = {
        {"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 2.128\r\nREQUEST-ID:  abc-1 \r\nDate: Thu, 01 Jan 2026 "
         "00:00:00 "
         "GMT\r\nx-ms-ags-diagnostic: {\"a\":1}\r\nWWW-Authenticate: Basic\r\nwww-authenticate: Bearer x=1\r\n"
         "Content-Type: application/json\r\nx-ms-throttle-scope: Tenant\r\nx-ms-throttle-information: Write\r\n"
         "x-ms-throttle-limit-percentage: 1.25\r\nContent-Length: 7\r\n\r\n{\"a\":1}",
         SCRIPTED_KEEP}};
    struct fixture fixture;
    struct answer answer;

    (void)state;
    fixture_start(&fixture, false, &usual);
    play(&fixture, steps);
    get_and_wait(&fixture, &answer);
    assert_int_equal(answer.response.result, 0);
    assert_int_equal(answer.response.status, 429);
    assert_false(answer.response.maybe_sent);
    assert_string_equal(answer.body, "{\"a\":1}");
    assert_int_equal(answer.response.body_length, 7);
    assert_string_equal(answer.response.headers.retry_after, "2.128");
    assert_string_equal(answer.response.headers.request_id, "abc-1");
    assert_string_equal(answer.response.headers.date, "Thu, 01 Jan 2026 00:00:00 GMT");
    assert_string_equal(answer.response.headers.ags_diagnostic, "{\"a\":1}");
    assert_string_equal(answer.response.headers.www_authenticate, "Bearer x=1");
    assert_string_equal(answer.response.headers.content_type, "application/json");
    assert_string_equal(answer.response.headers.throttle_scope, "Tenant");
    assert_string_equal(answer.response.headers.throttle_information, "Write");
    assert_true(answer.response.headers.throttle_percentage == 1.25);
    fixture_stop(&fixture);
}

static unsigned count_of(const char *text, const char *part)
{
    unsigned count = 0;

    for (; (text = strstr(text, part)) != NULL; text += strlen(part))
        count++;
    return count;
}

static void test_a_request_arrives_whole(void **state)
{
    static const char *const lines[] = {"Metadata: true", "X-Other: 1", NULL};
    struct fixture fixture;
    struct answer answer;
    struct guid id;
    char text[GUID_TEXT], line[128];
    struct error error;
    char *seen;

    (void)state;
    fixture_start(&fixture, false, &usual);
    play(&fixture, fine);
    const struct http_request request = {.method = HTTP_PUT,
                                         .url = url_of(&fixture, "/a(guid'1')?api-version=1.2"),
                                         .bearer = "tok.en-1",
                                         .content_type = "application/json",
                                         .headers = lines,
                                         .body = "{\"b\":2}",
                                         .body_length = 7};
    answer = (struct answer){.fixture = &fixture};
    assert_int_equal(http_send(fixture.client, &request, on_answer, &answer, &id, NULL, &error), 0);
    loop_until(&fixture.loop, &answer.calls, 1);
    assert_int_equal(answer.response.status, 200);

    seen = scripted_request(fixture.server, 0);
    assert_non_null(seen);
    assert_ptr_equal(strstr(seen, "PUT /a(guid'1')?api-version=1.2 HTTP/1.1\r\n"), seen);
    assert_int_equal(count_of(seen, "\r\nAuthorization: Bearer tok.en-1\r\n"), 1);
    assert_int_equal(count_of(seen, "\r\nAccept: application/json\r\n"), 1);
    assert_int_equal(count_of(seen, "\r\nContent-Type: application/json\r\n"), 1);
    assert_int_equal(count_of(seen, "\r\nUser-Agent: complyd/" COMPLYD_VERSION "\r\n"), 1);
    assert_int_equal(count_of(seen, "\r\nMetadata: true\r\n"), 1);
    assert_int_equal(count_of(seen, "\r\nX-Other: 1\r\n"), 1);
    snprintf(line, sizeof(line), "\r\nclient-request-id: %s\r\n", guid_format(&id, text));
    assert_int_equal(count_of(seen, line), 1);
    assert_int_equal(count_of(seen, "Expect"), 0);
    assert_int_equal(count_of(seen, "\r\nAccept-Encoding: identity\r\n"), 1);
    assert_non_null(strstr(seen, "\r\n\r\n{\"b\":2}"));
    free(seen);
    fixture_stop(&fixture);
}

/* The same easy handle serves all: nothing of a request may show in the next. */
static void test_nothing_is_left_of_the_request_before(void **state)
{
    static const struct {
        enum http_method method;
        const char *start, *bearer, *type, *body;
    } requests[] = {
        {HTTP_PUT, "PUT / ", "one", "application/json", "{\"put\":1}"},
        {HTTP_GET, "GET / ", "two", NULL, NULL},
        {HTTP_POST, "POST / ", NULL, "application/x-www-form-urlencoded", "a=b"},
        {HTTP_PATCH, "PATCH / ", "one", "application/json", "{\"patch\":1}"},
        {HTTP_GET, "GET / ", NULL, NULL, NULL},
        {HTTP_POST, "POST / ", "two", NULL, ""},
        {HTTP_PUT, "PUT / ", "three", "text/plain", "x"},
    };
    struct fixture fixture;
    struct answer answer;

    (void)state;
    fixture_start(&fixture, false, &usual);
    play(&fixture, fine);
    for (unsigned i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        const struct http_request request = {.method = requests[i].method,
                                             .url = url_of(&fixture, "/"),
                                             .bearer = requests[i].bearer,
                                             .content_type = requests[i].type,
                                             .body = requests[i].body,
                                             .body_length = requests[i].body != NULL ? strlen(requests[i].body) : 0,
                                             .secret_body = i % 2 == 0};
        char expected[64];
        char *seen;

        send_and_wait(&fixture, &request, &answer);
        seen = scripted_request(fixture.server, i);
        assert_ptr_equal(strstr(seen, requests[i].start), seen);
        snprintf(expected, sizeof(expected), "Authorization: Bearer %s\r\n", requests[i].bearer);
        assert_int_equal(count_of(seen, expected), requests[i].bearer != NULL);
        assert_int_equal(count_of(seen, "Authorization:"), requests[i].bearer != NULL);
        snprintf(expected, sizeof(expected), "Content-Type: %s\r\n", requests[i].type);
        assert_int_equal(count_of(seen, expected), requests[i].type != NULL);
        assert_string_equal(strstr(seen, "\r\n\r\n") + 4, requests[i].body != NULL ? requests[i].body : "");
        free(seen);
    }
    fixture_stop(&fixture);
}

static void test_a_connection_is_used_again(void **state)
{
    struct fixture fixture;
    struct answer answer;

    (void)state;
    fixture_start(&fixture, false, &usual);
    play(&fixture, fine);
    for (int i = 0; i < 5; i++)
        get_and_wait(&fixture, &answer);
    assert_int_equal(scripted_connections(fixture.server), 1);
    const struct http_request fresh = {.url = url_of(&fixture, "/"), .fresh_connection = true};
    send_and_wait(&fixture, &fresh, &answer);
    assert_int_equal(scripted_connections(fixture.server), 2);
    get_and_wait(&fixture, &answer);
    assert_int_equal(scripted_connections(fixture.server), 2);
    fixture_stop(&fixture);
}

/* A connection that the server closed while idle is no error: the request goes out on a new one. */
static void test_a_connection_closed_while_idle_is_replaced(void **state)
{
    static const struct scripted_step steps[] = {{SCRIPTED_JSON("200 OK", "", "{}", "2"), SCRIPTED_CLOSE}};
    struct fixture fixture;
    struct answer answer;

    (void)state;
    fixture_start(&fixture, false, &usual);
    play(&fixture, steps);
    for (int i = 0; i < 3; i++) {
        get_and_wait(&fixture, &answer);
        if (answer.response.result != 0)
            fail_msg("%s", answer.response.error.message);
    }
    fixture_stop(&fixture);
}

static void test_connections_are_bounded(void **state)
{
    const struct http_options three = {.max_connections = 3};
    struct answer answers[60];
    struct fixture fixture;

    (void)state;
    fixture_start(&fixture, false, &three);
    play(&fixture, fine);
    for (int i = 0; i < 60; i++)
        start_get(&fixture, &answers[i]);
    assert_int_equal(http_in_flight(fixture.client), 60);
    loop_until(&fixture.loop, &fixture.answers, 60);
    for (int i = 0; i < 60; i++)
        assert_int_equal(answers[i].response.status, 200);
    assert_int_equal(http_in_flight(fixture.client), 0);
    assert_in_range(scripted_connections(fixture.server), 1, 3);
    fixture_stop(&fixture);
}

/* Not asked for, but a server may. */
#define DEFLATED                                                                                                       \
    "\x78\x01\xab\x56\xca\x2b\xcd\x4d\x4a\x2d\x52\xb2\x32\x34\xd4\x51\x2a\xcf\x2f\x4a\x51\xb2\x52\x4a\x4c\xc2\x06"     \
    "\x95\x6a\x01\x58\x90\x0f\x6d"

static void test_bodies_of_all_kinds(void **state)
{
    static const struct scripted_step steps[] = {
        {"HTTP/1.1 204 No Content\r\n\r\n", SCRIPTED_KEEP},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", SCRIPTED_KEEP},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", SCRIPTED_KEEP},
        {"HTTP/1.1 100 Continue\r\nRetry-After: 9\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", SCRIPTED_KEEP},
        {"HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", SCRIPTED_KEEP},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=1\r\nab\r\n0\r\nRetry-After: 9\r\nX-Sum: 1\r\n\r\n",
         SCRIPTED_KEEP},
        {"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\nContent-Length: 34\r\n\r\n" DEFLATED, SCRIPTED_KEEP},
        {"HTTP/1.0 200 OK\r\n\r\nuntil the end", SCRIPTED_CLOSE},
    };
    static const struct {
        int status;
        const char *body;
    } expected[] = {{204, ""},
                    {200, "abcde"},
                    {200, ""},
                    {200, "x"},
                    {302, ""},
                    {200, "ab"},
                    {200, "{\"number\":11,\"word\":\"ababababababababababab\"}"},
                    {200, "until the end"}};
    struct fixture fixture;
    struct answer answer;

    (void)state;
    fixture_start(&fixture, false, &usual);
    play(&fixture, steps);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        get_and_wait(&fixture, &answer);
        assert_int_equal(answer.response.result, 0);
        assert_int_equal(answer.response.status, expected[i].status);
        assert_string_equal(answer.body, expected[i].body);
        assert_string_equal(answer.response.headers.retry_after, "");
    }
    fixture_stop(&fixture);
}

/* One answer after the other is big, so that buffers are replaced, and the loop starts the next from within the
 * call-back. */
struct chain {
    struct fixture *fixture;
    unsigned left;
    unsigned done;
};

static void send_next(void *ctx, const struct http_response *response)
{
    struct chain *chain = ctx;
    const struct http_request request = {.url = url_of(chain->fixture, "/")};

    assert_int_equal(response->result, 0);
    assert_int_equal(http_in_flight(chain->fixture->client), 0);
    if (chain->left-- == 0)
        chain->done = 1;
    else
        assert_int_equal(http_send(chain->fixture->client, &request, send_next, chain, NULL, NULL, NULL), 0);
}

static void test_a_callback_may_send(void **state)
{
    struct fixture fixture;
    struct chain chain = {.fixture = &fixture, .left = 50};
    struct http_response nothing = {.result = 0};

    (void)state;
    fixture_start(&fixture, false, &usual);
    play(&fixture, fine);
    send_next(&chain, &nothing);
    loop_until(&fixture.loop, &chain.done, 1);
    assert_int_equal(scripted_requests(fixture.server), 50);
    fixture_stop(&fixture);
}

static void test_big_bodies_pass_both_ways(void **state)
{
    enum { BIG = 200 * 1024 };
    char *sent = malloc(BIG + 1), *reply = malloc(BIG + 100);
    struct fixture fixture;
    struct answer answer;
    char *seen;

    (void)state;
    memset(sent, 's', BIG);
    sent[BIG] = '\0';
    snprintf(reply, BIG + 100, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", BIG, sent);
    const struct scripted_step steps[] = {{reply, SCRIPTED_KEEP}};
    fixture_start(&fixture, false, &usual);
    play(&fixture, steps);
    const struct http_request request = {
        .method = HTTP_PUT, .url = url_of(&fixture, "/"), .body = sent, .body_length = BIG};
    send_and_wait(&fixture, &request, &answer);
    assert_int_equal(answer.response.body_length, BIG);
    seen = scripted_request(fixture.server, 0);
    assert_string_equal(strstr(seen, "\r\n\r\n") + 4, sent);
    free(seen);
    fixture_stop(&fixture);
    free(sent);
    free(reply);
}

static void test_the_environments_proxies_are_not_read(void **state)
{
    struct fixture fixture;
    struct answer answer;

    (void)state;
    setenv("https_proxy", "http://127.0.0.1:1", 1);
    setenv("HTTPS_PROXY", "http://127.0.0.1:1", 1);
    setenv("all_proxy", "http://127.0.0.1:1", 1);
    fixture_start(&fixture, false, &usual);
    play(&fixture, fine);
    get_and_wait(&fixture, &answer);
    assert_int_equal(answer.response.result, 0);
    fixture_stop(&fixture);
    unsetenv("https_proxy");
    unsetenv("HTTPS_PROXY");
    unsetenv("all_proxy");
}

static void test_a_proxy_is_used_but_where_the_request_or_no_proxy_forbids(void **state)
{
    static const struct {
        const char *name, *value;
        int result;
    } cases[] = {
        {"NO_PROXY", "example.com,.example.org", ERR_NETWORK},
        {"NO_PROXY", "127.0.0.1,localhost", 0},
        {"no_proxy", "example.com, localhost,127.0.0.1", 0},
        {"NO_PROXY", "*", 0},
        {"NO_PROXY", "", ERR_NETWORK},
    };
    const struct http_options proxied = {.proxy = "http://127.0.0.1:1"};
    struct fixture fixture;
    struct answer answer;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        setenv(cases[i].name, cases[i].value, 1);
        fixture_start(&fixture, false, &proxied);
        play(&fixture, fine);
        get_and_wait(&fixture, &answer);
        assert_int_equal(answer.response.result, cases[i].result);
        const struct http_request direct = {.url = url_of(&fixture, "/"), .no_proxy = true};
        send_and_wait(&fixture, &direct, &answer);
        assert_int_equal(answer.response.result, 0);
        get_and_wait(&fixture, &answer); /* the handle is used again */
        assert_int_equal(answer.response.result, cases[i].result);
        fixture_stop(&fixture);
        unsetenv(cases[i].name);
    }
}

static void test_only_https_is_spoken(void **state)
{
    static const struct {
        const char *url;
        bool allow_plain;
        int result;
    } cases[] = {
        {"http://127.0.0.1:1/", false, ERR_INVALID},
        {"http://example.com/", true, ERR_INVALID},
        {"http://127.0.0.1.example.com/", true, ERR_INVALID},
        {"http://169.254.169.254@example.com/", true, ERR_INVALID},
        {"http://10.0.0.1/", true, ERR_INVALID},
        {"ftp://127.0.0.1/", true, ERR_INVALID},
        {"file:///etc/passwd", true, ERR_INVALID},
        {"", true, ERR_INVALID},
        {"localhost:1", true, ERR_INVALID},
        {"http://127.0.0.1:1/", true, 0},
        {"http://localhost:1/", true, 0},
        {"http://[::1]:1/", true, 0},
    };
    struct fixture fixture;
    struct answer answer;
    struct error error;

    (void)state;
    fixture_start(&fixture, false, &usual);
    play(&fixture, fine);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct http_request request = {.url = cases[i].url, .allow_plain = cases[i].allow_plain};

        answer = (struct answer){.fixture = &fixture};
        if (http_send(fixture.client, &request, on_answer, &answer, NULL, NULL, &error) != cases[i].result)
            fail_msg("%s: expected %d", cases[i].url, cases[i].result);
        if (cases[i].result == 0) {
            loop_until(&fixture.loop, &answer.calls, 1);
            assert_int_equal(answer.response.result, ERR_NETWORK); /* tried: refused */
        }
        get_and_wait(&fixture, &answer); /* and https works as before */
        assert_int_equal(answer.response.result, 0);
    }
    fixture_stop(&fixture);
}

/* The next connection that the client makes; turns its loop until there is one. */
static int next_connection(struct fixture *fixture, int listener)
{
    const uint64_t until = uv_hrtime() + (uint64_t)LOOP_PATIENCE_MS * 1000000;
    struct pollfd waiting = {.fd = listener, .events = POLLIN};

    while (poll(&waiting, 1, 1) == 0) {
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
        if (uv_hrtime() > until)
            fail_msg("no connection came");
    }
    return accept(listener, NULL, NULL);
}

static void give_empty_answer(int fd)
{
    static const char text[] = "HTTP/1.1 204 No Content\r\n\r\n";

    assert_int_equal(send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL), sizeof(text) - 1);
}

/* Nobody may wait for a connection that has not answered yet: on a plain one there may be nobody left who would ever
 * answer. */
static void test_plain_requests_do_not_wait_for_each_other(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct http_options options = {.unix_socket = address.sun_path};
    const struct http_request request = {.url = "http://localhost/"};
    struct answer first, second;
    struct fixture fixture;
    int listener, fds[2];

    (void)state;
    assert_true(snprintf(address.sun_path, sizeof(address.sun_path), "%s/plain.sock", tempdir) < 108);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 2), 0);
    fixture_start(&fixture, false, &options);
    start(&fixture, &request, &first);
    fds[0] = next_connection(&fixture, listener);
    start(&fixture, &request, &second);
    fds[1] = next_connection(&fixture, listener);
    give_empty_answer(fds[1]);
    loop_until(&fixture.loop, &second.calls, 1);
    assert_int_equal(first.calls, 0);
    assert_int_equal(second.response.status, 204);
    give_empty_answer(fds[0]);
    loop_until(&fixture.loop, &first.calls, 1);
    assert_int_equal(first.response.status, 204);
    close(fds[0]);
    close(fds[1]);
    close(listener);
    fixture_stop(&fixture);
}

/* With nothing in flight no timer runs and no descriptor is watched. */
static void test_an_idle_client_causes_no_wake_up(void **state)
{
    struct fixture fixture;
    struct answer answer;

    (void)state;
    fixture_start(&fixture, false, &usual);
    play(&fixture, fine);
    get_and_wait(&fixture, &answer);
    uv_run(&fixture.loop, UV_RUN_NOWAIT);
    assert_int_equal(uv_backend_timeout(&fixture.loop), 0); /* nothing is active: the loop would end */
    assert_false(uv_loop_alive(&fixture.loop));
    fixture_stop(&fixture);
}

/* Of each host once, however many requests; and only for who wants to know. */
static void test_what_the_server_showed_is_noted(void **state)
{
    static const struct http_options noting = {.note_certificates = true};
    static const struct scripted_step two[] = {{SCRIPTED_JSON("200 OK", "", "{}", "2"), SCRIPTED_KEEP},
                                               {SCRIPTED_JSON("200 OK", "", "{}", "2"), SCRIPTED_KEEP}};
    const int64_t now_s = clock_realtime_ms(clock_system()) / 1000;
    const struct http_certificate *certificate;
    struct fixture fixture;
    struct answer answer;

    (void)state;
    for (int i = 0; i < 2; i++) {
        fixture_start(&fixture, false, i == 0 ? &noting : &usual);
        assert_null(http_client_certificate(fixture.client, 0));
        play(&fixture, two);
        get_and_wait(&fixture, &answer);
        get_and_wait(&fixture, &answer);
        certificate = http_client_certificate(fixture.client, 0);
        if (i == 0) {
            assert_non_null(certificate);
            assert_non_null(strstr(url_of(&fixture, "/"), certificate->host));
            assert_true(certificate->issuer[0] != '\0');
            assert_true(certificate->expires_s > now_s + 3600 && certificate->expires_s <= now_s + 86400 + 60);
        } else {
            assert_null(certificate);
        }
        assert_null(http_client_certificate(fixture.client, 1));
        fixture_stop(&fixture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_answer_arrives_whole),
        cmocka_unit_test(test_a_request_arrives_whole),
        cmocka_unit_test(test_nothing_is_left_of_the_request_before),
        cmocka_unit_test(test_a_connection_is_used_again),
        cmocka_unit_test(test_a_connection_closed_while_idle_is_replaced),
        cmocka_unit_test(test_connections_are_bounded),
        cmocka_unit_test(test_bodies_of_all_kinds),
        cmocka_unit_test(test_a_callback_may_send),
        cmocka_unit_test(test_big_bodies_pass_both_ways),
        cmocka_unit_test(test_the_environments_proxies_are_not_read),
        cmocka_unit_test(test_a_proxy_is_used_but_where_the_request_or_no_proxy_forbids),
        cmocka_unit_test(test_only_https_is_spoken),
        cmocka_unit_test(test_plain_requests_do_not_wait_for_each_other),
        cmocka_unit_test(test_an_idle_client_causes_no_wake_up),
        cmocka_unit_test(test_what_the_server_showed_is_noted),
    };

    return cmocka_run_group_tests(tests, tempdir_make, tempdir_remove);
}
