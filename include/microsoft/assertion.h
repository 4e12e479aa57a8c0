/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * assertion - a signed client assertion (JWT, PS256, x5t#S256) from a certificate and its private key. No network.
 *
 * Source: microsoft.md section 4.2. nbf is dated back 60 s, exp is 9 minutes after now: a server whose clock is a
 * little behind refuses an assertion "from the future".
 */
#ifndef COMPLYD_MICROSOFT_ASSERTION_H
#define COMPLYD_MICROSOFT_ASSERTION_H

#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

/* What `origin` of an ERR_CREDENTIAL says more exactly; 0 = the message alone does. */
enum { ASSERTION_EXPIRED = 1, ASSERTION_EARLY, ASSERTION_KEY_MISMATCH };

/* Reads both files (the key as secret_load does; wiped after use), checks that they belong together, and appends the
 * JWT. `now_s` is the wall clock. ERR_CREDENTIAL / ERR_PERMISSION / ERR_NOTFOUND name the file and the cure. */
int assertion_make(const char *certificate_file, const char *private_key_file, const char *client_id,
                   const char *token_url, int64_t now_s, struct buf *jwt, struct error *err);

/* Checks the pair as assertion_make does; *ret_expires_s = notAfter of the certificate, also when it is over; -1 =
 * not read. */
int assertion_check(const char *certificate_file, const char *private_key_file, int64_t now_s, int64_t *ret_expires_s,
                    struct error *err);

#endif
