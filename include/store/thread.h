/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * thread - SQLite off the loop: jobs in, results out, one at a time.
 *
 * A job is a struct embedded first in a bigger one, with inputs, outputs and two functions: run (on the worker: the
 * database and the job only, no libuv) and done (on the loop, exactly once, never before submit returns). Write jobs
 * that are queued together are run in one transaction, each within its own savepoint, and share one durable commit: a
 * job's done is called after that commit. A failed job is rolled back alone; a failed commit fails every job of the
 * group.
 *
 * Thread    all functions: loop only.
 * Promise   a group is at most STORE_GROUP_MAX jobs or about 20 ms of work, so no write transaction lasts over 50 ms by
 *           itself.
 */
#ifndef COMPLYD_STORE_THREAD_H
#define COMPLYD_STORE_THREAD_H

#include <stddef.h>

#include "base/error.h"
#include "base/histogram.h"
#include "store/database.h"

struct uv_loop_s;
struct store_thread;

enum { STORE_GROUP_MAX = 32 };

struct store_job {
    bool write;                                                                      /* runs inside a transaction */
    int (*run)(struct store_job *job, struct database *database, struct error *err); /* 0 or ERR_* */
    void (*done)(struct store_job *job);                                             /* may free the job */
    void *ctx;                                                                       /* the submitter's */
    int result; /* of run, or ERR_BUSY, ERR_STORE..., ERR_CANCELED at stop */
    struct error error;
    struct store_job *next; /* private */
};

struct store_thread_stats {
    size_t queued;           /* jobs waiting or running */
    uint64_t jobs, commits;  /* since start */
    uint64_t commit_us;      /* time spent in COMMIT */
    struct histogram commit; /* the same, by how long each took */
    uint64_t longest_us;     /* longest transaction */
    int last_result;         /* of the latest transaction: 0 or ERR_* */
    uint64_t failures;       /* transactions and single jobs that failed by the store's fault */
    struct error last_error; /* of the latest of them */
    uint64_t busy_us;        /* how long it has been at work on what it does now; 0 = idle */
};

/* Opens `path` on a new thread; fails when it cannot be opened. `read_only`: the reader's thread. */
int store_thread_start(struct uv_loop_s *loop, const char *path, bool read_only, struct store_thread **ret_thread,
                       struct error *err);

/* Queues a job; it belongs to the thread until its done. */
void store_thread_submit(struct store_thread *thread, struct store_job *job);

/* Closes and opens the database again before the next job when the file was replaced or the last error asks for it
 * (corrupt, I/O error); tried again for each job until it works. Automatic; nothing to call. */

/* Finishes queued jobs, closes the database, ends the thread; `closed` is called on the loop, then the thread is
 * freed. */
void store_thread_stop(struct store_thread *thread, void (*closed)(void *ctx), void *ctx);

/* `committed` is called on the loop, after the jobs' done, when there were commits. */
void store_thread_on_commit(struct store_thread *thread, void (*committed)(void *ctx), void *ctx);

/* `failed` is called on the loop, after the jobs' done, whenever stats.failures has risen. */
void store_thread_on_failure(struct store_thread *thread, void (*failed)(void *ctx), void *ctx);

void store_thread_stats(const struct store_thread *thread, struct store_thread_stats *ret_stats);

#endif
