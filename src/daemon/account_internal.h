/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * account_internal - what account.c (the machine), account_connect.c, account_extend.c and account_disconnect.c (its
 * steps) share.
 */
#ifndef COMPLYD_DAEMON_ACCOUNT_INTERNAL_H
#define COMPLYD_DAEMON_ACCOUNT_INTERNAL_H

#include "daemon/account.h"
#include "microsoft/compliance_policy.h"

/* Who asked for a move, until it is durable. */
struct account_waiter {
    account_done_fn *done;
    void *ctx;
    bool covered; /* by the save under way */
    struct account_waiter *next;
};

struct account {
    const struct account_ops *ops;
    void *ctx;
    const struct clock *clock;
    const struct connection_settings *settings;
    struct account_record record;
    enum account_state durable, saving;
    bool started, stopped;
    bool busy;                /* an operation is under way */
    bool unsaved, walk;       /* to be saved; with the start of a walk */
    unsigned run, asked_run;  /* an answer to what was asked before the last act of an operator says nothing any more */
    enum account_step step;   /* that the operation under way is about */
    enum account_token token; /* that the last request carried */
    unsigned tries;           /* of the step, in a row */
    bool renewed;             /* the step was refused for its token once */
    int64_t wait_until_ms;    /* monotonic */
    struct endpoints endpoints;
    struct account_counts counts;
    bool counted;           /* in this run */
    int64_t count_began_ms; /* monotonic */
    char old_group[GUID_TEXT];
    unsigned missing;                  /* platforms that were seen without a policy; account_extend.c */
    bool extending;                    /* it is being ensured */
    bool prepared;                     /* ... and the steps that this takes are waiting */
    unsigned extend_tries;             /* failed ones, in a row */
    int64_t extend_after_ms;           /* monotonic: not before */
    char next[COMPLIANCE_POLICY_NEXT]; /* page of the list of policies being asked for; "" = none */
    unsigned pages;
    struct buf url, body;
    struct account_waiter *waiters;
};

/* Changes the state; saved with the next tick. */
void account_move(struct account *account, enum account_state to);

/* The first step from `first` to `last` that is neither done nor skipped; `last` + 1: none. */
enum account_step account_next_step(const struct account *account, enum account_step first, enum account_step last);

/* True when the step may be worked on: that it is running is durable. */
bool account_begin_step(struct account *account, enum account_step step);
void account_end_step(struct account *account, enum account_step step, enum account_step_state state,
                      const char *detail, const char *value);
void account_reset_steps(struct account *account, enum account_step first, enum account_step last);

/* It is tried again, later and later, or once more with a new token; false: it is to be given up. */
bool account_put_off(struct account *account, enum account_step step, const struct outcome *outcome, unsigned tries);

/* The step is refused. */
void account_refuse(struct account *account, enum account_step step, const char *problem, const char *detail);

/* Asks; a request that cannot be begun is put off. `url` and `body` of the account are what is sent. */
void account_ask(struct account *account, enum account_step step, enum account_token token, enum http_method method);
void account_ask_token(struct account *account, enum account_step step, enum account_token token);
void account_ask_discovery(struct account *account, enum account_step step);
void account_ask_count(struct account *account);
void account_wait(struct account *account, int64_t delay_ms);

/* account_connect.c */
void account_connect_next(struct account *account);
void account_connect_answered(struct account *account, const struct http_response *response);
void account_connect_failed(struct account *account, const struct outcome *outcome);

/* Why a step is passed over; NULL = it is not. */
const char *account_needless(const struct account *account, enum account_step step);

/* account_extend.c */
void account_extend_resume(struct account *account); /* what a process before this one has begun */
void account_extend_next(struct account *account);
void account_extend_prepare(struct account *account);
void account_extend_done(struct account *account);
void account_extend_put_off(struct account *account); /* a step was refused */
void account_extend_forget(struct account *account);

/* account_disconnect.c */
void account_disconnect_next(struct account *account);
void account_disconnect_counted(struct account *account);
void account_deprovision_next(struct account *account);
void account_deprovision_answered(struct account *account, const struct http_response *response);
void account_deprovision_failed(struct account *account, const struct outcome *outcome);

#endif
