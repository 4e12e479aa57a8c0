/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * What the store need not keep any longer: one job behind the other, once an hour.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "daemon_internal.h"
#include "store/connection.h"
#include "store/drift.h"
#include "store/outbox.h"

enum { ROWS = 500, USERS = 2000 }; /* a job: some ms */

struct purge {
    struct daemon *daemon;
    struct outbox_purge devices;
    struct users_purge users;
    struct drift_forget drift;
    struct generation *generation; /* the names are its */
    const char **names;
    bool busy;
};

static void end(struct purge *purge)
{
    generation_release(purge->generation);
    free(purge->names);
    purge->generation = NULL;
    purge->names = NULL;
    purge->busy = false;
}

static void drift_done(struct store_job *job)
{
    end(job->ctx);
}

/* Whose connections are known by then; without memory it is left for the next time. */
static void forget_drift(struct purge *purge)
{
    const struct settings *settings;
    purge->generation = generation_keep(daemon_generation(purge->daemon));
    settings = purge->generation->settings;
    purge->names = calloc(settings->connection_count + 1, sizeof(purge->names[0]));
    if (!purge->names) {
        end(purge);
        return;
    }
    for (size_t i = 0; i < settings->connection_count; i++)
        purge->names[i] = settings->connections[i].name;
    drift_forget_init(&purge->drift, ROWS, drift_done);
    purge->drift.names = purge->names;
    purge->drift.count = settings->connection_count;
    purge->drift.now_ms = clock_realtime_ms(clock_system());
    purge->drift.job.ctx = purge;
    daemon_write(purge->daemon, &purge->drift.job);
}

static void users_done(struct store_job *job)
{
    forget_drift(job->ctx);
}

static void devices_done(struct store_job *job)
{
    struct purge *purge = job->ctx;
    purge->users.now_ms = clock_realtime_ms(clock_system());
    daemon_write(purge->daemon, &purge->users.job);
}

struct purge *daemon_purge_new(struct daemon *daemon)
{
    struct purge *purge = calloc(1, sizeof(*purge));
    if (!purge)
        return NULL;
    purge->daemon = daemon;
    users_purge_init(&purge->users, USERS, users_done);
    purge->users.job.ctx = purge;
    return purge;
}

void daemon_purge_free(struct purge *purge)
{
    if (purge)
        users_purge_deinit(&purge->users);
    free(purge);
}

void daemon_purge(struct purge *purge)
{
    if (purge->busy)
        return;
    purge->busy = true;
    outbox_purge_init(&purge->devices, clock_realtime_ms(clock_system()), ROWS, devices_done);
    purge->devices.job.ctx = purge;
    daemon_write(purge->daemon, &purge->devices.job);
}
