/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * account - connects a connection's account at Microsoft and disconnects it, step by step (model/account.h has the
 * states).
 *
 *       ┌────────────────────── tick ◄──────────────────────┐
 *       ▼                                                   │
 *     something to save? ──► save ──────────────────────────┤ one operation at a time: each ends in an
 *     waiting?           ──► wake ──────────────────────────┤ event, each event in a tick
 *     a walk to feed?    ──► feed ──────────────────────────┤
 *     next step          ──► token, discover, request, count┘
 *
 * As sender: all from outside by an operation table. Every move and every step is saved before what follows from it is
 * begun, so that a process that is killed at any instant leaves what the next one resumes from; and every request says
 * the same when it is sent twice.
 *
 * Thread    loop only.
 */
#ifndef COMPLYD_DAEMON_ACCOUNT_H
#define COMPLYD_DAEMON_ACCOUNT_H

#include "base/clock.h"
#include "base/settings.h"
#include "microsoft/endpoints.h"
#include "store/account.h"

struct account;

enum account_token { ACCOUNT_TOKEN_GRAPH, ACCOUNT_TOKEN_INTUNE };

struct account_request {
    enum account_token token;
    enum http_method method;
    const char *url;
    const char *body; /* JSON; NULL = none */
};

/* Operations that return int end in their event, never before return; or return ERR_* and have not begun. */
struct account_ops {
    int (*token)(void *ctx, enum account_token which);                /* account_token_answered() */
    int (*discover)(void *ctx);                                       /* account_discovered() */
    int (*request)(void *ctx, const struct account_request *request); /* account_answered() or account_failed() */
    int (*save)(void *ctx, const struct account_record *record, bool start_walk); /* account_saved() */
    int (*feed)(void *ctx);                                                       /* account_fed() */
    int (*count)(void *ctx);                                                      /* account_counted() */
    void (*drop_token)(void *ctx, enum account_token which);                      /* it was refused */
    void (*wake)(void *ctx, int64_t delay_ms);                                    /* account_tick() in so long */
    void (*moved)(void *ctx, enum account_state before);                          /* the new state is durable */
    void (*stepped)(void *ctx, enum account_step step); /* a step was begun, done, put off or refused */
};

typedef void account_done_fn(void *ctx, int result, const struct error *error);

/* `settings` is borrowed until account_free(). */
int account_new(const struct account_ops *ops, void *ctx, const struct clock *clock,
                const struct connection_settings *settings, struct account **ret_account);
void account_free(struct account *account); /* NULL is fine. No event may come any more */

/* Takes over what the store knows and goes on from there. */
void account_start(struct account *account, const struct account_record *record);

/* No operation is begun any more; who waits is told ERR_CANCELED. */
void account_stop(struct account *account);

/* An operator's acts. `done` once, never before return: 0 when it is durable that it will be done. ERR_EXISTS:
 * something is in the way. */
struct account_disconnect_options {
    bool this_server_only; /* nothing is told to Microsoft, the tenant stays as it is */
    bool force;            /* although Microsoft refuses some devices */
};
int account_connect(struct account *account, account_done_fn *done, void *ctx, struct error *err);
int account_disconnect(struct account *account, const struct account_disconnect_options *options, account_done_fn *done,
                       void *ctx, struct error *err);

enum account_state account_state(const struct account *account); /* the one that is durable */
const struct account_record *account_record(const struct account *account);
const struct account_counts *account_counts(const struct account *account); /* as counted last; for progress */

/* There is something to tell of devices of these platforms, bit 1u << platform: a connected account that has no
 * policy for one of them gets it by itself, and what is in the way is tried again later and later. Reports do not wait
 * for it. */
void account_seen(struct account *account, unsigned platforms);

/* ---- events ---- */
void account_tick(struct account *account);
void account_retry(struct account *account);                                         /* what waits is tried now */
void account_token_answered(struct account *account, const struct outcome *outcome); /* NULL = it is there */
void account_discovered(struct account *account, const struct outcome *outcome, const struct endpoints *endpoints);
void account_answered(struct account *account, const struct http_response *response);
void account_failed(struct account *account, const struct outcome *outcome); /* the request could not be sent */
void account_saved(struct account *account, int result);
void account_fed(struct account *account, int result, bool finished);
void account_counted(struct account *account, int result, const struct account_counts *counts);

#endif
