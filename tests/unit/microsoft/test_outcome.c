/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "microsoft/outcome.h"

#include "response.h"

static const int64_t now_s = 1767225600; /* Thu, 01 Jan 2026 00:00:00 GMT */

static void test_retry_after_is_read_in_all_its_forms(void **state)
{
    static const struct {
        const char *value;
        int64_t ms;
    } cases[] = {
        {"", 0},
        {"0", 0},
        {"1", 1000},
        {"120", 120000},
        {" 7 ", 7000},
        {"2.128", 2128},
        {"0.0001", 1},
        {".5", 500},
        {"3599", 3599000},
        {"3600", OUTCOME_RETRY_AFTER_MAX_MS},
        {"86400", OUTCOME_RETRY_AFTER_MAX_MS},
        {"99999999999999999999999999", OUTCOME_RETRY_AFTER_MAX_MS},
        {"-5", 0},
        {"-0.5", 0},
        {"soon", 0},
        {"12 seconds", 0},
        {"1e3", 0},
        {"0x10", 0},
        {"inf", 0},
        {"nan", 0},
        {"1,5", 0},
        {"1.2.3", 0},
        {"--1", 0},
        {".", 0},
        {"Thu, 01 Jan 2026 00:01:30 GMT", 90000},
        {"Thursday, 01-Jan-26 00:00:05 GMT", 5000},
        {"Thu Jan  1 00:00:07 2026", 7000},
        {"Wed, 31 Dec 2025 23:59:00 GMT", 0},
        {"Fri, 01 Jan 2100 00:00:00 GMT", OUTCOME_RETRY_AFTER_MAX_MS},
        {"Thu, 01 Foo 2026 00:01:30 GMT", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (outcome_retry_after_ms(cases[i].value, now_s) != cases[i].ms)
            fail_msg("\"%s\" gives %lld", cases[i].value, (long long)outcome_retry_after_ms(cases[i].value, now_s));
    }
}

static void test_the_servers_clock_is_the_now_of_its_retry_after(void **state)
{
    struct http_response response = response_of(429, "");
    struct outcome outcome;

    (void)state;
    strcpy(response.headers.retry_after, "Thu, 01 Jan 2026 00:01:30 GMT");
    outcome_of_response(&response, false, now_s + 1000, &outcome);
    assert_int_equal(outcome.retry_after_ms, 0);
    strcpy(response.headers.date, "Thu, 01 Jan 2026 00:01:00 GMT");
    outcome_of_response(&response, false, now_s + 1000, &outcome);
    assert_int_equal(outcome.retry_after_ms, 30000);
}

#define ERROR_BODY(code) "{\"error\":{\"code\":\"" code "\",\"message\":\"m\"}}"

static void test_status_and_word_decide_the_class(void **state)
{
    static const struct {
        int status;
        const char *body;
        bool device_scope;
        enum outcome_class class;
        enum trouble trouble;
        enum reason reason;
    } cases[] = {
        {200, "", false, OUTCOME_ACCEPTED, TROUBLE_NONE, REASON_NONE},
        {204, "", true, OUTCOME_ACCEPTED, TROUBLE_NONE, REASON_NONE},
        {100, "", true, OUTCOME_TRANSIENT, TROUBLE_REPLY, REASON_NONE},
        {302, "", true, OUTCOME_TRANSIENT, TROUBLE_REPLY, REASON_NONE},
        {400, ERROR_BODY("Request_BadRequest"), true, OUTCOME_DEVICE, TROUBLE_NONE, REASON_DEVICE_REFUSED},
        {400, ERROR_BODY("Request_BadRequest"), false, OUTCOME_CONNECTION, TROUBLE_BUG, REASON_NONE},
        {401, "", true, OUTCOME_AUTH, TROUBLE_TOKEN_REFUSED, REASON_NONE},
        {401, ERROR_BODY("InvalidAuthenticationToken"), false, OUTCOME_AUTH, TROUBLE_TOKEN_REFUSED, REASON_NONE},
        {402, "", false, OUTCOME_CONNECTION, TROUBLE_PERMISSION, REASON_NONE},
        {403, ERROR_BODY("Authorization_RequestDenied"), false, OUTCOME_CONNECTION, TROUBLE_PERMISSION, REASON_NONE},
        {403, ERROR_BODY("Authorization_RequestDenied"), true, OUTCOME_DEVICE, TROUBLE_NONE, REASON_DEVICE_REFUSED},
        {403, ERROR_BODY("TooManyRequests"), true, OUTCOME_THROTTLED, TROUBLE_THROTTLED, REASON_NONE},
        {404, ERROR_BODY("Request_ResourceNotFound"), true, OUTCOME_DEVICE, TROUBLE_NONE, REASON_DEVICE_UNKNOWN},
        {404, "", false, OUTCOME_CONNECTION, TROUBLE_ENDPOINTS, REASON_NONE},
        {410, "", true, OUTCOME_DEVICE, TROUBLE_NONE, REASON_DEVICE_UNKNOWN},
        {405, "", false, OUTCOME_CONNECTION, TROUBLE_BUG, REASON_NONE},
        {407, "", true, OUTCOME_TRANSIENT, TROUBLE_NETWORK, REASON_NONE},
        {408, "", true, OUTCOME_TRANSIENT, TROUBLE_SERVICE, REASON_NONE},
        {409, "", true, OUTCOME_TRANSIENT, TROUBLE_SERVICE, REASON_NONE},
        {412, "", true, OUTCOME_TRANSIENT, TROUBLE_SERVICE, REASON_NONE},
        {413, "", true, OUTCOME_DEVICE, TROUBLE_NONE, REASON_DEVICE_REFUSED},
        {413, "", false, OUTCOME_CONNECTION, TROUBLE_BUG, REASON_NONE},
        {422, "", true, OUTCOME_DEVICE, TROUBLE_NONE, REASON_DEVICE_REFUSED},
        {423, "", true, OUTCOME_TRANSIENT, TROUBLE_SERVICE, REASON_NONE},
        {424, "", true, OUTCOME_TRANSIENT, TROUBLE_SERVICE, REASON_NONE},
        {425, "", true, OUTCOME_TRANSIENT, TROUBLE_SERVICE, REASON_NONE},
        {429, "<html>", true, OUTCOME_THROTTLED, TROUBLE_THROTTLED, REASON_NONE},
        {500, "", true, OUTCOME_TRANSIENT, TROUBLE_SERVICE, REASON_NONE},
        {501, "", false, OUTCOME_TRANSIENT, TROUBLE_SERVICE, REASON_NONE},
        {503, ERROR_BODY("serviceNotAvailable"), true, OUTCOME_TRANSIENT, TROUBLE_SERVICE, REASON_NONE},
        {503, ERROR_BODY("activityLimitReached"), true, OUTCOME_THROTTLED, TROUBLE_THROTTLED, REASON_NONE},
        {509, "", true, OUTCOME_THROTTLED, TROUBLE_THROTTLED, REASON_NONE},
        {599, "", true, OUTCOME_TRANSIENT, TROUBLE_SERVICE, REASON_NONE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct http_response response = response_of(cases[i].status, cases[i].body);
        struct outcome outcome;

        outcome_of_response(&response, cases[i].device_scope, now_s, &outcome);
        if (outcome.class != cases[i].class || outcome.trouble != cases[i].trouble || outcome.reason != cases[i].reason)
            fail_msg("case %zu, status %d: class %d trouble %s reason %s", i, cases[i].status, outcome.class,
                     trouble_slug(outcome.trouble), reason_slug(outcome.reason));
        assert_int_equal(outcome.retry_after_ms, 0);
    }
}

static void test_a_request_without_answer_is_tried_again(void **state)
{
    static const struct {
        int result;
        enum outcome_class class;
        enum trouble trouble;
    } cases[] = {
        {ERR_NETWORK, OUTCOME_TRANSIENT, TROUBLE_NETWORK}, {ERR_TIMEOUT, OUTCOME_TRANSIENT, TROUBLE_NETWORK},
        {ERR_TLS, OUTCOME_TRANSIENT, TROUBLE_TLS},         {ERR_TOOBIG, OUTCOME_TRANSIENT, TROUBLE_REPLY},
        {ERR_CANCELED, OUTCOME_TRANSIENT, TROUBLE_NONE},   {ERR_NOMEM, OUTCOME_TRANSIENT, TROUBLE_NONE},
        {ERR_INVALID, OUTCOME_CONNECTION, TROUBLE_BUG},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct http_response response = response_failed(cases[i].result, "Connection reset");
        struct outcome outcome;

        outcome_of_response(&response, true, now_s, &outcome);
        assert_int_equal(outcome.class, cases[i].class);
        assert_int_equal(outcome.trouble, cases[i].trouble);
        assert_string_equal(outcome.detail, "Connection reset");
        outcome_of_token_response(&response, now_s, &outcome);
        assert_int_equal(outcome.class, cases[i].class);
        assert_int_equal(outcome.trouble, cases[i].trouble);
    }
}

static void test_a_proxys_refusal_is_the_proxys(void **state)
{
    static const int statuses[] = {302, 403, 407, 502};

    (void)state;
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        struct http_response response = response_failed(ERR_NETWORK, "CONNECT tunnel failed");
        struct outcome outcome;

        response.proxy_status = statuses[i];
        outcome_of_response(&response, true, now_s, &outcome);
        assert_int_equal(outcome.class, OUTCOME_TRANSIENT);
        assert_int_equal(outcome.trouble, TROUBLE_PROXY);
        response.proxy_status = 200; /* the way was open; what failed is beyond it */
        outcome_of_response(&response, true, now_s, &outcome);
        assert_int_equal(outcome.trouble, TROUBLE_NETWORK);
    }
}

static void test_detail_is_one_clean_line_that_fits(void **state)
{
    struct http_response response =
        response_of(400, "{\"error\":{\"code\":\"Bad\\u0007Code\",\"message\":\"line 1\\r\\nline 2 \xff \xc3\xa9\"}}");
    struct outcome outcome;
    char body[2048];

    (void)state;
    outcome_of_response(&response, true, now_s, &outcome);
    assert_string_equal(outcome.detail, "400 Bad Code: line 1  line 2   \xc3\xa9");

    strcpy(body, "{\"error\":{\"code\":\"c\",\"message\":\"");
    for (int i = 0; i < 500; i++)
        strcat(body, "\xe2\x82\xac");
    strcat(body, "\"}}");
    response = response_of(400, body);
    outcome_of_response(&response, true, now_s, &outcome);
    assert_true(strlen(outcome.detail) < sizeof(outcome.detail));
    assert_int_equal((strlen(outcome.detail) - strlen("400 c: ")) % 3, 0); /* no character is cut */
    assert_true(strlen(outcome.detail) > sizeof(outcome.detail) - 4);
}

static void test_inner_errors_are_read_in_both_spellings(void **state)
{
    static const char *const bodies[] = {
        "{\"error\":{\"code\":\"\",\"message\":\"m\",\"innerError\":{\"code\":\"Inner\",\"request-id\":\"id-1\"}}}",
        "{\"error\":{\"code\":\"\",\"message\":\"m\",\"innererror\":{\"code\":\"Inner\",\"request-id\":\"id-1\"}}}",
        "{\"error\":{\"message\":\"m\",\"innerError\":{\"innerError\":{\"code\":\"Inner\",\"request-id\":\"id-1\"}}}}",
    };
    struct outcome outcome;

    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct http_response response = response_of(404, bodies[i]);

        outcome_of_response(&response, true, now_s, &outcome);
        assert_string_equal(outcome.detail, "404 Inner: m");
        assert_string_equal(outcome.request_id, "id-1");
        strcpy(response.headers.request_id, "header id\t");
        outcome_of_response(&response, true, now_s, &outcome);
        assert_string_equal(outcome.request_id, "header?id?");
    }
}

