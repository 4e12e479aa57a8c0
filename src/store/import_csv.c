/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <csv.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "import_internal.h"

enum { VIOLATIONS = IMPORT_COLUMN_COUNT, FIELDS_MAX = IMPORT_COLUMN_COUNT + 1 };

struct import_csv {
    struct import *import;
    struct csv_parser parser;
    bool has_header;
    unsigned columns[FIELDS_MAX]; /* of each field: enum import_column or VIOLATIONS */
    size_t width;
    /* the record at hand */
    struct buf text;            /* its fields, each with a NUL */
    size_t offsets[FIELDS_MAX]; /* of each field in `text` */
    size_t fields;
    bool open_record;           /* it goes on in the next line, ... */
    struct import_place record; /* ... and is this much so far */
    unsigned records;           /* that ended in the line at hand */
    int code;                   /* the first failure: callbacks cannot return it */
};

static const char *column_name(unsigned column)
{
    return column == VIOLATIONS ? "violations" : import_column_name((enum import_column)column);
}

static int read_header(struct import_csv *csv)
{
    struct import *import = csv->import;
    char shown[IMPORT_SHOWN];
    unsigned given = 0;

    for (size_t i = 0; i < csv->fields; i++) {
        const char *name = csv->text.data + csv->offsets[i];
        enum import_column column;
        bool known = import_column_find(name, &column) == 0;
        unsigned index = known ? column : VIOLATIONS;

        if (!known && strcmp(name, "violations") != 0)
            return import_refuse(import, import_show(name, shown), "is no column of a device");
        if (given & 1u << index)
            return import_refuse(import, name, "is there twice");
        given |= 1u << index;
        csv->columns[i] = index;
    }
    if (!(given & 1u << COLUMN_DEVICE_ID))
        return import_refuse(import, column_name(COLUMN_DEVICE_ID), "is missing in the header");
    csv->width = csv->fields;
    csv->has_header = true;
    return 0;
}

static int read_flag(struct import *import, enum import_column column, const char *text, struct import_value *value)
{
    if (strcmp(text, "1") == 0 || strcasecmp(text, "true") == 0)
        value->number = 1;
    else if (strcmp(text, "0") != 0 && strcasecmp(text, "false") != 0)
        return import_refuse(import, import_column_name(column), "must be 0, 1, true or false");
    return 0;
}

static int read_time(struct import *import, enum import_column column, const char *text, struct import_value *value)
{
    size_t digits = strspn(text, "0123456789");
    double seconds = text[0] && !text[digits] ? strtod(text, NULL) : -1;

    value->null = text[0] == '\0';
    if (value->null)
        return 0;
    value->number = (int64_t)strtoll(text, NULL, 10);
    return import_column_check_time(import, column, seconds);
}

