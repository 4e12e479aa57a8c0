/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "poller.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>

enum { TOLD_AT_ONCE = 16 }; /* completions a turn: each may bring a new request, some 50 us of work */

/* A socket of libcurl's. libcurl changes its mind about what it waits for several times within one call; the change is
 * applied once, before the loop waits, because each uv_poll_start costs two system calls. */
struct watch {
    uv_poll_t poll;
    struct poller *poller;
    curl_socket_t fd;
    int wanted;
    int applied;
    bool changed;
    struct watch *next_changed;
};

static void forget_handle(struct poller *poller)
{
    assert(poller->handles > 0);
    if (--poller->handles == 0 && poller->stopped != NULL)
        poller->stopped(poller->ctx);
}

static void on_handle_closed(uv_handle_t *handle)
{
    forget_handle(handle->data);
}

static void on_watch_closed(uv_handle_t *handle)
{
    struct watch *watch = handle->data;
    struct poller *poller = watch->poller;

    free(watch);
    forget_handle(poller);
}

static void mark_changed(struct watch *watch);
static void on_soon(uv_idle_t *soon);

static void plan_next_turn(struct poller *poller)
{
    if (poller->due || poller->untold)
        uv_idle_start(&poller->soon, on_soon);
    else
        uv_idle_stop(&poller->soon);
}

static void tell(struct poller *poller, unsigned most)
{
    CURLMsg *message;
    int left = 0;
    unsigned told = 0;

    while (!poller->stopping && told < most && (message = curl_multi_info_read(poller->multi, &left)) != NULL) {
        if (message->msg != CURLMSG_DONE)
            continue;
        CURL *easy = message->easy_handle;
        CURLcode result = message->data.result;

        curl_multi_remove_handle(poller->multi, easy);
        poller->done(poller->ctx, easy, result);
        told++;
    }
    if (poller->stopping)
        return;
    poller->untold = told == most && left > 0;
    plan_next_turn(poller);
}

/* Completions are also looked for after a call that says nothing runs any more: a lone transfer that timed out is told
 * here and nowhere else. */
static void act(struct poller *poller, curl_socket_t fd, int events)
{
    int running;

    curl_multi_socket_action(poller->multi, fd, events, &running);
    if (!poller->untold)
        tell(poller, TOLD_AT_ONCE);
}

