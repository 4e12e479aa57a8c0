/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "daemon/health.h"

#include "unit.h"

static const struct error busy = {.code = ERR_BUSY, .message = "locked"};
static const struct error full = {.code = ERR_STORE_FULL, .message = "full"};

static void test_a_failure_is_trouble_at_once_and_told_once(void **state)
{
    struct health health = {0};
    (void)state;

    assert_true(health_failed(&health, &full, 7, 1000));
    assert_true(health.trouble);
    assert_false(health_failed(&health, &full, 7, 2000));
    assert_string_equal(health.error.message, "full");
    assert_true(health_failed(&health, &busy, 7, 3000)); /* another one */
    assert_true(health.trouble);
}

static void test_a_lock_is_trouble_when_it_lasts(void **state)
{
    struct health health = {0};
    (void)state;

    assert_false(health_failed(&health, &busy, 7, 1000));
    assert_true(health.failing);
    assert_false(health.trouble);
    assert_false(health_failed(&health, &busy, 7, 1000 + HEALTH_BUSY_MS - 1));
    assert_true(health_failed(&health, &busy, 7, 1000 + HEALTH_BUSY_MS));
    assert_false(health_failed(&health, &busy, 7, 2000 + HEALTH_BUSY_MS));
}

static void test_it_ends_with_a_commit_and_quiet(void **state)
{
    struct health health = {0};
    (void)state;

    health_failed(&health, &full, 7, 1000);
    assert_false(health_mended(&health, 8, 1000 + HEALTH_STEADY_MS - 1));
    assert_false(health_mended(&health, 7, 1000 + HEALTH_STEADY_MS)); /* nothing was ever written since */
    assert_true(health_mended(&health, 8, 1000 + HEALTH_STEADY_MS));
    assert_false(health.failing || health.trouble);
    assert_true(health_failed(&health, &full, 8, 90000)); /* told again */
}

static void test_what_fails_each_time_among_others_stays(void **state)
{
    struct health health = {0};
    (void)state;

    for (int i = 0; i < 100; i++) {
        assert_int_equal(health_failed(&health, &full, (uint64_t)i, 5000 * i), i == 0);
        assert_false(health_mended(&health, (uint64_t)i + 1, 5000 * i + 4999));
        assert_true(health.trouble);
    }
}

static void test_a_short_lock_leaves_no_trace(void **state)
{
    struct health health = {0};
    (void)state;

    health_failed(&health, &busy, 7, 1000);
    assert_false(health_mended(&health, 8, 1000 + HEALTH_STEADY_MS)); /* no trouble was told, so none is over */
    assert_false(health.failing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_failure_is_trouble_at_once_and_told_once),
        cmocka_unit_test(test_a_lock_is_trouble_when_it_lasts),
        cmocka_unit_test(test_it_ends_with_a_commit_and_quiet),
        cmocka_unit_test(test_what_fails_each_time_among_others_stays),
        cmocka_unit_test(test_a_short_lock_leaves_no_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
