/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "statement.h"
#include "store/drift.h"

static void read_entry(sqlite3_stmt *row, struct drift_entry *entry)
{
    *entry = (struct drift_entry){.connection = statement_text(row, 0),
                                  .device_id = statement_text(row, 1),
                                  .cause = drift_cause_parse(statement_text(row, 2)),
                                  .azure_device_id = statement_text(row, 3),
                                  .told = (enum azure_state)sqlite3_column_int(row, 4),
                                  .told_at_ms = statement_integer(row, 5, -1),
                                  .known = sqlite3_column_type(row, 6) != SQLITE_NULL,
                                  .managed = sqlite3_column_int(row, 6) != 0,
                                  .compliant = sqlite3_column_int(row, 7) != 0,
                                  .since_ms = sqlite3_column_int64(row, 8),
                                  .name = statement_text(row, 9),
                                  .platform = statement_text(row, 10),
                                  .queued = sqlite3_column_int(row, 11) != 0};
}

int drift_list(struct database *database, const struct drift_filter *filter,
               int (*each)(void *ctx, const struct drift_entry *entry), void *ctx, bool *ret_more, struct error *err)
{
    static const char sql[] =
        "SELECT f.connection, f.device_id, f.cause, f.azure_device_id, f.state, f.told_at_ms, f.managed, f.compliant, "
        "f.since_ms, ifnull(d.name, t.name), ifnull(d.platform, t.platform), "
        "EXISTS (SELECT 1 FROM outbox AS o WHERE o.device_id = f.device_id) "
        "FROM drift AS f LEFT JOIN device AS d ON d.device_id = f.device_id "
        "LEFT JOIN tombstone AS t ON t.device_id = f.device_id "
        "WHERE (f.connection, f.device_id) > (?1, ?2) AND (?3 IS NULL OR f.connection = ?3) "
        "AND (?4 = '' OR f.cause = ?4) ORDER BY f.connection, f.device_id LIMIT ?5";
    struct drift_entry entry;
    sqlite3_stmt *row;
    unsigned count = 0;
    int stopped = 0;

    *ret_more = false;
    int code = statement_get(database, sql, &row, err, "ttttd", filter->after_connection, filter->after_device_id,
                             filter->connection, drift_cause_name(filter->cause), (int)filter->limit + 1);
    while (code >= 0 && stopped == 0 && (code = statement_step(database, row, err)) == 1) {
        if (count++ == filter->limit) {
            *ret_more = true;
            sqlite3_reset(row);
            return 0;
        }
        read_entry(row, &entry);
        stopped = each(ctx, &entry);
        if (stopped != 0)
            sqlite3_reset(row);
    }
    return code < 0 ? code : 0;
}
