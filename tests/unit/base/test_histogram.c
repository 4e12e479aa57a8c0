/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <stdlib.h>

#include "base/histogram.h"

static const struct histogram_bounds bounds = {3, {0.1, 1, 10}};

static void a_bound_belongs_to_its_bucket(void **state)
{
    struct histogram histogram;

    (void)state;
    histogram_init(&histogram, &bounds);
    histogram_observe(&histogram, 0.1);
    histogram_observe(&histogram, 0.100001);
    histogram_observe(&histogram, 1);
    histogram_observe(&histogram, 10.5);
    assert_int_equal(histogram.counts[0], 1);
    assert_int_equal(histogram.counts[1], 2);
    assert_int_equal(histogram.counts[2], 0);
    assert_int_equal(histogram.counts[3], 1);
    assert_int_equal(histogram_count(&histogram), 4);
    assert_true(histogram.sum > 11.70 && histogram.sum < 11.71);
}

static void a_negative_duration_is_none(void **state)
{
    struct histogram histogram;

    (void)state;
    histogram_init(&histogram, &bounds);
    histogram_observe(&histogram, -3600);
    assert_int_equal(histogram.counts[0], 1);
    assert_true(histogram.sum <= 0 && histogram.sum >= 0);
}

static void bounds_rise_and_end_where_they_say(void **state)
{
    const struct histogram_bounds *all[] = {&histogram_moments, &histogram_waits};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        for (unsigned k = 1; k < all[i]->count; k++)
            assert_true(all[i]->at[k] > all[i]->at[k - 1]);
        assert_true(all[i]->at[0] > 0);
        assert_true(all[i]->count <= HISTOGRAM_BOUNDS_MAX);
    }
    assert_true(histogram_waits.at[histogram_waits.count - 1] >= 7 * 86400.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bound_belongs_to_its_bucket),
        cmocka_unit_test(a_negative_duration_is_none),
        cmocka_unit_test(bounds_rise_and_end_where_they_say),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
