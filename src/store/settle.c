/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "settle.h"

#include "activity_internal.h"
#include "statement.h"

static int remove_row(struct database *database, const char *device_id, struct error *err)
{
    static const char sql[] = "DELETE FROM outbox WHERE device_id = ?";
    return statement_run(database, sql, err, "t", device_id);
}

/* inventory_digest 0 suppresses nothing: whatever comes next about the device is told. */
static int keep_doubt(struct database *database, const struct settle_row *row, const struct subject *subject,
                      struct error *err)
{
    static const char sql[] =
        "INSERT INTO report (device_id, state, connection, platform, azure_device_id, user_id, last_update_ms) "
        "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (device_id) DO UPDATE SET state = excluded.state, "
        "connection = excluded.connection, platform = excluded.platform, azure_device_id = excluded.azure_device_id, "
        "user_id = excluded.user_id, inventory_digest = 0, last_update_ms = max(last_update_ms, "
        "excluded.last_update_ms)";
    const struct told *told = &subject->told;

    if (!row->in_doubt)
        return 0;
    int code = statement_run(database, sql, err, "tdtttti", row->device_id, (int)told->state, told->connection,
                             platform_name(told->platform), told->azure_device_id, told->user_id, row->stamp_ms);
    return code < 0 ? code : settle_renamed(database, row->device_id, err);
}

/* An error that was only ours ends when the data is no longer wrong. */
static int clear_own_error(struct database *database, const struct subject *subject, struct error *err)
{
    static const char sql[] = "UPDATE report SET status = ?, reason = '' WHERE device_id = ?";

    bool own = subject->reason == REASON_BAD_AZURE_ID || subject->reason == REASON_NO_USER ||
               subject->reason == REASON_BAD_DATA || subject->reason == REASON_ID_TWIN;
    if (subject->status != STATUS_ERROR || !own)
        return 0;
    return statement_run(database, sql, err, "dt", (int)(subject->accepted_at_ms < 0 ? STATUS_NONE : STATUS_SUCCESS),
                         subject->device_id);
}

static int forget_device(struct database *database, const char *device_id, struct error *err)
{
    static const char report[] = "DELETE FROM report WHERE device_id = ?";
    static const char tombstone[] = "DELETE FROM tombstone WHERE device_id = ?";

    int code = statement_run(database, report, err, "t", device_id);
    if (code == 0)
        code = statement_run(database, tombstone, err, "t", device_id);
    return code;
}

int settle_dropped(struct database *database, const struct settle_row *row, const struct subject *subject,
                   struct error *err)
{
    int code = remove_row(database, row->device_id, err);

    if (code == 0 && !subject->exists && subject->told.state == AZURE_STATE_NONE)
        return forget_device(database, row->device_id, err);
    if (code == 0)
        code = clear_own_error(database, subject, err);
    if (code == 0)
        code = keep_doubt(database, row, subject, err);
    return code;
}

int settle_parked(struct database *database, const struct settle_row *row, const struct subject *subject,
                  enum reason reason, int64_t now_ms, struct error *err)
{
    static const char sql[] =
        "INSERT INTO report (device_id, connection, platform, status, reason, attempted_at_ms) VALUES (?, ?, ?, ?, ?, "
        "?) "
        "ON CONFLICT (device_id) DO UPDATE SET status = excluded.status, reason = excluded.reason, error = '', "
        "request_id = '', attempted_at_ms = excluded.attempted_at_ms";

    int code = remove_row(database, row->device_id, err);
    if (code == 0)
        code = keep_doubt(database, row, subject, err);
    if (code == 0)
        code = statement_run(database, sql, err, "tttdti", row->device_id, subject->device.connection,
                             subject->platform_text, (int)STATUS_ERROR, reason_slug(reason), now_ms);
    if (code == 0)
        code = activity_add_parked(database, subject->device.connection, row->device_id, reason, now_ms, err);
    return code;
}

int settle_renamed(struct database *database, const char *device_id, struct error *err)
{
    static const char sql[] = "INSERT INTO renamed (device_id) VALUES (?)";
    return statement_run(database, sql, err, "t", device_id);
}

int settle_queue(struct database *database, const char *device_id, struct error *err)
{
    static const char sql[] = "INSERT INTO dirty (device_id) VALUES (?)";
    return statement_run(database, sql, err, "t", device_id);
}
