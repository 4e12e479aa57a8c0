/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * resolver - turns user principal names into Entra object ids, 20 to a $batch, and has the store remember them.
 *
 * One round at a time: names asked for meanwhile are dropped, as the sender asks again when the round is over. A round
 * that cannot be finished (network, throttling) goes on after a growing delay.
 *
 * Thread    loop only.
 */
#ifndef COMPLYD_DAEMON_RESOLVER_H
#define COMPLYD_DAEMON_RESOLVER_H

#include "daemon/budget.h"
#include "microsoft/token.h"
#include "store/connection.h"

struct uv_loop_s;
struct resolver;

struct resolver_ops {
    void (*record)(void *ctx, struct users_record *record);     /* takes it over; ends in resolver_recorded() */
    void (*resolved)(void *ctx);                                /* a round is over: stage again */
    void (*answered)(void *ctx, const struct outcome *outcome); /* what an answer means for the channel */
    bool (*open)(void *ctx); /* whether the way is open; a round that waits ends when it is not */
};

int resolver_new(struct uv_loop_s *loop, const struct resolver_ops *ops, void *ctx, struct http_client *client,
                 struct token_source *graph_token, const char *graph_url, const char *connection,
                 const struct clock *clock, struct budget *budget, struct resolver **ret_resolver, struct error *err);

/* Starts a round with at most 100 of these names, if none is under way. */
void resolver_ask(struct resolver *resolver, char *const *names, size_t count);

/* A round that waits before it tries again goes on now: the way was opened anew, or an operator says that the
 * trouble is over. */
void resolver_retry(struct resolver *resolver);

void resolver_recorded(struct resolver *resolver, struct users_record *record); /* frees it */

/* No callback after this; the memory is freed on a later turn of the loop. No record may be under way. */
void resolver_close(struct resolver *resolver);

#endif
