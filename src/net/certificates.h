/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * certificates - what the servers of a client's hosts showed of themselves when a TLS connection was made. Private to
 * src/net.
 */
#ifndef COMPLYD_NET_CERTIFICATES_H
#define COMPLYD_NET_CERTIFICATES_H

#include <curl/curl.h>

#include "net/http.h"

enum { CERTIFICATES_MAX = 8 }; /* hosts of a client */

struct certificates {
    size_t count;
    struct http_certificate list[CERTIFICATES_MAX];
};

/* After a transfer: one that made its connection tells of the server, one on a connection that was there already
 * does not. */
void certificates_note(struct certificates *certificates, CURL *easy);

#endif
