/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "store/thread.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "database_internal.h"
#include "statement.h"
#include "thread_internal.h"

enum { GROUP_BUDGET_US = 20000 };

struct queue {
    struct store_job *first;
    struct store_job **last;
};

struct store_thread {
    uv_thread_t thread;
    uv_async_t async; /* worker to loop: finished has jobs, or the worker has ended */

    uv_mutex_t mutex; /* guards what follows */
    uv_cond_t wanted; /* waiting is not empty, or stopping */
    struct queue waiting;
    struct queue finished;
    struct store_thread_stats stats;
    uint64_t busy_since_ns; /* 0 = idle */
    bool stopping;
    bool ended;

    /* worker only */
    struct database *database;
    bool reopen;       /* the last error asks for a new connection */
    uint64_t began_ns; /* of the open transaction */

    /* loop only */
    uint64_t failures_told;
    void (*failed)(void *ctx);
    void *failed_ctx;
    uint64_t commits_told;
    void (*committed)(void *ctx);
    void *committed_ctx;
    bool stop_called;
    void (*closed)(void *ctx);
    void *closed_ctx;
};

/* The worker that runs on this thread; jobs know no other way to it. */
static _Thread_local struct store_thread *current;

static void queue_init(struct queue *queue)
{
    queue->first = NULL;
    queue->last = &queue->first;
}

static void queue_push(struct queue *queue, struct store_job *job)
{
    job->next = NULL;
    *queue->last = job;
    queue->last = &job->next;
}

static struct store_job *queue_pop(struct queue *queue)
{
    struct store_job *job = queue->first;

    if (!job)
        return NULL;
    queue->first = job->next;
    if (!queue->first)
        queue->last = &queue->first;
    return job;
}

static uint64_t since_us(uint64_t began_ns)
{
    return (uv_hrtime() - began_ns) / 1000;
}

/* ------------------------------------------------------------------------------------------- the worker's side */

/* The next job, if it is of the wanted kind. */
static struct store_job *take_next(struct store_thread *thread, bool write)
{
    struct store_job *job = NULL;

    uv_mutex_lock(&thread->mutex);
    if (thread->waiting.first && thread->waiting.first->write == write)
        job = queue_pop(&thread->waiting);
    uv_mutex_unlock(&thread->mutex);
    return job;
}

/* Moves a list of jobs to the finished ones; with a code below 0 as everybody's result. */
static void finish(struct store_thread *thread, struct queue *jobs, int code, const struct error *error)
{
    struct store_job *job;

    uv_mutex_lock(&thread->mutex);
    while ((job = queue_pop(jobs))) {
        if (code < 0) {
            job->result = code;
            job->error = *error;
        }
        thread->stats.jobs++;
        queue_push(&thread->finished, job);
    }
    thread->busy_since_ns = 0;
    uv_mutex_unlock(&thread->mutex);
    uv_async_send(&thread->async);
}

/* The connection itself may be at fault: it is made anew before the next job. */
static bool wants_reopen(int code)
{
    return code == ERR_STORE_CORRUPT || code == ERR_STORE || code == ERR_PERMISSION;
}

static void note_failure(struct store_thread *thread, int code, const struct error *error)
{
    uv_mutex_lock(&thread->mutex);
    thread->stats.failures++;
    thread->stats.last_error = *error;
    thread->stats.last_error.code = code;
    uv_mutex_unlock(&thread->mutex);
}

static void note_transaction(struct store_thread *thread, int code, const struct error *error)
{
    uv_mutex_lock(&thread->mutex);
    thread->stats.last_result = code;
    uv_mutex_unlock(&thread->mutex);
    if (code < 0)
        note_failure(thread, code, error);
}

/* A store that was replaced, or failed badly, is opened anew before anything else is asked of it. */
static int ensure_open(struct store_thread *thread, struct error *error)
{
    if (!thread->reopen && !database_was_replaced(thread->database))
        return 0;
    int code = database_reopen(&thread->database, error);
    thread->reopen = code < 0;
    return code;
}

