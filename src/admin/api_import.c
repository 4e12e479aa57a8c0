/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * An import over the control socket: what `complyctl import` does, for an MDM elsewhere on the machine.
 *
 *     headers ──► pieces of the body ──► file without a name ──► import_stream() ──► answer
 *
 * All work on file and store is done by a store thread made for this import alone: neither the loop, nor the thread
 * that records reports, nor the one that looks for operators waits for it. One import at a time in a process.
 */
#include "store/import.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/api.h"
#include "daemon/daemon.h"

enum { IMPORT_BODY_MAX = 512 * 1024 * 1024 };

struct intake {
    struct store_job job;        /* first */
    struct api_request *request; /* NULL: the client has gone */
    struct daemon *daemon;
    struct store_thread *thread;
    char *path; /* of the store: the file lies beside it, where there is room for the data */
    FILE *file;
    char actor[PERSON_TEXT];
    int64_t size;
    atomic_bool canceled;
    struct import_progress done;
    struct import_error where;
    struct error error; /* of the import */
    int result;
};

static struct intake *current;

void api_import_cancel(void)
{
    if (current != NULL)
        atomic_store(&current->canceled, true);
}

static int open_file(struct intake *intake, struct error *err)
{
    struct buf name;
    int fd;

    buf_init(&name, 0);
    buf_addf(&name, "%s-import-XXXXXX", intake->path);
    if (buf_error(&name) != 0)
        return error_set(err, ERR_NOMEM, 0, "out of memory");
    fd = mkostemp(name.data, O_CLOEXEC);
    if (fd >= 0) {
        unlink(name.data);
        intake->file = fdopen(fd, "w+");
    }
    buf_deinit(&name);
    if (intake->file != NULL)
        return 0;
    error_set(err, ERR_IO, errno, "temporary copy of the input: %s", strerror(errno));
    if (fd >= 0)
        close(fd);
    return err->code;
}

/* On the intake's thread. */
static int write_piece(struct store_job *job, struct database *database, struct error *err)
{
    struct intake *intake = (struct intake *)job;
    const struct buf *body = &intake->request->body; /* the exchange rests meanwhile */

    (void)database;
    if (intake->file == NULL && open_file(intake, err) != 0)
        return err->code;
    if (fwrite(buf_text(body), 1, body->length, intake->file) != body->length || fflush(intake->file) != 0)
        return error_set(err, errno == ENOSPC ? ERR_STORE_FULL : ERR_IO, errno, "temporary copy of the input: %s",
                         strerror(errno));
    return 0;
}

static int on_progress(void *ctx, const struct import_progress *progress)
{
    struct intake *intake = ctx;

    (void)progress;
    return atomic_load(&intake->canceled);
}

static int import(struct store_job *job, struct database *database, struct error *err)
{
    struct intake *intake = (struct intake *)job;
    int result = write_piece(job, database, err);

    if (result != 0)
        return result;
    if (fseek(intake->file, 0, SEEK_SET) != 0)
        return error_set(err, ERR_IO, errno, "temporary copy of the input: %s", strerror(errno));
    return import_stream(database, intake->file, intake->actor, on_progress, intake, &intake->done, &intake->where,
                         err);
}

static void free_intake(struct intake *intake)
{
    if (intake->file != NULL)
        fclose(intake->file);
    free(intake->path);
    free(intake);
    current = NULL;
}

static void answer_done(struct api_request *request, const struct import_progress *done)
{
    struct buf body;

    buf_init(&body, 0);
    buf_add_char(&body, '{');
    view_int(&body, "lines", done->lines);
    view_int(&body, "devices", done->devices);
    view_int(&body, "policies", done->policies);
    view_int(&body, "deletions", done->deletions);
    buf_add_char(&body, '}');
    api_answer(request, 200, &body);
}

