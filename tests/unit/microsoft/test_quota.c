/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include "microsoft/quota.h"

static void test_a_full_bucket_is_spent_in_one_burst(void **state)
{
    struct quota quota;

    (void)state;
    quota_init(&quota, 100, 20000, 5000); /* 25, and 75 in 20 s */
    assert_int_equal(quota_available(&quota, 1000, 5000), 25);
    assert_int_equal(quota_available(&quota, 20, 5000), 20);
    quota_take(&quota, 25, 5000);
    assert_int_equal(quota_available(&quota, 1, 5000), 0);
    assert_int_equal(quota_available(&quota, 1, 5266), 0);
    assert_int_equal(quota_available(&quota, 1, 5267), 1);
    assert_int_equal(quota_ready_at_ms(&quota, 15, 5267), 9000);
    assert_int_equal(quota_available(&quota, 1000, 25000), 25);
    assert_int_equal(quota_available(&quota, 1000, 90000), 25);
}

/* However greedily they are spent: in no stretch as long as the period more than the limit, the first and one after
 * a pause included. */
static void test_no_period_sees_more_than_the_limit(void **state)
{
    static const unsigned limits[] = {1, 2, 3, 5, 20, 100, 3000};
    static int64_t spent_ms[20000];

    (void)state;
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        const int64_t period_ms = 10000;
        struct quota quota;
        size_t count = 0;

        quota_init(&quota, limits[i], period_ms, 0);
        for (int64_t now_ms = 0; now_ms <= 6 * period_ms; now_ms += now_ms == 3 * period_ms ? 2 * period_ms : 7) {
            unsigned units = quota_available(&quota, 20, now_ms);

            quota_take(&quota, units, now_ms);
            while (units-- > 0)
                spent_ms[count++] = now_ms;
        }
        assert_true(count >= limits[i]);
        for (size_t first = 0; first + limits[i] < count; first++)
            assert_true(spent_ms[first + limits[i]] - spent_ms[first] >= period_ms);
    }
}

static void test_the_mean_rate(void **state)
{
    struct quota quota;
    unsigned spent = 0;

    (void)state;
    quota_init(&quota, 3000, 150000, 0);
    for (int64_t now_ms = 0; now_ms <= 1500000; now_ms += 7) {
        unsigned units = quota_available(&quota, 20, now_ms);

        quota_take(&quota, units, now_ms);
        spent += units;
    }
    assert_in_range(spent, 750 + 22500 - 20, 750 + 22500);
}

static void test_ready_at_is_when_units_become_available(void **state)
{
    static const double units[] = {1, 7, 100, 3000};
    static const int64_t periods_ms[] = {1000, 20000, 150000};

    (void)state;
    for (size_t u = 0; u < 4; u++) {
        for (size_t p = 0; p < 3; p++) {
            for (int throttlings = 0; throttlings < 8; throttlings++) {
                struct quota quota;
                int64_t now_ms = 1000, ready_ms;
                unsigned burst = units[u] < 4 ? 1 : (unsigned)(units[u] / 4);

                quota_init(&quota, units[u], periods_ms[p], now_ms);
                quota_take(&quota, burst, now_ms);
                for (int i = 0; i < throttlings; i++) {
                    quota_throttled(&quota, 1500, now_ms);
                    now_ms += 1501;
                }
                ready_ms = quota_ready_at_ms(&quota, burst, now_ms);
                assert_true(ready_ms > now_ms || throttlings > 0);
                if (ready_ms == now_ms)
                    continue; /* a small bucket fills while it is blocked */
                assert_int_equal(quota_available(&quota, burst, ready_ms - 2) == burst, 0);
                assert_int_equal(quota_available(&quota, burst, ready_ms + 1), burst);
                assert_int_equal(quota_ready_at_ms(&quota, burst, ready_ms + 1), ready_ms + 1);
            }
        }
    }
}

static void test_more_than_the_bucket_holds_is_ready_when_it_is_full(void **state)
{
    struct quota quota;

    (void)state;
    quota_init(&quota, 10, 1000, 0);
    quota_take(&quota, 10, 0);
    assert_int_equal(quota_ready_at_ms(&quota, 500, 0), 1250); /* 2 and 8 a second, of which 10 were taken */
}

static void test_nothing_is_allowed_until_retry_after_has_passed(void **state)
{
    struct quota quota;

    (void)state;
    quota_init(&quota, 100, 10000, 0);
    quota_throttled(&quota, 30000, 1000);
    assert_int_equal(quota_available(&quota, 1, 1000), 0);
    assert_int_equal(quota_available(&quota, 1, 30999), 0);
    assert_int_equal(quota_ready_at_ms(&quota, 1, 2000), 31000);
    assert_int_equal(quota_available(&quota, 1, 31000), 1);
    quota_throttled(&quota, 0, 40000);
    assert_int_equal(quota_available(&quota, 1, 40999), 0);
    assert_int_equal(quota_available(&quota, 1, 41000), 1);
}

static void test_one_burst_of_refusals_halves_the_rate_once(void **state)
{
    struct quota quota;

    (void)state;
    quota_init(&quota, 100, 10000, 0);
    for (int64_t now_ms = 0; now_ms < 100; now_ms++)
        quota_throttled(&quota, 5000, now_ms);
    assert_true(quota.share == 0.5);
    assert_int_equal(quota.blocked_until_ms, 5099);
    quota_throttled(&quota, 5000, 5099);
    assert_true(quota.share == 0.25);
    for (int64_t now_ms = 20000; now_ms < 200000; now_ms += 5000)
        quota_throttled(&quota, 5000, now_ms);
    assert_true(quota.share == 1.0 / 64);
}

static void test_the_rate_recovers_step_by_step(void **state)
{
    struct quota quota;

    (void)state;
    quota_init(&quota, 100, 10000, 0);
    quota_throttled(&quota, 2000, 0);
    (void)quota_available(&quota, 1, 11999);
    assert_true(quota.share == 0.5);
    (void)quota_available(&quota, 1, 12000);
    assert_true(quota.share == 0.625);
    (void)quota_available(&quota, 1, 42000);
    assert_true(quota.share == 1);
    (void)quota_available(&quota, 1, INT64_C(4000000000000));
    assert_true(quota.share == 1 && quota.level == 25);
}

static void test_a_clock_that_stands_or_falls_back_gives_nothing(void **state)
{
    struct quota quota;

    (void)state;
    quota_init(&quota, 10, 1000, 100000);
    quota_take(&quota, 2, 100000);
    assert_int_equal(quota_available(&quota, 1, 100000), 0);
    assert_int_equal(quota_available(&quota, 1, 50000), 0);
    assert_int_equal(quota_available(&quota, 1, 100125), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_full_bucket_is_spent_in_one_burst),
        cmocka_unit_test(test_no_period_sees_more_than_the_limit),
        cmocka_unit_test(test_the_mean_rate),
        cmocka_unit_test(test_ready_at_is_when_units_become_available),
        cmocka_unit_test(test_more_than_the_bucket_holds_is_ready_when_it_is_full),
        cmocka_unit_test(test_nothing_is_allowed_until_retry_after_has_passed),
        cmocka_unit_test(test_one_burst_of_refusals_halves_the_rate_once),
        cmocka_unit_test(test_the_rate_recovers_step_by_step),
        cmocka_unit_test(test_a_clock_that_stands_or_falls_back_gives_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
