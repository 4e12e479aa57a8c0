/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <stdlib.h>
#include <string.h>

#include "daemon/daemon.h"
#include "store/outbox.h"

struct request {
    struct outbox_enqueue enqueue; /* first: the job */
    struct daemon *daemon;
    daemon_done_fn *done;
    void *ctx;
};

static void enqueued(struct store_job *job)
{
    struct request *request = (struct request *)job;
    request->done(request->ctx, job->result, &job->error);
    if (job->result == 0)
        daemon_changed(request->daemon);
    free(request);
}

static int refuse_long_id(struct store_job *job, struct database *database, struct error *err)
{
    const struct outbox_enqueue *enqueue = (const struct outbox_enqueue *)job;
    (void)database;
    return error_set(err, ERR_INVALID, 0, "a device_id of more than %zu bytes cannot be reported",
                     sizeof(enqueue->device_id) - 1);
}

void daemon_report_device(struct daemon *daemon, const char *device_id, daemon_done_fn *done, void *ctx)
{
    struct request *request = calloc(1, sizeof(*request));
    if (!request) {
        static const struct error none_left = {.code = ERR_NOMEM, .message = "out of memory"};
        done(ctx, ERR_NOMEM, &none_left);
        return;
    }
    request->daemon = daemon;
    request->done = done;
    request->ctx = ctx;
    outbox_enqueue_init(&request->enqueue, device_id, enqueued);
    if (strlen(device_id) >= sizeof(request->enqueue.device_id))
        request->enqueue.job.run = refuse_long_id;
    daemon_write(daemon, &request->enqueue.job);
}
