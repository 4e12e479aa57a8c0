/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * activity_internal - what the parts of the activity log share.
 *
 *     activity.c          writing, purging
 *     activity_chain.c    the hash of an entry
 *     activity_outcome.c  entries about reports, verdicts and parked devices
 *     activity_list.c     reading
 *     activity_verify.c   checking
 */
#ifndef COMPLYD_STORE_ACTIVITY_INTERNAL_H
#define COMPLYD_STORE_ACTIVITY_INTERNAL_H

#include <sqlite3.h>

#include "base/buf.h"
#include "store/activity.h"
#include "store/message.h"
#include "store/outbox.h"

/* Columns in the order in which they are hashed. */
#define ACTIVITY_COLUMNS                                                                                               \
    "id, at_ms, kind, result, connection, device_id, priority, cause, reason, azure_state, azure_device_id, "          \
    "message_id, request_id, actor, detail"
enum { ACTIVITY_COLUMN_COUNT = 15 };

/* ---- the chain ---- */

struct activity_chain;

void activity_chain_free(struct activity_chain *chain); /* NULL is fine */

/* Hashes `entry` behind `previous`. */
int activity_chain_entry(struct database *database, const uint8_t previous[ACTIVITY_HASH],
                         const struct activity_entry *entry, uint8_t ret_hash[ACTIVITY_HASH], struct error *err);

/* The same of a row of ACTIVITY_COLUMNS, whatever it holds. */
int activity_chain_row(struct database *database, const uint8_t previous[ACTIVITY_HASH], sqlite3_stmt *row,
                       uint8_t ret_hash[ACTIVITY_HASH], struct error *err);

/* A hash as it is stored; what is no 32 bytes long is cut, or filled up with zeros. */
void activity_read_hash(sqlite3_stmt *row, int column, uint8_t ret_hash[ACTIVITY_HASH]);

/* The base of the chain. */
int activity_read_base(struct database *database, int64_t *ret_id, uint8_t ret_hash[ACTIVITY_HASH], struct error *err);

int activity_read_head(struct database *database, int64_t *ret_id, uint8_t ret_hash[ACTIVITY_HASH], struct error *err);

/* ---- many entries in one job ---- */

/* The end of the log, for one job that appends several times: within its transaction nobody else does. Starts as {0};
 * must not outlive the job, whose savepoint may be rolled back. */
struct activity_tail {
    bool known;
    int64_t id;
    uint8_t hash[ACTIVITY_HASH];
};

int activity_append(struct database *database, struct activity_tail *tail, const struct activity_entry *entry,
                    struct error *err);

/* ---- entries about devices ---- */

int activity_add_result(struct database *database, struct activity_tail *tail, const char *connection,
                        const struct outbox_result *result, struct error *err);
int activity_add_verdict(struct database *database, struct activity_tail *tail, const char *connection,
                         const struct message_result *result, struct error *err);
int activity_add_parked(struct database *database, const char *connection, const char *device_id, enum reason reason,
                        int64_t now_ms, struct error *err);

#endif
