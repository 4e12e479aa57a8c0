/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include "admin/target.h"
#include "base/error.h"

static void takes_path_and_query_apart(void **state)
{
    struct target target;

    (void)state;
    assert_int_equal(target_parse("/v1/devices/a%2Fb%3F?search=x+y%2B&limit=5&flag", &target), 0);
    assert_int_equal(target.segment_count, 3);
    assert_string_equal(target.segments[0], "v1");
    assert_string_equal(target.segments[2], "a/b?");
    assert_int_equal(target.parameter_count, 3);
    assert_string_equal(target_get(&target, "search"), "x y+");
    assert_string_equal(target_get(&target, "limit"), "5");
    assert_string_equal(target_get(&target, "flag"), "");
    assert_null(target_get(&target, "other"));
    target_deinit(&target);
}

static void a_plus_in_the_path_is_a_plus(void **state)
{
    struct target target;

    (void)state;
    assert_int_equal(target_parse("/v1/devices/a+b", &target), 0);
    assert_string_equal(target.segments[2], "a+b");
    target_deinit(&target);
}

static void refuses_what_is_broken(void **state)
{
    static const struct {
        const char *raw;
        int result;
    } cases[] = {
        {"", ERR_INVALID},
        {"v1", ERR_INVALID},
        {"*", ERR_INVALID},
        {"/a%", ERR_INVALID},
        {"/a%4", ERR_INVALID},
        {"/a%zz", ERR_INVALID},
        {"/a%00b", ERR_INVALID},
        {"/a?b=%0", ERR_INVALID},
        {"/a?%00=1", ERR_INVALID},
        {"/1/2/3/4/5/6/7/8/9", ERR_TOOBIG},
        {"/?a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p&q", ERR_TOOBIG},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct target target;

        assert_int_equal(target_parse(cases[i].raw, &target), cases[i].result);
        assert_null(target.text);
    }
}

static bool matches(const char *raw, const char *pattern, const char **ret_ids)
{
    static struct target target;
    bool result;

    target_deinit(&target);
    if (target_parse(raw, &target) != 0)
        return false;
    result = target_matches(&target, pattern, ret_ids);
    return result;
}

static void matches_patterns(void **state)
{
    const char *id = NULL, *ids[TARGET_IDS_MAX] = {NULL};

    (void)state;
    assert_true(matches("/v1/status", "/v1/status", &id));
    assert_null(id);
    assert_true(matches("/v1/devices/D%201/report", "/v1/devices/{id}/report", &id));
    assert_string_equal(id, "D 1");
    assert_true(matches("/v1/devices/%7Bid%7D", "/v1/devices/{id}", &id));
    assert_string_equal(id, "{id}");
    assert_true(matches("/v1/devices/a%2Fb/violations/p", "/v1/devices/{id}/violations/{policy_id}", ids));
    assert_string_equal(ids[0], "a/b");
    assert_string_equal(ids[1], "p");
    assert_false(matches("/v1/devices/a/violations/", "/v1/devices/{id}/violations/{policy_id}", ids));
    assert_false(matches("/v1/status/", "/v1/status", &id));
    assert_false(matches("/v1", "/v1/status", &id));
    assert_false(matches("/v1/statusx", "/v1/status", &id));
    assert_false(matches("/v1/statu", "/v1/status", &id));
    assert_false(matches("/v1/devices/", "/v1/devices/{id}", &id));
    assert_false(matches("/v1/devices/a/b", "/v1/devices/{id}", &id));
    assert_false(matches("/v1%2Fstatus", "/v1/status", &id));
    matches("", "", &id); /* frees the last target */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_path_and_query_apart),
        cmocka_unit_test(a_plus_in_the_path_is_a_plus),
        cmocka_unit_test(refuses_what_is_broken),
        cmocka_unit_test(matches_patterns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
