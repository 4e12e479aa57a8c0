/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * connection_run - running connections: start, events, reload, stop. For the daemon; lookers use daemon/connection.h.
 *
 * Thread    loop only.
 * Lifetime  connection_start() to the `stopped` callback of connection_stop().
 */
#ifndef COMPLYD_DAEMON_CONNECTION_RUN_H
#define COMPLYD_DAEMON_CONNECTION_RUN_H

#include "base/clock.h"
#include "base/settings.h"
#include "daemon/account.h"
#include "daemon/connection.h"

struct uv_loop_s;
struct store_thread;
struct activity_log;
struct stats;

/* What connections share; outlives them. `settings` is replaced at reload. */
struct connection_context {
    struct uv_loop_s *loop;
    struct store_thread *writer, *reader;
    const struct clock *clock;
    const struct settings *settings;
    struct activity_log *activity;
    struct stats **stats; /* of all connections there ever were */
    struct daemon *daemon;
    void (*restart)(struct daemon *daemon, struct connection *connection); /* stops it and starts it again */
};

/* `settings` is borrowed until the connection has stopped. On failure *ret_connection may be set: stop it as any
 * other. */
int connection_start(const struct connection_context *context, const struct connection_settings *settings,
                     struct connection **ret_connection, struct error *err);

/* Another process committed to the store. */
void connection_dirty(struct connection *connection);

void connection_resync(struct connection *connection, const struct full_report_state *state);

/* The configuration was read anew and says the same about this connection: shared settings are taken over, and what
 * waits is tried now. */
void connection_retry(struct connection *connection);
const struct connection_settings *connection_settings(const struct connection *connection);

/* Operator's acts, as account_connect() and account_disconnect(). ERR_BUSY: not yet, ask again. */
int connection_connect(struct connection *connection, account_done_fn *done, void *ctx, struct error *err);
int connection_disconnect(struct connection *connection, const struct account_disconnect_options *options,
                          account_done_fn *done, void *ctx, struct error *err);

/* Operators' acts, as drift_ask() and drift_repair(). ERR_EXISTS: the connection is disconnected. */
int connection_check_drift(struct connection *connection, int64_t *ret_check, struct error *err);
int connection_repair_drift(struct connection *connection, struct error *err);

/* Standing troubles are told again now and then; discovered URLs are renewed. Called a few times a minute. */
void connection_tend(struct connection *connection);

/* Finishes what is in flight within drain_ms, records it, then frees the connection. */
void connection_stop(struct connection *connection, int64_t drain_ms, void (*stopped)(void *ctx), void *ctx);

#endif
