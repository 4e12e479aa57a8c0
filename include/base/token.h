/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * token - words of 256 random bits by which somebody proves to be whom we know: made, hashed, compared in constant
 * time.
 *
 * Only the hash is kept: who reads our memory or a core learns no word that opens a door.
 */
#ifndef COMPLYD_BASE_TOKEN_H
#define COMPLYD_BASE_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

enum { TOKEN_TEXT = 44, TOKEN_HASH = 32 }; /* 43 characters of base64url and NUL; SHA-256 */

struct token_hash {
    uint8_t bytes[TOKEN_HASH];
};

/* A new word from the kernel's randomness. 0, or ERR_IO when there is none. */
int token_random(char ret_text[TOKEN_TEXT]);

/* 0 or ERR_NOMEM. Any text may be asked about. */
int token_hash(const char *text, struct token_hash *ret_hash);

/* Takes the same time whatever they hold. */
bool token_equal(const struct token_hash *a, const struct token_hash *b);

#endif
