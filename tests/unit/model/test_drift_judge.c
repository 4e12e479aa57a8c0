/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */

#include "unit.h"

#include <string.h>

#include "model/drift.h"

static const struct drift_seen unknown = {0};
static const struct drift_seen gone = {.gone = true};
static const struct drift_seen compliant = {.known = true, .managed = true, .compliant = true};
static const struct drift_seen blocked = {.known = true, .managed = true};
static const struct drift_seen released = {.known = true};
static const struct drift_seen odd = {.known = true, .compliant = true};

static void test_every_pair_has_its_cause(void **state)
{
    static const struct {
        enum azure_state told;
        bool given_up;
        const struct drift_seen *seen;
        bool was_right;
        enum drift_cause cause;
    } cases[] = {
        {AZURE_STATE_COMPLIANT, false, &compliant, false, DRIFT_NONE},
        {AZURE_STATE_COMPLIANT, false, &blocked, false, DRIFT_VALUE},
        {AZURE_STATE_COMPLIANT, false, &blocked, true, DRIFT_WRITER},
        {AZURE_STATE_COMPLIANT, false, &odd, true, DRIFT_WRITER},
        {AZURE_STATE_COMPLIANT, false, &unknown, true, DRIFT_UNKNOWN},
        {AZURE_STATE_COMPLIANT, false, &gone, true, DRIFT_STALE},
        {AZURE_STATE_NON_COMPLIANT, false, &blocked, true, DRIFT_NONE},
        {AZURE_STATE_NON_COMPLIANT, false, &compliant, false, DRIFT_VALUE},
        {AZURE_STATE_NON_COMPLIANT, false, &released, true, DRIFT_WRITER},
        {AZURE_STATE_REMOVED, false, &released, false, DRIFT_NONE},
        {AZURE_STATE_REMOVED, false, &unknown, false, DRIFT_NONE},
        {AZURE_STATE_REMOVED, false, &gone, false, DRIFT_NONE},
        {AZURE_STATE_REMOVED, false, &blocked, false, DRIFT_VALUE},
        {AZURE_STATE_REMOVED, false, &odd, true, DRIFT_WRITER},
        {AZURE_STATE_REMOVED, true, &released, false, DRIFT_NONE},
        {AZURE_STATE_REMOVED, true, &compliant, false, DRIFT_STALE},
        {AZURE_STATE_REMOVED, true, &compliant, true, DRIFT_WRITER},
        {AZURE_STATE_COMPLIANT, true, &compliant, false, DRIFT_STALE},
        {AZURE_STATE_COMPLIANT, true, &unknown, false, DRIFT_NONE},
        {AZURE_STATE_COMPLIANT, true, &released, false, DRIFT_NONE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        enum drift_cause cause = drift_judge(cases[i].told, cases[i].given_up, cases[i].seen, cases[i].was_right);
        if (cause != cases[i].cause)
            fail_msg("case %zu: %s", i, drift_cause_name(cause));
    }
}

static void test_words_come_back(void **state)
{
    (void)state;
    for (int i = 0; i < DRIFT_CAUSE_COUNT; i++)
        assert_int_equal(drift_cause_parse(drift_cause_name((enum drift_cause)i)), i);
    for (int i = 0; i < DRIFT_PHASE_COUNT; i++)
        assert_int_equal(drift_phase_parse(drift_phase_name((enum drift_phase)i)), i);
    assert_int_equal(drift_cause_parse("nonsense"), DRIFT_NONE);
    assert_int_equal(drift_phase_parse("nonsense"), DRIFT_IDLE);
}

static void test_every_cause_has_a_cure_in_every_language(void **state)
{
    (void)state;
    for (int cause = DRIFT_UNKNOWN; cause < DRIFT_CAUSE_COUNT; cause++) {
        assert_string_not_equal(drift_cause_text((enum drift_cause)cause, LANGUAGE_EN),
                                drift_cause_text((enum drift_cause)cause, LANGUAGE_ES));
        assert_string_not_equal(drift_cause_cure((enum drift_cause)cause, LANGUAGE_EN),
                                drift_cause_cure((enum drift_cause)cause, LANGUAGE_ES));
        assert_true(strlen(drift_cause_cure((enum drift_cause)cause, LANGUAGE_ES)) > 20);
    }
    assert_non_null(strstr(drift_problem_cure(LANGUAGE_ES), "Device.Read.All"));
    assert_string_not_equal(drift_problem_text(LANGUAGE_EN), drift_problem_text(LANGUAGE_ES));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_pair_has_its_cause),
        cmocka_unit_test(test_words_come_back),
        cmocka_unit_test(test_every_cause_has_a_cure_in_every_language),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
