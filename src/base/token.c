/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "base/token.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/random.h>

#include "base/buf.h"
#include "base/error.h"

int token_random(char ret_text[TOKEN_TEXT])
{
    uint8_t bytes[TOKEN_HASH];
    struct buf text;
    int result = ERR_IO;

    buf_init(&text, 0);
    if (getrandom(bytes, sizeof(bytes), 0) == (ssize_t)sizeof(bytes)) {
        buf_add_base64url(&text, bytes, sizeof(bytes));
        result = buf_error(&text);
    }
    if (result == 0)
        memcpy(ret_text, buf_text(&text), TOKEN_TEXT);
    OPENSSL_cleanse(bytes, sizeof(bytes));
    buf_wipe(&text);
    return result;
}

int token_hash(const char *text, struct token_hash *ret_hash)
{
    return EVP_Digest(text, strlen(text), ret_hash->bytes, NULL, EVP_sha256(), NULL) == 1 ? 0 : ERR_NOMEM;
}

bool token_equal(const struct token_hash *a, const struct token_hash *b)
{
    return CRYPTO_memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}
