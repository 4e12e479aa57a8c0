/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "import_column.h"

#include <string.h>

#include "import_internal.h"
#include "model/device.h"

enum { ID_MAX = 255, NAME_MAX_BYTES = 1024 };

static const double time_max = 253402300799.0; /* the end of the year 9999; milliseconds are beyond it */

static const struct {
    const char *name;
    enum import_kind kind;
    size_t size;
} columns[IMPORT_COLUMN_COUNT] = {
#define X(name, text, kind, size) [name] = {text, kind, size},
    IMPORT_COLUMNS(X)
#undef X
};

const char *import_column_name(enum import_column column)
{
    return columns[column].name;
}

enum import_kind import_column_kind(enum import_column column)
{
    return columns[column].kind;
}

int import_column_find(const char *name, enum import_column *ret_column)
{
    for (int i = 0; i < IMPORT_COLUMN_COUNT; i++) {
        if (strcmp(name, columns[i].name) == 0) {
            *ret_column = (enum import_column)i;
            return 0;
        }
    }
    return ERR_NOTFOUND;
}

static int check_length(struct import *import, const char *field, const char *text, size_t size)
{
    if (strlen(text) > size)
        return import_refuse(import, field, "is longer than %zu bytes", size);
    if (!text_is_utf8(text))
        return import_refuse(import, field, "holds a control character");
    return 0;
}

int import_column_check_text(struct import *import, enum import_column column, const char *text)
{
    const char *field = columns[column].name;
    enum platform platform;
    enum client_status status;
    char shown[IMPORT_SHOWN];

    int code = check_length(import, field, text, columns[column].size);
    if (code < 0)
        return code;
    if ((column == COLUMN_DEVICE_ID || column == COLUMN_CONNECTION) && text[0] == '\0')
        return import_refuse(import, field, "must not be empty");
    if (column == COLUMN_PLATFORM && platform_parse(text, &platform) != 0)
        return import_refuse(import, field, "must be ios, android, macos or windows, not \"%s\"",
                             import_show(text, shown));
    if (column == COLUMN_AZURE_CLIENT_STATUS && client_status_parse(text, &status) != 0)
        return import_refuse(import, field, "\"%s\" is no Azure client status code", import_show(text, shown));
    return 0;
}

int import_column_check_time(struct import *import, enum import_column column, double seconds)
{
    if (seconds >= 0 && seconds <= time_max && (double)(int64_t)seconds == seconds)
        return 0;
    return import_refuse(import, columns[column].name, "must be a time in whole seconds since 1970");
}

int import_column_check_id(struct import *import, const char *field, const char *text)
{
    if (text[0] == '\0')
        return import_refuse(import, field, "must not be empty");
    return check_length(import, field, text, ID_MAX);
}

int import_column_check_name(struct import *import, const char *field, const char *text)
{
    return check_length(import, field, text, NAME_MAX_BYTES);
}
