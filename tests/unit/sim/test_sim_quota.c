/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include "sim/quota.h"

static void test_window(void **state)
{
    const struct quota_limits limits = {.max = {[QUOTA_GRAPH_WRITES] = 3}};
    struct quota quota = {.used = {0}};
    int64_t wait_ms = -1;

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_true(quota_take(&quota, &limits, QUOTA_GRAPH_WRITES, 1000 + i, &wait_ms));
    assert_false(quota_take(&quota, &limits, QUOTA_GRAPH_WRITES, 51000, &wait_ms));
    assert_int_equal(wait_ms, 100000);
    assert_true(quota_take(&quota, &limits, QUOTA_GRAPH_WRITES, 151000, &wait_ms));
}

static void test_no_limit(void **state)
{
    const struct quota_limits limits = {.max = {[QUOTA_GRAPH_WRITES] = 1}};
    struct quota quota = {.used = {0}};
    int64_t wait_ms;

    (void)state;
    for (int i = 0; i < 1000; i++)
        assert_true(quota_take(&quota, &limits, QUOTA_PARTNER_REQUESTS, 0, &wait_ms));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_window),
        cmocka_unit_test(test_no_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
