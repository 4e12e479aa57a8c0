/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * import_internal - what the parts of an import share: the input's lines, the record at hand, refusals.
 *
 *     import.c         transaction, lines, progress
 *     import_reader.c  bytes to lines
 *     import_json.c    a line of JSON to a record
 *     import_csv.c     lines of CSV to records
 *     import_column.c  the columns of a device, and what may stand in them
 *     import_write.c   a record into the store
 */
#ifndef COMPLYD_STORE_IMPORT_INTERNAL_H
#define COMPLYD_STORE_IMPORT_INTERNAL_H

#include "import_column.h"
#include "import_reader.h"
#include "import_write.h"
#include "store/import.h"

struct import {
    struct database *database;
    struct import_reader reader;
    struct import_writer writer;
    int64_t line; /* where the record at hand begins */
    int (*progress)(void *ctx, const struct import_progress *progress);
    void *ctx;
    int64_t next_progress; /* line */
    struct import_progress *done;
    struct import_error *where;
    struct error *err;
};

/* The next physical line with its end, checked to be UTF-8 without NUL; valid until the call after. 1, 0 at the end, or ERR_*. */
int import_next_line(struct import *import, const char **ret_text, size_t *ret_length);

bool import_is_blank(const char *text, size_t length);

/* The record at hand is wrong at `column` ("" = as a whole); returns ERR_INVALID. */
int import_refuse(struct import *import, const char *column, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

enum { IMPORT_SHOWN = 64 };

/* The beginning of a text from the input, fit for a message. */
const char *import_show(const char *text, char shown[IMPORT_SHOWN]);

/* Both start with a line that was read already, and read the rest. */
int import_json(struct import *import, const char *text, size_t length);
int import_csv(struct import *import, const char *text, size_t length);

#endif
