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

/* The configuration in force, which stays as it is until it is given back, whatever is loaded meanwhile. */
struct generation;
struct daemon_lease {
    struct generation *generation;
};
struct daemon_lease daemon_borrow_settings(struct daemon *daemon);
void daemon_return_settings(struct daemon_lease *lease);

struct uv_loop_s *daemon_loop(const struct daemon *daemon);

/* Ends the holds that are over. */
void daemon_expire_holds(struct daemon *daemon);

#endif
