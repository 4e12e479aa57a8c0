/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <stdio.h>

#include "microsoft/outcome.h"

#include "response.h"

static const int64_t now_s = 1767225600;

/* The table of microsoft.md, section 4.5, and what stands around it. */
static void test_errors_are_told_apart(void **state)
{
    static const struct {
        int status;
        const char *error;
        int number;
        enum outcome_class class;
        enum trouble trouble;
    } cases[] = {
        {401, "invalid_client", 7000215, OUTCOME_CONNECTION, TROUBLE_CREDENTIAL_WRONG},
        {401, "invalid_client", 7000222, OUTCOME_CONNECTION, TROUBLE_CREDENTIAL_EXPIRED},
        {401, "invalid_client", 700027, OUTCOME_CONNECTION, TROUBLE_ASSERTION},
        {401, "invalid_client", 50012, OUTCOME_CONNECTION, TROUBLE_ASSERTION},
        {401, "invalid_client", 700030, OUTCOME_CONNECTION, TROUBLE_ASSERTION},
        {401, "invalid_client", 500133, OUTCOME_CONNECTION, TROUBLE_CLOCK},
        {401, "invalid_client", 700024, OUTCOME_CONNECTION, TROUBLE_CLOCK},
        {401, "invalid_client", 0, OUTCOME_CONNECTION, TROUBLE_CREDENTIAL_WRONG},
        {401, "invalid_client", 12345, OUTCOME_CONNECTION, TROUBLE_CREDENTIAL_WRONG},
        {400, "invalid_request", 70021, OUTCOME_CONNECTION, TROUBLE_ASSERTION},
        {401, "invalid_client", 700211, OUTCOME_CONNECTION, TROUBLE_ASSERTION},
        {401, "invalid_client", 700212, OUTCOME_CONNECTION, TROUBLE_ASSERTION},
        {401, "invalid_client", 700213, OUTCOME_CONNECTION, TROUBLE_ASSERTION},
        {401, "invalid_client", 700024, OUTCOME_CONNECTION, TROUBLE_CLOCK},
        {400, "unauthorized_client", 700016, OUTCOME_CONNECTION, TROUBLE_APP},
        {400, "unauthorized_client", 700011, OUTCOME_CONNECTION, TROUBLE_APP},
        {400, "unauthorized_client", 70001, OUTCOME_CONNECTION, TROUBLE_APP},
        {400, "invalid_request", 50194, OUTCOME_CONNECTION, TROUBLE_APP},
        {400, "invalid_request", 90002, OUTCOME_CONNECTION, TROUBLE_TENANT},
        {400, "invalid_request", 50128, OUTCOME_CONNECTION, TROUBLE_TENANT},
        {400, "invalid_request", 90038, OUTCOME_CONNECTION, TROUBLE_CLOUD},
        {400, "invalid_request", 900432, OUTCOME_CONNECTION, TROUBLE_CLOUD},
        {400, "invalid_grant", 65001, OUTCOME_CONNECTION, TROUBLE_CONSENT},
        {400, "invalid_client", 650056, OUTCOME_CONNECTION, TROUBLE_CONSENT},
        {400, "invalid_client", 650057, OUTCOME_CONNECTION, TROUBLE_RESOURCE},
        {400, "invalid_resource", 500011, OUTCOME_CONNECTION, TROUBLE_RESOURCE},
        {400, "invalid_client", 650052, OUTCOME_CONNECTION, TROUBLE_RESOURCE},
        {400, "invalid_scope", 70011, OUTCOME_CONNECTION, TROUBLE_RESOURCE},
        {400, "access_denied", 53003, OUTCOME_CONNECTION, TROUBLE_POLICY},
        {400, "invalid_grant", 53003, OUTCOME_CONNECTION, TROUBLE_POLICY},
        {400, "invalid_request", 900144, OUTCOME_CONNECTION, TROUBLE_BUG},
        {400, "invalid_request", 90014, OUTCOME_CONNECTION, TROUBLE_BUG},
        {400, "unsupported_grant_type", 70003, OUTCOME_CONNECTION, TROUBLE_BUG},
        {400, "invalid_request", 0, OUTCOME_CONNECTION, TROUBLE_BUG},
        {400, "invalid_grant", 50196, OUTCOME_CONNECTION, TROUBLE_TOKEN_LOOP},
        {400, "temporarily_unavailable", 0, OUTCOME_TRANSIENT, TROUBLE_SERVICE},
        {400, "temporarily_unavailable", 7000222, OUTCOME_TRANSIENT, TROUBLE_SERVICE},
        {400, "server_error", 90033, OUTCOME_TRANSIENT, TROUBLE_SERVICE},
        {400, "a_new_word", 90033, OUTCOME_TRANSIENT, TROUBLE_SERVICE},
        {400, "a_new_word", 7000222, OUTCOME_CONNECTION, TROUBLE_CREDENTIAL_EXPIRED},
        {400, "a_new_word", 0, OUTCOME_TRANSIENT, TROUBLE_REPLY},
        {401, "invalid_client", 90033, OUTCOME_CONNECTION, TROUBLE_CREDENTIAL_WRONG}, /* the word decides */
        {429, "invalid_client", 7000222, OUTCOME_THROTTLED, TROUBLE_THROTTLED},
        {500, "invalid_client", 7000222, OUTCOME_TRANSIENT, TROUBLE_SERVICE},
        {503, "", 0, OUTCOME_TRANSIENT, TROUBLE_SERVICE},
        {408, "", 0, OUTCOME_TRANSIENT, TROUBLE_SERVICE},
        {302, "", 0, OUTCOME_TRANSIENT, TROUBLE_REPLY},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char body[256];
        struct outcome outcome;
        struct http_response response;

        snprintf(body, sizeof(body), "{\"error\":\"%s\",\"error_description\":\"AADSTS%d: text\",\"error_codes\":[%d]}",
                 cases[i].error, cases[i].number, cases[i].number);
        response = response_of(cases[i].status, body);
        outcome_of_token_response(&response, now_s, &outcome);
        if (outcome.class != cases[i].class || outcome.trouble != cases[i].trouble)
            fail_msg("case %zu %s %d: class %d trouble %s", i, cases[i].error, cases[i].number, outcome.class,
                     trouble_slug(outcome.trouble));
    }
}

