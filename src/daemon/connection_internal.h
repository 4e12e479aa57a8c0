/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * connection_internal - what the parts of a connection share: connection.c (lifecycle), connection_state.c (what
 * lookers see), connection_way.c (tokens and URLs), lane.c (one channel's traffic), lane_log.c (its log).
 */
#ifndef COMPLYD_DAEMON_CONNECTION_INTERNAL_H
#define COMPLYD_DAEMON_CONNECTION_INTERNAL_H

#include <uv.h>

#include "daemon/connection_run.h"
#include "daemon/denial.h"
#include "daemon/drift.h"
#include "daemon/gate.h"
#include "daemon/repeat.h"
#include "daemon/resolver.h"
#include "daemon/results.h"
#include "daemon/sender.h"
#include "daemon/stats.h"
#include "daemon/weekly.h"
#include "microsoft/credential.h"
#include "microsoft/endpoints.h"
#include "microsoft/token.h"
#include "store/connection.h"
#include "store/message.h"
#include "store/outbox.h"

/* Lines of the log that may come by the thousand (lane_log.c). */
enum lane_line {
    LANE_REPORTED,
    LANE_BULK,
    LANE_NOT_TAKEN,
    LANE_REFUSED,
    LANE_PARKED,
    LANE_COMPLETED,
    LANE_VERDICT,
    LANE_LINES
};

/* One channel of a connection: its gate, budget and sender; the partner's also asks for verdicts. */
struct lane {
    struct connection *connection;
    enum channel channel;
    struct gate gate;
    struct budget budget;
    struct sender *sender;
    struct results *results; /* partner only */
    uv_timer_t gate_timer, sender_timer, results_timer;
    struct outbox_stage stage;
    struct message_fetch fetch;
    struct buf url, body;
    struct denial denial;
    bool fresh;        /* after a 503: the next request takes a new connection */
    bool users_wanted; /* rows wait for users that can only be looked up once the way is open */
    struct repeat repeats[LANE_LINES];
};

struct credential_dates {
    int64_t expires_s; /* wall clock; 0 = not looked yet, -1 = not known */
    int told;          /* credential_nearness() that stands in the log */
};

struct connection {
    const struct connection_context *context;
    const struct connection_settings *settings;
    char name[65];
    struct stats *stats;
    struct http_client *http;
    struct token_source *graph_token, *intune_token;
    struct lane lanes[CHANNEL_COUNT];
    struct resolver *resolver;
    struct weekly *weekly;
    struct drift *drift;
    uv_timer_t drift_timer;
    struct buf drift_url;

    struct account *account;
    bool begun;     /* the account's state is known */
    bool reporting; /* ... and lets reports go out */
    uv_timer_t account_timer;
    struct account_request account_request;
    struct endpoints_discovery *account_discovery;
    char account_told[320]; /* the last step in trouble that was logged */

    struct endpoints endpoints;
    int64_t endpoints_at_ms; /* wall clock; 0 = none */
    bool endpoints_loaded;   /* the store was asked */
    struct endpoints_discovery *discovery;

    struct credential_dates credentials[CREDENTIALS_MAX];
    int64_t dates_at_ms;    /* monotonic: when the dates were looked at; 0 = never */
    const char *credential; /* in use; NULL = none yet */
    bool skew_told;

    enum connection_state state;
    int64_t since_ms; /* wall clock */
    int64_t told_ms;  /* monotonic: when a standing trouble was logged last */
    enum trouble told;
    enum trouble graph_token_told, intune_token_told; /* refusals that stand in the activity log */

    unsigned jobs; /* at the store */
    bool stopping, closing;
    unsigned handles; /* closing ones */
    uv_timer_t stop_timer;
    void (*stopped)(void *ctx);
    void *stopped_ctx;
};

/* Submits a job to the store's writer and counts it; its done must call connection_job_done() last. */
void connection_submit(struct connection *connection, struct store_job *job, void (*done)(struct store_job *job),
                       void *ctx);
void connection_job_done(struct connection *connection);

/* What the store knows of the account decides what the connection may do: connection_begin() is called when it is
 * there. */
int connection_load_account(struct connection *connection, struct error *err);
void connection_begin(struct connection *connection, enum account_state state);

/* Something that the connection's state is made of has changed. */
void connection_changed(struct connection *connection);

/* Entries of the activity log: the state it has now, tokens from now on, a walk. */
void connection_note_state(const struct connection *connection, enum trouble trouble, const char *detail);
void connection_note_tokens(struct connection *connection);
void connection_note_walk(const struct connection *connection, enum full_report_kind kind,
                          const struct full_report_state *state, bool began);

/* What Microsoft believes, read back. */
int connection_make_drift(struct connection *connection, struct error *err);

/* Looks at the credentials' dates and files, every now and then; takes note that a token has come; tells of them. */
void connection_tend_credentials(struct connection *connection);
void connection_token_came(struct connection *connection, const struct token_source *source);
void connection_credential_status(const struct connection *connection, const char **ret_name, int64_t *ret_expires_ms);

/* The store has opened the breaker while staging: told to the log and the activity log. */
void connection_breaker_tripped(const struct connection *connection, const struct breaker_trip *trip);

/* The tokens, then the URLs, that a channel needs; ends in gate_opened() or gate_failed(). */
void connection_open(struct connection *connection, struct lane *lane);

/* The partner service's URLs: remembered in the store for a day, discovered when unknown, forgotten when they may be
 * stale. */
void connection_load_endpoints(struct connection *connection);
void connection_forget_endpoints(struct connection *connection);
void connection_renew_endpoints(struct connection *connection);

struct token_source *lane_token(const struct lane *lane);
int lane_init(struct lane *lane, struct connection *connection, enum channel channel, struct error *err);
void lane_configure(struct lane *lane);
void lane_deinit(struct lane *lane);
void lane_pump(struct lane *lane);
bool lane_is_idle(const struct lane *lane);

void lane_log_init(struct lane *lane);
void lane_log_settled(struct lane *lane, const struct outbox_result *result);
void lane_log_verdict(struct lane *lane, const struct message_result *result);
void lane_log_parked(struct lane *lane, const struct outbox_stage *stage);
void lane_log_flush(struct lane *lane,
                    bool all); /* how many lines were held back; of windows that go on too with `all` */

#endif
