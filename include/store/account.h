/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * account - whether a connection is connected, and how far connecting or disconnecting has come.
 *
 * Owns      tables `account` and `account_step`.
 * Thread    jobs of store/thread.h, and looks on the caller's thread.
 * Promise   what was saved is what a later process resumes from; the walk over the devices keeps its cursor in the same
 *           transaction.
 */
#ifndef COMPLYD_STORE_ACCOUNT_H
#define COMPLYD_STORE_ACCOUNT_H

#include "base/guid.h"
#include "model/account.h"
#include "store/thread.h"

struct account_progress {
    enum account_step_state state;
    char problem[32];      /* a word of model/account.h or microsoft/outcome.h; "" = none */
    char detail[256];      /* what Microsoft said, or a note */
    char value[GUID_TEXT]; /* the group's or policy's id at Microsoft */
    int64_t at_ms;         /* when the state was reached; -1 = not yet */
};

struct account_record {
    char connection[65];
    enum account_state state;
    char tenant_id[GUID_TEXT];
    int64_t since_ms;
    int64_t connected_at_ms; /* when connecting last ended well; -1 = never, or disconnected since */
    bool force;
    bool feeding;  /* every device is to be queued, and the walk has not ended */
    int64_t total; /* devices that Microsoft held when disconnecting began */
    struct account_progress steps[ACCOUNT_STEP_COUNT];
};

void account_record_init(struct account_record *record, const char *connection);

/* Nothing stored: what account_record_init() says. */
struct account_load {
    struct store_job job;
    struct account_record record; /* in: connection */
};

void account_load_init(struct account_load *load, const char *connection, void (*done)(struct store_job *job));

struct account_save {
    struct store_job job;
    struct account_record record;
    bool start_walk; /* from the first device on */
};

void account_save_init(struct account_save *save, const struct account_record *record,
                       void (*done)(struct store_job *job));

/* Queues the next devices of the connection, whether or not they changed, and of the deleted ones those that
 * Microsoft still holds. */
struct account_feed {
    struct store_job job;
    char connection[65];
    int64_t now_ms;
    unsigned limit;
    bool finished; /* out */
};

void account_feed_init(struct account_feed *feed, const char *connection, void (*done)(struct store_job *job));

/* Where the devices of a connection stand. Walks tables: for the reader's thread. */
struct account_counts {
    int64_t devices;    /* in the MDM's table */
    unsigned platforms; /* set of those that have devices, bit 1u << platform */
    int64_t managed;    /* Microsoft was told that they are managed */
    int64_t compliant;  /* ... and compliant */
    int64_t queued;     /* rows that will be told without anybody's help */
    int64_t awaiting;   /* accepted messages without a verdict */
    int64_t left;       /* managed at Microsoft, or their removal failed, and nothing will be told by itself */
    char names[160];    /* the first few of these */
};

struct account_count {
    struct store_job job;
    char connection[65];
    int64_t now_ms;
    struct account_counts counts; /* out */
};

void account_count_init(struct account_count *count, const char *connection, void (*done)(struct store_job *job));

int account_read(struct database *database, const char *connection, struct account_record *ret_record,
                 struct error *err);
int account_read_counts(struct database *database, const char *connection, int64_t now_ms,
                        struct account_counts *ret_counts, struct error *err);

/* The devices of counts.left, in the order of their ids, at most `limit`. */
int account_read_left(struct database *database, const char *connection, int64_t now_ms, unsigned limit,
                      int (*each)(void *ctx, const char *device_id, const char *reason, const char *detail), void *ctx,
                      struct error *err);

#endif
