/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * error - codes of failures, their retry class, and a bounded message.
 *
 * Thread    any; a struct error belongs to one caller.
 * Errors    functions of complyd return 0 or a negative ERR_*; an optional last argument `struct error *err` (may be
 *           NULL) says what failed, and callers prepend context on the way up.
 */
#ifndef COMPLYD_BASE_ERROR_H
#define COMPLYD_BASE_ERROR_H

/* What a caller may do about a failure; sender and backoff read this, so that retry policy is one table. */
enum error_retry {
    ERROR_RETRY_NOW,     /* lost a race: do it again at once */
    ERROR_RETRY_BACKOFF, /* passing trouble: again after a growing delay */
    ERROR_RETRY_AUTH,    /* again after a new token */
    ERROR_RETRY_NEVER,   /* the same request fails the same way */
    ERROR_RETRY_FATAL,   /* the process cannot go on */
};

/* X(name, value, retry class, text) */
#define ERROR_CODES(X)                                                                                                 \
    X(ERR_NOMEM, 1, ERROR_RETRY_BACKOFF, "out of memory")                                                              \
    X(ERR_IO, 2, ERROR_RETRY_BACKOFF, "input/output error")                                                            \
    X(ERR_INVALID, 3, ERROR_RETRY_NEVER, "invalid input")                                                              \
    X(ERR_NOTFOUND, 4, ERROR_RETRY_NEVER, "not found")                                                                 \
    X(ERR_EXISTS, 5, ERROR_RETRY_NEVER, "already exists")                                                              \
    X(ERR_BUSY, 6, ERROR_RETRY_BACKOFF, "busy")                                                                        \
    X(ERR_TOOBIG, 7, ERROR_RETRY_NEVER, "too big")                                                                     \
    X(ERR_TIMEOUT, 8, ERROR_RETRY_BACKOFF, "timed out")                                                                \
    X(ERR_CANCELED, 9, ERROR_RETRY_NOW, "canceled")                                                                    \
    X(ERR_PERMISSION, 10, ERROR_RETRY_NEVER, "permission denied")                                                      \
    X(ERR_CONFIG, 11, ERROR_RETRY_FATAL, "configuration error")                                                        \
    X(ERR_STORE, 12, ERROR_RETRY_BACKOFF, "store error")                                                               \
    X(ERR_STORE_CORRUPT, 13, ERROR_RETRY_NEVER, "store is corrupt")                                                    \
    X(ERR_STORE_FULL, 14, ERROR_RETRY_BACKOFF, "disk is full")                                                         \
    X(ERR_STORE_NEWER, 15, ERROR_RETRY_FATAL, "store is from a newer version")                                         \
    X(ERR_STORE_OLDER, 16, ERROR_RETRY_FATAL, "store is from an older version")                                        \
    X(ERR_NETWORK, 17, ERROR_RETRY_BACKOFF, "network error")                                                           \
    X(ERR_TLS, 18, ERROR_RETRY_BACKOFF, "TLS verification failed")                                                     \
    X(ERR_HTTP, 19, ERROR_RETRY_BACKOFF, "unexpected HTTP status")                                                     \
    X(ERR_THROTTLED, 20, ERROR_RETRY_BACKOFF, "throttled")                                                             \
    X(ERR_AUTH, 21, ERROR_RETRY_AUTH, "not authorised")                                                                \
    X(ERR_CREDENTIAL, 22, ERROR_RETRY_NEVER, "credential refused")                                                     \
    X(ERR_REPLY, 23, ERROR_RETRY_BACKOFF, "unintelligible reply")                                                      \
    X(ERR_REFUSED, 24, ERROR_RETRY_NEVER, "refused")

enum error_code {
#define X(name, value, retry, text) name = -(value),
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

const char *error_code_name(int code); /* "ERR_IO"; "ok" for 0 */
const char *error_code_text(int code);
enum error_retry error_retry(int code);

#endif
