/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * request_headers - the header lines that many requests share, formatted once: a token has 1,500 characters and serves
 * a thousand reports. Private to src/net.
 *
 * Lines are counted references; a cache keeps the few sets last used. The Authorization line lives in struct secret.
 */
#ifndef COMPLYD_NET_REQUEST_HEADERS_H
#define COMPLYD_NET_REQUEST_HEADERS_H

#include <curl/curl.h>

#include "base/error.h"

enum { REQUEST_HEADERS_CACHED = 6 };

struct request_headers;

struct request_headers_cache {
    struct request_headers *sets[REQUEST_HEADERS_CACHED]; /* last used first */
};

/* The set for this token and content type (each may be NULL); the caller gives it back with request_headers_release().
 * NULL: no memory, or a token longer than a secret may be. */
struct request_headers *request_headers_get(struct request_headers_cache *cache, const char *bearer,
                                            const char *content_type);
void request_headers_release(struct request_headers *set); /* NULL is fine */

/* The lines, to be linked after lines of one's own; never changed by libcurl. */
struct curl_slist *request_headers_lines(struct request_headers *set);

void request_headers_cache_clear(struct request_headers_cache *cache);

#endif
