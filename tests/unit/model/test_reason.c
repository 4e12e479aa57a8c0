/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <string.h>

#include "model/reason.h"

static void check_line(const char *text)
{
    size_t length = strlen(text);

    assert_in_range(length, 10, 160);
    assert_true(text_is_utf8(text));
    assert_null(strchr(text, '\t'));
    assert_int_equal(text[length - 1], '.');
    assert_true(text[0] == '"' || (text[0] >= 'A' && text[0] <= 'Z') || (unsigned char)text[0] >= 0x80);
}

static void test_every_reason_speaks_both_languages(void **state)
{
    (void)state;
    for (int i = REASON_NONE + 1; i < REASON_COUNT; i++) {
        enum reason reason = (enum reason)i;

        for (int language = 0; language < LANGUAGE_COUNT; language++) {
            check_line(reason_text(reason, (enum language)language));
            check_line(reason_cure(reason, (enum language)language));
        }
        assert_string_not_equal(reason_text(reason, LANGUAGE_EN), reason_text(reason, LANGUAGE_ES));
        assert_string_not_equal(reason_cure(reason, LANGUAGE_EN), reason_cure(reason, LANGUAGE_ES));
        for (int j = REASON_NONE + 1; j < i; j++)
            assert_string_not_equal(reason_text(reason, LANGUAGE_EN), reason_text((enum reason)j, LANGUAGE_EN));
    }
}

static void test_slugs(void **state)
{
    (void)state;
    for (int i = REASON_NONE; i < REASON_COUNT; i++)
        assert_int_equal(reason_parse(reason_slug((enum reason)i)), i);
    assert_string_equal(reason_slug(REASON_NOT_REGISTERED), "not_registered");
    assert_string_equal(reason_slug(REASON_ID_TWIN), "azure_device_id_taken");
    assert_int_equal(reason_parse(NULL), REASON_NONE);
    assert_int_equal(reason_parse("from a newer version"), REASON_NONE);
    assert_string_equal(reason_slug(REASON_COUNT), "");
}

static void test_nothing_the_matter_says_nothing(void **state)
{
    (void)state;
    for (int language = 0; language < LANGUAGE_COUNT; language++) {
        assert_string_equal(reason_text(REASON_NONE, (enum language)language), "");
        assert_string_equal(reason_cure(REASON_NONE, (enum language)language), "");
        assert_string_equal(client_status_cure(CLIENT_UNKNOWN, (enum language)language), "");
        assert_string_equal(client_status_cure(CLIENT_SUCCESS, (enum language)language), "");
    }
    assert_string_equal(reason_text(REASON_COUNT, LANGUAGE_EN), "");
    assert_string_equal(client_status_cure(CLIENT_STATUS_COUNT, LANGUAGE_EN), "");
    assert_string_equal(compliance_status_label((enum compliance_status)9, LANGUAGE_COUNT), "");
    assert_string_equal(reason_text(REASON_QUEUED, LANGUAGE_COUNT), reason_text(REASON_QUEUED, LANGUAGE_EN));
}

static void test_every_client_error_has_its_cure(void **state)
{
    (void)state;
    for (int i = CLIENT_UNKNOWN; i < CLIENT_STATUS_COUNT; i++) {
        if (!client_status_is_error((enum client_status)i))
            continue;
        for (int language = 0; language < LANGUAGE_COUNT; language++)
            check_line(client_status_cure((enum client_status)i, (enum language)language));
        assert_string_not_equal(client_status_cure((enum client_status)i, LANGUAGE_EN),
                                client_status_cure((enum client_status)i, LANGUAGE_ES));
    }
    assert_string_equal(client_status_cure(CLIENT_WORKPLACE_JOIN_REQUIRED, LANGUAGE_EN),
                        "The user opens Microsoft Authenticator and registers the device.");
}

static void test_labels_of_the_contract(void **state)
{
    static const char *const labels[][LANGUAGE_COUNT] = {
        {"", ""}, {"In progress", "En curso"}, {"Success", "Correcto"}, {"Error", "Error"}};

    (void)state;
    for (int i = STATUS_NONE; i <= STATUS_ERROR; i++) {
        assert_string_equal(compliance_status_label((enum compliance_status)i, LANGUAGE_EN), labels[i][LANGUAGE_EN]);
        assert_string_equal(compliance_status_label((enum compliance_status)i, LANGUAGE_ES), labels[i][LANGUAGE_ES]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_reason_speaks_both_languages),
        cmocka_unit_test(test_slugs),
        cmocka_unit_test(test_nothing_the_matter_says_nothing),
        cmocka_unit_test(test_every_client_error_has_its_cure),
        cmocka_unit_test(test_labels_of_the_contract),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
