/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "store/outbox.h"

#include <stdio.h>
#include <stdlib.h>

#include "database_internal.h"
#include "outbox_internal.h"
#include "settle.h"
#include "statement.h"

void outbox_item_free(struct outbox_item *item)
{
    if (item)
        free(item->error);
    free(item);
}

const char *outbox_item_error(const struct outbox_item *item)
{
    return item->error ? item->error : "";
}

/* A deleted device has no row in `device`, but Microsoft may still hold it. */
static int requeue_deleted(struct database *database, const char *device_id, struct error *err)
{
    static const char sql[] = "INSERT INTO gone SELECT * FROM gone WHERE device_id = ?";

    return statement_run(database, sql, err, "t", device_id);
}

int outbox_queue_again(struct database *database, const char *id, int forced, struct error *err)
{
    static const char exists[] = "SELECT 1 FROM device WHERE device_id = ?";
    static const char force[] =
        "UPDATE outbox SET forced = max(forced, ?), priority = min(priority, ?), "
        "queued_at = max(queued_at, CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER)) WHERE device_id = ?";
    int64_t any = 0;

    int code = statement_int(database, exists, &any, err, "t", id);
    if (code >= 0)
        code = any ? settle_queue(database, id, err) : requeue_deleted(database, id, err);
    if (code == 0)
        code = statement_run(database, force, err, "ddt", forced, (int)PRIORITY_OPERATOR, id);
    if (code == 0 && sqlite3_changes(database->handle) == 0)
        code = error_set(err, ERR_NOTFOUND, 0, "device %s is not in the store", id);
    return code;
}

static int run_enqueue(struct store_job *job, struct database *database, struct error *err)
{
    return outbox_queue_again(database, ((struct outbox_enqueue *)job)->device_id, FORCED_OPERATOR, err);
}

void outbox_enqueue_init(struct outbox_enqueue *enqueue, const char *device_id, void (*done)(struct store_job *job))
{
    *enqueue = (struct outbox_enqueue){.job = {.write = true, .run = run_enqueue, .done = done}};
    snprintf(enqueue->device_id, sizeof(enqueue->device_id), "%s", device_id);
}
