/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "store/fleet.h"

#include <string.h>

#include "base/clock.h"
#include "fleet_internal.h"
#include "statement.h"

enum { LIMIT_MAX = 1000, SEARCH_MAX = 256 };

int fleet_begin(struct database *database, struct error *err)
{
    return statement_exec(database, "SAVEPOINT fleet", err);
}

void fleet_end(struct database *database)
{
    statement_exec(database, "RELEASE fleet", NULL);
}

int fleet_each_result(int stopped, struct error *err)
{
    return stopped < 0 ? error_set(err, stopped, 0, "%s", error_code_text(stopped)) : 0;
}

int fleet_get(struct database *database, const char *device_id, struct fleet_device *ret_device, struct error *err)
{
    *ret_device = (struct fleet_device){0};
    int code = fleet_begin(database, err);
    if (code < 0)
        return code;
    code = fleet_device_load(database, device_id, clock_realtime_ms(clock_system()), ret_device, err);
    fleet_end(database);
    return code;
}

/* Two walks in the order of the id, merged: what there is, and what was deleted and is still known to Microsoft. */
static const char list_sql[] =
    "SELECT d.device_id FROM device AS d LEFT JOIN report AS r ON r.device_id = d.device_id "
    "WHERE d.device_id > ?1 AND " SUBJECT_NAMEABLE(
        "d.device_id") " "
                       "AND (?2 < 0 OR ifnull(r.state, 0) = ?2) AND (?3 < 0 OR ifnull(r.status, 0) = ?3) "
                       "AND (?4 IS NULL OR d.connection = ?4) "
                       "AND (?5 IS NULL OR d.device_id LIKE ?5 ESCAPE '\\' OR d.name LIKE ?5 ESCAPE '\\' "
                       "OR d.user_principal_name LIKE ?5 ESCAPE '\\' OR d.serial_number LIKE ?5 ESCAPE '\\' "
                       "OR d.model LIKE ?5 ESCAPE '\\' OR d.azure_device_id LIKE ?5 ESCAPE '\\') "
                       "UNION ALL "
                       "SELECT t.device_id FROM tombstone AS t CROSS JOIN report AS r ON r.device_id = t.device_id "
                       "WHERE t.device_id > ?1 AND " SUBJECT_NAMEABLE(
                           "t.device_id") " "
                                          "AND (?2 < 0 OR r.state = ?2) AND (?3 < 0 OR r.status = ?3) AND (?4 IS NULL "
                                          "OR t.connection = ?4) "
                                          "AND (?5 IS NULL OR t.device_id LIKE ?5 ESCAPE '\\' OR t.name LIKE ?5 ESCAPE "
                                          "'\\' "
                                          "OR t.user_principal_name LIKE ?5 ESCAPE '\\' OR r.azure_device_id LIKE ?5 "
                                          "ESCAPE '\\') "
                                          "ORDER BY 1 LIMIT ?6";

static bool is_given(const char *text)
{
    return text && text[0];
}

/* LIKE's pattern for a part of a text. */
static int make_pattern(const char *search, struct buf *pattern, struct error *err)
{
    if (strlen(search) > SEARCH_MAX)
        return error_set(err, ERR_TOOBIG, 0, "the text to search for is longer than %d bytes", (int)SEARCH_MAX);
    buf_add_char(pattern, '%');
    for (const char *p = search; *p; p++) {
        if (strchr("%_\\", *p))
            buf_add_char(pattern, '\\');
        buf_add_char(pattern, *p);
    }
    buf_add_char(pattern, '%');
    return buf_error(pattern) ? error_set(err, buf_error(pattern), 0, "out of memory") : 0;
}

static int parse_words(const struct fleet_filter *filter, int *ret_state, int *ret_status, struct error *err)
{
    enum compliance_status status = STATUS_NONE;
    enum azure_state state = AZURE_STATE_NONE;

    if (is_given(filter->state) && azure_state_parse(filter->state, &state) != 0)
        return error_set(err, ERR_INVALID, 0, "no such state");
    if (is_given(filter->status) && compliance_status_parse(filter->status, &status) != 0)
        return error_set(err, ERR_INVALID, 0, "no such status");
    *ret_state = is_given(filter->state) ? (int)state : -1;
    *ret_status = is_given(filter->status) ? (int)status : -1;
    return 0;
}

static int prepare_list(struct database *database, const struct fleet_filter *filter, const char *pattern,
                        unsigned limit, sqlite3_stmt **ret_row, struct error *err)
{
    int state = -1;
    int status = -1;

    int code = parse_words(filter, &state, &status, err);
    if (code < 0)
        return code;
    return statement_get(database, list_sql, ret_row, err, "tddttd", filter->after ? filter->after : "", state, status,
                         is_given(filter->connection) ? filter->connection : NULL, pattern, (int)limit + 1);
}

static int list_one(struct database *database, sqlite3_stmt *row, int64_t now_ms,
                    int (*each)(void *ctx, const struct fleet_device *device), void *ctx, bool *ret_stop,
                    struct error *err)
{
    struct fleet_device device;

    int code = fleet_device_load(database, statement_text(row, 0), now_ms, &device, err);
    if (code < 0)
        return code;
    int stopped = each(ctx, &device);
    fleet_device_deinit(&device);
    *ret_stop = stopped != 0;
    return fleet_each_result(stopped, err);
}

static int list_page(struct database *database, const struct fleet_filter *filter, const char *pattern,
                     int (*each)(void *ctx, const struct fleet_device *device), void *ctx, bool *ret_more,
                     struct error *err)
{
    unsigned limit = filter->limit < LIMIT_MAX ? filter->limit : LIMIT_MAX;
    int64_t now_ms = clock_realtime_ms(clock_system());
    sqlite3_stmt *row = NULL;
    bool stop = false;
    unsigned count = 0;

    int code = prepare_list(database, filter, pattern, limit, &row, err);
    while (code >= 0 && !stop && (code = statement_step(database, row, err)) == 1) {
        stop = count == limit;
        *ret_more = stop;
        if (stop)
            break;
        code = list_one(database, row, now_ms, each, ctx, &stop, err);
        count++;
    }
    if (code < 0 || stop)
        sqlite3_reset(row);
    return code < 0 ? code : 0;
}

int fleet_list(struct database *database, const struct fleet_filter *filter,
               int (*each)(void *ctx, const struct fleet_device *device), void *ctx, bool *ret_more, struct error *err)
{
    struct buf pattern;

    *ret_more = false;
    buf_init(&pattern, 0);
    int code = is_given(filter->search) ? make_pattern(filter->search, &pattern, err) : 0;
    if (code == 0)
        code = fleet_begin(database, err);
    if (code == 0) {
        code =
            list_page(database, filter, is_given(filter->search) ? buf_text(&pattern) : NULL, each, ctx, ret_more, err);
        fleet_end(database);
    }
    buf_deinit(&pattern);
    return code;
}
