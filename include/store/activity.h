/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * activity - the activity log: everything that concerns the account, hash-chained, kept for a set time.
 *
 * Owns      tables `activity` and `activity_base`. Entries get rising ids without gaps; each hash covers the entry and
 *           the hash before it (docs/store.md says how). Reading: store/activity_list.h; checking:
 *           store/activity_verify.h.
 * Thread    inside a write transaction: entries about reports are written with what they tell of; others come by jobs.
 * Promise   no secret, token or assertion is ever part of an entry: details are what the log and `last_error` say too.
 */
#ifndef COMPLYD_STORE_ACTIVITY_H
#define COMPLYD_STORE_ACTIVITY_H

#include "base/guid.h"
#include "store/thread.h"

/* X(NAME, word, what it means). The first four are one device's; an entry of a word that is not here is from another
 * version. */
#define ACTIVITY_KINDS(X)                                                                                              \
    X(ACTIVITY_REPORT, "report", "Microsoft was told of a device")                                                     \
    X(ACTIVITY_RETIRE, "retire", "Microsoft was told that a device is no longer managed")                              \
    X(ACTIVITY_VERDICT, "verdict", "Microsoft's verdict on an accepted report")                                        \
    X(ACTIVITY_PARKED, "parked", "a device cannot be reported until its data changes")                                 \
    X(ACTIVITY_TOKEN, "token", "an access token was obtained or refused")                                              \
    X(ACTIVITY_CONNECTION, "connection", "a connection changed its state")                                             \
    X(ACTIVITY_CONNECT, "connect", "the account was connected")                                                        \
    X(ACTIVITY_DISCONNECT, "disconnect", "the account was disconnected")                                               \
    X(ACTIVITY_HOLD, "hold", "an operator's hold of a device or a policy ended")                                       \
    X(ACTIVITY_BREAKER, "breaker", "the circuit breaker opened or closed")                                             \
    X(ACTIVITY_FULL_REPORT, "full_report", "a weekly report or a resync began or ended")                               \
    X(ACTIVITY_DRIFT, "drift", "what Microsoft believes was compared with what it was told")                           \
    X(ACTIVITY_OPERATOR, "operator", "somebody asked for something")                                                   \
    X(ACTIVITY_CONFIGURATION, "configuration", "the configuration was read anew")                                      \
    X(ACTIVITY_STORE, "store", "the store was in trouble or works again")                                              \
    X(ACTIVITY_DAEMON, "daemon", "complyd started or stopped")                                                         \
    X(ACTIVITY_RETENTION, "retention", "old entries of this log were purged")

enum activity_kind {
#define X(name, word, text) name,
    ACTIVITY_KINDS(X)
#undef X
        ACTIVITY_KIND_COUNT
};

const char *activity_kind_name(enum activity_kind kind);
int activity_kind_parse(const char *word, enum activity_kind *ret_kind); /* 0 or ERR_INVALID */

enum { ACTIVITY_HASH = 32, ACTIVITY_ANCHOR_TEXT = 20 + 1 + 2 * ACTIVITY_HASH + 1 };

/* One entry. Strings are borrowed; NULL is "". */
struct activity_entry {
    int64_t id; /* given by the log */
    int64_t at_ms;
    const char *kind; /* activity_kind_name() */
    const char *result;
    const char *connection;
    const char *device_id;
    const char *priority; /* of a report, and what decided its state */
    const char *cause;
    const char *reason; /* slug, of a refusal */
    const char *azure_state, *azure_device_id;
    const struct guid *message_id; /* NULL = none */
    const char *request_id;
    const char *actor; /* "root (uid 0, pid 4711)"; "" = complyd itself */
    const char *detail;
    uint8_t hash[ACTIVITY_HASH]; /* given by the log */
};

/* The entry `id` as an anchor: "ID:HASH" in hexadecimal. Returns text. */
const char *activity_anchor(int64_t id, const uint8_t hash[ACTIVITY_HASH], char text[ACTIVITY_ANCHOR_TEXT]);

/* Appends within the open transaction. */
int activity_add(struct database *database, const struct activity_entry *entry, struct error *err);

/* An entry that waits to be written, and owns its texts. free() it. */
struct activity_note {
    struct activity_entry entry;
    struct guid message_id;
    struct activity_note *next;
    char text[];
};

struct activity_note *activity_note_new(const struct activity_entry *entry); /* NULL without memory */

/* Writes notes in their order. They stay the caller's. */
struct activity_write {
    struct store_job job;
    const struct activity_note *notes;
};

void activity_write_init(struct activity_write *write, const struct activity_note *notes,
                         void (*done)(struct store_job *job));

/* The newest entry; with an empty log what the first one will be chained to. */
struct activity_head {
    struct store_job job;
    int64_t id;
    uint8_t hash[ACTIVITY_HASH];
};

void activity_head_init(struct activity_head *head, void (*done)(struct store_job *job));

/* Purges at most `limit` of the oldest entries, as long as they are from before `before_ms`, and says so in the log. */
struct activity_purge {
    struct store_job job;
    int64_t now_ms, before_ms;
    unsigned limit;
    unsigned purged; /* out */
};

void activity_purge_init(struct activity_purge *purge, int64_t now_ms, int64_t before_ms, unsigned limit,
                         void (*done)(struct store_job *job));

#endif