static void answer_failure(struct api_request *request, const struct intake *intake)
{
    struct error error = intake->error;

    error.code = intake->result;
    request->line = intake->where.line;
    memcpy(request->field, intake->where.column, sizeof(request->field));
    if (intake->where.line > 0 && intake->where.column[0] != '\0')
        error_prefix(&error, "line %lld: %s", (long long)intake->where.line, intake->where.column);
    else if (intake->where.line > 0)
        error_prefix(&error, "line %lld", (long long)intake->where.line);
    if (error.code == ERR_TOOBIG)
        error.code = ERR_INVALID; /* a line of the input */
    api_problem_error(request, &error);
}

/* The thread has ended: nothing is left behind when the answer goes out. */
static void thread_stopped(void *ctx)
{
    struct intake *intake = ctx;
    struct api_request *request = intake->request;

    if (request != NULL) {
        if (intake->result == 0) {
            daemon_changed(intake->daemon);
            answer_done(request, &intake->done);
        } else {
            answer_failure(request, intake);
        }
    }
    free_intake(intake);
}

static void finish(struct intake *intake)
{
    intake->request->spill = NULL;
    intake->request->abandon = NULL;
    store_thread_stop(intake->thread, thread_stopped, intake);
}

static void import_done(struct store_job *job)
{
    struct intake *intake = (struct intake *)job;

    intake->result = job->result;
    intake->error = job->error;
    finish(intake);
}

static void piece_done(struct store_job *job)
{
    struct intake *intake = (struct intake *)job;
    struct api_request *request = intake->request;

    if (job->result != 0) {
        import_done(job);
        return;
    }
    buf_clear(&request->body);
    request->wake(request);
}

static void submit(struct intake *intake,
                   int (*run)(struct store_job *job, struct database *database, struct error *err),
                   void (*done)(struct store_job *job))
{
    intake->job = (struct store_job){.run = run, .done = done};
    store_thread_submit(intake->thread, &intake->job);
}

/* The exchange rests until piece_done(). */
static void spill(struct api_request *request)
{
    struct intake *intake = current;

    intake->size += (int64_t)request->body.length;
    if (intake->size <= IMPORT_BODY_MAX) {
        submit(intake, write_piece, piece_done);
        return;
    }
    intake->result = error_set(&intake->error, ERR_TOOBIG, 0, "an import of at most %d bytes is taken: split it",
                               (int)IMPORT_BODY_MAX);
    finish(intake);
}

static void abandon(struct api_request *request)
{
    struct intake *intake = current;

    (void)request;
    finish(intake);
    intake->request = NULL;
}

static int start(struct api_request *request, struct error *err)
{
    struct daemon_status status;
    struct intake *intake = calloc(1, sizeof(*intake));

    daemon_status(request->daemon, &status);
    if (intake == NULL || (intake->path = strdup(status.store_path)) == NULL) {
        free(intake);
        return error_set(err, ERR_NOMEM, 0, "out of memory");
    }
    intake->request = request;
    intake->daemon = request->daemon;
    if (store_thread_start(request->loop, intake->path, false, &intake->thread, err) != 0) {
        free_intake(intake);
        return ERR_STORE;
    }
    current = intake;
    return 0;
}

void api_import_begin(struct api_request *request)
{
    static const char *const no_parameters[] = {NULL};
    static const char *const types[] = {"application/x-ndjson", "application/jsonl", "text/csv", NULL};
    struct error err = {0};

    if (!api_check_parameters(request, no_parameters) || !api_check_type(request, types))
        return;
    if (current != NULL) {
        api_problem(request, 409, "another import is running; try again when it is done");
        return;
    }
    if (start(request, &err) != 0) {
        api_problem(request, 503, "%s", error_text(&err));
        return;
    }
    request->body_max = IMPORT_BODY_MAX;
    request->spill = spill;
    request->abandon = abandon;
}

void api_import_post(struct api_request *request)
{
    struct intake *intake = current;

    api_log_change(request, "an import", NULL, NULL);
    peer_describe(&request->peer, intake->actor);
    request->spill = NULL;
    request->abandon = NULL;
    submit(intake, import, import_done);
}
