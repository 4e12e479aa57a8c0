/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* Each allocation of our own fails in turn: an error comes back or the answer says so, nothing leaks, nothing hangs. */
#include "client.h"
#include "fault.h"

static void test_making_a_client_survives_each_failure(void **state)
{
    const struct http_options options = {.ca_file = "/nonexistent", .proxy = "http://127.0.0.1:1"};
    struct http_client *client;
    unsigned closed = 0;
    uv_loop_t loop;
    int result;

    (void)state;
    uv_loop_init(&loop);
    for (unsigned n = 0;; n++) {
        fault_arm(n, FAULT_ONCE);
        result = http_client_new(&loop, &options, &client, NULL);
        if (!fault_disarm())
            break;
        assert_int_equal(result, ERR_NOMEM);
        assert_null(client);
    }
    assert_int_equal(result, 0);
    struct fixture fixture = {0};
    http_client_close(client, on_closed, &fixture);
    loop_until(&loop, &fixture.closed, 1);
    loop_finish(&loop);
    (void)closed;
}

static void test_a_request_survives_each_failure(void **state)
{
    static const struct scripted_step steps[] = {{SCRIPTED_JSON("200 OK", "", "{\"a\":1}", "7"), SCRIPTED_KEEP}};
    static const char *const lines[] = {"X-One: 1", "X-Two: 2", NULL};
    const struct http_options hasty = {.total_ms = 2000};
    struct fixture fixture;
    struct answer answer;

    (void)state;
    for (unsigned n = 0;; n++) {
        fixture_start(&fixture, false, &hasty);
        play(&fixture, steps);
        const struct http_request request = {.method = HTTP_PUT,
                                             .url = url_of(&fixture, "/"),
                                             .bearer = "token",
                                             .content_type = "application/json",
                                             .headers = lines,
                                             .body = "{}",
                                             .body_length = 2};
        answer = (struct answer){.fixture = &fixture};
        fault_arm(n, FAULT_ONCE);
        int result = http_send(fixture.client, &request, on_answer, &answer, NULL, NULL, NULL);
        if (result == 0)
            loop_until(&fixture.loop, &answer.calls, 1);
        bool failed = fault_disarm();
        assert_true(result == 0 || result == ERR_NOMEM);
        assert_int_equal(answer.calls, result == 0);
        if (result == 0 && answer.response.result != 0)
            assert_true(answer.response.result == ERR_NOMEM || answer.response.result == ERR_TIMEOUT);
        fixture_stop(&fixture);
        if (!failed)
            break;
    }
    assert_int_equal(answer.response.result, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_making_a_client_survives_each_failure),
        cmocka_unit_test(test_a_request_survives_each_failure),
    };

    return cmocka_run_group_tests(tests, tempdir_make, tempdir_remove);
}
