/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * weekly - drives the full reports of one connection: the weekly one on its date, an operator's resync at once.
 *
 *     IDLE ──date reached, or resync──► FEEDING ──end of the fleet, all told──► IDLE (next date stored)
 *
 * Date, cursor and counts are the store's (store/full_report.h). Here is only the pace: the weekly report is spread
 * evenly over full_report_spread, stretches by itself when the quota is smaller (it feeds only while few of its rows
 * wait), and a resync goes as fast as the quota allows.
 *
 * Thread    loop only.
 */
#ifndef COMPLYD_DAEMON_WEEKLY_H
#define COMPLYD_DAEMON_WEEKLY_H

#include "base/clock.h"
#include "store/full_report.h"

struct uv_loop_s;
struct weekly;

struct weekly_ops {
    void (*submit)(void *ctx, struct store_job *job); /* to the store's writer; ends in weekly_job_ended() */
    void (*fed)(void *ctx);                           /* rows were put into the outbox */
    void (*moved)(void *ctx, enum full_report_kind kind, const struct full_report_state *state,
                  bool began); /* for the log */
};

int weekly_new(struct uv_loop_s *loop, const struct weekly_ops *ops, void *ctx, const struct clock *clock,
               const char *connection, struct weekly **ret_weekly);

/* Intervals from the configuration; starts the machine at the first call. */
void weekly_configure(struct weekly *weekly, int64_t interval_ms, int64_t spread_ms);

void weekly_job_ended(struct weekly *weekly, struct store_job *job);

void weekly_resync(struct weekly *weekly, const struct full_report_state *state);
void weekly_hungry(struct weekly *weekly); /* the sender has room for bulk rows */
void weekly_stop(struct weekly *weekly);   /* no new job */
bool weekly_is_idle(const struct weekly *weekly);

const struct full_report_state *weekly_state(const struct weekly *weekly, enum full_report_kind kind);

/* No job may be under way. Freed on a later turn of the loop. */
void weekly_close(struct weekly *weekly);

#endif
