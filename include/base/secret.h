/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * secret - bytes that must not be seen: client secrets, keys, tokens.
 *
 * Has no printable form. Memory is kept out of core dumps (MADV_DONTDUMP) and overwritten before it is freed.
 */
#ifndef COMPLYD_BASE_SECRET_H
#define COMPLYD_BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct secret {
    char *data;    /* NUL-terminated for the libraries that want a string; NULL when unset */
    size_t length; /* bytes, without the NUL */
    size_t mapped; /* bytes mapped */
};

enum { SECRET_MAX = 64 * 1024 };

void secret_init(struct secret *secret);
void secret_deinit(struct secret *secret); /* wipes; safe on an unset one, and twice */

/* Copies the bytes in; what was held before is wiped. 0, ERR_NOMEM or ERR_TOOBIG. */
int secret_set(struct secret *secret, const void *data, size_t length);

/* Reads a regular file of at most SECRET_MAX bytes. Refuses a file that group or others can read or write, unless it
 * lies in systemd's credentials directory ($CREDENTIALS_DIRECTORY), where systemd sets the access. The message names
 * the file and what to do, never its content. */
int secret_load(struct secret *secret, const char *path, struct error *err);

/* The same check without reading: what complyd --check and doctor do. */
int secret_check_file(const char *path, struct error *err);

/* What a message that a file is not there, or not ours, adds when it is one that systemd hands over; else "". And
 * whether it has added that: who is not the unit's main process learns nothing of such a file. */
const char *secret_absence(const char *path);
bool secret_is_absence(const char *message);

void secret_trim(struct secret *secret); /* drops trailing CR, LF and blanks, and a byte order mark: editors add them */

#endif
