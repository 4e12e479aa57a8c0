/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <string.h>

#include "base/error.h"
#include "base/utf8.h"

static void test_set_and_prefix(void **state)
{
    struct error err = {0};

    (void)state;
    assert_string_equal(error_text(&err), "no error");
    assert_int_equal(error_set(&err, ERR_STORE, 11, "reading %s", "page 7"), ERR_STORE);
    assert_int_equal(err.code, ERR_STORE);
    assert_int_equal(err.origin, 11);
    assert_int_equal(error_prefix(&err, "device %d", 3), ERR_STORE);
    assert_string_equal(error_text(&err), "device 3: reading page 7");
    assert_int_equal(error_set(&err, ERR_IO, 0, "again: %s", error_text(&err)), ERR_IO);
    assert_string_equal(error_text(&err), "again: device 3: reading page 7");
    assert_int_equal(error_prefix(&err, "%s", err.message), ERR_IO);
    assert_string_equal(error_text(&err), "again: device 3: reading page 7: again: device 3: reading page 7");
}

static void test_without_a_struct(void **state)
{
    (void)state;
    assert_int_equal(error_set(NULL, ERR_BUSY, 5, "x"), ERR_BUSY);
    assert_int_equal(error_prefix(NULL, "x"), 0);
    assert_string_equal(error_text(NULL), "no error");
}

static void test_code_speaks_for_an_empty_message(void **state)
{
    struct error err = {.code = ERR_STORE_FULL};

    (void)state;
    assert_string_equal(error_text(&err), "disk is full");
    error_prefix(&err, "commit");
    assert_string_equal(error_text(&err), "commit: disk is full");
}

/* Messages quote names from stores and answers from servers. */
static void test_message_is_one_clean_line(void **state)
{
    struct error err = {0};

    (void)state;
    error_set(&err, ERR_REPLY, 0, "%s",
              "a\nb\tc\x1b[31m\xC2\x9B"
              "d\xFF"
              "e Zoë");
    assert_string_equal(error_text(&err), "a b c [31m?d?e Zoë");
}

static void test_long_message_is_cut_to_valid_text(void **state)
{
    struct error err = {0};
    char text[1000];

    (void)state;
    for (size_t shift = 0; shift < 4; shift++) {
        memset(text, 'x', shift);
        for (size_t i = shift; i + 4 < sizeof(text); i += 2)
            memcpy(text + i, "é", 3);
        error_set(&err, ERR_IO, 0, "%s", text);
        error_prefix(&err, "%s", "where");
        assert_in_range(strlen(err.message), sizeof(err.message) - 4, sizeof(err.message) - 1);
        for (const char *p = err.message; *p != '\0'; p += utf8_sequence(p))
            assert_true(utf8_sequence(p) > 0);
    }
}

static void test_catalogue(void **state)
{
    (void)state;
    assert_string_equal(error_code_text(0), "no error");
#define X(name, value, text) assert_string_equal(error_code_text(name), text);
    ERROR_CODES(X)
#undef X
    assert_string_equal(error_code_text(1), "unknown error");
    assert_string_equal(error_code_text(-999), "unknown error");
    assert_string_equal(error_code_text(INT32_MIN), "unknown error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_and_prefix),
        cmocka_unit_test(test_without_a_struct),
        cmocka_unit_test(test_code_speaks_for_an_empty_message),
        cmocka_unit_test(test_message_is_one_clean_line),
        cmocka_unit_test(test_long_message_is_cut_to_valid_text),
        cmocka_unit_test(test_catalogue),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
