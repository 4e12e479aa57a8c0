/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * view - how a device is shown to an operator: the one place that turns the store's fleet_device into the fields of the
 * contract (spec section 5 and 9).
 *
 * What the store cannot know (is reporting on, is the connection in trouble) comes from a picture of the daemon, taken
 * on the loop and then used on the reader's thread.
 */
#ifndef COMPLYD_ADMIN_VIEW_H
#define COMPLYD_ADMIN_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "daemon/daemon.h"
#include "model/language.h"
#include "store/fleet.h"
#include "store/hold.h"

struct view_connection {
    char name[65];
    bool configured; /* false: gone from the configuration, winding down */
    bool enabled;    /* in the configuration */
    enum connection_state state;
    enum trouble trouble;
    int64_t next_try_ms;
    int64_t retry_at_ms[CHANNEL_COUNT];
    int64_t weekly_due_ms;
    bool weekly_running;
};

struct view {
    bool reporting;         /* [reporting] enabled */
    enum language language; /* of the texts; English after view_take() */
    int64_t now_ms;
    struct view_connection *connections;
    size_t connection_count;
};

/* Loop only. 0 or ERR_NOMEM. */
int view_take(const struct daemon *daemon, struct view *ret_view);
void view_deinit(struct view *view);

/* NULL: the configuration has none of that name. */
const struct view_connection *view_find(const struct view *view, const char *connection);

/* Nothing is sent for this device, whatever happens to it: REASON_UNKNOWN_CONNECTION, REASON_REPORTING_OFF or
 * REASON_DISCONNECTED; else REASON_NONE. */
enum reason view_blocked(const struct view *view, const char *connection);

/* The object that `complyctl device show --json` prints: the contract's keys, no others. */
void view_device(const struct view *view, const struct fleet_device *device, struct buf *out);

/* Append an entry of a list to the buf that is `ctx`, for fleet_violations(), fleet_policy() and fleet_policies(),
 * hold_list(). 0 or ERR_*. */
int view_violation(void *ctx, const struct fleet_violation *violation);
int view_policy(void *ctx, const struct fleet_policy *policy);
int view_hold(void *ctx, const struct hold *hold);

/* JSON members for the renderers of the API: `name` with its colon, preceded by a comma unless it is the object's
 * first. */
void view_key(struct buf *out, const char *name);
void view_text(struct buf *out, const char *name, const char *value);
void view_int(struct buf *out, const char *name, int64_t value);
void view_bool(struct buf *out, const char *name, bool value);
void view_time_ms(struct buf *out, const char *name, int64_t time_ms); /* "" for a negative time */
void view_time_s(struct buf *out, const char *name, int64_t time_s);

#endif
