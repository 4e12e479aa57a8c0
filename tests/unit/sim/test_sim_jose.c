/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "sim/jose.h"
#include "sim/json.h"

static EVP_PKEY *key;

static int make_key(void **state)
{
    (void)state;
    key = EVP_RSA_gen(1024);
    return key ? 0 : -1;
}

static int drop_key(void **state)
{
    (void)state;
    EVP_PKEY_free(key);
    return 0;
}

static void test_round_trip(void **state)
{
    struct buf text;
    struct jose token;

    (void)state;
    buf_init(&text, 0);
    assert_int_equal(jose_sign(key, "{\"alg\":\"RS256\"}", "{\"sub\":\"x\"}", &text), 0);
    assert_int_equal(jose_parse(buf_text(&text), &token), 0);
    assert_string_equal(json_string(token.header, "alg"), "RS256");
    assert_string_equal(json_string(token.claims, "sub"), "x");
    assert_true(jose_verify(&token, JOSE_RS256, key));
    assert_false(jose_verify(&token, JOSE_PS256, key));
    token.signature[0] ^= 1;
    assert_false(jose_verify(&token, JOSE_RS256, key));
    jose_release(&token);
    buf_deinit(&text);
}

/* A key of another kind verifies nothing. */
static void test_other_key(void **state)
{
    EVP_PKEY *curve = EVP_EC_gen("P-256");
    EVP_PKEY *other = EVP_RSA_gen(1024);
    struct buf text;
    struct jose token;

    (void)state;
    buf_init(&text, 0);
    assert_int_equal(jose_sign(key, "{}", "{}", &text), 0);
    assert_int_equal(jose_parse(buf_text(&text), &token), 0);
    assert_false(jose_verify(&token, JOSE_RS256, curve));
    assert_false(jose_verify(&token, JOSE_RS256, other));
    jose_release(&token);
    buf_deinit(&text);
    EVP_PKEY_free(curve);
    EVP_PKEY_free(other);
}

static void test_not_tokens(void **state)
{
    static const char *const bad[] = {
        "",
        ".",
        "..",
        "a",
        "e30.e30",
        "e30.e30.AA.AA",
        "e30=.e30.AA",
        "e30.e3.AA",
        "e30.W10.AA",
        "bnVsbA.e30.AA",
        "e30.e30.A",
        "e30.e30.A*",
        "e30.e30.A A",
    };
    struct jose token;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (jose_parse(bad[i], &token) != ERR_INVALID)
            fail_msg("\"%s\" was read", bad[i]);
    }
    assert_int_equal(jose_parse("e30.e30.AA", &token), 0);
    assert_false(jose_verify(&token, JOSE_RS256, key));
    jose_release(&token);
}

/* RFC 4648 section 10 without padding, and the two characters in which base64url differs. */
static void test_decode(void **state)
{
    static const struct {
        const char *text;
        const char *bytes;
    } cases[] = {{"", ""},           {"Zg", "f"},          {"Zm8", "fo"},          {"Zm9v", "foo"},
                 {"Zm9vYg", "foob"}, {"Zm9vYmE", "fooba"}, {"Zm9vYmFy", "foobar"}, {"-_8", "\xFB\xFF"}};
    size_t length;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unsigned char *bytes = jose_decode(cases[i].text, strlen(cases[i].text), &length);
        assert_non_null(bytes);
        assert_int_equal(length, strlen(cases[i].bytes));
        assert_memory_equal(bytes, cases[i].bytes, length);
        free(bytes);
    }
    assert_null(jose_decode("Zg==", 4, &length));
    assert_null(jose_decode("Z", 1, &length));
    assert_null(jose_decode("Zm9v+/", 6, &length));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_other_key),
        cmocka_unit_test(test_not_tokens),
        cmocka_unit_test(test_decode),
    };

    return cmocka_run_group_tests(tests, make_key, drop_key);
}
