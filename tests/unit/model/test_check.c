/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include "model/check.h"
#include "model/device.h"

static void differ(const char *english, const char *spanish)
{
    assert_true(english[0] != '\0' && spanish[0] != '\0');
    assert_true(text_is_utf8(english) && text_is_utf8(spanish));
    assert_string_not_equal(english, spanish);
}

static void test_every_check_and_state_has_its_words(void **state)
{
    (void)state;
    for (int i = 0; i < CHECK_COUNT; i++) {
        assert_true(check_name((enum check)i)[0] != '\0');
        differ(check_title((enum check)i, LANGUAGE_EN), check_title((enum check)i, LANGUAGE_ES));
    }
    for (int i = 0; i < CHECK_STATE_COUNT; i++) {
        assert_int_equal(check_state_parse(check_state_name((enum check_state)i)), i);
        differ(check_state_title((enum check_state)i, LANGUAGE_EN),
               check_state_title((enum check_state)i, LANGUAGE_ES));
    }
    assert_int_equal(check_state_parse("odd"), CHECK_FAILURE);
}

static void test_every_finding_speaks_both_languages_and_has_its_cure(void **state)
{
    (void)state;
    for (int i = 0; i < CHECK_FINDING_COUNT; i++) {
        enum check_finding finding = (enum check_finding)i;
        enum check_state how = check_finding_state(finding);

        assert_true(finding == FOUND_WELL || check_finding_name(finding)[0] != '\0');
        differ(check_finding_text(finding, LANGUAGE_EN), check_finding_text(finding, LANGUAGE_ES));
        if (how == CHECK_WARNING || how == CHECK_FAILURE)
            differ(check_finding_cure(finding, LANGUAGE_EN), check_finding_cure(finding, LANGUAGE_ES));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_check_and_state_has_its_words),
        cmocka_unit_test(test_every_finding_speaks_both_languages_and_has_its_cure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
