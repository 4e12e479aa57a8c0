/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * full_report - the walk over every device of a connection: the weekly report, and an operator's resync.
 *
 * Owns      table `full_report`: per connection and kind when it is due, when it began, how far it is. The walk feeds
 *           the outbox a few devices at a time, in device_id order, and stores its cursor in the same transaction;
 *           killed, it goes on where it was. Devices removed at Microsoft are passed over.
 * Thread    jobs of store/thread.h.
 */
#ifndef COMPLYD_STORE_FULL_REPORT_H
#define COMPLYD_STORE_FULL_REPORT_H

#include "store/thread.h"

enum full_report_kind { FULL_REPORT_WEEKLY, FULL_REPORT_RESYNC };

struct full_report_state {
    int64_t due_at_ms;      /* WEEKLY: when the next one starts; RESYNC: 0 */
    int64_t started_at_ms;  /* -1 = not running */
    int64_t finished_at_ms; /* of the last one that ended; -1 = never */
    int64_t total;          /* devices when it began */
    int64_t fed;            /* devices put into the outbox so far */
    int64_t waiting;        /* rows of this kind still in the outbox (capped at 10,000 when counted) */
};

struct full_report_load {
    struct store_job job;
    char connection[65];
    enum full_report_kind kind;
    struct full_report_state state; /* out */
};

void full_report_load_init(struct full_report_load *load, const char *connection, enum full_report_kind kind,
                           void (*done)(struct store_job *job));

/* Starts a walk (counts the devices), or with started_at_ms < 0 only sets the date of the next. A running one goes
 * on. */
struct full_report_begin {
    struct store_job job;
    char connection[65];
    enum full_report_kind kind;
    int64_t started_at_ms;
    int64_t due_at_ms;
    struct full_report_state state; /* out */
};

void full_report_begin_init(struct full_report_begin *begin, const char *connection, enum full_report_kind kind,
                            void (*done)(struct store_job *job));

/* Puts the next `limit` devices into the outbox, unless more than `backlog` rows of this kind wait there already. When
 * the walk has reached the end and nothing of it waits any more, it is finished: state.started_at_ms becomes -1. */
struct full_report_feed {
    struct store_job job;
    char connection[65];
    enum full_report_kind kind;
    unsigned limit;
    unsigned backlog;
    int64_t now_ms;
    int64_t next_due_ms;            /* WEEKLY: date to store when it finishes */
    struct full_report_state state; /* out */
    unsigned added;                 /* out */
};

void full_report_feed_init(struct full_report_feed *feed, const char *connection, enum full_report_kind kind,
                           void (*done)(struct store_job *job));

#endif
