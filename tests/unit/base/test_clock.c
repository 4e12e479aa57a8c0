/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"

static void test_formats(void **state)
{
    char text[CLOCK_TEXT];

    (void)state;
    assert_string_equal(clock_format_s(0, text), "1970-01-01T00:00:00Z");
    assert_string_equal(clock_format_s(1770091506, text), "2026-02-03T04:05:06Z");
    assert_string_equal(clock_format_ms(1770091506789, text), "2026-02-03T04:05:06.789Z");
    assert_string_equal(clock_format_ms(1770091506007, text), "2026-02-03T04:05:06.007Z");
    assert_string_equal(clock_format_s(1709164800, text), "2024-02-29T00:00:00Z");
    assert_string_equal(clock_format_ms(253402300799999, text), "9999-12-31T23:59:59.999Z");
    assert_string_equal(clock_format_s(253402300799, text), "9999-12-31T23:59:59Z");
}

static void test_what_has_no_text_is_empty(void **state)
{
    char text[CLOCK_TEXT] = "x";

    (void)state;
    assert_string_equal(clock_format_s(-1, text), "");
    assert_string_equal(clock_format_ms(-1, text), "");
    assert_string_equal(clock_format_s(INT64_MIN, text), "");
    assert_string_equal(clock_format_s(253402300800, text), "");
    assert_string_equal(clock_format_ms(INT64_MAX, text), "");
}

static void test_formatted_times_read_back(void **state)
{
    (void)state;
    for (int64_t ms = 0; ms < 253402300799999; ms += 86399999 * INT64_C(37)) {
        char text[CLOCK_TEXT];
        struct tm tm;
        time_t seconds = (time_t)(ms / 1000);
        char expected[CLOCK_TEXT];
        int64_t back;

        assert_int_equal(clock_parse(clock_format_ms(ms, text), &back), 0);
        assert_int_equal(back, ms);
        strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &tm));
        assert_string_equal(clock_format_s(ms / 1000, text), expected);
    }
}

static void test_reads_rfc3339(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"2026-02-03T04:05:06Z", 1770091506000},      {"2026-02-03t04:05:06z", 1770091506000},
        {"2026-02-03 04:05:06Z", 1770091506000},      {"2026-02-03T04:05:06.7Z", 1770091506700},
        {"2026-02-03T04:05:06.789Z", 1770091506789},  {"2026-02-03T04:05:06.7899999Z", 1770091506789},
        {"2026-02-03T05:35:06+01:30", 1770091506000}, {"2026-02-02T20:05:06.5-08:00", 1770091506500},
        {"2026-02-03T04:05:06-00:00", 1770091506000}, {"1969-12-31T23:59:59Z", -1000},
        {"2016-12-31T23:59:60Z", 1483228800000},      {"2024-02-29T12:00:00Z", 1709208000000},
        {"0001-01-01T00:00:00Z", -62135596800000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t ms = 1;

        if (clock_parse(cases[i].text, &ms) != 0 || ms != cases[i].ms)
            fail_msg("%s gave %lld", cases[i].text, (long long)ms);
    }
}

static void test_refuses_what_is_no_rfc3339(void **state)
{
    static const char *const cases[] = {
        "",
        "2026",
        "2026-02-03",
        "2026-02-03T04:05:06",
        "2026-02-03T04:05Z",
        "2026-02-03T04:05:06.Z",
        "2026-02-03T04:05:06,5Z",
        "2026-02-03T04:05:06Zx",
        " 2026-02-03T04:05:06Z",
        "2026-13-03T04:05:06Z",
        "2026-00-03T04:05:06Z",
        "2026-02-00T04:05:06Z",
        "2026-02-30T04:05:06Z",
        "2025-02-29T04:05:06Z",
        "2026-04-31T04:05:06Z",
        "2026-02-03T24:00:00Z",
        "2026-02-03T04:60:06Z",
        "2026-02-03T04:05:61Z",
        "2026-02-03T04:05:06+1:00",
        "2026-02-03T04:05:06+0100",
        "2026-02-03T04:05:06+24:00",
        "2026-02-03T04:05:06+01:60",
        "2026-02-03T04:05:06+01:00x",
        "2026-2-3T4:5:6Z",
        "+026-02-03T04:05:06Z",
        "2026-02-03T04:05:06+",
        "2026-02-03T04:05:06+01",
        "2026-02-03T04:05:06+01:",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t ms = 77;

        if (clock_parse(cases[i], &ms) != ERR_INVALID || ms != 77)
            fail_msg("\"%s\" was read", cases[i]);
    }
    assert_int_equal(clock_parse(NULL, NULL), ERR_INVALID);
}

/* RFC 9110 section 5.6.7 gives these three for one instant. */
static void test_reads_http_dates(void **state)
{
    static const struct {
        const char *text;
        int64_t seconds;
    } cases[] = {
        {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},  {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
        {"Sun Nov  6 08:49:37 1994", 784111777},       {"Wed Nov 16 08:49:37 1994", 784975777},
        {"Tue, 03 Feb 2026 04:05:06 GMT", 1770091506}, {"Tuesday, 03-Feb-26 04:05:06 GMT", 1770091506},
        {"Thu, 01 Jan 1970 00:00:00 GMT", 0},          {"Sat, 31 Dec 2016 23:59:60 GMT", 1483228800},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t seconds = 1;

        if (clock_parse_http(cases[i].text, &seconds) != 0 || seconds != cases[i].seconds)
            fail_msg("%s gave %lld", cases[i].text, (long long)seconds);
    }
}

static void test_refuses_what_is_no_http_date(void **state)
{
    static const char *const cases[] = {
        "",
        "120",
        "Sun",
        "Sun, 06 Nov 1994",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMTx",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 25:49:37 GMT",
        "Sun, 06-Nov-1994 08:49:37 GMT",
        "Sun Nov 06 08:49:37 94",
        "2026-02-03T04:05:06Z",
        "Su, 06 Nov 1994 08:49:37 GMT",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t seconds = 77;

        if (clock_parse_http(cases[i], &seconds) != ERR_INVALID || seconds != 77)
            fail_msg("\"%s\" was read", cases[i]);
    }
    assert_int_equal(clock_parse_http(NULL, NULL), ERR_INVALID);
}

static int64_t read_stub(void *ctx)
{
    return ++*(int64_t *)ctx;
}

static void test_clocks(void **state)
{
    int64_t ticks = 41;
    struct clock stub = {.realtime_ms = read_stub, .monotonic_ms = read_stub, .ctx = &ticks};
    int64_t before = clock_monotonic_ms(clock_system());

    (void)state;
    assert_int_equal(clock_realtime_ms(&stub), 42);
    assert_int_equal(clock_monotonic_ms(&stub), 43);
    assert_true(clock_realtime_ms(clock_system()) / 1000 - (int64_t)time(NULL) <= 1);
    assert_true(clock_realtime_ms(clock_system()) > 1700000000000);
    assert_true(clock_monotonic_ms(clock_system()) >= before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formats),
        cmocka_unit_test(test_what_has_no_text_is_empty),
        cmocka_unit_test(test_formatted_times_read_back),
        cmocka_unit_test(test_reads_rfc3339),
        cmocka_unit_test(test_refuses_what_is_no_rfc3339),
        cmocka_unit_test(test_reads_http_dates),
        cmocka_unit_test(test_refuses_what_is_no_http_date),
        cmocka_unit_test(test_clocks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
