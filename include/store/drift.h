/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * drift - what Microsoft's directory says of the devices, and where that is not what Microsoft was told
 * (model/drift.h).
 *
 * Owns      tables `directory`, `drift` and `drift_check`.
 * Thread    jobs of store/thread.h, and looks on the caller's thread.
 * Promise   each job saves the check's record with what it did: killed, the check goes on where it was. What was read
 *           is in the store, a page at a time; memory does not grow with the fleet. Nothing is queued but by
 *           DRIFT_REPAIRING.
 */
#ifndef COMPLYD_STORE_DRIFT_H
#define COMPLYD_STORE_DRIFT_H

#include <stddef.h>

#include "base/guid.h"
#include "model/drift.h"
#include "store/thread.h"

enum { DRIFT_LINK_MAX = 8192, DRIFT_LIST_MAX = 1000 };

/* What was told less than this before the check began may not have settled at Microsoft: it is not compared. */
enum { DRIFT_SETTLE_MS = 15 * 60 * 1000 };

struct drift_record {
    char connection[65];
    char tenant_id[GUID_TEXT];
    enum drift_phase phase;
    int64_t round; /* number of the check begun last; 0 = none yet */
    bool whole;    /* it reads everything, not only what changed */
    int64_t due_at_ms;
    int64_t started_at_ms, finished_at_ms; /* -1 = never */
    int64_t read, compared, repaired;
    int64_t counts[DRIFT_CAUSE_COUNT]; /* differences */
    char problem[32]; /* a trouble's word (microsoft/outcome.h) or drift_problem_permission; "" = none */
    char detail[256];
    char cursor[256];
    char link[DRIFT_LINK_MAX];
};

void drift_record_init(struct drift_record *record, const char *connection, const char *tenant_id);

/* Nothing stored, or another tenant's: what drift_record_init() says, and what was known of the other is forgotten. */
struct drift_load {
    struct store_job job;
    struct drift_record record; /* in: connection, tenant_id */
};

void drift_load_init(struct drift_load *load, const struct drift_record *record, void (*done)(struct store_job *job));

/* Takes in a piece of a page, and saves the record. */
struct drift_store {
    struct store_job job;
    struct drift_record record;
    const struct drift_item *items; /* borrowed */
    size_t count;                   /* 0: only the record is saved */
    bool lost; /* out: a change of a device that was never heard of: everything has to be read again */
};

void drift_store_init(struct drift_store *store, const struct drift_record *record,
                      void (*done)(struct store_job *job));

/* The next piece of SWEEPING, COMPARING or REPAIRING; at the end of the walk the record is in its next phase. */
struct drift_walk {
    struct store_job job;
    struct drift_record record; /* in, out */
    int64_t now_ms;
    unsigned limit; /* rows looked at */
};

void drift_walk_init(struct drift_walk *walk, const struct drift_record *record, void (*done)(struct store_job *job));

/* Forgets what was read back for a connection that is not among `names` and has not compared for DRIFT_KEPT_MS, a piece
 * in a job. Should it come back it reads everything anew. */
#define DRIFT_KEPT_MS (30 * INT64_C(24) * 3600 * 1000)

struct drift_forget {
    struct store_job job;
    int64_t now_ms;
    const char *const *names; /* borrowed: connections of the configuration */
    size_t count;
    unsigned limit;
    unsigned forgotten; /* out: entries */
};

void drift_forget_init(struct drift_forget *forget, unsigned limit, void (*done)(struct store_job *job));

/* ---- looks ---- */

int drift_read(struct database *database, const char *connection, struct drift_record *ret_record, struct error *err);

/* One difference. Strings live until `each` returns. */
struct drift_entry {
    const char *connection, *device_id, *name, *platform, *azure_device_id;
    enum drift_cause cause;
    enum azure_state told;
    int64_t told_at_ms;
    bool known; /* Microsoft has the device */
    bool managed, compliant;
    int64_t since_ms;
    bool queued; /* it is going to be told again */
};

struct drift_filter {
    const char *connection;                         /* NULL = any */
    enum drift_cause cause;                         /* DRIFT_NONE = any */
    const char *after_connection, *after_device_id; /* the last one seen; "" = from the start */
    unsigned limit;                                 /* at most DRIFT_LIST_MAX */
};

/* In the order of connections and ids. *ret_more: there is another page. */
int drift_list(struct database *database, const struct drift_filter *filter,
               int (*each)(void *ctx, const struct drift_entry *entry), void *ctx, bool *ret_more, struct error *err);

/* Of a device that was told on this connection; DRIFT_NONE: there is no difference, or another report was accepted
 * since. */
int drift_cause_of(struct database *database, const char *connection, const char *device_id,
                   enum drift_cause *ret_cause, struct error *err);

#endif
