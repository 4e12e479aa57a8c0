/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * message - accepted partner messages whose verdict Microsoft still owes.
 *
 * Owns      table `message`, one row a device: a newer message about it supersedes an older one.
 * Thread    jobs of store/thread.h.
 */
#ifndef COMPLYD_STORE_MESSAGE_H
#define COMPLYD_STORE_MESSAGE_H

#include "base/guid.h"
#include "model/reason.h"
#include "model/report.h"
#include "store/thread.h"

struct message {
    struct guid message_id; /* the report's */
    struct guid sent_as;    /* what to ask Microsoft for: another one only when a message carried several devices */
    char device_id[256];
    int64_t queued_at_ms; /* when the change that it tells was committed */
    enum priority priority;
    int64_t accepted_at_ms;
    int64_t deadline_ms;
    unsigned polls;       /* questions asked so far */
    unsigned expiries;    /* times this device's report was sent again for want of a verdict, in a row */
    struct message *next; /* the holder's list */
    void *holder;
};

enum { MESSAGE_KNOWN_MAX = 256 };

/* Fetches messages whose next question is due, oldest question first. The caller frees each with free(). Nothing is
 * written: what the caller has in hand already he says himself. */
struct message_fetch {
    struct store_job job;
    char connection[65];
    int64_t now_ms;
    int64_t from_ms; /* leave out what is due before: the caller has all of it; INT64_MIN = nothing */
    unsigned limit;
    struct guid known[MESSAGE_KNOWN_MAX]; /* in hand: left out; sorted by the job */
    unsigned known_count;
    struct message *messages; /* out: list */
    unsigned count;
    int64_t reached_ms;   /* out: where to go on from: INT64_MIN = nothing more is due now */
    int64_t next_poll_ms; /* out: when the next one is due; -1 = none */
};

void message_fetch_init(struct message_fetch *fetch, const char *connection, void (*done)(struct store_job *job));
void message_fetch_deinit(struct message_fetch *fetch);

enum message_verdict {
    MESSAGE_PENDING,   /* ask again at poll_ms */
    MESSAGE_COMPLETED, /* report.status becomes success */
    MESSAGE_FAILED,    /* ... error, with reason and text; the user's cached id is forgotten (it may be the cause) */
    MESSAGE_EXPIRED,   /* no verdict before the deadline, or the message is lost: error, queued again, ever later */
};

struct message_result {
    struct message *message; /* borrowed */
    enum message_verdict verdict;
    int64_t at_ms;
    int64_t poll_ms; /* PENDING: next question; EXPIRED: when to send again; at most OUTBOX_PUT_OFF_MAX_MS ahead */
    enum reason reason;
    char error[256];
    char request_id[GUID_TEXT];
};

struct message_record {
    struct store_job job;
    char connection[65];
    struct message_result *results; /* owned */
    size_t count;
};

int message_record_init(struct message_record *record, const char *connection, size_t capacity,
                        void (*done)(struct store_job *job));
void message_record_deinit(struct message_record *record);

#endif
