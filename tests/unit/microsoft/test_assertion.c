/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <string.h>

#include "microsoft/assertion.h"

#include "pki.h"

static const int64_t now_s = 1767225600;

#define CLIENT    "11111111-2222-3333-4444-555555555555"
#define TOKEN_URL "https://login.example/tenant/oauth2/v2.0/token"

static EVP_PKEY *key, *other_key, *ec_key, *weak_key;
static X509 *certificate, *other_certificate, *expired, *future;

static int make_keys(void **state)
{
    if (tempdir_make(state) != 0)
        return -1;
    key = EVP_RSA_gen(2048);
    other_key = EVP_RSA_gen(2048);
    weak_key = EVP_RSA_gen(1024);
    ec_key = EVP_EC_gen("P-256");
    certificate = pki_certificate(key, now_s - 86400, now_s + 86400);
    other_certificate = pki_certificate(other_key, now_s - 86400, now_s + 86400);
    expired = pki_certificate(key, now_s - 86400, now_s - 1);
    future = pki_certificate(key, now_s + 3600, now_s + 86400);
    return 0;
}

static int free_keys(void **state)
{
    EVP_PKEY_free(key);
    EVP_PKEY_free(other_key);
    EVP_PKEY_free(weak_key);
    EVP_PKEY_free(ec_key);
    X509_free(certificate);
    X509_free(other_certificate);
    X509_free(expired);
    X509_free(future);
    return tempdir_remove(state);
}

/* ---- reading a JWT back by other means than those that wrote it ---- */

static size_t decode(const char *text, size_t length, unsigned char *out)
{
    char padded[4096];
    int decoded;

    memcpy(padded, text, length);
    for (size_t i = 0; i < length; i++)
        padded[i] = padded[i] == '-' ? '+' : padded[i] == '_' ? '/' : padded[i];
    size_t padding = (4 - length % 4) % 4;
    memset(padded + length, '=', padding);
    decoded = EVP_DecodeBlock(out, (const unsigned char *)padded, (int)(length + padding));
    assert_true(decoded >= 0);
    out[(size_t)decoded - padding] = '\0';
    return (size_t)decoded - padding;
}

static cJSON *decode_json(const char *text, size_t length)
{
    unsigned char out[4096];
    cJSON *json;

    decode(text, length, out);
    json = cJSON_Parse((const char *)out);
    assert_true(cJSON_IsObject(json));
    return json;
}

static bool verifies(const char *jwt, size_t signed_length, const char *signature)
{
    unsigned char out[4096];
    size_t length = decode(signature, strlen(signature), out);
    EVP_PKEY *public_key = X509_get_pubkey(certificate);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_context;
    bool good;

    EVP_DigestVerifyInit(context, &key_context, EVP_sha256(), NULL, public_key);
    EVP_PKEY_CTX_set_rsa_padding(key_context, RSA_PKCS1_PSS_PADDING);
    EVP_PKEY_CTX_set_rsa_pss_saltlen(key_context, 32);
    good = EVP_DigestVerify(context, out, length, (const unsigned char *)jwt, signed_length) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(public_key);
    return good;
}

