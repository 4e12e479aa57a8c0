/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <string.h>

#include "base/token.h"

static void words_are_long_printable_and_new(void **state)
{
    char first[TOKEN_TEXT], second[TOKEN_TEXT];

    (void)state;
    assert_int_equal(token_random(first), 0);
    assert_int_equal(token_random(second), 0);
    assert_int_equal(strlen(first), TOKEN_TEXT - 1);
    assert_int_equal(strspn(first, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), TOKEN_TEXT - 1);
    assert_string_not_equal(first, second);
}

/* FIPS 180-2, appendix B.1. */
static void the_hash_is_sha_256(void **state)
{
    static const uint8_t of_abc[TOKEN_HASH] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
                                               0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
                                               0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
    struct token_hash hash;

    (void)state;
    assert_int_equal(token_hash("abc", &hash), 0);
    assert_memory_equal(hash.bytes, of_abc, TOKEN_HASH);
}

static void only_the_same_word_is_equal(void **state)
{
    struct token_hash a, b;

    (void)state;
    assert_int_equal(token_hash("a word", &a), 0);
    assert_int_equal(token_hash("a word", &b), 0);
    assert_true(token_equal(&a, &b));
    for (size_t i = 0; i < TOKEN_HASH; i++) {
        b.bytes[i] ^= 1;
        assert_false(token_equal(&a, &b));
        b.bytes[i] ^= 1;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_long_printable_and_new),
        cmocka_unit_test(the_hash_is_sha_256),
        cmocka_unit_test(only_the_same_word_is_equal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
