/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include "base/error.h"
#include "model/action.h"

/* Section 2 of the contract, written out. */
static const struct {
    const char *name;
    enum azure_state state;
} expected[] = {
    {"monitor", AZURE_STATE_COMPLIANT},         {"send_alert", AZURE_STATE_COMPLIANT},
    {"block_email", AZURE_STATE_NON_COMPLIANT}, {"block_appconnect", AZURE_STATE_NON_COMPLIANT},
    {"quarantine", AZURE_STATE_NON_COMPLIANT},  {"retire", AZURE_STATE_REMOVED},
};

static void test_names_and_states(void **state)
{
    (void)state;
    assert_int_equal(ACTION_COUNT, 6);
    for (int i = 0; i < ACTION_COUNT; i++) {
        enum action action = ACTION_COUNT;

        assert_string_equal(action_name((enum action)i), expected[i].name);
        assert_int_equal(action_state((enum action)i), expected[i].state);
        assert_int_equal(action_parse(expected[i].name, &action), 0);
        assert_int_equal(action, i);
    }
}

static void test_foreign_values(void **state)
{
    enum action action = ACTION_RETIRE;

    (void)state;
    assert_int_equal(action_parse("", &action), ERR_INVALID);
    assert_int_equal(action_parse("Retire", &action), ERR_INVALID);
    assert_int_equal(action_parse(NULL, &action), ERR_INVALID);
    assert_int_equal(action, ACTION_RETIRE);
    assert_string_equal(action_name(ACTION_COUNT), "");
    assert_int_equal(action_state(ACTION_COUNT), AZURE_STATE_NONE);
}

static void test_strictest_of_every_set(void **state)
{
    (void)state;
    assert_int_equal(action_strictest(0), -1);
    for (unsigned set = 1; set < 1U << ACTION_COUNT; set++) {
        int strictest = action_strictest(set);

        assert_in_range(strictest, 0, ACTION_COUNT - 1);
        assert_true(set & 1U << strictest); /* it is one of them */
        assert_true(set >> strictest == 1); /* and none is stricter */
    }
    assert_int_equal(action_strictest(~((1U << ACTION_COUNT) - 1)), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_and_states),
        cmocka_unit_test(test_foreign_values),
        cmocka_unit_test(test_strictest_of_every_set),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
