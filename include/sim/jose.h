/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * jose - JSON Web Tokens in their compact form: taking apart, verifying, signing. RSA only, as Entra has it.
 */
#ifndef COMPLYD_SIM_JOSE_H
#define COMPLYD_SIM_JOSE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct cJSON;
struct evp_pkey_st;

enum jose_algorithm { JOSE_RS256, JOSE_PS256 };

/* A token taken apart; `signed_part` points into the text it was made from. */
struct jose {
    struct cJSON *header;
    struct cJSON *claims;
    const char *signed_part;
    size_t signed_length;
    unsigned char *signature;
    size_t signature_length;
};

/* 0, ERR_INVALID when it is no compact JWT of two JSON objects and a signature, or ERR_NOMEM. */
int jose_parse(const char *text, struct jose *ret_token);
void jose_release(struct jose *token);

bool jose_verify(const struct jose *token, enum jose_algorithm algorithm, struct evp_pkey_st *key);

/* Appends header.claims.signature, signed with RS256; 0, ERR_NOMEM or ERR_IO (the library refuses). */
int jose_sign(struct evp_pkey_st *key, const char *header, const char *claims, struct buf *out);

/* Decodes base64url without padding; NULL when malformed. The caller frees. */
unsigned char *jose_decode(const char *text, size_t length, size_t *ret_length);

#endif