static int run_job(struct store_thread *thread, struct store_job *job)
{
    job->result = job->run(job, thread->database, &job->error);
    statement_reset_all(thread->database);
    if (wants_reopen(job->result))
        thread->reopen = true;
    if (wants_reopen(job->result) || job->result == ERR_STORE_FULL)
        note_failure(thread, job->result, &job->error); /* it may fail alone, and again and again */
    return job->result;
}

static void run_read(struct store_thread *thread, struct store_job *job)
{
    struct queue jobs;
    struct error error = {0};

    queue_init(&jobs);
    queue_push(&jobs, job);
    int code = ensure_open(thread, &error);
    if (code == 0)
        run_job(thread, job);
    note_transaction(thread, code, &error);
    finish(thread, &jobs, code, &error);
}

/* Runs one job within its savepoint. Less than 0: the whole transaction is lost, or will not do any good. */
static int run_in_savepoint(struct store_thread *thread, struct store_job *job, struct error *error)
{
    static const char begin[] = "SAVEPOINT job";
    static const char release[] = "RELEASE job";
    static const char rollback[] = "ROLLBACK TO job";

    int code = statement_run(thread->database, begin, error, "");
    if (code < 0)
        return code;
    if (run_job(thread, job) < 0) {
        thread->database->session_pending = false;
        /* SQLite rolls back everything by itself after some errors; and a file that is corrupt or full fails the
         * others too. */
        if (sqlite3_get_autocommit(thread->database->handle) || job->result == ERR_STORE_CORRUPT ||
            job->result == ERR_STORE_FULL) {
            *error = job->error;
            return job->result;
        }
        code = statement_run(thread->database, rollback, error, "");
        if (code < 0)
            return code;
    }
    return statement_run(thread->database, release, error, "");
}

static int commit(struct store_thread *thread, struct error *error)
{
    static const char sql[] = "COMMIT";

    uint64_t began_ns = uv_hrtime();
    int code = statement_run(thread->database, sql, error, "");
    uint64_t took_us = since_us(began_ns);
    uv_mutex_lock(&thread->mutex);
    if (code == 0)
        thread->stats.commits++;
    thread->stats.commit_us += took_us;
    histogram_observe(&thread->stats.commit, (double)took_us / 1e6);
    if (thread->stats.longest_us < since_us(thread->began_ns))
        thread->stats.longest_us = since_us(thread->began_ns);
    uv_mutex_unlock(&thread->mutex);
    return code;
}

/* Runs `job` and the write jobs behind it in one transaction; all that were taken end up in `jobs`. */
static int run_transaction(struct store_thread *thread, struct store_job *job, struct queue *jobs, struct error *error)
{
    static const char sql[] = "BEGIN IMMEDIATE";
    int count = 0;

    queue_push(jobs, job);
    int code = statement_run(thread->database, sql, error, "");
    if (code < 0)
        return code;
    thread->began_ns = uv_hrtime();
    for (;;) {
        code = run_in_savepoint(thread, job, error);
        if (code < 0 || ++count == STORE_GROUP_MAX || since_us(thread->began_ns) > GROUP_BUDGET_US)
            break;
        job = take_next(thread, true);
        if (!job)
            break;
        queue_push(jobs, job);
    }
    return code == 0 ? commit(thread, error) : code;
}

/* What cannot be begun cannot be begun for the jobs behind either. */
static void take_rest(struct store_thread *thread, struct queue *jobs)
{
    struct store_job *job;

    while ((job = take_next(thread, true)))
        queue_push(jobs, job);
}

