/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "sim/jose.h"

#include <cjson/cJSON.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "sim/json.h"

/* One character of base64url as base64 has it; 0 for a character of neither. */
static char standard_char(char c)
{
    if (c == '-')
        return '+';
    if (c == '_')
        return '/';
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : '\0';
}

unsigned char *jose_decode(const char *text, size_t length, size_t *ret_length)
{
    size_t padded = (length + 3) / 4 * 4;
    char *standard = length % 4 != 1 && length < 1 << 20 ? malloc(padded + 1) : NULL;
    unsigned char *bytes = standard ? malloc(padded / 4 * 3 + 1) : NULL;
    bool good = bytes != NULL;

    for (size_t i = 0; good && i < padded; i++) {
        standard[i] = i < length ? standard_char(text[i]) : '=';
        good = standard[i] != '\0';
    }
    if (good)
        good = padded == 0 || EVP_DecodeBlock(bytes, (unsigned char *)standard, (int)padded) >= 0;
    free(standard);
    if (!good) {
        free(bytes);
        return NULL;
    }
    *ret_length = padded / 4 * 3 - (padded - length);
    bytes[*ret_length] = '\0';
    return bytes;
}

static cJSON *decode_object(const char *text, size_t length)
{
    size_t decoded_length;
    unsigned char *decoded = jose_decode(text, length, &decoded_length);
    cJSON *object = decoded ? json_parse((char *)decoded, decoded_length) : NULL;

    free(decoded);
    if (cJSON_IsObject(object))
        return object;
    cJSON_Delete(object);
    return NULL;
}

int jose_parse(const char *text, struct jose *ret_token)
{
    const char *claims = strchr(text, '.');
    const char *signature = claims ? strchr(claims + 1, '.') : NULL;

    *ret_token = (struct jose){.signed_part = text};
    if (!signature || strchr(signature + 1, '.'))
        return ERR_INVALID;
    ret_token->signed_length = (size_t)(signature - text);
    ret_token->header = decode_object(text, (size_t)(claims - text));
    ret_token->claims = decode_object(claims + 1, (size_t)(signature - claims - 1));
    ret_token->signature = jose_decode(signature + 1, strlen(signature + 1), &ret_token->signature_length);
    if (ret_token->header && ret_token->claims && ret_token->signature)
        return 0;
    jose_release(ret_token);
    return ERR_INVALID;
}

void jose_release(struct jose *token)
{
    cJSON_Delete(token->header);
    cJSON_Delete(token->claims);
    free(token->signature);
    *token = (struct jose){0};
}

static bool set_padding(EVP_PKEY_CTX *ctx, enum jose_algorithm algorithm)
{
    if (algorithm == JOSE_RS256)
        return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) > 0;
    return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) > 0;
}

bool jose_verify(const struct jose *token, enum jose_algorithm algorithm, struct evp_pkey_st *key)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    EVP_PKEY_CTX *ctx;
    bool good = md && EVP_PKEY_is_a(key, "RSA") && EVP_DigestVerifyInit(md, &ctx, EVP_sha256(), NULL, key) > 0 &&
                set_padding(ctx, algorithm) &&
                EVP_DigestVerify(md, token->signature, token->signature_length,
                                 (const unsigned char *)token->signed_part, token->signed_length) == 1;

    EVP_MD_CTX_free(md);
    return good;
}

int jose_sign(struct evp_pkey_st *key, const char *header, const char *claims, struct buf *out)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    size_t start = out->length;
    unsigned char signature[512];
    size_t length = sizeof(signature);
    int rc = ERR_IO;

    buf_add_base64url(out, header, strlen(header));
    buf_add_char(out, '.');
    buf_add_base64url(out, claims, strlen(claims));
    if (buf_error(out) != 0 || !md) {
        rc = ERR_NOMEM;
    } else if (EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, key) > 0 &&
               EVP_DigestSign(md, signature, &length, (unsigned char *)out->data + start, out->length - start) > 0) {
        buf_add_char(out, '.');
        buf_add_base64url(out, signature, length);
        rc = buf_error(out);
    }
    EVP_MD_CTX_free(md);
    return rc;
}