static void on_timer(uv_timer_t *timer)
{
    act(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static void on_soon(uv_idle_t *soon)
{
    struct poller *poller = soon->data;

    poller->due = poller->untold = false;
    act(poller, CURL_SOCKET_TIMEOUT, 0);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct watch *watch = poll->data;
    int flags = 0;

    if (status < 0) {
        /* with IN, so that libcurl reads the error by itself: on ERR alone it gives up without sending again what was
         * sent on an idle connection that the server had closed */
        flags = CURL_CSELECT_ERR | CURL_CSELECT_IN;
        watch->applied = 0; /* libuv has stopped the handle */
        mark_changed(watch);
    }
    if (events & UV_READABLE)
        flags |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        flags |= CURL_CSELECT_OUT;
    act(watch->poller, watch->fd, flags);
}

static void apply(struct watch *watch)
{
    watch->changed = false;
    if (watch->wanted == watch->applied)
        return;
    if (watch->wanted == 0)
        uv_poll_stop(&watch->poll);
    else
        uv_poll_start(&watch->poll, watch->wanted, on_poll);
    watch->applied = watch->wanted;
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct poller *poller = prepare->data;

    while (poller->changed != NULL) {
        struct watch *watch = poller->changed;

        poller->changed = watch->next_changed;
        apply(watch);
    }
    uv_prepare_stop(prepare);
}

static void mark_changed(struct watch *watch)
{
    struct poller *poller = watch->poller;

    if (watch->changed)
        return;
    watch->changed = true;
    watch->next_changed = poller->changed;
    poller->changed = watch;
    uv_prepare_start(&poller->prepare, on_prepare);
}

static struct watch *watch_new(struct poller *poller, curl_socket_t fd)
{
    struct watch *watch = calloc(1, sizeof(*watch));

    if (watch == NULL)
        return NULL;
    watch->poller = poller;
    watch->fd = fd;
    if (uv_poll_init_socket(poller->timer.loop, &watch->poll, fd) != 0) {
        free(watch);
        return NULL;
    }
    watch->poll.data = watch;
    poller->handles++;
    curl_multi_assign(poller->multi, fd, watch);
    return watch;
}

static void watch_close(struct watch *watch)
{
    struct watch **link = &watch->poller->changed;

    if (watch->changed) {
        while (*link != watch)
            link = &(*link)->next_changed;
        *link = watch->next_changed;
    }
    uv_poll_stop(&watch->poll);
    uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
}

/* Always answers 0: libcurl would declare every transfer of the multi handle dead, for good. A socket that could not be
 * watched (no memory) ends by its request's own time limit. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
    struct poller *poller = ctx;
    struct watch *watch = socket_ctx;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (watch != NULL)
            watch_close(watch);
        return 0;
    }
    if (watch == NULL && (watch = watch_new(poller, fd)) == NULL)
        return 0;
    watch->wanted = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
    mark_changed(watch);
    return 0;
}

/* Only arms or stops the timer: libcurl must not be entered from here. What is due at once is no timer, which libuv
 * would run again and again before it looks at anything else. */
static int on_set_timer(CURLM *multi, long timeout_ms, void *ctx)
{
    struct poller *poller = ctx;

    (void)multi;
    if (poller->stopping)
        return 0;
    poller->due = timeout_ms == 0;
    plan_next_turn(poller);
    if (timeout_ms <= 0)
        uv_timer_stop(&poller->timer);
    else
        uv_timer_start(&poller->timer, on_timer, (uint64_t)timeout_ms, 0);
    return 0;
}

int poller_start(struct poller *poller, uv_loop_t *loop, poller_done_fn *done, void *ctx, struct error *err)
{
    *poller = (struct poller){.done = done, .ctx = ctx};
    poller->multi = curl_multi_init();
    if (poller->multi == NULL)
        return error_set(err, ERR_NOMEM, 0, "libcurl: no memory for a multi handle");
    uv_timer_init(loop, &poller->timer);
    uv_idle_init(loop, &poller->soon);
    uv_prepare_init(loop, &poller->prepare);
    poller->timer.data = poller;
    poller->soon.data = poller;
    poller->prepare.data = poller;
    poller->handles = 3;
    curl_multi_setopt(poller->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(poller->multi, CURLMOPT_SOCKETDATA, poller);
    curl_multi_setopt(poller->multi, CURLMOPT_TIMERFUNCTION, on_set_timer);
    curl_multi_setopt(poller->multi, CURLMOPT_TIMERDATA, poller);
    return 0;
}

int poller_add(struct poller *poller, CURL *easy, struct error *err)
{
    CURLMcode code = curl_multi_add_handle(poller->multi, easy);

    if (code == CURLM_OK)
        return 0;
    return error_set(err, code == CURLM_OUT_OF_MEMORY ? ERR_NOMEM : ERR_NETWORK, (int)code, "libcurl: %s",
                     curl_multi_strerror(code));
}

void poller_remove(struct poller *poller, CURL *easy)
{
    curl_multi_remove_handle(poller->multi, easy);
}

void poller_tell_all(struct poller *poller)
{
    tell(poller, UINT_MAX);
}

void poller_stop(struct poller *poller, poller_stopped_fn *stopped)
{
    poller->stopping = true;
    poller->stopped = stopped;
    curl_multi_cleanup(poller->multi);
    poller->multi = NULL;
    uv_close((uv_handle_t *)&poller->timer, on_handle_closed);
    uv_close((uv_handle_t *)&poller->soon, on_handle_closed);
    uv_close((uv_handle_t *)&poller->prepare, on_handle_closed);
}
