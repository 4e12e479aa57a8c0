/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "suppress.h"

#include <string.h>

#include "outbox_internal.h"
#include "statement.h"

bool suppress_is_told(const struct subject *subject, const struct decision *decision, int forced, int sent)
{
    if (sent != SENT_NO || subject->status == STATUS_ERROR || !subject_is_told(subject) ||
        subject->told.state != decision->state)
        return false;
    if (decision->state == AZURE_STATE_REMOVED)
        return forced < FORCED_OPERATOR; /* gone is gone: no inventory, no weekly report */
    return !forced && subject->told_digest == subject->digest;
}

int suppress_find_holder(struct database *database, const struct subject *subject, const struct decision *decision,
                         char **ret_holder, struct error *err)
{
    static const char sql[] = "SELECT device_id FROM device WHERE azure_device_id = ?1 COLLATE NOCASE "
                              "AND azure_device_id <> '' AND device_id <> ?2 AND managed = 1 "
                              "AND (SELECT state FROM account WHERE connection = device.connection) IS NOT "
                              "'disconnecting' AND NOT EXISTS (SELECT 1 FROM report AS r WHERE r.device_id = "
                              "device.device_id AND r.state IN (1, 2) AND r.azure_device_id = ?1 AND r.connection <> "
                              "?3) LIMIT 1";
    bool retire = decision->kind == DECISION_RETIRE;
    sqlite3_stmt *row;

    *ret_holder = NULL;
    int code = statement_get(database, sql, &row, err, "ttt",
                             retire ? subject->told.azure_device_id : subject->azure_device_id, subject->device_id,
                             retire ? subject->told.connection : subject->device.connection);
    if (code == 0)
        code = statement_step(database, row, err);
    if (code != 1)
        return code;
    *ret_holder = strdup(statement_text(row, 0));
    sqlite3_reset(row);
    return *ret_holder ? 0 : error_set(err, ERR_NOMEM, 0, "out of memory");
}

int suppress_find_twin(struct database *database, const struct subject *subject, bool *ret_twin, int64_t *stamp_ms,
                       struct error *err)
{
    /* Nearly always the index holds no other device, and nothing else is looked at. */
    static const char sql[] =
        "SELECT r.last_update_ms, r.state IN (1, 2) AND d.managed = 1 FROM device AS other "
        "CROSS JOIN device AS d ON d.device_id = other.device_id CROSS JOIN report AS r ON r.device_id = "
        "other.device_id "
        "WHERE other.azure_device_id = ?1 COLLATE NOCASE AND other.azure_device_id <> '' AND other.device_id <> ?2 "
        "AND r.azure_device_id = ?1 "
        "UNION ALL SELECT last_update_ms, 0 FROM report WHERE azure_device_id = ?1 AND stray = 1 AND device_id <> ?2";
    sqlite3_stmt *row;

    *ret_twin = false;
    int code = statement_get(database, sql, &row, err, "tt", subject->azure_device_id, subject->device_id);
    while (code >= 0 && (code = statement_step(database, row, err)) == 1) {
        if (sqlite3_column_int64(row, 0) > *stamp_ms)
            *stamp_ms = sqlite3_column_int64(row, 0);
        if (sqlite3_column_int(row, 1))
            *ret_twin = true;
    }
    return code;
}
