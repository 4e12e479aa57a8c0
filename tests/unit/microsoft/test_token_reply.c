/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "microsoft/token_reply.h"

static void test_good_answers_are_read(void **state)
{
    static const struct {
        const char *json;
        const char *token;
        int64_t expires_in_s, refresh_in_s;
    } cases[] = {
        {"{\"token_type\":\"Bearer\",\"expires_in\":3599,\"access_token\":\"a.b-c_d\"}", "a.b-c_d", 3599, 0},
        {"{\"token_type\":\"bearer\",\"expires_in\":\"86399\",\"refresh_in\":\"43199\",\"access_token\":\"t\"}", "t",
         86399, 43199},
        {"{\"token_type\":\"BEARER\",\"expires_in\":1,\"ext_expires_in\":9,\"access_token\":\"~!\"}", "~!", 1, 0},
        {"{\"token_type\":\"Bearer\",\"expires_in\":99999999,\"access_token\":\"t\"}", "t", 28 * 3600, 0},
        {"{\"token_type\":\"Bearer\",\"expires_in\":1e300,\"access_token\":\"t\"}", "t", 28 * 3600, 0},
        {"{\"token_type\":\"Bearer\",\"expires_in\":100.9,\"access_token\":\"t\"}", "t", 100, 0},
        {"{\"token_type\":\"Bearer\",\"expires_in\":100,\"refresh_in\":100,\"access_token\":\"t\"}", "t", 100, 0},
        {"{\"token_type\":\"Bearer\",\"expires_in\":100,\"refresh_in\":-1,\"access_token\":\"t\"}", "t", 100, 0},
        {"{\"token_type\":\"Bearer\",\"expires_in\":100,\"refresh_in\":\"soon\",\"access_token\":\"t\"}", "t", 100, 0},
        {"{\"token_type\":\"Bearer\",\"access_token\":\"t\"}", "t", 600, 0},
        {" {\"token_type\":\"Bearer\",\"expires_in\":100,\"access_token\":\"t\"}\r\n", "t", 100, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct token_reply reply;
        struct error error;

        if (token_reply_parse(cases[i].json, strlen(cases[i].json), &reply, &error) != 0)
            fail_msg("%s: %s", cases[i].json, error.message);
        assert_string_equal(reply.token.data, cases[i].token);
        assert_int_equal(reply.expires_in_s, cases[i].expires_in_s);
        assert_int_equal(reply.refresh_in_s, cases[i].refresh_in_s);
        secret_deinit(&reply.token);
    }
}

static void test_anything_else_is_refused_whole(void **state)
{
    static const char *const cases[] = {
        "",
        "{}",
        "[]",
        "{\"token_type\":\"Bearer\",\"expires_in\":3599,\"access_token\":\"t\"",
        "{\"token_type\":\"Bearer\",\"expires_in\":3599,\"access_token\":\"t\"}x",
        "{\"token_type\":\"MAC\",\"expires_in\":3599,\"access_token\":\"t\"}",
        "{\"expires_in\":3599,\"access_token\":\"t\"}",
        "{\"token_type\":\"Bearer\",\"expires_in\":0,\"access_token\":\"t\"}",
        "{\"token_type\":\"Bearer\",\"expires_in\":-5,\"access_token\":\"t\"}",
        "{\"token_type\":\"Bearer\",\"expires_in\":\"\",\"access_token\":\"t\"}",
        "{\"token_type\":\"Bearer\",\"expires_in\":\"1h\",\"access_token\":\"t\"}",
        "{\"token_type\":\"Bearer\",\"expires_in\":[3599],\"access_token\":\"t\"}",
        "{\"token_type\":\"Bearer\",\"expires_in\":1e999,\"access_token\":\"t\"}",
        "{\"token_type\":\"Bearer\",\"expires_in\":3599}",
        "{\"token_type\":\"Bearer\",\"expires_in\":3599,\"access_token\":\"\"}",
        "{\"token_type\":\"Bearer\",\"expires_in\":3599,\"access_token\":5}",
        "{\"token_type\":\"Bearer\",\"expires_in\":3599,\"access_token\":\"a b\"}",
        "{\"token_type\":\"Bearer\",\"expires_in\":3599,\"access_token\":\"a\\r\\nX-Evil: 1\"}",
        "{\"token_type\":\"Bearer\",\"expires_in\":3599,\"access_token\":\"\xc3\xa9\"}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct token_reply reply;
        struct error error = {0};

        if (token_reply_parse(cases[i], strlen(cases[i]), &reply, &error) != ERR_REPLY)
            fail_msg("accepted: %s", cases[i]);
        assert_null(reply.token.data);
        assert_int_not_equal(error.message[0], '\0');
        assert_null(strstr(error.message, "Evil"));
    }
}

static void test_a_token_has_a_longest_length(void **state)
{
    for (int extra = 0; extra < 2; extra++) {
        size_t length = (size_t)TOKEN_REPLY_TOKEN_MAX + (size_t)extra;
        char *json = malloc(length + 100), *token = malloc(length + 1);
        struct token_reply reply;

        (void)state;
        memset(token, 't', length);
        token[length] = '\0';
        sprintf(json, "{\"token_type\":\"Bearer\",\"expires_in\":9,\"access_token\":\"%s\"}", token);
        assert_int_equal(token_reply_parse(json, strlen(json), &reply, NULL), extra == 0 ? 0 : ERR_REPLY);
        secret_deinit(&reply.token);
        free(json);
        free(token);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_answers_are_read),
        cmocka_unit_test(test_anything_else_is_refused_whole),
        cmocka_unit_test(test_a_token_has_a_longest_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