static char *trim(char *text)
{
    text += strspn(text, " \t");
    for (size_t length = strlen(text); length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\t'); length--)
        text[length - 1] = '\0';
    return text;
}

/* Cuts the field at its semicolons. */
static int read_violations(struct import_csv *csv, char *text, struct import_device *device)
{
    char *rest = text[0] ? text : NULL;
    char *next;
    int code = 0;

    device->has_violations = true;
    while (code == 0 && (next = strsep(&rest, ";"))) {
        next = trim(next);
        code = import_column_check_id(csv->import, column_name(VIOLATIONS), next);
        if (code == 0 && import_names_add(&device->violations, next) < 0)
            code = error_set(csv->import->err, ERR_NOMEM, 0, "out of memory");
    }
    return code;
}

static int read_field(struct import_csv *csv, size_t i, struct import_device *device)
{
    char *text = csv->text.data + csv->offsets[i];

    if (csv->columns[i] == VIOLATIONS)
        return read_violations(csv, text, device);

    enum import_column column = (enum import_column)csv->columns[i];
    struct import_value *value = &device->values[column];
    device->given |= 1u << column;
    if (import_column_kind(column) == IMPORT_FLAG)
        return read_flag(csv->import, column, text, value);
    if (import_column_kind(column) == IMPORT_TIME)
        return read_time(csv->import, column, text, value);
    value->text = text;
    return import_column_check_text(csv->import, column, text);
}

static int read_row(struct import_csv *csv)
{
    struct import_device device = {.violations = csv->import->names};
    int code = 0;

    if (csv->fields != csv->width)
        return import_refuse(csv->import, "", "the row has %zu fields, the header %zu", csv->fields, csv->width);
    import_names_clear(&device.violations);
    for (size_t i = 0; i < csv->fields && code == 0; i++)
        code = read_field(csv, i, &device);
    if (code == 0)
        code = import_take_device(csv->import, &device);
    csv->import->names = device.violations;
    return code;
}

static void on_field(void *data, size_t length, void *ctx)
{
    struct import_csv *csv = ctx;

    /* Surplus fields are counted: the row is refused at its end. */
    if (csv->fields < FIELDS_MAX) {
        csv->offsets[csv->fields] = csv->text.length;
        if (length > 0)
            buf_add(&csv->text, data, length);
        buf_add_char(&csv->text, '\0');
    }
    csv->fields++;
}

static void on_record(int end, void *ctx)
{
    struct import_csv *csv = ctx;

    (void)end;
    if (csv->code == 0 && buf_error(&csv->text))
        csv->code = error_set(csv->import->err, buf_error(&csv->text), 0, "out of memory");
    if (csv->code == 0 && csv->records++ > 0)
        csv->code = import_refuse(csv->import, "", "a carriage return stands amid the line");
    if (csv->code == 0 && csv->fields > FIELDS_MAX)
        csv->code = import_refuse(csv->import, "", "%zu fields are more than a device has columns", csv->fields);
    if (csv->code == 0)
        csv->code = csv->has_header ? read_row(csv) : read_header(csv);
    buf_clear(&csv->text);
    csv->fields = 0;
}

static int refuse_quotes(struct import_csv *csv)
{
    int error = csv_error(&csv->parser);

    if (csv->code < 0)
        return csv->code;
    if (error != CSV_EPARSE)
        return error_set(csv->import->err, ERR_NOMEM, 0, "%s", csv_strerror(error));
    return import_refuse(csv->import, "", "a quote is not closed, or stands amid a field and is not doubled");
}

static int parse(struct import_csv *csv, const char *text, size_t length)
{
    csv->records = 0;
    if (csv_parse(&csv->parser, text, length, on_field, on_record, csv) != length)
        return refuse_quotes(csv);
    return csv->code;
}

static int finish(struct import_csv *csv)
{
    if (csv_fini(&csv->parser, on_field, on_record, csv) != 0)
        return refuse_quotes(csv);
    return csv->code;
}

int import_csv_open(struct import *import)
{
    struct import_csv *csv = calloc(1, sizeof(*csv));

    if (!csv || csv_init(&csv->parser, CSV_STRICT | CSV_STRICT_FINI) != 0) {
        free(csv);
        return error_set(import->err, ERR_NOMEM, 0, "out of memory");
    }
    csv->import = import;
    buf_init(&csv->text, 0);
    import->csv = csv;
    return 0;
}

void import_csv_close(struct import *import)
{
    if (!import->csv)
        return;
    buf_deinit(&import->csv->text);
    csv_free(&import->csv->parser);
    free(import->csv);
    import->csv = NULL;
}

int import_csv_line(struct import *import, const char *text, size_t length)
{
    struct import_csv *csv = import->csv;

    if (csv->open_record) {
        /* The record began further up. */
        import->place = csv->record;
        import->place.length += length;
    } else if (import_is_blank(text, length)) {
        return 0;
    }
    if (import->place.length > IMPORT_LINE_MAX)
        return import_refuse(import, "", "the row is longer than %d bytes: is a quote not closed?",
                             (int)IMPORT_LINE_MAX);
    int code = parse(csv, text, length);
    csv->open_record = csv->records == 0;
    csv->record = import->place;
    return code;
}

int import_csv_end(struct import *import)
{
    struct import_csv *csv = import->csv;

    import->place = csv->record;
    csv->records = 0;
    int code = finish(csv);
    if (code == 0 && import->noted == 0)
        return error_set(import->err, ERR_INVALID, 0, "nothing to import: there is no row below the header");
    return code;
}

int import_csv_record(struct import *import, const char *text, size_t length)
{
    int code = parse(import->csv, text, length);
    return code == 0 ? finish(import->csv) : code;
}
