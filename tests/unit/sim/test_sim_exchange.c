/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "sim/exchange.h"

static void test_target(void **state)
{
    struct exchange ex;

    (void)state;
    exchange_init(&ex, "GET", "//v1.0/users%2Fx//ann%40example.org?a=b?c&d");
    assert_int_equal(exchange_parse_target(&ex), 0);
    assert_int_equal(ex.segment_count, 3);
    assert_string_equal(ex.segments[1], "users/x");
    assert_string_equal(ex.segments[2], "ann@example.org");
    assert_true(exchange_segment_is(&ex, 0, "V1.0"));
    assert_false(exchange_segment_is(&ex, 3, ""));
    assert_string_equal(ex.query, "a=b?c&d");
    assert_true(exchange_method_is(&ex, "GET"));
    assert_false(exchange_method_is(&ex, "get"));
    exchange_deinit(&ex);
}

static void test_bad_targets(void **state)
{
    static const char *const bad[] = {"/%", "/a%4", "/%zz", "/a%00b", "/a#b", "/a?b#c", "/1/2/3/4/5/6/7/8/9"};
    struct exchange ex;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        exchange_init(&ex, "GET", bad[i]);
        if (exchange_parse_target(&ex) != ERR_INVALID)
            fail_msg("%s was read", bad[i]);
        exchange_deinit(&ex);
    }
}

static void expect_query(const struct exchange *ex, const char *name, const char *wanted)
{
    char *got = exchange_query(ex, name);

    if (wanted ? !got || strcmp(got, wanted) != 0 : got != NULL)
        fail_msg("%s gave %s", name, got ? got : "nothing");
    free(got);
}

static void test_query(void **state)
{
    struct exchange ex;

    (void)state;
    exchange_init(&ex, "GET", "/x?%24filter=a+eq%20'b'&$top=3&flag&empty=&bad=%&$top=4&&=v");
    assert_int_equal(exchange_parse_target(&ex), 0);
    expect_query(&ex, "$filter", "a eq 'b'");
    expect_query(&ex, "$top", "3");
    expect_query(&ex, "flag", "");
    expect_query(&ex, "empty", "");
    expect_query(&ex, "bad", NULL);
    expect_query(&ex, "top", NULL);
    expect_query(&ex, "x", NULL);
    exchange_deinit(&ex);
}

static void test_headers(void **state)
{
    struct exchange ex;

    (void)state;
    exchange_init(&ex, "GET", "/");
    for (int i = 0; i < EXCHANGE_HEADERS + 4; i++) {
        char name[16];
        snprintf(name, sizeof(name), "h%d", i);
        exchange_header(&ex, name, "%d", i);
    }
    exchange_header(&ex, "H3", "%s", "new");
    assert_int_equal(ex.header_count, EXCHANGE_HEADERS);
    assert_string_equal(ex.headers[3].value, "new");
    exchange_deinit(&ex);
}

static void test_answer_starts_anew(void **state)
{
    struct exchange ex;

    (void)state;
    exchange_init(&ex, "GET", "/");
    exchange_answer(&ex, 200, EXCHANGE_JSON);
    buf_add_text(&ex.reply, "{}");
    ex.wire = WIRE_DRIP;
    exchange_answer(&ex, 204, NULL);
    assert_int_equal(ex.status, 204);
    assert_int_equal(ex.reply.length, 0);
    assert_int_equal(ex.wire, WIRE_WHOLE);
    assert_null(ex.reply_type);
    assert_true(guid_is_valid(ex.request_id));
    exchange_deinit(&ex);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_target),  cmocka_unit_test(test_bad_targets),        cmocka_unit_test(test_query),
        cmocka_unit_test(test_headers), cmocka_unit_test(test_answer_starts_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