static void run_group(struct store_thread *thread, struct store_job *job)
{
    struct queue jobs;
    struct error error = {0};

    queue_init(&jobs);
    int code = ensure_open(thread, &error);
    if (code == 0)
        code = run_transaction(thread, job, &jobs, &error);
    else
        queue_push(&jobs, job);

    struct database *database = thread->database;
    if (code < 0) {
        database->session_pending = false;
        if (database->handle && !sqlite3_get_autocommit(database->handle))
            sqlite3_exec(database->handle, "ROLLBACK", NULL, NULL, NULL);
        thread->reopen = thread->reopen || wants_reopen(code);
        take_rest(thread, &jobs);
    }
    database->session_began = database->session_began || database->session_pending;
    database->session_pending = false;
    note_transaction(thread, code, &error);
    finish(thread, &jobs, code, &error);
}

/* Blocks until there is something to do; false when the thread shall end. */
static bool wait_for_job(struct store_thread *thread, bool *ret_write)
{
    uv_mutex_lock(&thread->mutex);
    while (!thread->waiting.first && !thread->stopping)
        uv_cond_wait(&thread->wanted, &thread->mutex);
    bool any = thread->waiting.first;
    thread->busy_since_ns = any ? uv_hrtime() : 0;
    if (any)
        *ret_write = thread->waiting.first->write;
    uv_mutex_unlock(&thread->mutex);
    return any;
}

static void work(void *ctx)
{
    struct store_thread *thread = ctx;
    bool write;

    current = thread;
    while (wait_for_job(thread, &write)) {
        struct store_job *job = take_next(thread, write);
        if (write)
            run_group(thread, job);
        else
            run_read(thread, job);
    }
    database_close(thread->database);
    thread->database = NULL;

    uv_mutex_lock(&thread->mutex);
    thread->ended = true;
    uv_mutex_unlock(&thread->mutex);
    uv_async_send(&thread->async);
}

bool store_job_pause(const struct store_job *job, uint64_t us)
{
    struct store_thread *thread = current;
    (void)job;

    if (!thread) /* run by hand, without a worker */
        return true;
    uv_mutex_lock(&thread->mutex);
    if (us > 0 && !thread->waiting.first && !thread->stopping)
        uv_cond_timedwait(&thread->wanted, &thread->mutex, us * 1000);
    bool wanted = thread->waiting.first || thread->stopping;
    uv_mutex_unlock(&thread->mutex);
    return wanted;
}

/* --------------------------------------------------------------------------------------------- the loop's side */

static void on_async_closed(uv_handle_t *handle)
{
    struct store_thread *thread = handle->data;
    void (*closed)(void *) = thread->closed;
    void *ctx = thread->closed_ctx;

    uv_cond_destroy(&thread->wanted);
    uv_mutex_destroy(&thread->mutex);
    free(thread);
    closed(ctx);
}

static void tell_failures(struct store_thread *thread)
{
    struct store_thread_stats stats;

    store_thread_stats(thread, &stats);
    if (stats.failures == thread->failures_told)
        return;
    thread->failures_told = stats.failures;
    if (thread->failed && !thread->stop_called)
        thread->failed(thread->failed_ctx);
}

static void tell_commits(struct store_thread *thread)
{
    struct store_thread_stats stats;

    store_thread_stats(thread, &stats);
    if (stats.commits == thread->commits_told)
        return;
    thread->commits_told = stats.commits;
    if (thread->committed && !thread->stop_called)
        thread->committed(thread->committed_ctx);
}

static void on_async(uv_async_t *async)
{
    struct store_thread *thread = async->data;
    struct queue finished;
    struct store_job *job;

    uv_mutex_lock(&thread->mutex);
    finished = thread->finished;
    if (!finished.first)
        finished.last = &finished.first;
    queue_init(&thread->finished);
    bool ended = thread->ended;
    uv_mutex_unlock(&thread->mutex);

    while ((job = queue_pop(&finished))) {
        uv_mutex_lock(&thread->mutex);
        thread->stats.queued--;
        uv_mutex_unlock(&thread->mutex);
        job->done(job);
    }
    tell_failures(thread);
    tell_commits(thread);
    if (!ended)
        return;
    uv_mutex_lock(&thread->mutex);
    bool late = thread->finished.first; /* submitted by the last done: told first */
    uv_mutex_unlock(&thread->mutex);
    if (late) {
        uv_async_send(&thread->async);
        return;
    }
    uv_thread_join(&thread->thread);
    uv_close((uv_handle_t *)&thread->async, on_async_closed);
}

