/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * error - codes of failures, and a bounded message.
 *
 * Thread    any; a struct error belongs to one caller.
 * Errors    functions of complyd return 0 or a negative ERR_*; an optional last argument `struct error *err` (may be
 *           NULL) says what failed, and callers prepend context on the way up.
 */
#ifndef COMPLYD_BASE_ERROR_H
#define COMPLYD_BASE_ERROR_H

/* X(name, value, text) */
#define ERROR_CODES(X)                                                                                                 \
    X(ERR_NOMEM, 1, "out of memory")                                                                                   \
    X(ERR_IO, 2, "input/output error")                                                                                 \
    X(ERR_INVALID, 3, "invalid input")                                                                                 \
    X(ERR_NOTFOUND, 4, "not found")                                                                                    \
    X(ERR_EXISTS, 5, "already exists")                                                                                 \
    X(ERR_BUSY, 6, "busy")                                                                                             \
    X(ERR_TOOBIG, 7, "too big")                                                                                        \
    X(ERR_TIMEOUT, 8, "timed out")                                                                                     \
    X(ERR_CANCELED, 9, "canceled")                                                                                     \
    X(ERR_PERMISSION, 10, "permission denied")                                                                         \
    X(ERR_CONFIG, 11, "configuration error")                                                                           \
    X(ERR_STORE, 12, "store error")                                                                                    \
    X(ERR_STORE_CORRUPT, 13, "store is corrupt")                                                                       \
    X(ERR_STORE_FULL, 14, "disk is full")                                                                              \
    X(ERR_STORE_NEWER, 15, "store is from a newer version")                                                            \
    X(ERR_STORE_OLDER, 16, "store is from an older version")                                                           \
    X(ERR_NETWORK, 17, "network error")                                                                                \
    X(ERR_TLS, 18, "TLS verification failed")                                                                          \
    X(ERR_AUTH, 19, "not authorised")                                                                                  \
    X(ERR_CREDENTIAL, 20, "credential refused")                                                                        \
    X(ERR_REPLY, 21, "unintelligible reply")                                                                           \
    X(ERR_REFUSED, 22, "refused")

enum error_code {
#define X(name, value, text) name = -(value),
    ERROR_CODES(X)
#undef X
};

struct error {
    int code;          /* ERR_*, or 0 */
    int origin;        /* SQLite extended code, CURLcode, HTTP status or errno; 0 = none */
    char message[384]; /* UTF-8, one line, never a secret */
};

/* Fills *err (if not NULL) and returns code, so that `return error_set(err, ERR_X, 0, "...")` reads as one step. */
int error_set(struct error *err, int code, int origin, const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Puts "text: " in front of the message; returns err's code (0 when err is NULL). */
int error_prefix(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The message of *err, or the code's own text when it has none. Never NULL. */
const char *error_text(const struct error *err);

const char *error_code_text(int code);

#endif
