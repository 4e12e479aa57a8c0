/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * import - a fleet from JSON Lines or CSV into the store: all or nothing.
 *
 * Formats: docs/integration.md and the contract's section 1. The format is told by the first non-blank byte: '{' is
 * JSON Lines, anything else a CSV header (RFC 4180 quoting). One transaction; a bad line leaves the store untouched.
 *
 * Promise   The input (of a very long one each million records) is checked before the write lock is asked for, waiting
 *           up to 30 s for other writers. Memory does not grow with it: 40 MiB for the order of records, 64 MiB of page
 *           cache meanwhile.
 */
#ifndef COMPLYD_STORE_IMPORT_H
#define COMPLYD_STORE_IMPORT_H

#include <stdio.h>

#include "store/database.h"

struct import_progress {
    int64_t lines;
    int64_t bytes;
    int64_t devices, policies, deletions;
};

struct import_error {
    int64_t line;    /* 1-based; 0 = not about a line */
    char column[64]; /* field or CSV column; "" = none */
};

enum { IMPORT_LINE_MAX = 1024 * 1024 }; /* bytes of one line */

/* Reads `in` to its end. `progress` (may be NULL) is called about every 4,096 lines; non-zero cancels (ERR_CANCELED).
 * `actor` is who the activity log says did it; NULL = no entry. */
int import_stream(struct database *database, FILE *in, const char *actor,
                  int (*progress)(void *ctx, const struct import_progress *progress), void *ctx,
                  struct import_progress *ret_done, struct import_error *ret_where, struct error *err);

#endif