static void test_what_is_not_entra_stops_nobody(void **state)
{
    static const char *const bodies[] = {"", "<html>Forbidden</html>", "{\"error\":null}", "[1]",
                                         "{\"error\":{\"code\":\"x\"}}"};
    struct outcome outcome;

    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct http_response response = response_of(403, bodies[i]);

        outcome_of_token_response(&response, now_s, &outcome);
        assert_int_equal(outcome.class, OUTCOME_TRANSIENT);
        assert_int_equal(outcome.trouble, TROUBLE_REPLY);
    }
    struct http_response response = response_of(404, "<html>");
    outcome_of_token_response(&response, now_s, &outcome);
    assert_int_equal(outcome.class, OUTCOME_CONNECTION);
    assert_int_equal(outcome.trouble, TROUBLE_TENANT);
}

static void test_a_token_loop_is_held_off_for_long(void **state)
{
    struct http_response response = response_of(400, "{\"error\":\"invalid_grant\",\"error_codes\":[50196]}");
    struct outcome outcome;

    (void)state;
    outcome_of_token_response(&response, now_s, &outcome);
    assert_int_equal(outcome.retry_after_ms, 10 * 60 * 1000);
    strcpy(response.headers.retry_after, "1800");
    outcome_of_token_response(&response, now_s, &outcome);
    assert_int_equal(outcome.retry_after_ms, 30 * 60 * 1000);
}

static void test_detail_and_trace_id_reach_the_operator(void **state)
{
    struct http_response response = response_of(
        401, "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000222: expired.\\r\\nTrace ID: t\","
             "\"error_codes\":[7000222],\"trace_id\":\"t-1\"}");
    struct outcome outcome;

    (void)state;
    outcome_of_token_response(&response, now_s, &outcome);
    assert_string_equal(outcome.detail, "401 invalid_client: AADSTS7000222: expired.  Trace ID: t");
    assert_string_equal(outcome.request_id, "t-1");
}

static void test_absurd_numbers_are_ignored(void **state)
{
    static const char *const codes[] = {"[]", "null", "\"7000222\"", "[\"7000222\"]", "[-1]", "[1e300]", "{}"};
    struct outcome outcome;

    (void)state;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        char body[128];

        snprintf(body, sizeof(body), "{\"error\":\"invalid_client\",\"error_codes\":%s}", codes[i]);
        struct http_response response = response_of(401, body);
        outcome_of_token_response(&response, now_s, &outcome);
        assert_int_equal(outcome.trouble, TROUBLE_CREDENTIAL_WRONG);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors_are_told_apart),
        cmocka_unit_test(test_what_is_not_entra_stops_nobody),
        cmocka_unit_test(test_a_token_loop_is_held_off_for_long),
        cmocka_unit_test(test_detail_and_trace_id_reach_the_operator),
        cmocka_unit_test(test_absurd_numbers_are_ignored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
