/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * figures - what waits in the store, for who looks often: counted on the reader's thread, and kept for a while.
 *
 * Counting walks the queue. However many ask, it is done every 5 s at most, and more seldom when it takes long: it
 * never has more than a twentieth of the reader's time.
 *
 * Thread    loop only.
 * Lifetime  as long as the daemon; no look may be under way when it is freed.
 */
#ifndef COMPLYD_DAEMON_FIGURES_H
#define COMPLYD_DAEMON_FIGURES_H

#include "store/fleet.h"

struct daemon;
struct figures;

/* Somebody who waits for them: `ready` is called once, on the loop. */
struct figures_waiter {
    void (*ready)(struct figures_waiter *waiter);
    struct figures_waiter *next; /* private */
};

struct figures *figures_new(struct daemon *daemon, const char *path); /* of the store; NULL: no memory */
void figures_free(struct figures *figures);

/* True: they are fresh. False: they are being counted, and waiter->ready will be called. */
bool figures_want(struct figures *figures, struct figures_waiter *waiter);

/* As counted last. Of one connection; NULL: the store could not be asked, or nobody knew it then. */
const struct fleet_queue *figures_queue(const struct figures *figures, const char *connection);
int64_t
figures_others(const struct figures *figures); /* reports of connections that are in no configuration; -1 = not known */
int64_t figures_holds(const struct figures *figures);         /* -1 = not known */
int64_t figures_counted_at_ms(const struct figures *figures); /* wall clock; -1 = not known */
int64_t figures_database_bytes(const struct figures *figures);
int64_t figures_wal_bytes(const struct figures *figures);

#endif
