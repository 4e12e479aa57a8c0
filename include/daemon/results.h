/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * results - asks Microsoft for the verdicts of accepted partner messages until Completed, Failed or the deadline.
 *
 *     message ──fetch──► asked ──answer──► verdicts ──record──► message, report, outbox
 *
 * As sender: all from outside by an operation table, every event ends in one pump. Questions leave a part of the budget
 * to reports, and half of the window while reports wait.
 *
 * Thread    loop only.
 */
#ifndef COMPLYD_DAEMON_RESULTS_H
#define COMPLYD_DAEMON_RESULTS_H

#include "base/clock.h"
#include "daemon/budget.h"
#include "microsoft/partner.h"
#include "store/message.h"

struct results;

/* One message whose verdict is being asked for. */
struct question {
    struct results *results;
    struct message *message;
    void *ctx;             /* the operations' */
    uint64_t token_serial; /* the operations': which token was used */
    unsigned auth_tries;
    struct question *next, **place;
};

struct results_ops {
    void (*fetch)(void *ctx,
                  const struct message_fetch *fetch);         /* now_ms is to be filled in; ends in results_fetched() */
    void (*record)(void *ctx, struct message_record *record); /* takes it over; ends in results_recorded() */
    int (*ask)(void *ctx, struct question *question);         /* ends in results_answered(), never before return */
    int (*window)(void *ctx);                                 /* as sender_ops.window; SHUT: knock is not needed */
    void (*knock)(void *ctx);
    void (*answered)(void *ctx, const struct outcome *outcome);
    void (*wake)(void *ctx, int64_t delay_ms);
    void (*settled)(void *ctx, const struct message_result *result);
    void (*requeued)(void *ctx); /* rows went back to the outbox */
};

int results_new(const struct results_ops *ops, void *ctx, const struct clock *clock, struct budget *budget,
                const char *connection, struct results **ret_results);
void results_free(struct results *results);

/* Messages were accepted; the first of them wants its verdict at poll_ms (wall clock). */
void results_expect(struct results *results, int64_t poll_ms);
void results_pump(struct results *results);
void results_drain(struct results *results);
bool results_is_idle(const struct results *results);

void results_fetched(struct results *results, struct message_fetch *fetch);
void results_recorded(struct results *results, struct message_record *record); /* frees it with its messages */
void results_answered(struct question *question, enum partner_verdict verdict, const struct outcome *outcome);

unsigned results_in_flight(const struct results *results);
bool results_are_due(const struct results *results); /* there are verdicts to ask for now */

#endif
