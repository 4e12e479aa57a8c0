/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "microsoft/assertion.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/guid.h"
#include "base/secret.h"
#include "textfile.h"

enum {
    BACKDATE_S = 60,
    LIFETIME_S = 9 * 60,
    SALT_BYTES = 32,
    KEY_BITS_MIN = 2048,
};

struct pair {
    EVP_PKEY *key;
    X509 *certificate;
};

static void pair_deinit(struct pair *pair)
{
    EVP_PKEY_free(pair->key);
    X509_free(pair->certificate);
    *pair = (struct pair){0};
}

/* OpenSSL would ask for the passphrase on the terminal; a daemon has none. */
static int note_encrypted(char *buffer, int size, int writing, void *encrypted)
{
    (void)buffer;
    (void)size;
    (void)writing;
    *(bool *)encrypted = true;
    return -1;
}

static EVP_PKEY *parse_key(const struct secret *pem, bool *ret_encrypted)
{
    BIO *bio = BIO_new_mem_buf(pem->data, (int)pem->length);
    EVP_PKEY *key = NULL;

    *ret_encrypted = false;
    if (bio != NULL)
        key = PEM_read_bio_PrivateKey(bio, NULL, note_encrypted, ret_encrypted);
    BIO_free(bio);
    ERR_clear_error();
    return key;
}

static int load_key(const char *path, EVP_PKEY **ret_key, struct error *err)
{
    struct secret pem;
    bool encrypted = false;
    EVP_PKEY *key;
    int result;

    secret_init(&pem);
    result = secret_load(&pem, path, err);
    if (result != 0)
        return result;
    key = parse_key(&pem, &encrypted);
    secret_deinit(&pem);
    if (key == NULL && encrypted)
        return error_set(err, ERR_CREDENTIAL, 0, "%s: the key is encrypted; write it without passphrase: openssl pkey",
                         path);
    if (key == NULL)
        return error_set(err, ERR_CREDENTIAL, 0, "%s: holds no private key in PEM form", path);
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA) {
        EVP_PKEY_free(key);
        return error_set(err, ERR_CREDENTIAL, 0, "%s: Entra wants an RSA key; make a new pair", path);
    }
    if (EVP_PKEY_get_bits(key) < KEY_BITS_MIN) {
        EVP_PKEY_free(key);
        return error_set(err, ERR_CREDENTIAL, 0, "%s: the key has less than %d bits; make a new pair", path,
                         KEY_BITS_MIN);
    }
    *ret_key = key;
    return 0;
}

/* Of the certificates in the file (a chain may be there) the one of the key. */
static int find_certificate(const struct buf *pem, const char *path, EVP_PKEY *key, X509 **ret_certificate,
                            struct error *err)
{
    BIO *bio = BIO_new_mem_buf(pem->data, (int)pem->length);
    unsigned seen = 0;
    X509 *certificate;

