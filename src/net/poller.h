/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * poller - joins a libcurl multi handle to the libuv loop: one timer, one poll object a socket. Private to src/net.
 *
 * Owns      the multi handle, the timer and the poll objects.
 * Thread    loop only.
 * Lifetime  poller_start() to the callback of poller_stop(); the caller removes its easy handles before it stops.
 * Promise   libcurl is never entered from its own callbacks; every entry is followed by reading completions, a few a
 *           turn, so that the loop's other work waits for no more than a millisecond or two; a completed handle has
 *           left the multi handle before `done` is called, which may add, remove and stop.
 */
#ifndef COMPLYD_NET_POLLER_H
#define COMPLYD_NET_POLLER_H

#include <curl/curl.h>
#include <stdbool.h>
#include <uv.h>

#include "base/error.h"

typedef void poller_done_fn(void *ctx, CURL *easy, CURLcode result);
typedef void poller_stopped_fn(void *ctx);

struct watch;

struct poller {
    CURLM *multi;
    uv_timer_t timer;
    uv_idle_t soon;        /* there is work for the loop's next turn: */
    bool due;              /* libcurl wants to be entered, ... */
    bool untold;           /* ... or completions are left to be read */
    uv_prepare_t prepare;  /* applies changed interests just before the loop waits */
    struct watch *changed; /* sockets whose interest is to be applied */
    unsigned handles;      /* libuv handles not yet closed */
    bool stopping;
    poller_done_fn *done;
    poller_stopped_fn *stopped;
    void *ctx;
};

int poller_start(struct poller *poller, uv_loop_t *loop, poller_done_fn *done, void *ctx, struct error *err);
int poller_add(struct poller *poller, CURL *easy, struct error *err);
void poller_remove(struct poller *poller, CURL *easy);

/* Tells the completions that wait for their turn: before somebody ends transfers that may be among them. */
void poller_tell_all(struct poller *poller);

/* Closes idle connections and every handle, then calls stopped on a later turn. */
void poller_stop(struct poller *poller, poller_stopped_fn *stopped);

#endif
