/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <string.h>

#include "base/utf8.h"

/* Encodes as RFC 3629 section 3 says, without any of its prohibitions. */
static size_t encode(uint32_t c, char out[5])
{
    size_t length = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0x00, 0xC0, 0xE0, 0xF0};

    for (size_t i = length - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3F));
    out[0] = (char)(lead[length] | c);
    out[length] = '\0';
    return length;
}

static void test_every_character(void **state)
{
    (void)state;
    for (uint32_t c = 1; c < 0x140000; c++) {
        bool allowed = c <= 0x10FFFF && (c < 0xD800 || c > 0xDFFF);
        char text[5];
        size_t length = encode(c, text);

        if (utf8_sequence(text) != (allowed ? length : 0))
            fail_msg("U+%04X gave %zu", (unsigned)c, utf8_sequence(text));
        for (size_t cut = 1; cut < length; cut++) {
            char shorter[5];

            memcpy(shorter, text, cut);
            shorter[cut] = '\0';
            assert_int_equal(utf8_sequence(shorter), 0);
        }
    }
    assert_int_equal(utf8_sequence(""), 1);
}

/* All pairs of bytes: one is well-formed only as ASCII, or as lead and continuation. */
static void test_every_pair_of_bytes(void **state)
{
    (void)state;
    for (unsigned first = 0x80; first < 0x100; first++) {
        for (unsigned second = 0; second < 0x100; second++) {
            char text[3] = {(char)first, (char)second, '\0'};
            bool two = first >= 0xC2 && first <= 0xDF && second >= 0x80 && second <= 0xBF;

            assert_int_equal(utf8_sequence(text), two ? 2 : 0);
        }
    }
    assert_int_equal(utf8_sequence("\xE0\x9F\xBF"), 0); /* overlong in three */
    assert_int_equal(utf8_sequence("\xF0\x8F\xBF\xBF"), 0);
}

static void test_controls(void **state)
{
    (void)state;
    assert_true(utf8_is_control("\x01"));
    assert_true(utf8_is_control("\t"));
    assert_true(utf8_is_control("\x1f"));
    assert_true(utf8_is_control("\x7f"));
    assert_true(utf8_is_control("\xC2\x80"));
    assert_true(utf8_is_control("\xC2\x9B"));
    assert_true(utf8_is_control("\xC2\x9F"));
    assert_false(utf8_is_control(" "));
    assert_false(utf8_is_control("~"));
    assert_false(utf8_is_control("\u00A0"));
    assert_false(utf8_is_control("é"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_character),
        cmocka_unit_test(test_every_pair_of_bytes),
        cmocka_unit_test(test_controls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
