/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * watcher - notices commits of other processes: file events on the store's directory, and looks that follow them.
 *
 * A file event on the WAL comes before its commit is visible (in 99 % of wake-ups with a durable writer), and no second
 * event follows. So an event starts a patient look (store/change.h), and while nothing is found further looks follow at
 * growing distance up to a second. The daemon's timed look is the net below. While bulk work goes on, every page that
 * we write ourselves would be a file event: then looks go by a timer of a few milliseconds.
 *
 * Thread    loop only.
 */
#ifndef COMPLYD_DAEMON_WATCHER_H
#define COMPLYD_DAEMON_WATCHER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct uv_loop_s;
struct watcher;

struct watcher_ops {
    void (*look)(void *ctx, int64_t patience_us); /* ends in watcher_looked(), never before return */
    void (*changed)(void *ctx);
    uint64_t (*reports)(void *ctx); /* devices told so far: tells bulk work */
};

int watcher_new(struct uv_loop_s *loop, const char *store_path, const struct watcher_ops *ops, void *ctx,
                struct watcher **ret_watcher, struct error *err);

void watcher_look(struct watcher *watcher); /* the timed look */
void watcher_looked(struct watcher *watcher, bool changed);

/* No look may be under way. Freed on a later turn of the loop. */
void watcher_close(struct watcher *watcher);

#endif
