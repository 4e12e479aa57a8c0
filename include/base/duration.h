/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * duration - lengths of time as administrators write them: "30s", "15m", "6h", "7d", "500ms", also "1h30m".
 */
#ifndef COMPLYD_BASE_DURATION_H
#define COMPLYD_BASE_DURATION_H

#include <stdint.h>

enum { DURATION_TEXT = 32 };

/* 0, or ERR_INVALID for anything else than number-unit pairs (no unit, sign, blank, or overflow of 100 years). */
int duration_parse(const char *text, int64_t *ret_ms);

/* The shortest exact form ("90s" gives "1m30s"); at most the two largest units when `ms` is over a minute. */
const char *duration_format(int64_t ms, char text[DURATION_TEXT]);

#endif