    *ret_certificate = NULL;
    while (bio != NULL && *ret_certificate == NULL &&
           (certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        seen++;
        if (X509_check_private_key(certificate, key) == 1)
            *ret_certificate = certificate;
        else
            X509_free(certificate);
    }
    BIO_free(bio);
    ERR_clear_error();
    if (*ret_certificate != NULL)
        return 0;
    if (seen == 0)
        return error_set(err, ERR_CREDENTIAL, 0, "%s: holds no certificate in PEM form", path);
    return error_set(err, ERR_CREDENTIAL, ASSERTION_KEY_MISMATCH,
                     "%s: the certificate does not belong to the private key", path);
}

static int64_t seconds_of(const ASN1_TIME *time)
{
    struct tm tm;

    return ASN1_TIME_to_tm(time, &tm) == 1 ? (int64_t)timegm(&tm) : -1;
}

static int check_dates(const X509 *certificate, const char *path, int64_t now_s, struct error *err)
{
    int64_t from_s = seconds_of(X509_get0_notBefore(certificate));
    int64_t until_s = seconds_of(X509_get0_notAfter(certificate));
    char text[CLOCK_TEXT];

    if (until_s <= now_s)
        return error_set(err, ERR_CREDENTIAL, ASSERTION_EXPIRED,
                         "%s: the certificate expired %s; make a new pair and upload it", path,
                         clock_format_s(until_s, text));
    if (from_s > now_s + BACKDATE_S)
        return error_set(err, ERR_CREDENTIAL, ASSERTION_EARLY,
                         "%s: the certificate is not valid before %s; check the clock", path,
                         clock_format_s(from_s, text));
    return 0;
}

static int load_pair(const char *certificate_file, const char *private_key_file, struct pair *pair, struct error *err)
{
    struct buf pem;
    int result;

    *pair = (struct pair){0};
    buf_init(&pem, 0);
    result = load_key(private_key_file, &pair->key, err);
    if (result == 0)
        result = textfile_read(certificate_file, &pem, err);
    if (result == 0)
        result = find_certificate(&pem, certificate_file, pair->key, &pair->certificate, err);
    buf_wipe(&pem); /* some keep the key in the same file */
    if (result != 0)
        pair_deinit(pair);
    return result;
}

/* header.payload */
static int add_claims(struct buf *jwt, const X509 *certificate, const char *client_id, const char *token_url,
                      int64_t now_s)
{
    unsigned char thumbprint[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    char id[GUID_TEXT];
    struct guid guid;
    struct buf part;
    int result;

    if (X509_digest(certificate, EVP_sha256(), thumbprint, &length) != 1)
        return ERR_NOMEM;
    buf_init(&part, 0);
    buf_add_text(&part, "{\"alg\":\"PS256\",\"typ\":\"JWT\",\"x5t#S256\":\"");
    buf_add_base64url(&part, thumbprint, length);
    buf_add_text(&part, "\"}");
    buf_add_base64url(jwt, buf_text(&part), part.length);
    buf_add_char(jwt, '.');

    result = buf_error(&part);
    buf_clear(&part);
    guid_random(&guid);
    buf_add_text(&part, "{\"aud\":");
    buf_add_json_string(&part, token_url);
    buf_add_text(&part, ",\"iss\":");
    buf_add_json_string(&part, client_id);
    buf_add_text(&part, ",\"sub\":");
    buf_add_json_string(&part, client_id);
    buf_addf(&part, ",\"jti\":\"%s\",\"nbf\":%lld,\"iat\":%lld,\"exp\":%lld}", guid_format(&guid, id),
             (long long)(now_s - BACKDATE_S), (long long)(now_s - BACKDATE_S), (long long)(now_s + LIFETIME_S));
    buf_add_base64url(jwt, buf_text(&part), part.length);
    if (result == 0)
        result = buf_error(&part);
    buf_deinit(&part);
    return result != 0 ? result : buf_error(jwt);
}

static bool set_pss(EVP_PKEY_CTX *context)
{
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(context, SALT_BYTES) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(context, EVP_sha256()) == 1;
}

/* Appends ".signature" over the `length` bytes at `signed_part`. */
static int add_signature(struct buf *jwt, size_t start, EVP_PKEY *key)
{
    unsigned char signature[2048]; /* RSA of 16,384 bits, the most that OpenSSL signs with */
    size_t length = sizeof(signature);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_context = NULL;
    int result = ERR_NOMEM;

    if (context != NULL && EVP_DigestSignInit(context, &key_context, EVP_sha256(), NULL, key) == 1 &&
        set_pss(key_context) &&
        EVP_DigestSign(context, signature, &length, (const unsigned char *)jwt->data + start, jwt->length - start) ==
            1) {
        buf_add_char(jwt, '.');
        buf_add_base64url(jwt, signature, length);
        result = buf_error(jwt);
    }
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return result;
}

int assertion_make(const char *certificate_file, const char *private_key_file, const char *client_id,
                   const char *token_url, int64_t now_s, struct buf *jwt, struct error *err)
{
    const size_t start = jwt->length;
    struct pair pair;
    int result = load_pair(certificate_file, private_key_file, &pair, err);

    if (result != 0)
        return result;
    result = check_dates(pair.certificate, certificate_file, now_s, err);
    if (result != 0)
        goto done;
    result = add_claims(jwt, pair.certificate, client_id, token_url, now_s);
    if (result == 0)
        result = add_signature(jwt, start, pair.key);
    if (result != 0)
        error_set(err, result, 0, "%s: the assertion could not be signed", private_key_file);
done:
    pair_deinit(&pair);
    return result;
}

int assertion_check(const char *certificate_file, const char *private_key_file, int64_t now_s, int64_t *ret_expires_s,
                    struct error *err)
{
    struct pair pair;
    int result = load_pair(certificate_file, private_key_file, &pair, err);

    *ret_expires_s = -1;
    if (result != 0)
        return result;
    *ret_expires_s = seconds_of(X509_get0_notAfter(pair.certificate));
    result = check_dates(pair.certificate, certificate_file, now_s, err);
    pair_deinit(&pair);
    return result;
}
