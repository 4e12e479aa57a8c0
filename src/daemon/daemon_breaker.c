/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/activity_log.h"
#include "daemon/daemon.h"

enum { CLOSE_AT_ONCE = 1000 }; /* rows a transaction: a few ms */

struct breaker_limits daemon_breaker_limits(const struct settings *settings)
{
    return (struct breaker_limits){.max_count = settings->breaker_max_count,
                                   .max_share = settings->breaker_max_share,
                                   .window_ms = settings->breaker_window_ms};
}

struct closing {
    struct breaker_close job;
    struct daemon *daemon;
    int64_t count;
    daemon_breaker_fn *done;
    void *ctx;
};

static void tell(const struct closing *closing)
{
    struct log_fields fields = {.connection = closing->job.connection};
    char detail[64];

    snprintf(detail, sizeof(detail), "%lld held reports %s", (long long)closing->count,
             closing->job.discard ? "dropped" : "released");
    log_at(LOG_LEVEL_NOTICE, TAG_BREAKER, &fields, "breaker closed: %s", detail);
    activity_log_add(daemon_activity(closing->daemon),
                     &(struct activity_entry){.kind = activity_kind_name(ACTIVITY_BREAKER),
                                              .result = closing->job.discard ? "discarded" : "released",
                                              .connection = closing->job.connection,
                                              .detail = detail});
}

static void closed(struct store_job *job)
{
    struct closing *closing = (struct closing *)job;

    closing->count += job->result == 0 ? closing->job.count : 0;
    if (job->result == 0 && closing->job.more) {
        daemon_write(closing->daemon, job);
        return;
    }
    if (job->result == 0)
        tell(closing);
    daemon_changed(closing->daemon);
    closing->done(closing->ctx, job->result, &job->error, closing->count);
    free(closing);
}

int daemon_breaker_close(struct daemon *daemon, const char *connection, bool discard, daemon_breaker_fn *done,
                         void *ctx)
{
    struct closing *closing = calloc(1, sizeof(*closing));

    if (!closing)
        return ERR_NOMEM;
    breaker_close_init(&closing->job, connection, discard, closed);
    closing->job.now_ms = clock_realtime_ms(clock_system());
    closing->job.limit = CLOSE_AT_ONCE;
    closing->daemon = daemon;
    closing->done = done;
    closing->ctx = ctx;
    daemon_write(daemon, &closing->job.job);
    return 0;
}
