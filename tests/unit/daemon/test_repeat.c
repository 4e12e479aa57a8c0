/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */

#include "unit.h"

#include "daemon/repeat.h"

static void test_burst_then_count(void **state)
{
    struct repeat repeat = {.window_ms = 1000, .burst = 2};
    uint64_t suppressed;
    (void)state;
    assert_true(repeat_pass(&repeat, 5000, &suppressed));
    assert_true(repeat_pass(&repeat, 5001, &suppressed));
    assert_false(repeat_pass(&repeat, 5002, &suppressed));
    assert_false(repeat_pass(&repeat, 5999, &suppressed));
    assert_true(repeat_pass(&repeat, 6000, &suppressed));
    assert_int_equal(suppressed, 2); /* told with the next line */
    assert_true(repeat_pass(&repeat, 6001, &suppressed));
    assert_int_equal(suppressed, 0);
}

/* When no line follows, the count is fetched. */
static void test_a_count_that_no_line_follows(void **state)
{
    struct repeat repeat = {.window_ms = 1000, .burst = 1};
    uint64_t suppressed;
    (void)state;
    assert_int_equal(repeat_flush(&repeat, 4000), 0);
    assert_true(repeat_pass(&repeat, 5000, &suppressed));
    assert_false(repeat_pass(&repeat, 5001, &suppressed));
    assert_int_equal(repeat_flush(&repeat, 5999), 0); /* there may be more */
    assert_int_equal(repeat_flush(&repeat, 6000), 1);
    assert_int_equal(repeat_flush(&repeat, 6000), 0);
    assert_true(repeat_pass(&repeat, 6001, &suppressed));
    assert_int_equal(suppressed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_burst_then_count),
                                       cmocka_unit_test(test_a_count_that_no_line_follows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
