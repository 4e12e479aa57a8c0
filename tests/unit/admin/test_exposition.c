/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <math.h>

#include "admin/exposition.h"

struct farm {
    unsigned fields;
    const char *names[2];
    struct histogram yield;
};

static unsigned count_fields(const void *ctx)
{
    return ((const struct farm *)ctx)->fields;
}

static const char *field_name(const void *ctx, unsigned index)
{
    return ((const struct farm *)ctx)->names[index];
}

static const char *crop_name(const void *ctx, unsigned index)
{
    (void)ctx;
    return index == 0 ? "rye" : "oats";
}

static const struct exposition_dimension field = {"field", field_name, .counted = count_fields};
static const struct exposition_dimension crop = {"crop", crop_name, .count = 2};

/* No rye on the second field. */
static double ears(const void *ctx, const unsigned *at)
{
    (void)ctx;
    return at[0] == 1 && at[1] == 0 ? NAN : at[0] * 10 + at[1] + 0.5;
}

static double acres(const void *ctx, const unsigned *at)
{
    (void)ctx;
    (void)at;
    return 1770000000.123;
}

static const struct histogram *yield(const void *ctx, const unsigned *at)
{
    (void)at;
    return &((const struct farm *)ctx)->yield;
}

static void expect(const struct exposition_family *family, const struct farm *farm, const char *text)
{
    struct buf out;

    buf_init(&out, 0);
    exposition_add(&out, family, farm);
    assert_string_equal(buf_text(&out), text);
    buf_deinit(&out);
}

static void every_combination_is_a_sample_but_what_has_no_value(void **state)
{
    const struct exposition_family family = {
        "farm_ears_total", "Ears.", EXPOSITION_COUNTER, {&field, &crop}, .value = ears};
    const struct farm farm = {.fields = 2, .names = {"north", "south"}};

    (void)state;
    expect(&family, &farm,
           "# HELP farm_ears_total Ears.\n# TYPE farm_ears_total counter\n"
           "farm_ears_total{field=\"north\",crop=\"rye\"} 0.5\n"
           "farm_ears_total{field=\"north\",crop=\"oats\"} 1.5\n"
           "farm_ears_total{field=\"south\",crop=\"oats\"} 11.5\n");
}

static void without_dimensions_there_is_one_sample_and_no_braces(void **state)
{
    const struct exposition_family family = {"farm_acres", "Acres.", EXPOSITION_GAUGE, {NULL}, .value = acres};

    (void)state;
    expect(&family, NULL, "# HELP farm_acres Acres.\n# TYPE farm_acres gauge\nfarm_acres 1770000000.123\n");
}

static void an_empty_dimension_leaves_the_heading(void **state)
{
    const struct exposition_family family = {
        "farm_ears_total", "Ears.", EXPOSITION_COUNTER, {&crop, &field}, .value = ears};
    const struct farm farm = {.fields = 0};

    (void)state;
    expect(&family, &farm, "# HELP farm_ears_total Ears.\n# TYPE farm_ears_total counter\n");
}

static void label_values_cannot_break_out(void **state)
{
    const struct exposition_family family = {"farm_acres", "Acres.", EXPOSITION_GAUGE, {&field}, .value = acres};
    const struct farm farm = {.fields = 1, .names = {"a\"} 1\nb\\c"}};

    (void)state;
    expect(
        &family, &farm,
        "# HELP farm_acres Acres.\n# TYPE farm_acres gauge\nfarm_acres{field=\"a\\\"} 1\\nb\\\\c\"} 1770000000.123\n");
}

static void buckets_add_up(void **state)
{
    static const struct histogram_bounds bounds = {2, {0.005, 2.5}};
    const struct exposition_family family = {
        "farm_yield_seconds", "Yield.", EXPOSITION_HISTOGRAM, {&field}, .histogram = yield};
    struct farm farm = {.fields = 1, .names = {"north"}};

    (void)state;
    histogram_init(&farm.yield, &bounds);
    histogram_observe(&farm.yield, 0.005);
    histogram_observe(&farm.yield, 1);
    histogram_observe(&farm.yield, 2);
    histogram_observe(&farm.yield, 3);
    expect(&family, &farm,
           "# HELP farm_yield_seconds Yield.\n# TYPE farm_yield_seconds histogram\n"
           "farm_yield_seconds_bucket{field=\"north\",le=\"0.005\"} 1\n"
           "farm_yield_seconds_bucket{field=\"north\",le=\"2.5\"} 3\n"
           "farm_yield_seconds_bucket{field=\"north\",le=\"+Inf\"} 4\n"
           "farm_yield_seconds_sum{field=\"north\"} 6.005\n"
           "farm_yield_seconds_count{field=\"north\"} 4\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_combination_is_a_sample_but_what_has_no_value),
        cmocka_unit_test(without_dimensions_there_is_one_sample_and_no_braces),
        cmocka_unit_test(an_empty_dimension_leaves_the_heading),
        cmocka_unit_test(label_values_cannot_break_out),
        cmocka_unit_test(buckets_add_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
