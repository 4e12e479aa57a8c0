/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * suggest - what was likely meant by a mistyped word. A pure function.
 */
#ifndef COMPLYD_BASE_SUGGEST_H
#define COMPLYD_BASE_SUGGEST_H

#include <stddef.h>

enum { SUGGEST_WORD_MAX = 64 }; /* longer words are like no other */

/* The word most like `typed`, NULL when none is near enough to be a slip of the fingers. */
const char *suggest_word(const char *typed, const char *const *words, size_t count);

#endif