static void test_any_bytes_are_survived(void **state)
{
    static const char *const bodies[] = {
        "",          "null",          "[]",
        "\"error\"", "{\"error\":1}", "{",
        "{}x",       "{\"error\":",   "{\"error\":{\"code\":[],\"message\":{}}}",
        "\xff",      "{\"a\":1}{",    "{\"error\":{\"innerError\":{\"innerError\":3}}}"};
    struct outcome outcome;
    char *deep = malloc(200001);

    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct http_response response = response_of(400, bodies[i]);

        outcome_of_response(&response, true, now_s, &outcome);
        assert_int_equal(outcome.class, OUTCOME_DEVICE);
        assert_string_equal(outcome.detail, "400");
    }
    memset(deep, '[', 200000);
    deep[200000] = '\0';
    struct http_response response = response_of(500, deep);
    outcome_of_response(&response, true, now_s, &outcome);
    assert_int_equal(outcome.class, OUTCOME_TRANSIENT);
    free(deep);
}

static void test_an_item_is_judged_like_a_devices_response(void **state)
{
    struct outcome outcome;

    (void)state;
    outcome_of_item(204, "", "", "", "", now_s, &outcome);
    assert_int_equal(outcome.class, OUTCOME_ACCEPTED);
    assert_string_equal(outcome.detail, "");
    outcome_of_item(429, "2.128", "TooManyRequests", "slow down", "r-1", now_s, &outcome);
    assert_int_equal(outcome.class, OUTCOME_THROTTLED);
    assert_int_equal(outcome.retry_after_ms, 2128);
    assert_string_equal(outcome.detail, "429 TooManyRequests: slow down");
    assert_string_equal(outcome.request_id, "r-1");
    outcome_of_item(404, "", "Request_ResourceNotFound", "gone", "", now_s, &outcome);
    assert_int_equal(outcome.class, OUTCOME_DEVICE);
    assert_int_equal(outcome.reason, REASON_DEVICE_UNKNOWN);
    outcome_of_item(424, "", "", "", "", now_s, &outcome);
    assert_int_equal(outcome.class, OUTCOME_TRANSIENT);
}

