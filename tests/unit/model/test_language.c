/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include "base/error.h"
#include "model/language.h"

static void reads_accept_language(void **state)
{
    static const struct {
        const char *header;
        enum language language;
    } cases[] = {
        {NULL, LANGUAGE_EN},
        {"", LANGUAGE_EN},
        {"es", LANGUAGE_ES},
        {"ES-mx", LANGUAGE_ES},
        {"es-419,es;q=0.9,en;q=0.8", LANGUAGE_ES},
        {"de-DE,de;q=0.9,es;q=0.5,en;q=0.4", LANGUAGE_ES},
        {"de,en;q=0.3,es;q=0.7", LANGUAGE_ES},
        {"en;q=0.55, es ; q=0.56", LANGUAGE_ES},
        {"en,es", LANGUAGE_EN},
        {"es;q=0,de", LANGUAGE_EN},
        {"est,eszett", LANGUAGE_EN},
        {"*", LANGUAGE_EN},
        {";;;q=9,=,,--", LANGUAGE_EN},
        {"es;q=99999999999999999999", LANGUAGE_ES},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (language_from_header(cases[i].header) != cases[i].language)
            fail_msg("'%s' is read as %s", cases[i].header, language_tag(language_from_header(cases[i].header)));
    }
}

static void reads_locales(void **state)
{
    (void)state;
    assert_int_equal(language_from_locale("es_ES.UTF-8"), LANGUAGE_ES);
    assert_int_equal(language_from_locale("es"), LANGUAGE_ES);
    assert_int_equal(language_from_locale("es@euro"), LANGUAGE_ES);
    assert_int_equal(language_from_locale("est_EE"), LANGUAGE_EN);
    assert_int_equal(language_from_locale("C.UTF-8"), LANGUAGE_EN);
    assert_int_equal(language_from_locale(""), LANGUAGE_EN);
    assert_int_equal(language_from_locale(NULL), LANGUAGE_EN);
}

static void parses_its_own_tags_only(void **state)
{
    enum language language;

    (void)state;
    for (int i = 0; i < LANGUAGE_COUNT; i++) {
        assert_int_equal(language_parse(language_tag((enum language)i), &language), 0);
        assert_int_equal(language, i);
    }
    assert_int_equal(language_parse("", &language), ERR_INVALID);
    assert_int_equal(language_parse("es-MX", &language), ERR_INVALID);
    assert_string_equal(language_tag(LANGUAGE_COUNT), "en");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_accept_language),
        cmocka_unit_test(reads_locales),
        cmocka_unit_test(parses_its_own_tags_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
