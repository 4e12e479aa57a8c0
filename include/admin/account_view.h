/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * account_view - how a connection's account is shown: its steps with their cures, how far it is, and what stands in the
 * way of disconnecting.
 *
 * Taken on the loop, rendered on the reader's thread.
 */
#ifndef COMPLYD_ADMIN_ACCOUNT_VIEW_H
#define COMPLYD_ADMIN_ACCOUNT_VIEW_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"
#include "daemon/connection.h"
#include "model/language.h"

struct daemon;

struct account_view {
    char name[65];
    char tenant_id[64];
    bool enabled;
    bool running; /* there is a connection at work, or resting */
    bool ready;   /* ... that takes orders */
    enum connection_state state;
    enum trouble trouble;
    char detail[256];
    struct account_counts progress;
    struct account_record record; /* filled in from the store */
};

/* ERR_NOTFOUND: the configuration has no such connection. */
int account_view_take(const struct daemon *daemon, const char *name, struct account_view *ret_view, struct error *err);

/* Members of the object that the API gives. */
void account_view_account(const struct account_view *view, enum language language, struct buf *out);

/* The member "devices", without its end: "left_behind" is still to come. */
void account_view_devices(const struct account_view *view, const struct account_counts *counts, enum language language,
                          struct buf *out);

#endif
