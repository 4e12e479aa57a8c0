/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * response_headers - keeps the few response headers that somebody reads. Pure; private to src/net.
 *
 * Values come from outside: they are cut to their member's size, and anything but printable ASCII becomes '?'.
 */
#ifndef COMPLYD_NET_RESPONSE_HEADERS_H
#define COMPLYD_NET_RESPONSE_HEADERS_H

#include "net/http.h"

void response_headers_clear(struct http_headers *headers);

/* Takes one line as libcurl hands it over. A status line forgets what an informational response before it said. */
void response_headers_read(struct http_headers *headers, const char *line, size_t length);

#endif
