/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <string.h>

#include "base/suggest.h"

static const char *suggest(const char *typed)
{
    static const char *const words[] = {"default", "north", "uk",
                                        "a-long-name-of-a-connection-as-large-firms-have-them"};

    return suggest_word(typed, words, sizeof(words) / sizeof(words[0]));
}

static void slips_of_the_fingers(void **state)
{
    (void)state;
    assert_string_equal(suggest("dfeault"), "default");
    assert_string_equal(suggest("dfeaulr"), "default");
    assert_string_equal(suggest("norht"), "north");
    assert_string_equal(suggest("u"), "uk");
    assert_string_equal(suggest("a-long-name-of-a-conection-as-large-firms-have-them"),
                        "a-long-name-of-a-connection-as-large-firms-have-them");
}

static void other_words(void **state)
{
    char endless[1001];

    (void)state;
    assert_null(suggest("overseas"));
    assert_null(suggest("es"));
    assert_null(suggest("Default-2"));
    memset(endless, 'd', sizeof(endless) - 1);
    endless[sizeof(endless) - 1] = '\0';
    assert_null(suggest(endless));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(slips_of_the_fingers), cmocka_unit_test(other_words)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
