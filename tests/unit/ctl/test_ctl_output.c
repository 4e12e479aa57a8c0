/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <string.h>

#include "capture.h"
#include "ctl/output.h"

static void assert_escapes(const char *text, const char *expected)
{
    struct buf buf;

    buf_init(&buf, 0);
    output_escape(&buf, text);
    assert_string_equal(buf_text(&buf), expected);
    buf_deinit(&buf);
}

static void shows_what_must_not_reach_a_terminal(void **state)
{
    (void)state;
    assert_escapes(NULL, "");
    assert_escapes("Jörg's 電話 📱", "Jörg's 電話 📱");
    assert_escapes("a\x1b[2Jb\tc\nd\x7f", "a\\x1b[2Jb\\x09c\\x0ad\\x7f");
    assert_escapes("\xc2\x9b"
                   "31m",
                   "\\u{9b}31m"); /* CSI in one character */
    assert_escapes("\xff\xc3", "\\xff\\xc3");
    assert_escapes("abc\xe2\x80\xae"
                   "fdp.exe",
                   "abc\\u{202e}fdp.exe"); /* right-to-left override */
    assert_escapes("\xe2\x80\x8b\xef\xbb\xbf\xe2\x81\xa6", "\\u{200b}\\u{feff}\\u{2066}");
}

static void measures_columns(void **state)
{
    (void)state;
    assert_int_equal(output_width(""), 0);
    assert_int_equal(output_width("abc"), 3);
    assert_int_equal(output_width("Jörg"), 4);
    assert_int_equal(output_width("電話"), 4);
    assert_int_equal(output_width("e\xcc\x81"), 1); /* combining acute */
}

static void assert_cuts(const char *text, size_t columns, const char *expected)
{
    struct buf buf;

    buf_init(&buf, 0);
    output_cut(&buf, text, columns);
    assert_string_equal(buf_text(&buf), expected);
    buf_deinit(&buf);
}

static void cuts_to_columns(void **state)
{
    (void)state;
    assert_cuts("abc", 3, "abc");
    assert_cuts("abcd", 3, "ab…");
    assert_cuts("電話番号", 5, "電話…");
    assert_cuts("電話番号", 4, "電…");
    assert_cuts("ab", 1, "…");
    assert_cuts("ab", 0, "");
}

static void assert_count(int64_t value, const char *expected)
{
    struct buf buf;

    buf_init(&buf, 0);
    output_count(&buf, value);
    assert_string_equal(buf_text(&buf), expected);
    buf_deinit(&buf);
}

static void groups_digits(void **state)
{
    (void)state;
    assert_count(0, "0");
    assert_count(999, "999");
    assert_count(1000, "1,000");
    assert_count(1234567, "1,234,567");
    assert_count(-123456, "-123,456");
}

static void assert_time(const char *time, int64_t now_ms, const char *expected)
{
    struct buf buf;

    buf_init(&buf, 0);
    output_time(&buf, time, now_ms);
    assert_string_equal(buf_text(&buf), expected);
    buf_deinit(&buf);
}

static void tells_how_far_a_time_is(void **state)
{
    (void)state;
    assert_time("2026-02-02T02:40:00Z", 1770000090000, "2026-02-02T02:40:00Z (1m30s ago)");
    assert_time("2026-02-02T02:40:00Z", 1769996400000, "2026-02-02T02:40:00Z (in 1h)");
    assert_time("", 0, "-");
    assert_time("soon", 0, "soon");
}

static void prints_a_field(void **state)
{
    struct capture capture;

    (void)state;
    capture_start(&capture);
    output_field(capture.file, "Name", "a\nb");
    output_field(capture.file, "Azure Device Compliance Report Time", "");
    assert_string_equal(capture_text(&capture), "Name                                 a\\x0ab\n"
                                                "Azure Device Compliance Report Time  -\n");
    capture_end(&capture);
}

static int setup(void **state)
{
    (void)state;
    output_init();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_what_must_not_reach_a_terminal),
        cmocka_unit_test(measures_columns),
        cmocka_unit_test(cuts_to_columns),
        cmocka_unit_test(groups_digits),
        cmocka_unit_test(tells_how_far_a_time_is),
        cmocka_unit_test(prints_a_field),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
