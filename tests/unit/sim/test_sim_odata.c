/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "sim/exchange.h"
#include "sim/odata.h"

/* Both NULL, or equal; frees `got`. */
static void expect(char *got, const char *wanted, const char *input)
{
    bool same = got && wanted ? strcmp(got, wanted) == 0 : got == NULL && wanted == NULL;

    if (!same)
        fail_msg("%s gave %s", input, got ? got : "nothing");
    free(got);
}

static void test_key(void **state)
{
    static const struct {
        const char *segment;
        const char *prefix;
        const char *name;
        const char *key;
    } cases[] = {
        {"users('ann@example.org')", "users", "", "ann@example.org"},
        {"Users('o''hara')", "users", "", "o'hara"},
        {"users('''')", "users", "", "'"},
        {"users('')", "users", "", ""},
        {"devices(deviceId='x')", "devices", "deviceId=", "x"},
        {"devices(deviceid='x')", "devices", "deviceId=", NULL},
        {"DataUploadMessages(guid'x')", "DataUploadMessages", "guid", "x"},
        {"DataUploadMessages('x')", "DataUploadMessages", "guid", NULL},
        {"users", "users", "", NULL},
        {"users(", "users", "", NULL},
        {"users()", "users", "", NULL},
        {"users(')", "users", "", NULL},
        {"users('x'", "users", "", NULL},
        {"users('x')y", "users", "", NULL},
        {"users('x'y')", "users", "", NULL},
        {"users(x)", "users", "", NULL},
        {"usersx('x')", "users", "", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        expect(odata_key(cases[i].segment, cases[i].prefix, cases[i].name), cases[i].key, cases[i].segment);
}

static void test_filter(void **state)
{
    (void)state;
    expect(odata_filter_eq("appId eq 'x'", "appId"), "x", "plain");
    expect(odata_filter_eq("appId eq 'a''b'", "appId"), "a'b", "quotes");
    expect(odata_filter_eq("appid eq 'x'", "appId"), NULL, "case");
    expect(odata_filter_eq("appId  eq 'x'", "appId"), NULL, "two blanks");
    expect(odata_filter_eq("appId eq x", "appId"), NULL, "no quotes");
    expect(odata_filter_eq("appId eq 'x' or true", "appId"), NULL, "more");
    expect(odata_filter_eq("appId ne 'x'", "appId"), NULL, "ne");
    expect(odata_filter_eq("appId eq 'x", "appId"), NULL, "open");
    expect(odata_filter_eq("", "appId"), NULL, "empty");
}

static const char *const names[] = {"id", "name", "size", NULL};

static bool reads(const char *target, struct exchange *ex, struct selection *ret_selection)
{
    exchange_init(ex, "GET", target);
    assert_int_equal(exchange_parse_target(ex), 0);
    return odata_selection_read(ex, names, "thing", ret_selection);
}

static void test_selection(void **state)
{
    struct exchange ex;
    struct selection selection;

    (void)state;
    assert_true(reads("/x?$select=id,NAME", &ex, &selection));
    assert_true(odata_selection_wants(&selection, "name"));
    assert_true(odata_selection_wants(&selection, "id"));
    assert_false(odata_selection_wants(&selection, "size"));
    assert_false(odata_selection_wants(&selection, "nam"));
    odata_selection_release(&selection);
    exchange_deinit(&ex);
    assert_true(reads("/x", &ex, &selection));
    assert_true(odata_selection_wants(&selection, "size"));
    odata_selection_release(&selection);
    exchange_deinit(&ex);
    assert_false(reads("/x?$select=id,nonsense", &ex, &selection));
    assert_int_equal(ex.status, 400);
    assert_non_null(strstr(buf_text(&ex.reply), "nonsense"));
    exchange_deinit(&ex);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key),
        cmocka_unit_test(test_filter),
        cmocka_unit_test(test_selection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
