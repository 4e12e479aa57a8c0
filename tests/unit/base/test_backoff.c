/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include "base/backoff.h"

static const struct backoff usual = {.base_ms = 1000, .max_ms = 300000};

static void test_ceiling_doubles_up_to_the_maximum(void **state)
{
    static const int64_t expected[] = {1000, 2000, 4000, 8000, 16000, 32000, 64000, 128000, 256000, 300000, 300000};

    (void)state;
    for (unsigned i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
        assert_int_equal(backoff_ceiling_ms(&usual, i + 1), expected[i]);
    assert_int_equal(backoff_ceiling_ms(&usual, 0), 1000);
    assert_int_equal(backoff_ceiling_ms(&usual, UINT32_MAX), 300000);
}

static void test_ceiling_survives_extreme_settings(void **state)
{
    struct backoff endless = {.base_ms = 1, .max_ms = INT64_MAX};
    struct backoff inverted = {.base_ms = 5000, .max_ms = 100};
    struct backoff nothing = {0};

    (void)state;
    assert_int_equal(backoff_ceiling_ms(&endless, 63), INT64_C(1) << 62);
    assert_int_equal(backoff_ceiling_ms(&endless, 64), INT64_MAX);
    assert_int_equal(backoff_ceiling_ms(&endless, UINT32_MAX), INT64_MAX);
    assert_int_equal(backoff_ceiling_ms(&inverted, 1), 100);
    assert_int_equal(backoff_ceiling_ms(&nothing, 1), 0);
    assert_true(backoff_delay_ms(&endless, 64, 0, UINT64_MAX) > 0);
    assert_int_equal(backoff_delay_ms(&nothing, 1, 0, 7), 1);
}

static void test_delay_lies_between_an_eighth_and_the_whole(void **state)
{
    uint64_t random = 1;

    (void)state;
    for (unsigned attempts = 1; attempts < 12; attempts++) {
        int64_t ceiling = backoff_ceiling_ms(&usual, attempts);
        int64_t low = INT64_MAX, high = 0;

        for (int i = 0; i < 20000; i++) {
            int64_t delay;

            random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            delay = backoff_delay_ms(&usual, attempts, 0, random >> 11);
            low = delay < low ? delay : low;
            high = delay > high ? delay : high;
        }
        assert_in_range(low, ceiling / 8, ceiling / 8 + ceiling / 50 + 1);
        assert_in_range(high, ceiling - ceiling / 50 - 1, ceiling);
    }
}

static void test_both_ends_are_reached(void **state)
{
    (void)state;
    assert_int_equal(backoff_delay_ms(&usual, 1, 0, 0), 125);
    assert_int_equal(backoff_delay_ms(&usual, 1, 0, 875), 1000);
    assert_int_equal(backoff_delay_ms(&usual, 1, 0, 876), 125);
}

static void test_retry_after_is_the_least(void **state)
{
    (void)state;
    assert_int_equal(backoff_delay_ms(&usual, 1, 5000, 0), 5000);
    assert_int_equal(backoff_delay_ms(&usual, 1, 200, 875), 1000);
    assert_int_equal(backoff_delay_ms(&usual, 1, -1, 0), 125);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ceiling_doubles_up_to_the_maximum),
        cmocka_unit_test(test_ceiling_survives_extreme_settings),
        cmocka_unit_test(test_delay_lies_between_an_eighth_and_the_whole),
        cmocka_unit_test(test_both_ends_are_reached),
        cmocka_unit_test(test_retry_after_is_the_least),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
