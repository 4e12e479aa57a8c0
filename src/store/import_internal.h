/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * import_internal - what the parts of an import share: the input's lines, the record at hand, refusals.
 *
 * The input is read twice. First every record is checked, while the store is not touched and nobody waits; then they
 * are written in the order of the tables' keys, which spares the store most of its jumping about: some three times as
 * fast as the order of a file that has none.
 *
 *     import.c         the two passes, transaction, progress
 *     import_reader.c  bytes to lines
 *     import_json.c    a line of JSON to a record
 *     import_csv.c     lines of CSV to records
 *     import_column.c  the columns of a device, and what may stand in them
 *     import_places.c  where the records stand, in the order of their keys
 *     import_write.c   a record into the store
 */
#ifndef COMPLYD_STORE_IMPORT_INTERNAL_H
#define COMPLYD_STORE_IMPORT_INTERNAL_H

#include "import_column.h"
#include "import_places.h"
#include "import_reader.h"
#include "import_write.h"
#include "store/import.h"

struct cJSON;
struct import_csv;

struct import {
    struct database *database;
    struct import_reader reader;
    struct import_csv *csv; /* NULL = JSON Lines */
    struct import_names names;
    bool writing;              /* the second time */
    struct import_place place; /* of the record at hand; the key is made when it is noted */
    struct import_places places;
    struct import_writer writer;
    int64_t noted;        /* records */
    int64_t lines, bytes; /* read the first time */
    int64_t written;      /* bytes */
    unsigned countdown;   /* lines or records until progress is told */
    bool began;           /* the transaction */
    const char *actor;    /* for the activity log; NULL = no entry */
    int (*progress)(void *ctx, const struct import_progress *progress);
    void *ctx;
    struct import_progress *done;
    struct import_error *where;
    struct error *err;
};

bool import_is_blank(const char *text, size_t length);

/* The record at hand is wrong at `column` ("" = as a whole); returns ERR_INVALID. */
int import_refuse(struct import *import, const char *column, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

enum { IMPORT_SHOWN = 64 };

/* The beginning of a text from the input, fit for a message. */
const char *import_show(const char *text, char shown[IMPORT_SHOWN]);

/* A record that is in order: noted the first time, written the second. */
int import_take_device(struct import *import, struct import_device *device);
int import_take_policy(struct import *import, const struct import_policy *policy);
int import_take_deletion(struct import *import, const char *device_id);

/* UTF-8 without NUL, or a refusal. */
int import_check_text(struct import *import, const char *text, size_t length);

/* One JSON value and nothing behind it; the caller's to delete. */
int import_json_parse(struct import *import, const char *text, size_t length, struct cJSON **ret_object);

/* A record by itself: what stands behind "device" or "policy" in a line. */
int import_json_device(struct import *import, const struct cJSON *object);
int import_json_policy(struct import *import, const struct cJSON *object);

/* One line, whose place is in import->place, either time. */
int import_json_line(struct import *import, const char *text, size_t length);

int import_csv_open(struct import *import); /* sets import->csv */
void import_csv_close(struct import *import);
/* The first time: a line, which may be a part of a record; import->place grows with the record. */
int import_csv_line(struct import *import, const char *text, size_t length);
int import_csv_end(struct import *import);
/* The second time. */
int import_csv_record(struct import *import, const char *text, size_t length);

#endif
