/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * resync - an operator's order to tell Microsoft everything again.
 *
 * Thread    loop.
 * Promise   done comes with 0 only when the order is committed: from then on neither a crash nor a reload loses it. An
 *           order while an earlier one of the same connection is being carried out joins that one.
 */
#ifndef COMPLYD_DAEMON_RESYNC_H
#define COMPLYD_DAEMON_RESYNC_H

#include "daemon/daemon.h"

/* Of one connection, or of all that are switched on (NULL). `done` once, on the loop, never before return. Progress is
 * in connection_status.resync. */
void resync_order(struct daemon *daemon, const char *connection, daemon_done_fn *done, void *ctx);

#endif
