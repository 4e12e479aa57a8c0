/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include "base/duration.h"
#include "base/error.h"

static void test_parses(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"30s", 30000},      {"15m", 900000},           {"6h", 21600000},          {"7d", 604800000},
        {"500ms", 500},      {"1h30m", 5400000},        {"1d2h3m4s5ms", 93784005}, {"0s", 0},
        {"007d", 604800000}, {"36500d", 3153600000000}, {"1m500ms", 60500},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t ms = -1;

        if (duration_parse(cases[i].text, &ms) != 0 || ms != cases[i].ms)
            fail_msg("%s gave %lld", cases[i].text, (long long)ms);
    }
}

static void test_refuses(void **state)
{
    static const char *const cases[] = {
        "",
        "7",
        "d",
        "7 d",
        " 7d",
        "7d ",
        "-7d",
        "+7d",
        "7D",
        "7w",
        "7days",
        "1.5h",
        "1h30",
        "1h 30m",
        "7mss",
        "36601d",
        "36500d36500d",
        "99999999999999999999d",
        "9223372036854775807ms",
        "0x7d",
        "½h",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t ms = 77;

        if (duration_parse(cases[i], &ms) != ERR_INVALID || ms != 77)
            fail_msg("\"%s\" was read", cases[i]);
    }
    assert_int_equal(duration_parse(NULL, NULL), ERR_INVALID);
}

static void test_formats(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {0, "0s"},
        {1, "1ms"},
        {1000, "1s"},
        {1500, "1s500ms"},
        {60000, "1m"},
        {90000, "1m30s"},
        {60500, "1m500ms"},
        {90061000, "1d1h"},
        {86700000, "1d5m"},
        {604800000, "7d"},
        {-90000, "-1m30s"},
        {3600000, "1h"},
        {INT64_MIN, "-106751991167d7h"},
        {INT64_MAX, "106751991167d7h"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[DURATION_TEXT];

        assert_string_equal(duration_format(cases[i].ms, text), cases[i].text);
    }
}

static void test_formatted_reads_back_to_two_units(void **state)
{
    (void)state;
    for (int64_t ms = 0; ms < 3000000000; ms = ms + 1 + ms / 7) {
        char text[DURATION_TEXT];
        int64_t back;

        assert_int_equal(duration_parse(duration_format(ms, text), &back), 0);
        assert_true(back <= ms && ms - back <= ms / 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parses),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_formats),
        cmocka_unit_test(test_formatted_reads_back_to_two_units),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
