/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * import_column - the columns of a device, and what may stand in them.
 */
#ifndef COMPLYD_STORE_IMPORT_COLUMN_H
#define COMPLYD_STORE_IMPORT_COLUMN_H

#include <stdbool.h>
#include <stdint.h>

struct import;

enum import_kind { IMPORT_TEXT, IMPORT_FLAG, IMPORT_TIME };

/* X(NAME, column, kind, bytes at most) */
#define IMPORT_COLUMNS(X)                                                                                              \
    X(COLUMN_DEVICE_ID, "device_id", IMPORT_TEXT, 255)                                                                 \
    X(COLUMN_CONNECTION, "connection", IMPORT_TEXT, 64)                                                                \
    X(COLUMN_PLATFORM, "platform", IMPORT_TEXT, 64)                                                                    \
    X(COLUMN_NAME, "name", IMPORT_TEXT, 1024)                                                                          \
    X(COLUMN_MANUFACTURER, "manufacturer", IMPORT_TEXT, 1024)                                                          \
    X(COLUMN_MODEL, "model", IMPORT_TEXT, 1024)                                                                        \
    X(COLUMN_SERIAL_NUMBER, "serial_number", IMPORT_TEXT, 1024)                                                        \
    X(COLUMN_OS_VERSION, "os_version", IMPORT_TEXT, 1024)                                                              \
    X(COLUMN_USER_PRINCIPAL_NAME, "user_principal_name", IMPORT_TEXT, 1024)                                            \
    X(COLUMN_MANAGED, "managed", IMPORT_FLAG, 0)                                                                       \
    X(COLUMN_AZURE_DEVICE_ID, "azure_device_id", IMPORT_TEXT, 1024)                                                    \
    X(COLUMN_AZURE_CLIENT_STATUS, "azure_client_status", IMPORT_TEXT, 64)                                              \
    X(COLUMN_LAST_CHECK_IN, "last_check_in", IMPORT_TIME, 0)                                                           \
    X(COLUMN_EVALUATED_AT, "evaluated_at", IMPORT_TIME, 0)

enum import_column {
#define X(name, text, kind, size) name,
    IMPORT_COLUMNS(X)
#undef X
        IMPORT_COLUMN_COUNT
};

struct import_value {
    const char *text; /* of TEXT; borrowed */
    int64_t number;   /* of FLAG and TIME */
    bool null;        /* TIME: never */
};

const char *import_column_name(enum import_column column);
enum import_kind import_column_kind(enum import_column column);
int import_column_find(const char *name, enum import_column *ret_column); /* 0 or ERR_NOTFOUND */

/* 0, or ERR_INVALID with the reason noted in *import. */
int import_column_check_text(struct import *import, enum import_column column, const char *text);
int import_column_check_time(struct import *import, enum import_column column, double seconds);

/* Texts that are no column of a device; `field` is where they stand. An id must not be empty. */
int import_column_check_id(struct import *import, const char *field, const char *text);
int import_column_check_name(struct import *import, const char *field, const char *text);

#endif
