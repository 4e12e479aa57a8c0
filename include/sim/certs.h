/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * certs - certificates for a play: an authority, a server certificate for localhost, an app credential. Made at run
 * time.
 */
#ifndef COMPLYD_SIM_CERTS_H
#define COMPLYD_SIM_CERTS_H

#include "base/error.h"

struct x509_st;

/* Fills the directory (made if absent) with ca.pem, server.pem, server.key, client.pem, client.key, client.secret,
 * issuer.pem and issuer.key; keys and secret with mode 0600. A directory that has them all is left as it is, so that
 * a restart keeps its identity. */
int certs_make(const char *directory, struct error *err);

/* Reads one PEM certificate; the caller frees with X509_free(). */
int certs_load(const char *path, struct x509_st **ret_certificate, struct error *err);

#endif
