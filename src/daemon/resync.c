/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "daemon/resync.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/full_report.h"

struct order {
    struct store_job job; /* first */
    struct daemon *daemon;
    daemon_done_fn *done;
    void *ctx;
    size_t count;
    struct full_report_begin begins[];
};

/* All of them or none. */
static int run(struct store_job *job, struct database *database, struct error *err)
{
    struct order *order = (struct order *)job;
    int code = 0;
    for (size_t i = 0; i < order->count && code == 0; i++)
        code = order->begins[i].job.run(&order->begins[i].job, database, err);
    return code;
}

static void committed(struct store_job *job)
{
    struct order *order = (struct order *)job;
    for (size_t i = 0; i < order->count && job->result == 0; i++)
        daemon_resynced(order->daemon, order->begins[i].connection, &order->begins[i].state);
    order->done(order->ctx, job->result, &job->error);
    free(order);
}

static void add(struct order *order, const char *connection)
{
    struct full_report_begin *begin = &order->begins[order->count++];
    full_report_begin_init(begin, connection, FULL_REPORT_RESYNC, NULL);
    begin->started_at_ms = clock_realtime_ms(clock_system());
}

void resync_order(struct daemon *daemon, const char *connection, daemon_done_fn *done, void *ctx)
{
    const struct settings *settings = daemon_settings(daemon);
    struct order *order = calloc(1, sizeof(*order) + settings->connection_count * sizeof(order->begins[0]));
    if (!order) {
        static const struct error none_left = {.code = ERR_NOMEM, .message = "out of memory"};
        done(ctx, ERR_NOMEM, &none_left);
        return;
    }
    order->job = (struct store_job){.write = true, .run = run, .done = committed};
    order->daemon = daemon;
    order->done = done;
    order->ctx = ctx;
    for (size_t i = 0; i < settings->connection_count; i++) {
        const struct connection_settings *one = &settings->connections[i];
        if (one->enabled && (!connection || strcmp(one->name, connection) == 0))
            add(order, one->name);
    }
    daemon_write(daemon, &order->job);
}
