/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * outbox - the durable set of devices that have something to tell, and the record of what was told.
 *
 * Owns      tables `outbox` (one row a dirty device, rising seq) and `report` (one row a device: what Microsoft was
 *           last told), and every statement on them. Rows enter by the triggers of schema/001.sql, in the writer's own
 *           transaction.
 * Thread    jobs of store/thread.h: init on the loop, run on the worker, done on the loop.
 * Promise   A row leaves only when the very seq that was staged is recorded as accepted, refused or needless; a change
 *           meanwhile has raised seq and the row stays. GUID and LastUpdateTime are committed before stage is done. A
 *           message whose outcome is unknown (crash, time-out) keeps them: staged again with equal content it is the
 *           same message; and as long as its outcome is unknown no change is suppressed as "already told".
 *
 *     row:  queued ──stage──► staged ──record──► (gone)      accepted / refused / needless, seq unchanged
 *             ▲                 │
 *             └─────────────────┘ transient, released, or seq raised meanwhile; a restart makes every staged row queued
 */
#ifndef COMPLYD_STORE_OUTBOX_H
#define COMPLYD_STORE_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/decision.h"
#include "model/report.h"
#include "store/breaker.h"
#include "store/thread.h"

/* A report that is ready to be sent. One allocation: free with outbox_item_free(). Strings point into it. */
struct outbox_item {
    struct report report;
    enum priority priority;
    unsigned attempts;         /* failed tries before this one */
    bool resent;               /* may have been sent before: same GUID and stamp */
    bool retire_old;           /* about an id that is no longer the device's: another report follows */
    enum azure_state previous; /* what Microsoft was last told about this id (NONE = nothing) */
    int64_t seq;
    int64_t queued_at_ms; /* when the change was committed */
    uint64_t inventory_digest;
    char *error;              /* what Microsoft said of the last try, shortened; owned, NULL = nothing */
    struct outbox_item *next; /* the holder's list */
    void *holder;             /* the holder's */
};

/* The farthest that anybody puts a row off, or a question for a verdict; one that is farther off counts as due: the
 * clock was set back. */
#define OUTBOX_PUT_OFF_MAX_MS (2 * INT64_C(3600) * 1000)

void outbox_item_free(struct outbox_item *item);
const char *outbox_item_error(const struct outbox_item *item); /* "" = nothing */

/* Claims the most urgent rows of one connection and channel, decides each, drops what is needless, waits or is parked,
 * and gives GUID and stamp to the rest. */
struct outbox_stage {
    struct store_job job;
    /* in */
    char connection[65];
    enum channel channel;
    enum priority mildest; /* claim only rows at least this urgent: PRIORITY_WEEKLY = all */
    unsigned limit;        /* items wanted, at most 1000; about 4 x limit rows are looked at */
    int64_t now_ms;
    struct breaker_limits breaker; /* max_count 0: no breaker */
    /* a message carries several devices: none can be sent again alone, so each try gets a new GUID and stamp */
    bool shared_messages;
    /* out */
    struct outbox_item *items; /* list in claim order */
    unsigned count;
    char **unknown_users; /* user principal names to resolve first: users_record, then stage again; at most 100 */
    size_t unknown_user_count;
    unsigned needless, waiting, parked, held; /* rows settled without a message */
    unsigned parked_for[REASON_COUNT];        /* ... the parked ones by what is wrong with them */
    unsigned platforms;                       /* set of those of the devices looked at, bit 1u << platform */
    bool elsewhere;                           /* rows were put where another connection or channel finds them */
    unsigned put_away; /* rows whose users will be asked for after others: out of the way until then */
    bool tripped;      /* the breaker has just opened: why */
    struct breaker_trip trip;
    bool more;           /* rows are left that could be staged now */
    int64_t next_due_ms; /* when the earliest row in backoff is due; -1 = none */
};

void outbox_stage_init(struct outbox_stage *stage, const char *connection, enum channel channel,
                       void (*done)(struct store_job *job));
void outbox_stage_deinit(struct outbox_stage *stage); /* frees what the caller did not take (set items NULL to take) */

enum outbox_outcome {
    OUTBOX_ACCEPTED,  /* Microsoft took the message; the verdict is asked for later (partner channel) */
    OUTBOX_SUCCESS,   /* taken and final (Graph channel) */
    OUTBOX_REFUSED,   /* Microsoft says this device or user is wrong: parked with reason */
    OUTBOX_TRANSIENT, /* back to the queue until due_ms, attempts + 1; may or may not have been applied */
    OUTBOX_RELEASED,  /* back to the queue at once, certainly not sent */
};

struct outbox_result {
    struct outbox_item *item; /* borrowed; must live until done */
    enum outbox_outcome outcome;
    int64_t at_ms;       /* when Microsoft answered */
    int64_t due_ms;      /* TRANSIENT: not before; at most OUTBOX_PUT_OFF_MAX_MS ahead */
    int64_t poll_ms;     /* ACCEPTED: first question for the verdict */
    int64_t deadline_ms; /* ACCEPTED: give up waiting for the verdict */
    struct guid sent_as; /* ACCEPTED: GUID of the message that carried it: its own, unless messages are shared */
    enum reason reason;  /* REFUSED, TRANSIENT */
    char request_id[GUID_TEXT];
};

/* Records a group of outcomes in one transaction. */
struct outbox_record {
    struct store_job job;
    char connection[65];
    struct outbox_result *results; /* owned: freed by deinit; the items are not */
    size_t count;
    bool elsewhere; /* out: a row is left where another connection or channel finds it */
};

int outbox_record_init(struct outbox_record *record, const char *connection, size_t capacity,
                       void (*done)(struct store_job *job)); /* 0 or ERR_NOMEM */
void outbox_record_deinit(struct outbox_record *record);

/* Puts one device back into the queue because an operator asks, told again even if nothing changed. ERR_NOTFOUND:
 * unknown device. */
struct outbox_enqueue {
    struct store_job job;
    char device_id[256];
};

void outbox_enqueue_init(struct outbox_enqueue *enqueue, const char *device_id, void (*done)(struct store_job *job));

/* Forgets devices that the MDM deleted, once Microsoft has forgotten them too: OUTBOX_REMOVED_KEPT_MS after it took the
 * removal, or after the deletion when it never knew them. At most `limit` rows a job. */
#define OUTBOX_REMOVED_KEPT_MS (90 * INT64_C(24) * 3600 * 1000)

struct outbox_purge {
    struct store_job job;
    int64_t now_ms;
    unsigned limit;
    unsigned purged; /* out */
};

void outbox_purge_init(struct outbox_purge *purge, int64_t now_ms, unsigned limit, void (*done)(struct store_job *job));

#endif
