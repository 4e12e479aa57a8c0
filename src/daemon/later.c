/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "daemon/later.h"

#include <stdlib.h>
#include <uv.h>

struct failure {
    uv_timer_t timer;
    struct store_job *job;
};

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void on_timer(uv_timer_t *timer)
{
    struct failure *failure = timer->data;
    failure->job->done(failure->job);
    uv_close((uv_handle_t *)timer, on_closed);
}

void later_fail(struct uv_loop_s *loop, struct store_job *job, const struct error *err)
{
    struct failure *failure = calloc(1, sizeof(*failure));
    job->result = failure ? err->code : ERR_NOMEM;
    job->error = *err;
    if (!failure) {
        job->done(job); /* nothing is left to wait with */
        return;
    }
    failure->job = job;
    uv_timer_init(loop, &failure->timer);
    failure->timer.data = failure;
    uv_timer_start(&failure->timer, on_timer, 0, 0);
}
