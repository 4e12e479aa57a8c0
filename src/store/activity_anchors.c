/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <stdlib.h>

#include "base/error.h"
#include "store/activity_verify.h"

enum { ANCHORS_MAX = 1000 * 1000, DIGITS_MAX = 18, HEX_DIGITS = 2 * ACTIVITY_HASH };

/* How much of "ID:HASH" has been read. */
struct scan {
    struct activity_anchor_entry entry;
    int digits, hex_digits;
    bool colon;
    int64_t decimal; /* what follows the colon, as long as it could be an id itself ("LINE:ID:HASH"); -1 = it cannot */
};

static int hex_value(int c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int keep(struct activity_anchors *anchors, const struct activity_anchor_entry *entry, struct error *err)
{
    bool full = (anchors->count & (anchors->count - 1)) == 0; /* the array doubles */
    size_t capacity = anchors->count > 0 ? anchors->count * 2 : 1;

    if (anchors->count == ANCHORS_MAX)
        return error_set(err, ERR_TOOBIG, 0, "more than %d anchors", (int)ANCHORS_MAX);
    struct activity_anchor_entry *entries =
        full ? realloc(anchors->entries, capacity * sizeof(*entries)) : anchors->entries;
    if (!entries)
        return error_set(err, ERR_NOMEM, 0, "anchors: out of memory");
    entries[anchors->count++] = *entry;
    anchors->entries = entries;
    return 0;
}

static void take_hex(struct scan *scan, int value)
{
    if (scan->hex_digits < HEX_DIGITS) {
        uint8_t *byte = &scan->entry.hash[scan->hex_digits / 2];
        *byte = (uint8_t)(scan->hex_digits % 2 == 0 ? value << 4 : *byte | value);
    }
    scan->hex_digits++;
    scan->decimal =
        value < 10 && scan->decimal >= 0 && scan->hex_digits <= DIGITS_MAX ? scan->decimal * 10 + value : -1;
}

static void take_start(struct scan *scan, int c)
{
    if (c >= '0' && c <= '9') {
        scan->digits += scan->digits <= DIGITS_MAX;
        if (scan->digits <= DIGITS_MAX)
            scan->entry.id = scan->entry.id * 10 + (c - '0');
    } else {
        scan->colon = c == ':' && scan->digits > 0 && scan->digits <= DIGITS_MAX;
        if (!scan->colon)
            *scan = (struct scan){0};
    }
}

int activity_anchors_read(FILE *from, struct activity_anchors *anchors, struct error *err)
{
    struct scan scan = {0};
    int c, code = 0;

    do {
        c = getc(from);
        if (scan.colon && hex_value(c) >= 0 && scan.hex_digits <= HEX_DIGITS) {
            take_hex(&scan, hex_value(c));
            continue;
        }
        if (scan.colon) {
            if (scan.hex_digits == HEX_DIGITS)
                code = keep(anchors, &scan.entry, err);
            scan = (struct scan){.entry.id = scan.decimal > 0 ? scan.decimal : 0, .digits = scan.decimal > 0};
        }
        take_start(&scan, c);
    } while (c != EOF && code == 0);
    if (code == 0 && ferror(from))
        code = error_set(err, ERR_IO, 0, "anchors cannot be read");
    return code;
}

void activity_anchors_deinit(struct activity_anchors *anchors)
{
    free(anchors->entries);
    *anchors = (struct activity_anchors){0};
}
