/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * connection - one Entra tenant and app credential at work: its HTTP client, tokens, endpoints, quotas and senders.
 *
 *      ┌───────────── enabled = no, or reporting off ──────────────┐
 *      ▼                                                           │
 *     OFF ──enable──► CONNECTING ──token and endpoints──► READY ◄──┴─► THROTTLED   (429: slower, not stopped)
 *                        ▲   │                              │
 *                        │   └────────► BROKEN ◄────────────┘        credential, consent, tenant; network down
 *                        └── probe ───────┘
 *     DISCONNECTING, DISCONNECTED: what the account is (model/account.h), whatever the way to Microsoft is like.
 *
 * Thread    loop only.
 * Promise   one connection's trouble is its own: nothing here waits for another connection.
 */
#ifndef COMPLYD_DAEMON_CONNECTION_H
#define COMPLYD_DAEMON_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/drift.h"
#include "microsoft/outcome.h"
#include "store/account.h"
#include "store/full_report.h"

struct connection;
struct daemon;
struct stats;

/* X(NAME, word in status, log and metrics) */
#define CONNECTION_STATES(X)                                                                                           \
    X(CONNECTION_OFF, "off")                                                                                           \
    X(CONNECTION_CONNECTING, "connecting")                                                                             \
    X(CONNECTION_READY, "ready")                                                                                       \
    X(CONNECTION_THROTTLED, "throttled")                                                                               \
    X(CONNECTION_BROKEN, "broken")                                                                                     \
    X(CONNECTION_DISCONNECTING, "disconnecting")                                                                       \
    X(CONNECTION_DISCONNECTED, "disconnected")

enum connection_state {
#define X(name, word) name,
    CONNECTION_STATES(X)
#undef X
};

const char *connection_state_name(enum connection_state state);

struct channel_status {
    unsigned in_flight; /* requests at Microsoft now */
    unsigned staged;    /* reports ready to be sent */
    uint64_t requests;  /* since start */
    uint64_t accepted, refused, transient, throttled;
    double quota_share;  /* 1 = full rate, less while throttled */
    int64_t retry_at_ms; /* wall clock: nothing is sent before; -1 = free */
};

/* A picture of a connection; strings are borrowed until the next turn of the loop. */
struct connection_status {
    const char *name;
    const char *tenant_id;
    enum connection_state state;
    enum trouble trouble;
    const char *detail;            /* what Microsoft or libcurl said; "" = nothing */
    int64_t since_ms;              /* wall clock: when the state began */
    int64_t next_try_ms;           /* wall clock: next probe; -1 = none */
    int64_t last_success_ms;       /* wall clock: last report accepted; -1 = none since start */
    const char *credential;        /* key of the one in use; "" = none yet */
    int64_t credential_expires_ms; /* of it, wall clock; -1 = not known */
    int64_t graph_token_expires_ms, intune_token_expires_ms; /* -1 = none */
    struct channel_status channel[CHANNEL_COUNT];
    struct full_report_state weekly, resync;
    const struct drift *drift; /* NULL while off */
    bool begun;                /* the account's state is known */
    enum account_state account;
    struct account_counts account_counts; /* while it is being disconnected: as counted last */
    int64_t account_total;                /* devices that Microsoft held when that began */
};

void connection_status(const struct connection *connection, struct connection_status *ret_status);

/* What it has done since the process began. */
const struct stats *connection_stats(const struct connection *connection);

#endif
