/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * daemon_internal - what daemon_account.c asks of daemon.c.
 */
#ifndef COMPLYD_DAEMON_DAEMON_INTERNAL_H
#define COMPLYD_DAEMON_DAEMON_INTERNAL_H

#include "daemon/daemon.h"

/* The running connection of that name; NULL = there is none, or it is being started anew. */
struct connection *daemon_find_connection(const struct daemon *daemon, const char *name);

/* Ends the holds that are over. */
void daemon_expire_holds(struct daemon *daemon);

#endif
