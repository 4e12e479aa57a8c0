/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "daemon/figures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "daemon/daemon.h"
#include "store/hold.h"

enum { KEPT_MS = 5000, KEPT_TIMES = 20 };

/* What a look has found; a look under way has one of its own. */
struct found {
    struct fleet_queue *queues;
    size_t count;
    int64_t others, holds, database_bytes, wal_bytes;
    int64_t at_ms; /* wall clock; -1 = nothing was found */
};

struct figures {
    struct store_job job; /* first */
    struct daemon *daemon;
    const struct clock *clock;
    struct found found, look;
    bool looking;
    int64_t took_ms;       /* set on the reader's thread */
    int64_t kept_until_ms; /* monotonic */
    struct figures_waiter *waiting;
    char path[];
};

static const struct found nothing = {.others = -1, .holds = -1, .database_bytes = -1, .wal_bytes = -1, .at_ms = -1};

struct figures *figures_new(struct daemon *daemon, const char *path)
{
    struct figures *figures = calloc(1, sizeof(*figures) + strlen(path) + 1);
    if (!figures)
        return NULL;
    figures->daemon = daemon;
    figures->clock = clock_system();
    figures->found = figures->look = nothing;
    memcpy(figures->path, path, strlen(path) + 1);
    return figures;
}

void figures_free(struct figures *figures)
{
    if (!figures)
        return;
    free(figures->found.queues);
    free(figures->look.queues);
    free(figures);
}

static int64_t size_of(const char *path)
{
    struct stat file;
    return stat(path, &file) == 0 ? (int64_t)file.st_size : -1;
}

static void measure(struct figures *figures)
{
    char wal[4096];
    figures->look.database_bytes = size_of(figures->path);
    figures->look.wal_bytes =
        snprintf(wal, sizeof(wal), "%s-wal", figures->path) < (int)sizeof(wal) ? size_of(wal) : -1;
}

static int run_look(struct store_job *job, struct database *database, struct error *err)
{
    struct figures *figures = (struct figures *)job;
    struct found *look = &figures->look;
    int64_t began_ms = clock_monotonic_ms(figures->clock);
    look->at_ms = clock_realtime_ms(figures->clock);
    int code = look->queues ? fleet_queues(database, look->at_ms, look->queues, look->count, &look->others, err)
                            : error_set(err, ERR_NOMEM, 0, "figures");
    if (code == 0)
        code = hold_count(database, &look->holds, err);
    measure(figures);
    figures->took_ms = clock_monotonic_ms(figures->clock) - began_ms;
    return code;
}

static void wake_all(struct figures *figures)
{
    struct figures_waiter *waiter = figures->waiting;
    figures->waiting = NULL;
    while (waiter) {
        struct figures_waiter *next = waiter->next;
        waiter->ready(waiter);
        waiter = next;
    }
}

static void look_done(struct store_job *job)
{
    struct figures *figures = (struct figures *)job;
    int64_t kept_ms = figures->took_ms * KEPT_TIMES;
    figures->looking = false;
    free(figures->found.queues);
    figures->found = figures->look;
    figures->look = nothing;
    if (job->result < 0) {
        free(figures->found.queues);
        figures->found = nothing;
    }
    figures->kept_until_ms = clock_monotonic_ms(figures->clock) + (kept_ms > KEPT_MS ? kept_ms : KEPT_MS);
    wake_all(figures);
}

/* Without memory there are no queues, and nothing is counted. */
static void name_connections(const struct figures *figures, struct found *look)
{
    struct daemon_status status;
    daemon_status(figures->daemon, &status);
    *look = nothing;
    look->queues = calloc(status.connection_count + 1, sizeof(*look->queues));
    look->count = look->queues ? status.connection_count : 0;
    for (size_t i = 0; i < look->count; i++) {
        struct connection_status connection;
        connection_status(daemon_connection(figures->daemon, i), &connection);
        snprintf(look->queues[i].connection, sizeof(look->queues[i].connection), "%s", connection.name);
    }
}

bool figures_want(struct figures *figures, struct figures_waiter *waiter)
{
    if (!figures->looking && clock_monotonic_ms(figures->clock) < figures->kept_until_ms)
        return true;
    waiter->next = figures->waiting;
    figures->waiting = waiter;
    if (figures->looking)
        return false;
    figures->looking = true;
    figures->took_ms = 0;
    name_connections(figures, &figures->look);
    figures->job = (struct store_job){.run = run_look, .done = look_done};
    daemon_look(figures->daemon, &figures->job);
    return false;
}

const struct fleet_queue *figures_queue(const struct figures *figures, const char *connection)
{
    for (size_t i = 0; i < figures->found.count; i++) {
        if (strcmp(figures->found.queues[i].connection, connection) == 0)
            return &figures->found.queues[i];
    }
    return NULL;
}

int64_t figures_others(const struct figures *figures)
{
    return figures->found.others;
}

int64_t figures_holds(const struct figures *figures)
{
    return figures->found.holds;
}

int64_t figures_counted_at_ms(const struct figures *figures)
{
    return figures->found.at_ms;
}

int64_t figures_database_bytes(const struct figures *figures)
{
    return figures->found.database_bytes;
}

int64_t figures_wal_bytes(const struct figures *figures)
{
    return figures->found.wal_bytes;
}
