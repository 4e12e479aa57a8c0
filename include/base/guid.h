/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * guid - random 128-bit identifiers (RFC 4122 version 4), as Microsoft writes them: lower case with hyphens.
 *
 * Randomness comes from getrandom(2), read in blocks; each thread has its own block.
 */
#ifndef COMPLYD_BASE_GUID_H
#define COMPLYD_BASE_GUID_H

#include <stdbool.h>
#include <stdint.h>

enum { GUID_TEXT = 37 }; /* 36 characters and NUL */

struct guid {
    uint8_t bytes[16];
};

void guid_random(struct guid *ret_guid);
const char *guid_format(const struct guid *guid, char text[GUID_TEXT]); /* returns text */
int guid_parse(const char *text, struct guid *ret_guid);                /* any case, no braces; 0 or ERR_INVALID */
bool guid_is_valid(const char *text);                                   /* form only; NULL and "" are not valid */

/* 64 random bits, for jitter and cookies. */
uint64_t guid_random_u64(void);

#endif
