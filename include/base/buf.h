/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * buf - a growable run of bytes with a cap.
 *
 * Always NUL-terminated after the first append, so that data can be read as a string. Errors are sticky: once an append
 * failed (cap or memory), later appends do nothing and buf_error() tells; callers append freely and test once.
 */
#ifndef COMPLYD_BASE_BUF_H
#define COMPLYD_BASE_BUF_H

#include <stddef.h>

struct buf {
    char *data;      /* NULL until the first append */
    size_t length;   /* bytes, without the NUL */
    size_t capacity; /* bytes allocated */
    size_t limit;    /* cap on length; 0 = none */
    int error;       /* 0, ERR_NOMEM or ERR_TOOBIG */
};

void buf_init(struct buf *buf, size_t limit);
void buf_deinit(struct buf *buf);
void buf_clear(struct buf *buf); /* length 0, error 0; keeps the memory */
void buf_wipe(struct buf *buf);  /* overwrites the bytes, then frees: for secrets */

void buf_add(struct buf *buf, const void *data, size_t length);
void buf_add_text(struct buf *buf, const char *text);
void buf_add_char(struct buf *buf, char c);
void buf_add_int(struct buf *buf, long long value);
void buf_addf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Appends text as a JSON string with its quotes (RFC 8259 section 7). NULL becomes "". Bytes that are no valid UTF-8
 * become U+FFFD, so that the result always is valid JSON. */
void buf_add_json_string(struct buf *buf, const char *text);

/* Appends text percent-encoded: everything but RFC 3986 unreserved characters. */
void buf_add_url(struct buf *buf, const char *text);

/* Appends bytes as base64url without padding (RFC 4648 section 5, as JWS wants it). */
void buf_add_base64url(struct buf *buf, const void *data, size_t length);

int buf_error(const struct buf *buf);
const char *buf_text(const struct buf *buf); /* "" when empty; valid until the next change */
char *buf_take(struct buf *buf);             /* hands over the allocation (caller frees), NULL on error; buf is empty */

#endif
