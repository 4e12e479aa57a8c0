/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * utf8 - tells well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF) from other bytes.
 */
#ifndef COMPLYD_BASE_UTF8_H
#define COMPLYD_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the character at `text`, 1 to 4; 0 when no well-formed character starts there. Reads no further than the NUL
 * that ends the text; a NUL counts as a character of 1. */
size_t utf8_sequence(const char *text);

/* A character that must not reach a terminal, a log line or an index as it is: C0, DEL or C1. `text` is well-formed. */
bool utf8_is_control(const char *text);

#endif
