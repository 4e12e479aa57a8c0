/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* What goes wrong on the way: broken connections, distrust, limits; and the ends that we decide: cancel and close. */
#include <arpa/inet.h>
#include <sys/socket.h>

#include "client.h"

static const struct http_options usual = {0};

static const struct scripted_step fine[] = {{SCRIPTED_JSON("200 OK", "", "{}", "2"), SCRIPTED_KEEP}};
static const struct scripted_step hang[] = {{NULL, SCRIPTED_HANG}};

static void test_a_broken_answer_is_a_network_error(void **state)
{
    static const struct {
        struct scripted_step step;
        int status;
    } cases[] = {
        {{NULL, SCRIPTED_CLOSE}, 0},
        {{NULL, SCRIPTED_RESET}, 0},
        {{"HTTP/1.1 200 OK\r\nContent-Le", SCRIPTED_CLOSE}, 200},
        {{"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", SCRIPTED_CLOSE}, 200},
        {{"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", SCRIPTED_RESET}, 200},
        {{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", SCRIPTED_CLOSE}, 200},
        {{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab", SCRIPTED_CLOSE}, 200},
        {{"no HTTP at all\r\n\r\n", SCRIPTED_CLOSE}, 0},
        {{"HTTP/1.1 2 Strange\r\n\r\n", SCRIPTED_CLOSE}, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture fixture;
        struct answer answer;

        fixture_start(&fixture, false, &usual);
        scripted_play(fixture.server, &cases[i].step, 1);
        get_and_wait(&fixture, &answer);
        if (cases[i].step.end == SCRIPTED_RESET)
            answer.response.status = cases[i].status; /* a reset may overtake the bytes before it */
        if (answer.response.result != ERR_NETWORK || answer.response.status != cases[i].status ||
            !answer.response.maybe_sent)
            fail_msg("case %zu: %s, status %d, maybe_sent %d", i, error_code_text(answer.response.result),
                     answer.response.status, answer.response.maybe_sent);
        assert_int_equal(answer.response.error.code, ERR_NETWORK);
        assert_int_not_equal(answer.response.error.origin, 0);
        assert_int_not_equal(answer.response.error.message[0], '\0');
        fixture_stop(&fixture);
    }
}

/* A client that trusts another CA, or meets a certificate for another name. */
static void test_a_server_that_is_not_the_one_is_refused(void **state)
{
    const struct scripted_options stranger = {.directory = tempdir, .host = "other.example"};
    struct fixture fixture, other;
    struct answer answer;

    (void)state;
    fixture_start(&other, false, &usual);
    const struct http_options wrong_ca = {.ca_file = scripted_ca_file(other.server)};
    fixture_start(&fixture, false, &wrong_ca);
    get_and_wait(&fixture, &answer);
    assert_int_equal(answer.response.result, ERR_TLS);
    assert_false(answer.response.maybe_sent);
    assert_int_equal(scripted_requests(fixture.server), 0);
    fixture_stop(&fixture);
    fixture_stop(&other);

    fixture = (struct fixture){.server = scripted_start(&stranger)};
    uv_loop_init(&fixture.loop);
    client_start(&fixture, &usual);
    get_and_wait(&fixture, &answer);
    assert_int_equal(answer.response.result, ERR_TLS);
    assert_false(answer.response.maybe_sent);
    assert_int_equal(scripted_requests(fixture.server), 0);
    fixture_stop(&fixture);
}

static void test_an_unusable_ca_file_is_a_tls_error(void **state)
{
    const char *paths[] = {tempdir_path("missing.pem"), tempdir_write("garbage.pem", "no certificate", 14, 0600)};
    struct fixture fixture;
    struct answer answer;

    (void)state;
    for (int i = 0; i < 2; i++) {
        const struct http_options options = {.ca_file = paths[i]};

        fixture_start(&fixture, false, &options);
        play(&fixture, fine);
        get_and_wait(&fixture, &answer);
        assert_int_equal(answer.response.result, ERR_TLS);
        assert_int_equal(scripted_requests(fixture.server), 0);
        fixture_stop(&fixture);
    }
}

/* A TCP peer that accepts and says nothing, for ever. */
static int listen_silently(char url[64])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 8), 0);
    getsockname(fd, (struct sockaddr *)&address, &length);
    snprintf(url, 64, "https://127.0.0.1:%u/", ntohs(address.sin_port));
    return fd;
}

static void test_a_lone_connect_that_times_out_is_reported(void **state)
{
    const struct http_options hasty = {.connect_ms = 30};
    struct fixture fixture;
    struct answer answer;
    char url[64];
    int fd;

    (void)state;
    fd = listen_silently(url);
    fixture_start(&fixture, false, &hasty);
    const struct http_request request = {.url = url};
    send_and_wait(&fixture, &request, &answer);
    assert_int_equal(answer.response.result, ERR_TIMEOUT);
    assert_false(answer.response.maybe_sent);
    fixture_stop(&fixture);
    close(fd);
}

static void test_a_refused_connect_is_a_network_error(void **state)
{
    const struct http_request request = {.url = "https://127.0.0.1:1/"};
    struct fixture fixture;
    struct answer answer;

    (void)state;
    fixture_start(&fixture, false, &usual);
    send_and_wait(&fixture, &request, &answer);
    assert_int_equal(answer.response.result, ERR_NETWORK);
    assert_false(answer.response.maybe_sent);
    fixture_stop(&fixture);
}

static void test_the_whole_transfer_has_a_limit(void **state)
{
    static const struct scripted_step half[] = {{"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", SCRIPTED_HANG}};
    const struct http_options hasty = {.total_ms = 60};
    struct fixture fixture;
    struct answer answer;

    (void)state;
    fixture_start(&fixture, false, &hasty);
    play(&fixture, hang);
    get_and_wait(&fixture, &answer);
    assert_int_equal(answer.response.result, ERR_TIMEOUT);
    play(&fixture, half);
    get_and_wait(&fixture, &answer);
    assert_int_equal(answer.response.result, ERR_TIMEOUT);
    fixture_stop(&fixture);

    fixture_start(&fixture, false, &usual);
    play(&fixture, hang);
    const struct http_request request = {.url = url_of(&fixture, "/"), .total_ms = 60};
    send_and_wait(&fixture, &request, &answer);
    assert_int_equal(answer.response.result, ERR_TIMEOUT);
    fixture_stop(&fixture);
}

static void test_a_silent_server_has_a_limit(void **state)
{
    static const struct scripted_step half[] = {{"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", SCRIPTED_HANG}};
    const struct http_options impatient = {.stall_ms = 60};
    struct fixture fixture;
    struct answer answer;

    (void)state;
    fixture_start(&fixture, false, &impatient);
    play(&fixture, half);
    get_and_wait(&fixture, &answer);
    assert_int_equal(answer.response.result, ERR_TIMEOUT);
    assert_string_equal(answer.response.error.message, "the server fell silent");
    fixture_stop(&fixture);
}

/* Each in the queue for a connection that hangs ends by its own limit. */
static void test_requests_that_wait_for_a_connection_are_limited_too(void **state)
{
    const struct http_options hasty = {.total_ms = 80, .max_connections = 1};
    struct answer answers[20];
    struct fixture fixture;

    (void)state;
    fixture_start(&fixture, false, &hasty);
    play(&fixture, hang);
    for (int i = 0; i < 20; i++)
        start_get(&fixture, &answers[i]);
    loop_until(&fixture.loop, &fixture.answers, 20);
    for (int i = 0; i < 20; i++)
        assert_int_equal(answers[i].response.result, ERR_TIMEOUT);
    assert_false(answers[19].response.maybe_sent);
    fixture_stop(&fixture);
}

static void test_bodies_and_headers_have_a_cap(void **state)
{
    static char flood[700 * 1024];
    static const struct scripted_step told[] = {
        {SCRIPTED_JSON("200 OK", "", "0123456789abcdef!", "17"), SCRIPTED_KEEP}};
    static const struct scripted_step fits[] = {{SCRIPTED_JSON("200 OK", "", "0123456789abcdef", "16"), SCRIPTED_KEEP}};
    static const struct scripted_step untold[] = {
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n11\r\n0123456789abcdef!\r\n0\r\n\r\n", SCRIPTED_HANG}};
    const struct scripted_step headers[] = {{flood, SCRIPTED_HANG}};
    const struct http_options small = {.max_body = 16};
    struct fixture fixture;
    struct answer answer;

    (void)state;
    fixture_start(&fixture, false, &small);
    play(&fixture, told);
    get_and_wait(&fixture, &answer);
    assert_int_equal(answer.response.result, ERR_TOOBIG);
    play(&fixture, untold);
    get_and_wait(&fixture, &answer);
    assert_int_equal(answer.response.result, ERR_TOOBIG);
    play(&fixture, fits);
    get_and_wait(&fixture, &answer);
    assert_int_equal(answer.response.result, 0);

    strcpy(flood, "HTTP/1.1 200 OK\r\n");
    for (size_t length = strlen(flood); length < sizeof(flood) - 100; length += 64)
        snprintf(flood + length, 65, "X-Filler: %052d\r\n", 0);
    play(&fixture, headers);
    get_and_wait(&fixture, &answer);
    assert_true(answer.response.result == ERR_TOOBIG || answer.response.result == ERR_NETWORK);
    fixture_stop(&fixture);
}

/* ---- cancel and close ---- */

static void test_cancel_before_the_first_turn(void **state)
{
    struct fixture fixture;
    struct answer answer;
    uint64_t id;

    (void)state;
    fixture_start(&fixture, false, &usual);
    play(&fixture, fine);
    id = start_get(&fixture, &answer);
    http_cancel(fixture.client, id);
    http_cancel(fixture.client, id);
    http_cancel(fixture.client, id + 1);
    http_cancel(fixture.client, 0);
    assert_int_equal(answer.calls, 0); /* later, on the loop */
    assert_int_equal(http_in_flight(fixture.client), 1);
    loop_until(&fixture.loop, &answer.calls, 1);
    assert_int_equal(answer.response.result, ERR_CANCELED);
    assert_false(answer.response.maybe_sent);
    assert_int_equal(http_in_flight(fixture.client), 0);
    get_and_wait(&fixture, &answer);
    assert_int_equal(answer.response.result, 0);
    http_cancel(fixture.client, id);
    fixture_stop(&fixture);
    assert_int_equal(answer.calls, 1);
}

/* Once the server has the request, nobody knows what it made of it. */
static void test_what_was_sent_may_have_been_processed(void **state)
{
    struct fixture fixture;
    struct answer answer;
    uint64_t id;

    (void)state;
    fixture_start(&fixture, false, &usual);
    play(&fixture, hang);
    id = start_get(&fixture, &answer);
    while (scripted_requests(fixture.server) == 0)
        uv_run(&fixture.loop, UV_RUN_NOWAIT);
    http_cancel(fixture.client, id);
    loop_until(&fixture.loop, &answer.calls, 1);
    assert_int_equal(answer.response.result, ERR_CANCELED);
    assert_true(answer.response.maybe_sent);
    fixture_stop(&fixture);
}

/* Cancels after `turns` turns of the loop: in the midst of connect, handshake, request or answer. */
static void test_cancel_at_every_turn(void **state)
{
    struct fixture fixture;
    struct answer answer;

    (void)state;
    for (int turns = 0; turns < 20000; turns += 1 + turns / 2) {
        fixture_start(&fixture, false, &usual);
        play(&fixture, hang);
        uint64_t id = start_get(&fixture, &answer);
        for (int i = 0; i < turns && scripted_requests(fixture.server) == 0; i++)
            uv_run(&fixture.loop, UV_RUN_NOWAIT);
        http_cancel(fixture.client, id);
        loop_until(&fixture.loop, &answer.calls, 1);
        assert_int_equal(answer.response.result, ERR_CANCELED);
        fixture_stop(&fixture);
        assert_int_equal(answer.calls, 1);
    }
}

static void test_close_at_every_turn(void **state)
{
    struct answer answers[3];
    struct fixture fixture;

    (void)state;
    for (int turns = 0; turns < 20000; turns += 1 + turns / 2) {
        fixture_start(&fixture, false, &usual);
        play(&fixture, hang);
        for (int i = 0; i < 3; i++)
            start_get(&fixture, &answers[i]);
        for (int i = 0; i < turns && scripted_requests(fixture.server) < 2; i++)
            uv_run(&fixture.loop, UV_RUN_NOWAIT);
        http_client_close(fixture.client, on_closed, &fixture);
        assert_int_equal(fixture.answers, 0);
        assert_int_equal(fixture.closed, 0);
        loop_until(&fixture.loop, &fixture.closed, 1);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(answers[i].calls, 1);
            assert_int_equal(answers[i].response.result, ERR_CANCELED);
        }
        loop_finish(&fixture.loop);
        scripted_stop(fixture.server);
    }
}

/* Call-backs that cancel, close and send: everything is allowed there. */
struct meddler {
    struct fixture *fixture;
    uint64_t victim;
    bool close;
    unsigned calls;
};

static void meddle(void *ctx, const struct http_response *response)
{
    struct meddler *meddler = ctx;
    const struct http_request request = {.url = "https://127.0.0.1:1/"};

    (void)response;
    meddler->calls++;
    http_cancel(meddler->fixture->client, meddler->victim);
    if (!meddler->close)
        return;
    http_client_close(meddler->fixture->client, on_closed, meddler->fixture);
    assert_int_equal(http_send(meddler->fixture->client, &request, meddle, meddler, NULL, NULL, NULL), ERR_CANCELED);
}

static void test_a_callback_may_cancel_another(void **state)
{
    struct fixture fixture;
    struct meddler meddler = {.fixture = &fixture};
    struct answer victim;

    (void)state;
    fixture_start(&fixture, false, &usual);
    play(&fixture, hang);
    meddler.victim = start_get(&fixture, &victim);
    const struct http_request quick = {.url = "https://127.0.0.1:1/"};
    assert_int_equal(http_send(fixture.client, &quick, meddle, &meddler, NULL, NULL, NULL), 0);
    loop_until(&fixture.loop, &victim.calls, 1);
    assert_int_equal(meddler.calls, 1);
    assert_int_equal(victim.response.result, ERR_CANCELED);
    fixture_stop(&fixture);
}

static void test_a_callback_may_close(void **state)
{
    struct fixture fixture;
    struct meddler meddler = {.fixture = &fixture, .close = true};
    struct answer others[3];

    (void)state;
    fixture_start(&fixture, false, &usual);
    play(&fixture, hang);
    for (int i = 0; i < 3; i++)
        start_get(&fixture, &others[i]);
    const struct http_request quick = {.url = "https://127.0.0.1:1/"};
    assert_int_equal(http_send(fixture.client, &quick, meddle, &meddler, NULL, NULL, NULL), 0);
    loop_until(&fixture.loop, &fixture.closed, 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(others[i].calls, 1);
        assert_int_equal(others[i].response.result, ERR_CANCELED);
    }
    loop_finish(&fixture.loop);
    scripted_stop(fixture.server);
}

/* The last call-back of a cancel closes: the clerk that calls it must not come again. */
static void test_a_canceled_callback_may_close(void **state)
{
    struct fixture fixture;
    struct meddler meddler = {.fixture = &fixture, .close = true};
    uint64_t id;

    (void)state;
    fixture_start(&fixture, false, &usual);
    play(&fixture, hang);
    const struct http_request request = {.url = url_of(&fixture, "/")};
    assert_int_equal(http_send(fixture.client, &request, meddle, &meddler, NULL, &id, NULL), 0);
    http_cancel(fixture.client, id);
    loop_until(&fixture.loop, &fixture.closed, 1);
    assert_int_equal(meddler.calls, 1);
    assert_int_equal(fixture.closed, 1);
    loop_finish(&fixture.loop);
    scripted_stop(fixture.server);
}

static void test_a_client_that_never_sent_closes(void **state)
{
    struct fixture fixture;

    (void)state;
    fixture_start(&fixture, false, &usual);
    http_client_close(fixture.client, on_closed, &fixture);
    http_client_close(fixture.client, on_closed, &fixture); /* twice is once */
    assert_int_equal(fixture.closed, 0);
    loop_until(&fixture.loop, &fixture.closed, 1);
    loop_finish(&fixture.loop);
    assert_int_equal(fixture.closed, 1);
    scripted_stop(fixture.server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_broken_answer_is_a_network_error),
        cmocka_unit_test(test_a_server_that_is_not_the_one_is_refused),
        cmocka_unit_test(test_an_unusable_ca_file_is_a_tls_error),
        cmocka_unit_test(test_a_lone_connect_that_times_out_is_reported),
        cmocka_unit_test(test_a_refused_connect_is_a_network_error),
        cmocka_unit_test(test_the_whole_transfer_has_a_limit),
        cmocka_unit_test(test_a_silent_server_has_a_limit),
        cmocka_unit_test(test_requests_that_wait_for_a_connection_are_limited_too),
        cmocka_unit_test(test_bodies_and_headers_have_a_cap),
        cmocka_unit_test(test_cancel_before_the_first_turn),
        cmocka_unit_test(test_what_was_sent_may_have_been_processed),
        cmocka_unit_test(test_cancel_at_every_turn),
        cmocka_unit_test(test_close_at_every_turn),
        cmocka_unit_test(test_a_callback_may_cancel_another),
        cmocka_unit_test(test_a_callback_may_close),
        cmocka_unit_test(test_a_canceled_callback_may_close),
        cmocka_unit_test(test_a_client_that_never_sent_closes),
    };

    return cmocka_run_group_tests(tests, tempdir_make, tempdir_remove);
}
