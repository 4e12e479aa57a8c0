/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "bequest.h"

#include "database_internal.h"
#include "statement.h"

/* Its result would be recorded over what it is given. */
static int is_in_flight(struct database *database, const char *holder, bool *ret_flying, struct error *err)
{
    static const char sql[] = "SELECT claim IS NOT NULL FROM outbox WHERE device_id = ?";
    int64_t flying = 0;

    int code = statement_int(database, sql, &flying, err, "t", holder);
    *ret_flying = flying != 0;
    return code < 0 ? code : 0;
}

/* What the holder's message in doubt was about, when the report row does not say it yet. */
static int settle_doubt(struct database *database, const char *holder, struct error *err)
{
    static const char keep[] =
        "INSERT INTO report (device_id, state, connection, platform, azure_device_id, user_id) SELECT device_id, "
        "sent_state, sent_connection, sent_platform, sent_azure_device_id, sent_user_id FROM outbox "
        "WHERE device_id = ? AND sent <> 0 AND sent_state IN (1, 2) ON CONFLICT (device_id) DO UPDATE SET "
        "state = excluded.state, connection = excluded.connection, platform = excluded.platform, "
        "azure_device_id = excluded.azure_device_id, user_id = excluded.user_id, inventory_digest = 0 "
        "WHERE state NOT IN (1, 2)";
    static const char kept[] = "UPDATE outbox SET sent_state = 0 WHERE device_id = ?";

    int code = statement_run(database, keep, err, "t", holder);
    return code == 0 ? statement_run(database, kept, err, "t", holder) : code;
}

/* The clock may have been set back since: what comes next about an id must be newer than all that was told of it. */
static int share_stamp(struct database *database, const struct settle_row *row, const struct subject *subject,
                       const char *holder, struct error *err)
{
    static const char sql[] = "INSERT INTO report (device_id, last_update_ms) VALUES (?1, max(?3, ifnull((SELECT "
                              "last_update_ms FROM report WHERE device_id = ?2), 0))) ON CONFLICT (device_id) "
                              "DO UPDATE SET last_update_ms = max(last_update_ms, excluded.last_update_ms)";
    int64_t stamp_ms = row->stamp_ms > subject->last_update_ms ? row->stamp_ms : subject->last_update_ms;

    int code = statement_run(database, sql, err, "tti", holder, row->device_id, stamp_ms);
    return code == 0 ? statement_run(database, sql, err, "tti", row->device_id, holder, stamp_ms) : code;
}

static int forget(struct database *database, const char *device_id, struct error *err)
{
    static const char report[] =
        "UPDATE report SET state = 0, azure_device_id = '', stray = 0, user_id = '', inventory_digest = 0, "
        "removed_at_ms = NULL WHERE device_id = ?";
    static const char doubt[] = "UPDATE outbox SET sent = 0, sent_state = 0, message_id = NULL WHERE device_id = ?";

    int code = statement_run(database, report, err, "t", device_id);
    return code == 0 ? statement_run(database, doubt, err, "t", device_id) : code;
}

/* What was told of an id that the holder goes by no more. */
static int take(struct database *database, const struct subject *subject, const char *holder, bool *ret_taken,
                struct error *err)
{
    static const char sql[] =
        "UPDATE report SET (state, connection, platform, azure_device_id, user_id) = (SELECT state, connection, "
        "platform, azure_device_id, user_id FROM report WHERE device_id = ?2) WHERE device_id = ?1 AND EXISTS "
        "(SELECT 1 FROM report WHERE device_id = ?2 AND state IN (1, 2) AND azure_device_id <> ?3)";

    int code = statement_run(database, sql, err, "ttt", subject->device_id, holder, subject->told.azure_device_id);
    *ret_taken = code == 0 && sqlite3_changes(database->handle) > 0;
    return code;
}

/* inventory_digest 0: what comes next about the holder is told in full. */
static int give(struct database *database, const struct subject *subject, const char *holder, struct error *err)
{
    static const char sql[] =
        "UPDATE report SET state = ?2, connection = ?3, platform = ?4, azure_device_id = ?5, user_id = ?6, "
        "inventory_digest = 0, removed_at_ms = NULL "
        "WHERE device_id = ?1 AND NOT (state IN (1, 2) AND azure_device_id = ?5)";
    const struct told *told = &subject->told;

    return statement_run(database, sql, err, "tdtttt", holder, (int)told->state, told->connection,
                         platform_name(told->platform), told->azure_device_id, told->user_id);
}

static int exchange(struct database *database, const struct settle_row *row, const struct subject *subject,
                    const char *holder, bool *ret_taken, struct error *err)
{
    bool live = subject->told.state == AZURE_STATE_COMPLIANT || subject->told.state == AZURE_STATE_NON_COMPLIANT;

    int code = settle_doubt(database, holder, err);
    if (code == 0)
        code = share_stamp(database, row, subject, holder, err);
    if (code == 0)
        code = forget(database, row->device_id, err);
    if (code == 0 && live)
        code = take(database, subject, holder, ret_taken, err);
    if (code == 0 && live)
        code = give(database, subject, holder, err);
    if (code == 0)
        code = settle_renamed(database, row->device_id, err);
    if (code == 0)
        code = settle_renamed(database, holder, err);
    return code == 0 ? settle_queue(database, holder, err) : code;
}

int bequest_pass(struct database *database, const struct settle_row *row, const struct subject *subject,
                 const char *holder, struct error *err)
{
    bool flying = false;
    bool taken = false;

    int code = is_in_flight(database, holder, &flying, err);
    if (code == 0 && flying)
        return BEQUEST_NOT_NOW;
    if (code == 0)
        code = exchange(database, row, subject, holder, &taken, err);
    if (code < 0)
        return code;
    return taken ? BEQUEST_TAKEN : BEQUEST_DONE;
}
