/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <stdlib.h>

#include "fleet_internal.h"
#include "statement.h"

/* *strictest is the action that decides; it becomes -1 when the violation that brought it was found. */
static int tell_violation(struct database *database, sqlite3_stmt *row, int *strictest,
                          int (*each)(void *ctx, const struct fleet_violation *violation), void *ctx, struct error *err)
{
    struct fleet_violation violation = {
        .known = sqlite3_column_type(row, 2) != SQLITE_NULL,
        .enabled = sqlite3_column_int(row, 2) != 0,
        .since_s = statement_integer(row, 3, -1),
    };

    int code = fleet_read_actions(database, statement_text(row, 0), &violation.actions, err);
    if (code < 0)
        return code;
    if (*strictest >= 0 && violation.enabled && (violation.actions & 1u << *strictest)) {
        violation.decisive = true;
        *strictest = -1;
    }

    char *policy_id = fleet_copy_text(statement_text(row, 0));
    char *policy_name = fleet_copy_text(statement_text(row, 1));
    violation.policy_id = policy_id;
    violation.policy_name = policy_name;
    code = policy_id && policy_name ? each(ctx, &violation) : error_set(err, ERR_NOMEM, 0, "out of memory");
    free(policy_id);
    free(policy_name);
    return code;
}

static int find_strictest(struct database *database, const char *device_id, int *ret_strictest, struct error *err)
{
    struct subject subject;

    int code = subject_load(database, device_id, &subject, err);
    if (code < 0)
        return code;
    *ret_strictest = subject_decide(&subject).strictest;
    subject_release(&subject);
    return 0;
}

static int walk(struct database *database, const char *device_id, int strictest,
                int (*each)(void *ctx, const struct fleet_violation *violation), void *ctx, struct error *err)
{
    static const char sql[] = "SELECT v.policy_id, p.name, p.enabled, v.since FROM violation AS v "
                              "LEFT JOIN policy AS p ON p.policy_id = v.policy_id WHERE v.device_id = ? "
                              "ORDER BY v.policy_id";
    sqlite3_stmt *row;

    int code = statement_get(database, sql, &row, err, "t", device_id);
    if (code < 0)
        return code;
    while ((code = statement_step(database, row, err)) == 1) {
        int stopped = tell_violation(database, row, &strictest, each, ctx, err);
        if (stopped != 0) {
            sqlite3_reset(row);
            return fleet_each_result(stopped, err);
        }
    }
    return code;
}

int fleet_violations(struct database *database, const char *device_id,
                     int (*each)(void *ctx, const struct fleet_violation *violation), void *ctx, struct error *err)
{
    int strictest = -1;

    int code = fleet_begin(database, err);
    if (code < 0)
        return code;
    code = find_strictest(database, device_id, &strictest, err);
    if (code == 0)
        code = walk(database, device_id, strictest, each, ctx, err);
    fleet_end(database);
    return code;
}
