/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * httpd - libmicrohttpd on our loop: what the control socket and the web page have in common. Private to src/admin.
 *
 * libmicrohttpd runs without threads; its epoll descriptor is polled by libuv. Connections, headers and idle time are
 * capped for each httpd by itself.
 *
 * Thread    loop only.
 * Lifetime  httpd_start() to the `stopped` callback of httpd_stop(), which comes after every answer that is due.
 */
#ifndef COMPLYD_ADMIN_HTTPD_H
#define COMPLYD_ADMIN_HTTPD_H

#include "base/error.h"
#include "exchange.h"

struct uv_loop_s;
struct httpd;

/* Takes over the listening socket `fd`, also when it fails. `host` says how requests are carried; it is copied. */
int httpd_start(struct uv_loop_s *loop, int fd, const struct exchange_host *host, struct httpd **ret_httpd,
                struct error *err);

struct exchange_host *httpd_host(struct httpd *httpd);

/* Lets libmicrohttpd run: a connection was resumed. */
void httpd_run(struct httpd *httpd);

/* Takes no more connections; then as above. A second call does nothing. */
void httpd_stop(struct httpd *httpd, void (*stopped)(void *ctx), void *ctx);

#endif
