/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * daemon - the parts joined: store threads, watcher, connections, weekly reports; start, reload, drain, stop.
 *
 * Thread    loop only.
 * Lifetime  one per process: daemon_start() to the `stopped` callback of daemon_stop().
 */
#ifndef COMPLYD_DAEMON_DAEMON_H
#define COMPLYD_DAEMON_DAEMON_H

#include "base/settings.h"
#include "daemon/account.h"
#include "daemon/connection.h"
#include "store/breaker.h"
#include "store/thread.h"

struct uv_loop_s;
struct daemon;
struct activity_log;
struct figures;

/* Takes over `settings`. Fails with ERR_* when the store cannot be used at all (locked by another daemon, newer
 * version). */
int daemon_start(struct uv_loop_s *loop, struct settings *settings, struct daemon **ret_daemon, struct error *err);

/* Takes over the new settings; what cannot change at run time (store, control_socket) is logged and stays. */
void daemon_reload(struct daemon *daemon, struct settings *settings);

/* A new configuration was wrong and is not taken over: for the activity log. */
void daemon_reload_refused(struct daemon *daemon, const char *why);

/* Where its parts, and what operators do, are written down. */
struct activity_log *daemon_activity(struct daemon *daemon);

/* Stops claiming, waits at most drain_ms for requests in flight and their record, then closes everything. */
void daemon_stop(struct daemon *daemon, int64_t drain_ms, void (*stopped)(void *ctx), void *ctx);

/* What waits in the store. */
struct figures *daemon_figures(struct daemon *daemon);

const struct settings *daemon_settings(const struct daemon *daemon);

/* Runs a look at the fleet on the read-only connection. While the store cannot be opened (DAEMON_STORE_TROUBLE) its
 * done comes with ERR_STORE and the reason. */
void daemon_look(struct daemon *daemon, struct store_job *job);

/* Runs a write job on the store's write connection; while the store cannot be opened as daemon_look(). */
void daemon_write(struct daemon *daemon, struct store_job *job);

/* Something was written into the MDM's tables by this process: the connections look. */
void daemon_changed(struct daemon *daemon);

/* X(NAME, word) */
#define DAEMON_STATES(X)                                                                                               \
    X(DAEMON_RUNNING, "running")                                                                                       \
    X(DAEMON_STORE_TROUBLE, "store_trouble")                                                                           \
    X(DAEMON_STOPPING, "stopping")

enum daemon_state {
#define X(name, word) name,
    DAEMON_STATES(X)
#undef X
};

const char *daemon_state_name(enum daemon_state state);

struct daemon_status {
    enum daemon_state state;
    int64_t started_at_ms; /* wall clock */
    const char *store_path;
    int store_result;        /* why the store cannot be worked with: 0 or ERR_* */
    const char *store_error; /* "" = none */
    struct store_thread_stats store, reader;
    const struct histogram *loop_turns; /* how long the loop was at work each time */
    size_t connection_count;
};

void daemon_status(const struct daemon *daemon, struct daemon_status *ret_status);
const struct connection *daemon_connection(const struct daemon *daemon, size_t index);

/* Operator's acts. `done` once, on the loop, never before return. */
typedef void daemon_done_fn(void *ctx, int result, const struct error *error);
void daemon_report_device(struct daemon *daemon, const char *device_id, daemon_done_fn *done, void *ctx);

/* An operator's resync of a connection is committed (daemon/resync.h): it begins. */
void daemon_resynced(struct daemon *daemon, const char *connection, const struct full_report_state *state);

struct breaker_limits daemon_breaker_limits(const struct settings *settings);

/* Closes the breaker of a connection: its held reports go, or are dropped (`discard`) until something changes. `count`
 * is how many they were. ERR_NOMEM: `done` is not called. */
typedef void daemon_breaker_fn(void *ctx, int result, const struct error *error, int64_t count);
int daemon_breaker_close(struct daemon *daemon, const char *connection, bool discard, daemon_breaker_fn *done,
                         void *ctx);

/* Connects and disconnects the account of one connection (daemon/account.h). On failure `done` is not called.
 * ERR_NOTFOUND: no such connection; ERR_EXISTS: something is in the way; ERR_BUSY: not now. */
int daemon_connect(struct daemon *daemon, const char *connection, daemon_done_fn *done, void *ctx, struct error *err);
int daemon_disconnect(struct daemon *daemon, const char *connection, const struct account_disconnect_options *options,
                      daemon_done_fn *done, void *ctx, struct error *err);

/* Reads back what Microsoft believes of one connection's devices, and queues those again that differed
 * (daemon/drift.h). ERR_NOTFOUND, ERR_EXISTS, ERR_BUSY as above. */
int daemon_check_drift(struct daemon *daemon, const char *connection, int64_t *ret_check, struct error *err);
int daemon_repair_drift(struct daemon *daemon, const char *connection, struct error *err);

#endif
