/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <string.h>

#include "model/device.h"
#include "model/phrase.h"

/* A language without its text, or with the other one's. */
static void every_phrase_speaks_both_languages(void **state)
{
    (void)state;
    for (int i = PHRASE_NOTHING + 1; i < PHRASE_COUNT; i++) {
        const char *english = phrase_text((enum phrase)i, LANGUAGE_EN);
        const char *spanish = phrase_text((enum phrase)i, LANGUAGE_ES);

        assert_true(english[0] != '\0' && spanish[0] != '\0');
        assert_true(text_is_utf8(english) && text_is_utf8(spanish));
        assert_string_not_equal(english, spanish);
        assert_int_equal(english[strlen(english) - 1] == ':', spanish[strlen(spanish) - 1] == ':');
        for (const char *mark = "12"; *mark != '\0'; mark++) {
            const char pattern[] = {'%', *mark, '\0'};

            assert_true((strstr(english, pattern) != NULL) == (strstr(spanish, pattern) != NULL));
        }
    }
}

static void nothing_says_nothing(void **state)
{
    (void)state;
    assert_string_equal(phrase_text(PHRASE_NOTHING, LANGUAGE_ES), "");
    assert_string_equal(phrase_text(PHRASE_COUNT, LANGUAGE_ES), "");
    assert_string_equal(phrase_text(PHRASE_OFF, LANGUAGE_COUNT), phrase_text(PHRASE_OFF, LANGUAGE_EN));
}

static void puts_arguments_in(void **state)
{
    struct buf text;

    (void)state;
    buf_init(&text, 0);
    phrase_add(&text, PHRASE_STRICTEST, LANGUAGE_EN, "retire", "removed 100 %1");
    assert_string_equal(buf_text(&text),
                        "The strictest action among its violations is retire, so it is removed 100 %1.");
    buf_clear(&text);
    phrase_add(&text, PHRASE_OFF, LANGUAGE_ES, "", "");
    assert_string_equal(buf_text(&text), phrase_text(PHRASE_OFF, LANGUAGE_ES));
    buf_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_phrase_speaks_both_languages),
        cmocka_unit_test(nothing_says_nothing),
        cmocka_unit_test(puts_arguments_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
