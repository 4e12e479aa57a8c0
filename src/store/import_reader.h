/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * import_reader - lines of a stream, each of at most IMPORT_LINE_MAX bytes, in a buffer of fixed size; and any of them
 * again.
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
    FILE *spool;  /* closed with the reader */
    int64_t base; /* of the input in the file */
    char *data;
    size_t start, end;
    int64_t offset; /* of `start` in the input */
    bool at_end;
    char *record; /* of import_reader_at() */
};

/* What cannot be read twice is first copied to a file without a name. */
int import_reader_open(struct import_reader *reader, FILE *in, struct error *err);
void import_reader_close(struct import_reader *reader); /* zeroed is fine */

/* 1: a line with its end, if it has one; a byte order mark at the start of the input is left out. The byte after it is
 * NUL or the next line's. 0: no more. ERR_TOOBIG: longer than IMPORT_LINE_MAX. ERR_IO. */
int import_reader_next(struct import_reader *reader, const char **ret_text, size_t *ret_length, int64_t *ret_offset,
                       struct error *err);

/* The same bytes again, with a NUL after them; at most a longest line. */
int import_reader_at(struct import_reader *reader, int64_t offset, size_t length, const char **ret_text,
                     struct error *err);

#endif
