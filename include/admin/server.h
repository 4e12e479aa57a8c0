/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * server - where operators come in: the control API's Unix socket and, if [web] listen is set, the web page.
 *
 * Access to the socket is by its mode (0660, group complyd); peer credentials are read for the log. Requests, bodies,
 * connections and time are capped, for socket and page apart: a crowd at one keeps nobody out of the other.
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

/* Follows a changed [web] listen; tries again what could not be opened. */
void server_reload(struct server *server);

void server_stop(struct server *server, void (*stopped)(void *ctx), void *ctx);

#endif
