/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * server - the control API's Unix socket: libmicrohttpd on the same loop.
 *
 * libmicrohttpd runs without threads; its epoll descriptor is polled by libuv. Access is by the socket's mode (0660, group complyd); peer
 * credentials are read for the log. Requests, bodies, connections and time are capped.
 *
 * Thread    loop only.
 */
#ifndef COMPLYD_ADMIN_SERVER_H
#define COMPLYD_ADMIN_SERVER_H

#include "base/error.h"

struct daemon;
struct uv_loop_s;
struct server;

/* Listens on `path` (a stale socket of a dead daemon is replaced; a live one is ERR_EXISTS). */
int server_start(struct uv_loop_s *loop, struct daemon *daemon, const char *path, struct server **ret_server,
                 struct error *err);
void server_stop(struct server *server, void (*stopped)(void *ctx), void *ctx);

#endif
