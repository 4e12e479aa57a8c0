/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "base/buf.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"

enum { CAPACITY_MIN = 256 };

void buf_init(struct buf *buf, size_t limit)
{
    *buf = (struct buf){.limit = limit};
}

void buf_deinit(struct buf *buf)
{
    free(buf->data);
    buf_init(buf, buf->limit);
}

void buf_clear(struct buf *buf)
{
    buf->length = 0;
    buf->error = 0;
    if (buf->data != NULL)
        buf->data[0] = '\0';
}

void buf_wipe(struct buf *buf)
{
    if (buf->data != NULL)
        explicit_bzero(buf->data, buf->capacity);
    buf_deinit(buf);
}

/* Bytes that the cap still allows. */
static size_t room(const struct buf *buf)
{
    return (buf->limit > 0 ? buf->limit : SIZE_MAX / 4) - buf->length;
}

/* Makes room for `extra` bytes and a NUL; false leaves the error set. */
static bool reserve(struct buf *buf, size_t extra)
{
    size_t needed, capacity;
    char *data;

    if (buf->error != 0)
        return false;
    if (extra > room(buf)) {
        buf->error = ERR_TOOBIG;
        return false;
    }
    if (extra < buf->capacity - buf->length)
        return true;
    needed = buf->length + extra + 1;
    capacity = buf->capacity < CAPACITY_MIN ? CAPACITY_MIN : buf->capacity;
    while (capacity < needed)
        capacity *= 2;
    if (buf->limit > 0 && capacity > buf->limit + 1)
        capacity = buf->limit + 1;
    data = realloc(buf->data, capacity);
    if (data == NULL) {
        buf->error = ERR_NOMEM;
        return false;
    }
    buf->data = data;
    buf->capacity = capacity;
    return true;
}

void buf_add(struct buf *buf, const void *data, size_t length)
{
    if (!reserve(buf, length))
        return;
    if (length > 0)
        memcpy(buf->data + buf->length, data, length);
    buf->length += length;
    buf->data[buf->length] = '\0';
}

void buf_add_text(struct buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text));
}

void buf_add_char(struct buf *buf, char c)
{
    buf_add(buf, &c, 1);
}

void buf_add_int(struct buf *buf, long long value)
{
    char digits[24];
    char *p = digits + sizeof(digits);
    unsigned long long rest = value < 0 ? 0 - (unsigned long long)value : (unsigned long long)value;

    do {
        *--p = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0)
        *--p = '-';
    buf_add(buf, p, (size_t)(digits + sizeof(digits) - p));
}

void buf_addf(struct buf *buf, const char *format, ...)
{
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0) {
        if (buf->error == 0)
            buf->error = ERR_NOMEM;
        return;
    }
    if (!reserve(buf, (size_t)length))
        return;
    va_start(args, format);
    vsnprintf(buf->data + buf->length, (size_t)length + 1, format, args);
    va_end(args);
    buf->length += (size_t)length;
}

/* Bytes that JSON strings carry as they are; 0 for the rest, the terminating NUL included. */
static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* The same for eight bytes at once: a borrow or a top bit shows in the top bit of a byte that is not plain. */
static bool are_plain(const char *text)
{
    const uint64_t each = UINT64_C(0x0101010101010101);
    uint64_t word, quote, backslash;

    memcpy(&word, text, sizeof(word));
    quote = word ^ each * '"';
    backslash = word ^ each * '\\';
    return ((word | (word - each * 0x20) | (quote - each) | (backslash - each)) & each * 0x80) == 0;
}

static void add_json_escape(struct buf *buf, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char short_forms[32] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    char unicode[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    char two[2] = {'\\', (char)c};

    if (c >= 0x80) {
        buf_add(buf, "\xEF\xBF\xBD", 3);
    } else if (c == '"' || c == '\\') {
        buf_add(buf, two, sizeof(two));
    } else if (c < sizeof(short_forms) && short_forms[c] != '\0') {
        two[1] = short_forms[c];
        buf_add(buf, two, sizeof(two));
    } else {
        buf_add(buf, unicode, sizeof(unicode));
    }
}

void buf_add_json_string(struct buf *buf, const char *text)
{
    const char *run = text != NULL ? text : "";
    const char *p = run;
    const char *end = run + strlen(run);

    buf_add_char(buf, '"');
    for (;;) {
        size_t length = 0;

        while (end - p >= 8 && are_plain(p))
            p += 8;
        while (is_plain((unsigned char)*p))
            p++;
        if ((unsigned char)*p >= 0x80)
            length = utf8_sequence(p);
        if (length > 0) {
            p += length;
            continue;
        }
        buf_add(buf, run, (size_t)(p - run));
        if (*p == '\0')
            break;
        add_json_escape(buf, (unsigned char)*p);
        run = ++p;
    }
    buf_add_char(buf, '"');
}

static bool is_unreserved(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

void buf_add_url(struct buf *buf, const char *text)
{
    static const char hex[] = "0123456789ABCDEF";

    for (const char *run = text;; text++) {
        unsigned char c = (unsigned char)*text;
        char escape[3] = {'%', hex[c >> 4], hex[c & 15]};

        if (is_unreserved(c))
            continue;
        buf_add(buf, run, (size_t)(text - run));
        if (c == '\0')
            return;
        buf_add(buf, escape, sizeof(escape));
        run = text + 1;
    }
}

void buf_add_base64url(struct buf *buf, const void *data, size_t length)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const unsigned char *p = data;
    const unsigned char *end = p + length;

    while (p < end) {
        unsigned bits = 0;
        size_t taken = 0;
        char group[4];

        for (; taken < 3 && p < end; taken++)
            bits |= (unsigned)*p++ << (16 - 8 * taken);
        for (size_t i = 0; i < 4; i++)
            group[i] = alphabet[bits >> (18 - 6 * i) & 63];
        buf_add(buf, group, taken + 1);
    }
}

int buf_error(const struct buf *buf)
{
    return buf->error;
}

const char *buf_text(const struct buf *buf)
{
    return buf->data != NULL ? buf->data : "";
}

char *buf_take(struct buf *buf)
{
    char *data;

    buf_add(buf, "", 0);
    data = buf->data;
    if (buf->error != 0) {
        free(data);
        data = NULL;
    }
    buf_init(buf, buf->limit);
    return data;
}
