/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * import_reader - lines of a stream, each of at most IMPORT_LINE_MAX bytes, in one buffer of fixed size.
 */
#ifndef COMPLYD_STORE_IMPORT_READER_H
#define COMPLYD_STORE_IMPORT_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

struct import_reader {
    FILE *in;
    FILE *spool; /* closed with the reader */
    char *data;
    size_t start, end;
    bool at_end;
};

/* Standard input and pipes are first copied to a file without a name, so that a slow writer at their other end does not hold up those
 * who wait for the store. */
int import_reader_open(struct import_reader *reader, FILE *in, struct error *err);
void import_reader_close(struct import_reader *reader); /* zeroed is fine */

/* 1: a line with its end, if it has one; a byte order mark at the start of the input is left out. The byte after it can be read.
 * 0: no more. ERR_TOOBIG: longer than IMPORT_LINE_MAX. ERR_IO. */
int import_reader_next(struct import_reader *reader, const char **ret_text, size_t *ret_length, struct error *err);

#endif
