/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * proxy - the proxy of a client: its URL, what it wants to be shown, and the hosts that are reached without it. Private
 * to src/net.
 *
 * User name and password come from a file and live in struct secret; libcurl gets them apart from the URL, so that no
 * error text has them. The hosts come from NO_PROXY in the environment (no_proxy, as libcurl's own, goes first).
 */
#ifndef COMPLYD_NET_PROXY_H
#define COMPLYD_NET_PROXY_H

#include <curl/curl.h>
#include <stdbool.h>

#include "base/secret.h"

struct proxy {
    char *url;              /* "" = none */
    char *exceptions;       /* as libcurl reads NO_PROXY */
    char *credentials_file; /* "" = none */
    struct secret sign_in;  /* user:password, each percent-encoded */
    unsigned version;       /* of sign_in */
};

/* ERR_NOMEM, or what is wrong with the file. */
int proxy_init(struct proxy *proxy, const char *url, const char *credentials_file, struct error *err);
void proxy_deinit(struct proxy *proxy);

/* Reads the file again; what was known stays when that fails. */
int proxy_reload(struct proxy *proxy, struct error *err);

/* Makes the handle use it, or none. */
void proxy_apply(const struct proxy *proxy, CURL *easy, bool use);

#endif
