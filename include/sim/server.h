/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * server - the TLS listener and the loop: libmicrohttpd on its epoll descriptor, the simulator's timers and signals,
 * all on one thread. An answer that has to wait is suspended and holds up nobody else.
 */
#ifndef COMPLYD_SIM_SERVER_H
#define COMPLYD_SIM_SERVER_H

#include "base/error.h"

struct server;
struct world;

/* Binds "ADDR:PORT" or "[ADDR]:PORT" (port 0 = a free one); sets *ret_url to "https://ADDR:PORT", which the caller
 * frees. */
int server_open(struct world *world, const char *listen, struct server **ret_server, char **ret_url, struct error *err);

/* Binds one more, for managed identities in plain HTTP. */
int server_open_identity(struct server *server, const char *listen, char **ret_url, struct error *err);

/* Starts answering with this certificate chain and key (PEM text). */
int server_start(struct server *server, const char *certificate, const char *key, struct error *err);

/* Serves until SIGTERM, SIGINT or world->quit; then lets the answers under way go out, for a second at most. */
int server_run(struct server *server, struct error *err);
void server_close(struct server *server); /* NULL is fine */

#endif
