/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "daemon/watcher.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/log.h"

enum {
    PATIENCE_US = 2500,
    BUSY_SPACING_MS = 5, /* between looks while bulk work writes ... */
    BUSY_WINDOW_MS = 100,
    BUSY_REPORTS = 50, /* ... that is, tells so many devices within a window */
};

/* After an event that showed nothing: a writer's fsync may take this long. */
static const uint64_t later_looks_ms[] = {2, 5, 10, 25, 60, 150, 400, 1000};
enum { LATER_LOOKS = sizeof(later_looks_ms) / sizeof(later_looks_ms[0]) };

struct watcher {
    const struct watcher_ops *ops;
    void *ctx;
    char directory[PATH_MAX];
    char base[NAME_MAX + 1];
    uv_fs_event_t events;
    uv_timer_t timer;
    unsigned handles;    /* open ones */
    bool looking, event; /* an event came since the look began */
    bool timed;          /* looks go by the timer: our own writes would be nothing but file events */
    uint64_t window_ms;  /* when the last count of reports was taken, ... */
    uint64_t reports;    /* ... and the count */
    unsigned later;      /* which of later_looks_ms is next */
};

/* Changes that come one by one, however fast, are to be seen at once: they do not count as bulk. */
static bool is_busy(struct watcher *watcher)
{
    uint64_t elapsed_ms = uv_now(watcher->timer.loop) - watcher->window_ms;
    if (elapsed_ms < BUSY_WINDOW_MS)
        return watcher->timed;
    uint64_t before = watcher->reports;
    watcher->reports = watcher->ops->reports(watcher->ctx);
    watcher->window_ms += elapsed_ms;
    /* A connection that was removed takes its count with it. */
    return watcher->reports > before && (watcher->reports - before) * BUSY_WINDOW_MS >= BUSY_REPORTS * elapsed_ms;
}

static void look(struct watcher *watcher, int64_t patience_us)
{
    watcher->looking = true;
    watcher->event = false;
    uv_timer_stop(&watcher->timer);
    watcher->ops->look(watcher->ctx, patience_us);
}

static void on_timer(uv_timer_t *timer)
{
    struct watcher *watcher = timer->data;
    if (!watcher->looking)
        look(watcher, 0);
}

static void note_event(struct watcher *watcher)
{
    watcher->later = 0;
    watcher->event = true;
    if (!watcher->looking)
        look(watcher, PATIENCE_US);
}

static bool is_ours(const struct watcher *watcher, const char *name)
{
    size_t length = strlen(watcher->base);
    return name && strncmp(name, watcher->base, length) == 0 &&
           (name[length] == '\0' || strcmp(name + length, "-wal") == 0);
}

static void on_event(uv_fs_event_t *events, const char *name, int kinds, int status)
{
    struct watcher *watcher = events->data;
    (void)kinds;
    if (status < 0)
        log_warn(TAG_WATCHER, "file events on %s: %s; timed looks go on", watcher->directory, uv_strerror(status));
    else if (is_ours(watcher, name))
        note_event(watcher);
}

static void listen_to_events(struct watcher *watcher)
{
    int rc = uv_fs_event_start(&watcher->events, on_event, watcher->directory, 0);
    watcher->timed = false;
    if (rc < 0)
        log_warn(TAG_WATCHER, "no file events on %s: %s; changes are found by timed looks only", watcher->directory,
                 uv_strerror(rc));
}

/* Each page that is written to the log is an event to the kernel, and costs nearly as much as the writing. */
static void go_by_timer(struct watcher *watcher)
{
    uv_fs_event_stop(&watcher->events);
    watcher->timed = true;
    watcher->event = false;
}

void watcher_look(struct watcher *watcher)
{
    if (!watcher->looking)
        look(watcher, 0);
}

void watcher_looked(struct watcher *watcher, bool changed)
{
    watcher->looking = false;
    if (changed) {
        watcher->later = LATER_LOOKS;
        watcher->ops->changed(watcher->ctx);
    }
    if (is_busy(watcher)) {
        if (!watcher->timed)
            go_by_timer(watcher);
        uv_timer_start(&watcher->timer, on_timer, BUSY_SPACING_MS, 0);
    } else if (watcher->timed) {
        listen_to_events(watcher);
        note_event(watcher); /* one that we did not hear */
    } else if (watcher->event)
        note_event(watcher);
    else if (watcher->later < LATER_LOOKS)
        uv_timer_start(&watcher->timer, on_timer, later_looks_ms[watcher->later++], 0);
}

static void split_path(struct watcher *watcher, const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) : 0;
    snprintf(watcher->base, sizeof(watcher->base), "%s", slash ? slash + 1 : path);
    if (!slash)
        snprintf(watcher->directory, sizeof(watcher->directory), ".");
    else
        snprintf(watcher->directory, sizeof(watcher->directory), "%.*s", length ? (int)length : 1, path);
}

int watcher_new(struct uv_loop_s *loop, const char *store_path, const struct watcher_ops *ops, void *ctx,
                struct watcher **ret_watcher, struct error *err)
{
    struct watcher *watcher = calloc(1, sizeof(*watcher));
    if (!watcher)
        return error_set(err, ERR_NOMEM, 0, "watcher");
    watcher->ops = ops;
    watcher->ctx = ctx;
    watcher->later = LATER_LOOKS;
    split_path(watcher, store_path);
    uv_fs_event_init(loop, &watcher->events);
    uv_timer_init(loop, &watcher->timer);
    watcher->events.data = watcher;
    watcher->timer.data = watcher;
    watcher->handles = 2;
    listen_to_events(watcher);
    *ret_watcher = watcher;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct watcher *watcher = handle->data;
    if (--watcher->handles == 0)
        free(watcher);
}

void watcher_close(struct watcher *watcher)
{
    if (!watcher)
        return;
    uv_close((uv_handle_t *)&watcher->events, on_closed);
    uv_close((uv_handle_t *)&watcher->timer, on_closed);
}
