/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* HTTP/2: many requests on one connection, and streams that are lost. */
#include "client.h"

static const struct http_options usual = {0};

enum { MANY = 150 };

static void test_requests_share_one_connection(void **state)
{
    static const struct scripted_step steps[] = {{"{\"h2\":true}", SCRIPTED_KEEP}};
    const struct http_options one = {.max_connections = 1};
    static struct answer answers[MANY];
    struct fixture fixture;

    (void)state;
    fixture_start(&fixture, true, &one);
    play(&fixture, steps);
    for (int i = 0; i < MANY; i++) {
        const struct http_request request = {.method = HTTP_PUT,
                                             .url = url_of(&fixture, "/"),
                                             .bearer = "token",
                                             .content_type = "application/json",
                                             .body = "{}",
                                             .body_length = 2};

        start(&fixture, &request, &answers[i]);
    }
    loop_until(&fixture.loop, &fixture.answers, MANY);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(answers[i].response.result, 0);
        assert_int_equal(answers[i].response.status, 200);
        assert_string_equal(answers[i].body, "{\"h2\":true}");
    }
    assert_int_equal(scripted_connections(fixture.server), 1);
    assert_int_equal(scripted_requests(fixture.server), MANY);
    fixture_stop(&fixture);
}

static void test_a_lost_stream_is_a_network_error(void **state)
{
    static const struct scripted_step cases[] = {
        {NULL, SCRIPTED_RST_STREAM}, {"half of i", SCRIPTED_RST_STREAM}, {NULL, SCRIPTED_RESET},
        {NULL, SCRIPTED_CLOSE},      {"half of i", SCRIPTED_RESET},
    };
    static const struct scripted_step fine[] = {{"fine", SCRIPTED_KEEP}};
    struct fixture fixture;
    struct answer answer;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fixture_start(&fixture, true, &usual);
        scripted_play(fixture.server, &cases[i], 1);
        get_and_wait(&fixture, &answer);
        if (answer.response.result != ERR_NETWORK || !answer.response.maybe_sent)
            fail_msg("case %zu: %s, maybe_sent %d", i, error_code_text(answer.response.result),
                     answer.response.maybe_sent);
        play(&fixture, fine);
        get_and_wait(&fixture, &answer);
        assert_int_equal(answer.response.result, 0);
        fixture_stop(&fixture);
    }
}

/* GOAWAY in the midst of many: each request ends exactly once, answered or lost, and the next ones work. */
static void test_goaway_ends_every_request_once(void **state)
{
    static const struct scripted_step steps[] = {
        {"ok", SCRIPTED_KEEP}, {"ok", SCRIPTED_KEEP}, {NULL, SCRIPTED_GOAWAY}, {"ok", SCRIPTED_KEEP}};
    static struct answer answers[MANY];
    struct fixture fixture;
    struct answer answer;

    (void)state;
    fixture_start(&fixture, true, &usual);
    play(&fixture, steps);
    for (int i = 0; i < MANY; i++)
        start_get(&fixture, &answers[i]);
    loop_until(&fixture.loop, &fixture.answers, MANY);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(answers[i].calls, 1);
        assert_true(answers[i].response.result == 0 || answers[i].response.result == ERR_NETWORK);
    }
    get_and_wait(&fixture, &answer);
    assert_int_equal(answer.response.result, 0);
    fixture_stop(&fixture);
}

static void test_a_hanging_stream_does_not_hold_up_the_others(void **state)
{
    static const struct scripted_step steps[] = {{NULL, SCRIPTED_KEEP}, {"ok", SCRIPTED_KEEP}};
    struct fixture fixture;
    struct answer hanging, answer;
    uint64_t id;

    (void)state;
    fixture_start(&fixture, true, &usual);
    play(&fixture, steps);
    id = start_get(&fixture, &hanging);
    while (scripted_requests(fixture.server) == 0)
        uv_run(&fixture.loop, UV_RUN_NOWAIT);
    for (int i = 0; i < 5; i++) {
        get_and_wait(&fixture, &answer);
        assert_int_equal(answer.response.result, 0);
    }
    assert_int_equal(scripted_connections(fixture.server), 1);
    assert_int_equal(hanging.calls, 0);
    http_cancel(fixture.client, id);
    loop_until(&fixture.loop, &hanging.calls, 1);
    assert_int_equal(hanging.response.result, ERR_CANCELED);
    assert_true(hanging.response.maybe_sent);
    get_and_wait(&fixture, &answer); /* the connection lives on */
    assert_int_equal(scripted_connections(fixture.server), 1);
    fixture_stop(&fixture);
}

/* Most answers that came within one turn of the loop. */
struct turns {
    const struct fixture *fixture;
    unsigned before, most;
};

static void on_turn(uv_check_t *check)
{
    struct turns *turns = check->data;
    unsigned came = turns->fixture->answers - turns->before;

    turns->before = turns->fixture->answers;
    turns->most = came > turns->most ? came : turns->most;
}

/* All end at once; the loop's other work has its turn in between. A turn enters libcurl at most thrice: timer, next
 * turn, socket. */
static void test_many_ends_are_told_a_few_a_turn(void **state)
{
    static const struct scripted_step hang[] = {{NULL, SCRIPTED_KEEP}}, reset[] = {{NULL, SCRIPTED_RESET}};
    const struct http_options one = {.max_connections = 1};
    static struct answer answers[MANY + 1];
    struct fixture fixture;
    struct turns turns = {.fixture = &fixture};
    uv_check_t check;

    (void)state;
    fixture_start(&fixture, true, &one);
    play(&fixture, hang);
    uv_check_init(&fixture.loop, &check);
    check.data = &turns;
    uv_check_start(&check, on_turn);
    for (int i = 0; i < MANY; i++)
        start_get(&fixture, &answers[i]);
    while (scripted_requests(fixture.server) < 100)
        uv_run(&fixture.loop, UV_RUN_NOWAIT);
    play(&fixture, reset);
    start_get(&fixture, &answers[MANY]);
    loop_until(&fixture.loop, &fixture.answers, MANY + 1);
    for (int i = 0; i <= MANY; i++)
        assert_int_equal(answers[i].calls, 1);
    assert_in_range(turns.most, 1, 48);
    uv_close((uv_handle_t *)&check, NULL);
    fixture_stop(&fixture);
}

static void test_close_with_many_streams_open(void **state)
{
    static const struct scripted_step steps[] = {{NULL, SCRIPTED_KEEP}};
    static struct answer answers[MANY];
    struct fixture fixture;

    (void)state;
    fixture_start(&fixture, true, &usual);
    play(&fixture, steps);
    for (int i = 0; i < MANY; i++)
        start_get(&fixture, &answers[i]);
    while (scripted_requests(fixture.server) < 20)
        uv_run(&fixture.loop, UV_RUN_NOWAIT);
    fixture_stop(&fixture);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(answers[i].calls, 1);
        assert_int_equal(answers[i].response.result, ERR_CANCELED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_share_one_connection),
        cmocka_unit_test(test_a_lost_stream_is_a_network_error),
        cmocka_unit_test(test_goaway_ends_every_request_once),
        cmocka_unit_test(test_a_hanging_stream_does_not_hold_up_the_others),
        cmocka_unit_test(test_many_ends_are_told_a_few_a_turn),
        cmocka_unit_test(test_close_with_many_streams_open),
    };

    return cmocka_run_group_tests(tests, tempdir_make, tempdir_remove);
}
