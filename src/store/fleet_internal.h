/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * fleet_internal - what the looks at the fleet share: one snapshot, the queue's row of a device, texts that are valid
 * UTF-8.
 *
 *     fleet.c             get, list
 *     fleet_device.c      one device
 *     fleet_violations.c  its violations
 *     fleet_policies.c    policies and their actions
 *     fleet_counts.c      figures
 *     fleet_queues.c      what waits, of all connections at once
 *     fleet_plan.c        what would be sent
 */
#ifndef COMPLYD_STORE_FLEET_INTERNAL_H
#define COMPLYD_STORE_FLEET_INTERNAL_H

#include "store/fleet.h"
#include "subject.h"

/* All that is read between the two is one state of the store. Within a transaction of the caller it is the caller's. */
int fleet_begin(struct database *database, struct error *err);
void fleet_end(struct database *database);

/* What `each` returned, as a result: a positive number only stops. */
int fleet_each_result(int stopped, struct error *err);

/* A row of the outbox. */
struct fleet_queued {
    bool found;
    enum priority priority;
    int64_t queued_at_ms, due_at_ms;
    unsigned attempts;
    bool claimed;
    int forced, sent;
    struct told told;  /* by a message in doubt; NONE = there is none that the report row does not know */
    sqlite3_stmt *row; /* holds the strings */
};

/* Columns of the outbox that fleet_read_queued() wants, from the first on. */
#define FLEET_QUEUED_COLUMNS                                                                                           \
    "priority, queued_at, due_at, attempts, claim IS NOT NULL, forced, sent, sent_state, sent_connection, "            \
    "sent_platform, sent_azure_device_id, sent_user_id"

/* Strings are borrowed from the row. */
void fleet_read_queued(sqlite3_stmt *row, struct fleet_queued *ret_queued);

/* What a message in doubt may have told counts as told. */
void fleet_doubt(struct subject *subject, const struct fleet_queued *queued);

/* A copy in which bytes that are no UTF-8 are U+FFFD; NULL without memory. */
char *fleet_copy_text(const char *text);

/* Everything about one device; subject and row are released. ERR_NOTFOUND: never heard of. */
int fleet_device_load(struct database *database, const char *device_id, int64_t now_ms, struct fleet_device *ret_device,
                      struct error *err);

/* Of one policy, as a set; those we do not know are left out. */
int fleet_read_actions(struct database *database, const char *policy_id, unsigned *ret_actions, struct error *err);

#endif