static void test_every_trouble_has_text_and_cure_in_both_languages(void **state)
{
    (void)state;
    for (int trouble = 0; trouble < TROUBLE_COUNT; trouble++) {
        for (int language = 0; language < LANGUAGE_COUNT; language++) {
            const char *text = trouble_text((enum trouble)trouble, (enum language)language);
            const char *cure = trouble_cure((enum trouble)trouble, (enum language)language);

            assert_int_equal(text[0] == '\0', trouble == TROUBLE_NONE);
            assert_int_equal(cure[0] == '\0', trouble == TROUBLE_NONE);
            assert_null(strchr(text, '\n'));
            assert_null(strchr(cure, '\n'));
        }
        if (trouble != TROUBLE_NONE) {
            assert_string_not_equal(trouble_text((enum trouble)trouble, LANGUAGE_EN),
                                    trouble_text((enum trouble)trouble, LANGUAGE_ES));
            assert_string_not_equal(trouble_cure((enum trouble)trouble, LANGUAGE_EN),
                                    trouble_cure((enum trouble)trouble, LANGUAGE_ES));
        }
        for (int other = 0; other < trouble; other++)
            assert_string_not_equal(trouble_slug((enum trouble)trouble), trouble_slug((enum trouble)other));
    }
    assert_string_equal(trouble_slug((enum trouble)TROUBLE_COUNT), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_retry_after_is_read_in_all_its_forms),
        cmocka_unit_test(test_the_servers_clock_is_the_now_of_its_retry_after),
        cmocka_unit_test(test_status_and_word_decide_the_class),
        cmocka_unit_test(test_a_request_without_answer_is_tried_again),
        cmocka_unit_test(test_a_proxys_refusal_is_the_proxys),
        cmocka_unit_test(test_detail_is_one_clean_line_that_fits),
        cmocka_unit_test(test_inner_errors_are_read_in_both_spellings),
        cmocka_unit_test(test_any_bytes_are_survived),
        cmocka_unit_test(test_an_item_is_judged_like_a_devices_response),
        cmocka_unit_test(test_every_trouble_has_text_and_cure_in_both_languages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