static const char *text_of(const cJSON *object, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static int64_t number_of(const cJSON *object, const char *name)
{
    return (int64_t)cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static void check_jwt(const char *jwt)
{
    const char *payload = strchr(jwt, '.') + 1, *signature = strchr(payload, '.') + 1;
    unsigned char digest[32], told[64];
    cJSON *header = decode_json(jwt, (size_t)(payload - 1 - jwt));
    cJSON *claims = decode_json(payload, (size_t)(signature - 1 - payload));

    assert_string_equal(text_of(header, "alg"), "PS256");
    assert_string_equal(text_of(header, "typ"), "JWT");
    X509_digest(certificate, EVP_sha256(), digest, NULL);
    assert_int_equal(decode(text_of(header, "x5t#S256"), strlen(text_of(header, "x5t#S256")), told), 32);
    assert_memory_equal(told, digest, 32);
    assert_string_equal(text_of(claims, "aud"), TOKEN_URL);
    assert_string_equal(text_of(claims, "iss"), CLIENT);
    assert_string_equal(text_of(claims, "sub"), CLIENT);
    assert_int_equal(strlen(text_of(claims, "jti")), 36);
    assert_int_equal(number_of(claims, "nbf"), now_s - 60);
    assert_int_equal(number_of(claims, "exp"), now_s + 540);
    assert_true(number_of(claims, "iat") <= now_s);
    assert_true(verifies(jwt, (size_t)(signature - 1 - jwt), signature));
    assert_false(verifies(jwt, (size_t)(signature - 2 - jwt), signature));
    cJSON_Delete(header);
    cJSON_Delete(claims);
}

static void test_the_assertion_verifies(void **state)
{
    const char *certificate_file = pki_write("cert.pem", &certificate, 1, NULL, NULL);
    const char *key_file = pki_write("key.pem", NULL, 0, key, NULL);
    struct buf jwt, second;
    struct error error;

    (void)state;
    buf_init(&jwt, 0);
    buf_init(&second, 0);
    assert_int_equal(assertion_make(certificate_file, key_file, CLIENT, TOKEN_URL, now_s, &jwt, &error), 0);
    check_jwt(buf_text(&jwt));
    assert_int_equal(assertion_make(certificate_file, key_file, CLIENT, TOKEN_URL, now_s, &second, &error), 0);
    assert_string_not_equal(buf_text(&jwt), buf_text(&second)); /* jti is used once */
    buf_deinit(&jwt);
    buf_deinit(&second);
}

static void test_the_certificate_may_stand_among_others(void **state)
{
    X509 *chain[] = {other_certificate, certificate};
    const char *both = pki_write("both.pem", chain, 2, key, NULL);
    struct buf jwt;
    struct error error;

    (void)state;
    buf_init(&jwt, 0);
    buf_add_text(&jwt, "before");
    assert_int_equal(assertion_make(both, both, CLIENT, TOKEN_URL, now_s, &jwt, &error), 0);
    assert_memory_equal(jwt.data, "before", 6);
    check_jwt(jwt.data + 6);
    buf_deinit(&jwt);
}

static void test_the_date_of_expiry_is_told(void **state)
{
    const char *certificate_file = pki_write("cert.pem", &certificate, 1, NULL, NULL);
    const char *key_file = pki_write("key.pem", NULL, 0, key, NULL);
    struct error error;
    int64_t expires_s = 0;

    (void)state;
    assert_int_equal(assertion_check(certificate_file, key_file, now_s, &expires_s, &error), 0);
    assert_int_equal(expires_s, now_s + 86400);
}

/* Whatever is wrong: an error that names the file and says what it is, no prompt, no assertion. */
static void test_bad_pairs_are_refused_by_name(void **state)
{
    const char *ok_cert = pki_write("cert.pem", &certificate, 1, NULL, NULL);
    const char *ok_key = strdup(pki_write("key.pem", NULL, 0, key, NULL));
    struct {
        const char *name;
        int code;
        const char *word;
        bool is_key; /* the file stands for the key, else for the certificate */
    } cases[] = {
        {"missing.pem", ERR_NOTFOUND, "cannot be opened", true},
        {"missing.pem", ERR_NOTFOUND, "cannot be opened", false},
        {"garbage.pem", ERR_CREDENTIAL, "no private key", true},
        {"garbage.pem", ERR_CREDENTIAL, "no certificate", false},
        {"empty.pem", ERR_INVALID, "empty", false},
        {"open.pem", ERR_PERMISSION, "chmod 0600", true},
        {"encrypted.pem", ERR_CREDENTIAL, "encrypted", true},
        {"ec.pem", ERR_CREDENTIAL, "RSA", true},
        {"weak.pem", ERR_CREDENTIAL, "2048", true},
        {"other.pem", ERR_CREDENTIAL, "does not belong", false},
        {"other-key.pem", ERR_CREDENTIAL, "does not belong", true},
        {"expired.pem", ERR_CREDENTIAL, "expired 2025-12-31T23:59:59Z", false},
        {"future.pem", ERR_CREDENTIAL, "not valid before 2026-01-01T01:00:00Z", false},
        {".", ERR_INVALID, "not a regular file", false},
    };

    (void)state;
    ok_cert = strdup(ok_cert);
    tempdir_write("garbage.pem", "-----BEGIN CERTIFICATE-----\nzz\n-----END CERTIFICATE-----\n", 56, 0600);
    tempdir_write("empty.pem", "", 0, 0600);
    tempdir_write("open.pem", "x", 1, 0644);
    pki_write("encrypted.pem", NULL, 0, key, "secret");
    pki_write("ec.pem", NULL, 0, ec_key, NULL);
    pki_write("weak.pem", NULL, 0, weak_key, NULL);
    pki_write("other.pem", &other_certificate, 1, NULL, NULL);
    pki_write("other-key.pem", NULL, 0, other_key, NULL);
    pki_write("expired.pem", &expired, 1, NULL, NULL);
    pki_write("future.pem", &future, 1, NULL, NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *path = tempdir_path(cases[i].name);
        struct error error = {0};
        struct buf jwt;
        int64_t expires_s;

        buf_init(&jwt, 0);
        int result = assertion_make(cases[i].is_key ? ok_cert : path, cases[i].is_key ? path : ok_key, CLIENT,
                                    TOKEN_URL, now_s, &jwt, &error);
        if (result != cases[i].code || strstr(error.message, cases[i].word) == NULL)
            fail_msg("%s: %s %s", cases[i].name, error_code_text(result), error.message);
        assert_int_equal(jwt.length, 0);
        if (strstr(cases[i].word, "belong") == NULL)
            assert_non_null(strstr(error.message, path));
        assert_int_equal(
            assertion_check(cases[i].is_key ? ok_cert : path, cases[i].is_key ? path : ok_key, now_s, &expires_s, NULL),
            cases[i].code);
        buf_deinit(&jwt);
    }
    free((void *)(uintptr_t)ok_cert);
    free((void *)(uintptr_t)ok_key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_assertion_verifies),
        cmocka_unit_test(test_the_certificate_may_stand_among_others),
        cmocka_unit_test(test_the_date_of_expiry_is_told),
        cmocka_unit_test(test_bad_pairs_are_refused_by_name),
    };

    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
