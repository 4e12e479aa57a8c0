/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * daemon_internal - what daemon_account.c and its like, and doctor.c, ask of daemon.c.
 */
#ifndef COMPLYD_DAEMON_DAEMON_INTERNAL_H
#define COMPLYD_DAEMON_DAEMON_INTERNAL_H

#include "daemon/daemon.h"

/* The running connection of that name; NULL = there is none, or it is being started anew. */
struct connection *daemon_find_connection(const struct daemon *daemon, const char *name);

/* A configuration as long as somebody borrows from it, whatever is loaded meanwhile. */
struct generation {
    struct settings *settings;
    unsigned users;
};

struct generation *generation_new(struct settings *settings); /* takes them over; NULL = out of memory */
struct generation *generation_keep(struct generation *generation);
void generation_release(struct generation *generation); /* NULL is fine */

/* The one in force. */
struct generation *daemon_generation(const struct daemon *daemon);

struct uv_loop_s *daemon_loop(const struct daemon *daemon);

/* daemon_purge.c: the hourly purge. Freed when the store is closed and the loop has ended; NULL is fine. */
struct purge *daemon_purge_new(struct daemon *daemon); /* NULL = out of memory */
void daemon_purge_free(struct purge *purge);
void daemon_purge(struct purge *purge);

/* Ends the holds that are over, and says by daemon_expect_hold when the next one will be. */
void daemon_expire_holds(struct daemon *daemon);
void daemon_expect_hold(struct daemon *daemon, int64_t over_ms); /* 0 = not known */

#endif
