/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <stdlib.h>

#include "fleet_internal.h"
#include "model/action.h"
#include "statement.h"

int fleet_read_actions(struct database *database, const char *policy_id, unsigned *ret_actions, struct error *err)
{
    static const char sql[] = "SELECT action FROM policy_action WHERE policy_id = ?";
    sqlite3_stmt *row;
    enum action action;

    *ret_actions = 0;
    int code = statement_get(database, sql, &row, err, "t", policy_id);
    while (code >= 0 && (code = statement_step(database, row, err)) == 1) {
        if (action_parse(statement_text(row, 0), &action) == 0)
            *ret_actions |= 1u << action;
    }
    return code;
}

/* The row: policy_id, name, enabled. */
static int tell_policy(struct database *database, sqlite3_stmt *row,
                       int (*each)(void *ctx, const struct fleet_policy *policy), void *ctx, struct error *err)
{
    struct fleet_policy policy = {.policy_id = statement_text(row, 0), .enabled = sqlite3_column_int(row, 2) != 0};
    char *name = fleet_copy_text(statement_text(row, 1));

    policy.name = name;
    int code = name ? fleet_read_actions(database, policy.policy_id, &policy.actions, err)
                    : error_set(err, ERR_NOMEM, 0, "out of memory");
    if (code == 0)
        code = each(ctx, &policy);
    free(name);
    return code;
}

static int get_policy(struct database *database, const char *policy_id,
                      int (*each)(void *ctx, const struct fleet_policy *policy), void *ctx, struct error *err)
{
    static const char sql[] = "SELECT policy_id, name, enabled FROM policy WHERE policy_id = ?";
    sqlite3_stmt *row;

    int code = statement_get(database, sql, &row, err, "t", policy_id);
    if (code == 0)
        code = statement_step(database, row, err);
    if (code == 0)
        return error_set(err, ERR_NOTFOUND, 0, "there is no policy '%s'", policy_id);
    if (code < 0)
        return code;
    code = tell_policy(database, row, each, ctx, err);
    sqlite3_reset(row);
    return fleet_each_result(code, err);
}

int fleet_policy(struct database *database, const char *policy_id,
                 int (*each)(void *ctx, const struct fleet_policy *policy), void *ctx, struct error *err)
{
    int code = fleet_begin(database, err);
    if (code < 0)
        return code;
    code = get_policy(database, policy_id, each, ctx, err);
    fleet_end(database);
    return code;
}

static int list_policies(struct database *database, const char *after, unsigned limit,
                         int (*each)(void *ctx, const struct fleet_policy *policy), void *ctx, bool *ret_more,
                         struct error *err)
{
    static const char sql[] = "SELECT policy_id, name, enabled FROM policy WHERE policy_id > ? "
                              "AND " SUBJECT_NAMEABLE("policy_id") " ORDER BY policy_id LIMIT ?";
    sqlite3_stmt *row;
    unsigned told = 0;

    int code = statement_get(database, sql, &row, err, "td", after ? after : "", (int)limit + 1);
    while (code >= 0 && (code = statement_step(database, row, err)) == 1) {
        *ret_more = told++ == limit;
        code = *ret_more ? 1 : tell_policy(database, row, each, ctx, err);
        if (code != 0) {
            sqlite3_reset(row);
            return fleet_each_result(code, err);
        }
    }
    return code;
}

int fleet_policies(struct database *database, const char *after, unsigned limit,
                   int (*each)(void *ctx, const struct fleet_policy *policy), void *ctx, bool *ret_more,
                   struct error *err)
{
    *ret_more = false;
    int code = fleet_begin(database, err);
    if (code < 0)
        return code;
    code = list_policies(database, after, limit, each, ctx, ret_more, err);
    fleet_end(database);
    return code;
}
