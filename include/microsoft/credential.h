/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * credential - what a connection signs in with: which kinds it has and in what order, when they expire, when their
 * files change.
 *
 * Two may stand side by side: the earlier one in the order below is used, and when it is refused the other takes over
 * (microsoft/token.h).
 */
#ifndef COMPLYD_MICROSOFT_CREDENTIAL_H
#define COMPLYD_MICROSOFT_CREDENTIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/settings.h"
#include "microsoft/outcome.h"

/* X(NAME, key of the configuration); in the order in which they are tried */
#define CREDENTIALS(X)                                                                                                 \
    X(CREDENTIAL_CERTIFICATE, "certificate_file")                                                                      \
    X(CREDENTIAL_FEDERATED, "federated_token_file")                                                                    \
    X(CREDENTIAL_SECRET, "client_secret_file")                                                                         \
    X(CREDENTIAL_MANAGED, "managed_identity")

enum credential_kind {
#define X(name, key) name,
    CREDENTIALS(X)
#undef X
};

enum { CREDENTIALS_MAX = 2 };

const char *credential_name(enum credential_kind kind);

/* Those that the connection has, best first; returns how many. */
size_t credential_list(const struct connection_settings *settings, enum credential_kind ret_kinds[CREDENTIALS_MAX]);

/* 0 when the credential's files can be used now (a certificate: with its key and within its dates), else ERR_* that
 * names file and cure. */
int credential_check(const struct connection_settings *settings, enum credential_kind kind, int64_t now_s,
                     struct error *err);

/* Wall clock in seconds; -1 = not known. Reads the certificate's file. */
int64_t credential_expires_s(const struct connection_settings *settings, enum credential_kind kind, int64_t now_s);

/* Another number once a file of the credential was replaced, rewritten, removed or has come; never 0. */
uint64_t credential_signature(const struct connection_settings *settings, enum credential_kind kind);

/* True of troubles that another credential, or another content of this one, may mend. */
bool credential_is_trouble(enum trouble trouble);

/* How close the end is: how many of the 30, 14 and 3 days ahead have been reached, 4 when it is over. 0 = far away
 * or unknown (-1). */
int credential_nearness(int64_t expires_s, int64_t now_s);

#endif
