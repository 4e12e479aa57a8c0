/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * fleet - looking at the fleet: list, show, explain, counts, plan. Reads only.
 *
 * Thread    functions that take a database: the caller's thread (reader thread by jobs, or complyctl on its own file).
 *           No transaction outlives a call, so a long look never holds up a checkpoint: pages by cursor.
 */
#ifndef COMPLYD_STORE_FLEET_H
#define COMPLYD_STORE_FLEET_H

#include "model/decision.h"
#include "model/drift.h"
#include "model/report.h"
#include "store/breaker.h"
#include "store/database.h"

/* One device with everything that is known of it; strings are "" when blank, owned by the struct. Bytes that are no
 * UTF-8 come out as U+FFFD, except in device_id: it is the key, as it is stored. */
struct fleet_device {
    char *device_id, *connection, *name, *manufacturer, *model, *serial_number, *os_version, *user_principal_name;
    char *azure_device_id; /* the MDM's row; of a deleted device the one last reported */
    char *platform;        /* the store's word, also when it is none we know */
    bool deleted;          /* no row any more: a tombstone */
    bool managed;
    enum client_status client_status;
    int64_t last_check_in_s, evaluated_at_s; /* -1 = never */
    struct decision decision;                /* as of now */
    /* what Microsoft was told */
    enum azure_state reported_state;
    char *reported_azure_device_id, *reported_connection, *user_id;
    enum compliance_status status;
    int64_t accepted_at_ms; /* -1 = never */
    int64_t last_update_ms;
    char *message_id, *request_id;
    enum reason reason; /* why it is parked or waiting; from report or decision */
    char *last_error;
    enum drift_cause drift;  /* Microsoft believes something else, as compared last */
    int64_t removed_until_s; /* -1 = not removed; 90 days after Microsoft took the removal */
    /* what is on its way */
    bool queued;
    enum priority priority;
    int64_t queued_at_ms, due_at_ms; /* -1 = none; due_at only in backoff */
    unsigned attempts;
    bool in_flight;
    bool held;    /* by the breaker */
    bool kept;    /* an operator holds it at what was told */
    bool retired; /* by an operator */
    bool leaving; /* the account of its connection is being disconnected */
};

void fleet_device_deinit(struct fleet_device *device);

/* ERR_NOTFOUND: never heard of. */
int fleet_get(struct database *database, const char *device_id, struct fleet_device *ret_device, struct error *err);

struct fleet_filter {
    const char *state;  /* azure_state word, "" or NULL = any: what Microsoft was last told */
    const char *status; /* compliance_status word */
    const char *connection;
    const char *search; /* part of id, name, user, serial, model or Azure id; case-insensitive */
    const char *after;  /* cursor: device_id of the last one seen; NULL = from the start */
    unsigned limit;     /* at most 1000 */
};

/* Calls `each` for a page, in device_id order; stops when it returns non-zero. *ret_more: there is another page. */
int fleet_list(struct database *database, const struct fleet_filter *filter,
               int (*each)(void *ctx, const struct fleet_device *device), void *ctx, bool *ret_more, struct error *err);

/* Each violation of one device with its policy and actions, for explain. */
struct fleet_violation {
    const char *policy_id;
    const char *policy_name;
    bool known; /* the store has the policy */
    bool enabled;
    unsigned actions; /* set of enum action */
    int64_t since_s;  /* -1 = not set */
    bool decisive;    /* the (first) one that won */
};

int fleet_violations(struct database *database, const char *device_id,
                     int (*each)(void *ctx, const struct fleet_violation *violation), void *ctx, struct error *err);

struct fleet_policy {
    const char *policy_id;
    const char *name;
    bool enabled;
    unsigned actions; /* set of enum action */
};

/* ERR_NOTFOUND: the store has none of that id. */
int fleet_policy(struct database *database, const char *policy_id,
                 int (*each)(void *ctx, const struct fleet_policy *policy), void *ctx, struct error *err);

/* At most `limit` policies behind `after` (NULL = from the start), in policy_id order; stops when `each` returns
 * non-zero. */
int fleet_policies(struct database *database, const char *after, unsigned limit,
                   int (*each)(void *ctx, const struct fleet_policy *policy), void *ctx, bool *ret_more,
                   struct error *err);

struct fleet_counts {
    int64_t counted_at_ms; /* wall clock: when devices, states and statuses were counted */
    int64_t devices;
    int64_t by_state[4];  /* enum azure_state: last told */
    int64_t by_status[4]; /* enum compliance_status */
    int64_t queued[PRIORITY_COUNT];
    int64_t queue_oldest_ms; /* queued_at of the oldest row; -1 = empty */
    int64_t awaiting_verdict;
    int64_t parked;
};

/* Of one connection, or of all with NULL. Walks the report table: for the reader thread, not for the hot path. The walk
 * over all takes seconds when they are a million: then its figures serve for twenty times as long as it took, so that
 * whoever asks often does not keep the thread busy. What waits is always counted anew. */
int fleet_counts(struct database *database, const char *connection, struct fleet_counts *ret_counts, struct error *err);

/* Only what waits: queued, queue_oldest_ms and awaiting_verdict; the rest is 0. Cheap: walks the outbox and the
 * messages alone. */
int fleet_count_queue(struct database *database, const char *connection, struct fleet_counts *ret_counts,
                      struct error *err);

/* What waits of one connection. */
struct fleet_queue {
    char connection[65]; /* in */
    int64_t queued[PRIORITY_COUNT];
    int64_t held; /* of those: by the breaker */
    bool breaker_open;
    int64_t oldest_ms;  /* since when the report that has waited longest could have been told; -1 = none could */
    int64_t unanswered; /* messages without a verdict */
};

/* Fills in `count` of them in one walk over the outbox and the messages. *ret_others: rows of connections that are
 * none of these. */
int fleet_queues(struct database *database, int64_t now_ms, struct fleet_queue *queues, size_t count,
                 int64_t *ret_others, struct error *err);

/* What the next pass would send: every queued device with its decision, most urgent first. Same code as
 * outbox_stage. */
struct fleet_plan_entry {
    const char *device_id, *connection, *azure_device_id;
    enum priority priority;
    struct decision decision;
    enum azure_state previous;
    bool needless; /* nothing would be sent: already told */
    bool held;     /* by the breaker, or would be */
};

int fleet_plan(struct database *database, const struct breaker_limits *breaker,
               int (*each)(void *ctx, const struct fleet_plan_entry *entry), void *ctx, struct error *err);

/* The last row of the queue that a plan has told; all 0: none yet. The next page begins behind it, wherever that is
 * by then. */
struct fleet_plan_place {
    enum priority priority;
    bool claimed;     /* among the rows in flight, which come first in their priority */
    char *connection; /* owned; NULL among the rows in flight */
    int channel;
    int64_t due_at, minute;
    char *device_id; /* owned; NULL = at the very start */
};

void fleet_plan_place_deinit(struct fleet_plan_place *place);

/* The same in pages: tells at most `limit` rows behind *place, and moves it. *ret_more: the limit was reached before
 * the end. */
int fleet_plan_page(struct database *database, const struct breaker_limits *breaker, struct fleet_plan_place *place,
                    unsigned limit, int (*each)(void *ctx, const struct fleet_plan_entry *entry), void *ctx,
                    bool *ret_more, struct error *err);

#endif