static int set_up(struct store_thread *thread, uv_loop_t *loop, struct error *err)
{
    queue_init(&thread->waiting);
    queue_init(&thread->finished);
    histogram_init(&thread->stats.commit, &histogram_moments);
    if (uv_mutex_init(&thread->mutex) != 0)
        goto fail;
    if (uv_cond_init(&thread->wanted) != 0)
        goto fail_cond;
    if (uv_async_init(loop, &thread->async, on_async) != 0)
        goto fail_async;
    thread->async.data = thread;
    return 0;

fail_async:
    uv_cond_destroy(&thread->wanted);
fail_cond:
    uv_mutex_destroy(&thread->mutex);
fail:
    return error_set(err, ERR_NOMEM, 0, "store thread cannot be set up");
}

static void forget(void *ctx)
{
    (void)ctx;
}

int store_thread_start(uv_loop_t *loop, const char *path, bool read_only, struct store_thread **ret_thread,
                       struct error *err)
{
    struct store_thread *thread = calloc(1, sizeof(*thread));
    if (!thread)
        return error_set(err, ERR_NOMEM, 0, "store thread: out of memory");

    int code = database_open(path, read_only ? DATABASE_READ : DATABASE_WRITE, &thread->database, err);
    if (code < 0)
        goto fail_open;
    code = set_up(thread, loop, err);
    if (code < 0)
        goto fail_set_up;
    int failed = uv_thread_create(&thread->thread, work, thread);
    if (failed) {
        database_close(thread->database);
        thread->closed = forget;
        uv_close((uv_handle_t *)&thread->async, on_async_closed);
        return error_set(err, ERR_NOMEM, failed, "store thread cannot be created: %s", uv_strerror(failed));
    }
    *ret_thread = thread;
    return 0;

fail_set_up:
    database_close(thread->database);
fail_open:
    free(thread);
    return code;
}

void store_thread_on_commit(struct store_thread *thread, void (*committed)(void *ctx), void *ctx)
{
    thread->committed = committed;
    thread->committed_ctx = ctx;
}

void store_thread_on_failure(struct store_thread *thread, void (*failed)(void *ctx), void *ctx)
{
    thread->failed = failed;
    thread->failed_ctx = ctx;
}

void store_thread_submit(struct store_thread *thread, struct store_job *job)
{
    job->result = 0;
    job->error = (struct error){0};

    uv_mutex_lock(&thread->mutex);
    thread->stats.queued++;
    if (thread->stopping) {
        job->result = error_set(&job->error, ERR_CANCELED, 0, "the store is being closed");
        queue_push(&thread->finished, job);
        uv_async_send(&thread->async);
    } else {
        queue_push(&thread->waiting, job);
        uv_cond_signal(&thread->wanted);
    }
    uv_mutex_unlock(&thread->mutex);
}

void store_thread_stop(struct store_thread *thread, void (*closed)(void *ctx), void *ctx)
{
    assert(!thread->stop_called);
    thread->stop_called = true;
    thread->closed = closed;
    thread->closed_ctx = ctx;
    uv_mutex_lock(&thread->mutex);
    thread->stopping = true;
    uv_cond_signal(&thread->wanted);
    uv_mutex_unlock(&thread->mutex);
}

void store_thread_stats(const struct store_thread *thread, struct store_thread_stats *ret_stats)
{
    struct store_thread *guarded = (struct store_thread *)(uintptr_t)thread;

    uv_mutex_lock(&guarded->mutex);
    *ret_stats = thread->stats;
    ret_stats->busy_us = thread->busy_since_ns > 0 ? since_us(thread->busy_since_ns) : 0;
    uv_mutex_unlock(&guarded->mutex);
}
