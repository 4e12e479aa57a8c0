/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * import_write - a record into the store, inside the caller's transaction. Rows that would not change are not written.
 */
#ifndef COMPLYD_STORE_IMPORT_WRITE_H
#define COMPLYD_STORE_IMPORT_WRITE_H

#include <sqlite3.h>
#include <stddef.h>

#include "import_column.h"
#include "import_names.h"

enum { IMPORT_STATEMENTS = 8 };

/* Statements are made for the set of columns that is given: most inputs have one. */
struct import_statement {
    unsigned columns; /* bit 1u << column; 0 = free */
    bool insert;
    sqlite3_stmt *statement;
};

struct import_writer {
    struct import_statement statements[IMPORT_STATEMENTS];
    unsigned next; /* to be replaced */
    int64_t now_s; /* `since` of new violations */
};

void import_write_finalize(struct import_writer *writer);

/* Strings are borrowed. */
struct import_device {
    unsigned given; /* set of columns, bit 1u << column */
    struct import_value values[IMPORT_COLUMN_COUNT];
    bool has_violations;
    struct import_names violations;
};

struct import_policy {
    const char *policy_id;
    const char *name; /* NULL = keep */
    int enabled;      /* -1 = keep */
    bool has_actions;
    unsigned actions; /* bit 1u << action */
};

/* 0 or ERR_*. A device that is new needs a platform. The violations are sorted on the way. */
int import_write_device(struct import *import, struct import_device *device);
int import_write_policy(struct import *import, const struct import_policy *policy);

/* No device of that id is no error, so that a file can be imported twice. */
int import_write_deletion(struct import *import, const char *device_id);

#endif
