/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "import_write.h"

#include <string.h>

#include "base/buf.h"
#include "database_internal.h"
#include "import_internal.h"
#include "model/action.h"
#include "statement.h"

void import_write_finalize(struct import_writer *writer)
{
    for (size_t i = 0; i < IMPORT_STATEMENTS; i++) {
        sqlite3_finalize(writer->statements[i].statement);
        writer->statements[i] = (struct import_statement){0};
    }
}

/* Parameter n is column n - 1. */
static void insert_text(unsigned columns, struct buf *sql)
{
    const char *comma = "";

    buf_add_text(sql, "INSERT INTO device (");
    for (unsigned i = 0; i < IMPORT_COLUMN_COUNT; i++) {
        if (columns & 1u << i) {
            buf_addf(sql, "%s%s", comma, import_column_name((enum import_column)i));
            comma = ", ";
        }
    }
    comma = ") VALUES (";
    for (unsigned i = 0; i < IMPORT_COLUMN_COUNT; i++) {
        if (columns & 1u << i) {
            buf_addf(sql, "%s?%u", comma, i + 1);
            comma = ", ";
        }
    }
    buf_add_char(sql, ')');
}

static void update_text(unsigned columns, struct buf *sql)
{
    const char *comma = "";

    buf_add_text(sql, "UPDATE device SET ");
    for (unsigned i = 1; i < IMPORT_COLUMN_COUNT; i++) {
        if (columns & 1u << i) {
            buf_addf(sql, "%s%s = ?%u", comma, import_column_name((enum import_column)i), i + 1);
            comma = ", ";
        }
    }
    comma = " WHERE device_id = ?1 AND (";
    for (unsigned i = 1; i < IMPORT_COLUMN_COUNT; i++) {
        if (columns & 1u << i) {
            buf_addf(sql, "%s%s IS NOT ?%u", comma, import_column_name((enum import_column)i), i + 1);
            comma = " OR ";
        }
    }
    buf_add_char(sql, ')');
}

static struct import_statement *find_statement(struct import_writer *writer, unsigned columns, bool insert)
{
    for (size_t i = 0; i < IMPORT_STATEMENTS; i++) {
        struct import_statement *statement = &writer->statements[i];
        if (statement->columns == columns && statement->insert == insert)
            return statement;
    }
    return NULL;
}

static int make_statement(struct import *import, unsigned columns, bool insert, struct import_statement **ret_statement)
{
    struct import_writer *writer = &import->writer;
    struct import_statement *statement = &writer->statements[writer->next];
    struct buf sql;

    writer->next = (writer->next + 1) % IMPORT_STATEMENTS;
    sqlite3_finalize(statement->statement);
    *statement = (struct import_statement){0};
    *ret_statement = statement;

    buf_init(&sql, 0);
    (insert ? insert_text : update_text)(columns, &sql);
    int result = buf_error(&sql) ? SQLITE_NOMEM
                                 : sqlite3_prepare_v3(import->database->handle, buf_text(&sql), -1,
                                                      SQLITE_PREPARE_PERSISTENT, &statement->statement, NULL);
    buf_deinit(&sql);
    if (result != SQLITE_OK)
        return statement_error(import->database, result, import->err, NULL);
    statement->columns = columns;
    statement->insert = insert;
    return 0;
}

static int bind_value(sqlite3_stmt *statement, enum import_column column, const struct import_value *value)
{
    int index = (int)column + 1;

    if (import_column_kind(column) == IMPORT_TEXT)
        return sqlite3_bind_text(statement, index, value->text, -1, SQLITE_STATIC);
    return value->null ? sqlite3_bind_null(statement, index) : sqlite3_bind_int64(statement, index, value->number);
}

static int write_columns(struct import *import, const struct import_device *device, bool insert)
{
    struct import_statement *statement = find_statement(&import->writer, device->given, insert);
    int result = SQLITE_OK;

    if (!statement) {
        int code = make_statement(import, device->given, insert, &statement);
        if (code < 0)
            return code;
    }
    for (unsigned i = 0; i < IMPORT_COLUMN_COUNT && result == SQLITE_OK; i++) {
        if (device->given & 1u << i)
            result = bind_value(statement->statement, (enum import_column)i, &device->values[i]);
    }
    if (result != SQLITE_OK)
        return statement_error(import->database, result, import->err, "bind");
    return statement_step(import->database, statement->statement, import->err);
}

/* Marks those of `names` that are stored; collects the stored ones that are none of them, each with its NUL. */
static int compare_violations(struct import *import, const char *device_id, const struct import_names *names,
                              struct buf *surplus)
{
    static const char sql[] = "SELECT policy_id FROM violation WHERE device_id = ?";
    sqlite3_stmt *row;

    int code = statement_get(import->database, sql, &row, import->err, "t", device_id);
    while (code >= 0 && (code = statement_step(import->database, row, import->err)) == 1) {
        const char *policy_id = statement_text(row, 0);
        struct import_name *name = import_names_find(names, policy_id);
        if (name)
            name->stored = true;
        else
            buf_add(surplus, policy_id, strlen(policy_id) + 1);
    }
    return code;
}

static int write_violations(struct import *import, const char *device_id, const struct import_names *names,
                            const struct buf *surplus)
{
    static const char remove[] = "DELETE FROM violation WHERE device_id = ? AND policy_id = ?";
    static const char insert[] = "INSERT INTO violation (device_id, policy_id, since) VALUES (?, ?, ?)";
    int code = buf_error(surplus) ? error_set(import->err, buf_error(surplus), 0, "out of memory") : 0;

    for (size_t i = 0; i < surplus->length && code == 0; i += strlen(surplus->data + i) + 1)
        code = statement_run(import->database, remove, import->err, "tt", device_id, surplus->data + i);
    for (size_t i = 0; i < names->count && code == 0; i++) {
        if (!names->items[i].stored)
            code = statement_run(import->database, insert, import->err, "tti", device_id, names->items[i].text,
                                 import->writer.now_s);
    }
    return code;
}

static int replace_violations(struct import *import, const char *device_id, struct import_names *names)
{
    struct buf surplus;

    buf_init(&surplus, 0);
    import_names_sort(names);
    int code = compare_violations(import, device_id, names, &surplus);
    if (code == 0)
        code = write_violations(import, device_id, names, &surplus);
    buf_deinit(&surplus);
    return code;
}

int import_write_device(struct import *import, struct import_device *device)
{
    static const char exists[] = "SELECT 1 FROM device WHERE device_id = ?";
    const char *device_id = device->values[COLUMN_DEVICE_ID].text;
    int64_t one;

    int found = statement_int(import->database, exists, &one, import->err, "t", device_id);
    int code = found < 0 ? found : 0;
    if (found == 0 && !(device->given & 1u << COLUMN_PLATFORM))
        code = import_refuse(import, import_column_name(COLUMN_PLATFORM), "is missing: the device is new");
    /* Before the row: the triggers queue a device that is new only once. */
    if (code == 0 && device->has_violations)
        code = replace_violations(import, device_id, &device->violations);
    if (code == 0 && (found == 0 || device->given != 1u << COLUMN_DEVICE_ID))
        code = write_columns(import, device, found == 0);
    if (code == 0)
        import->done->devices++;
    return code;
}

int import_write_deletion(struct import *import, const char *device_id)
{
    static const char device[] = "DELETE FROM device WHERE device_id = ?";
    static const char violation[] = "DELETE FROM violation WHERE device_id = ?";

    int code = statement_run(import->database, device, import->err, "t", device_id);
    if (code == 0)
        code = statement_run(import->database, violation, import->err, "t", device_id);
    if (code == 0)
        import->done->deletions++;
    return code;
}

static int stored_actions(struct import *import, const char *policy_id, unsigned *ret_actions)
{
    static const char sql[] = "SELECT action FROM policy_action WHERE policy_id = ?";
    sqlite3_stmt *row;
    enum action action;

    int code = statement_get(import->database, sql, &row, import->err, "t", policy_id);
    while (code >= 0 && (code = statement_step(import->database, row, import->err)) == 1) {
        if (action_parse(statement_text(row, 0), &action) == 0)
            *ret_actions |= 1u << action;
    }
    return code;
}

static int replace_actions(struct import *import, const struct import_policy *policy)
{
    static const char remove[] = "DELETE FROM policy_action WHERE policy_id = ? AND action = ?";
    static const char insert[] = "INSERT INTO policy_action (policy_id, action) VALUES (?, ?)";
    unsigned stored = 0;

    int code = stored_actions(import, policy->policy_id, &stored);
    for (unsigned i = 0; i < ACTION_COUNT && code == 0; i++) {
        if ((stored ^ policy->actions) & 1u << i)
            code = statement_run(import->database, stored & 1u << i ? remove : insert, import->err, "tt",
                                 policy->policy_id, action_name((enum action)i));
    }
    return code;
}

int import_write_policy(struct import *import, const struct import_policy *policy)
{
    static const char exists[] = "SELECT 1 FROM policy WHERE policy_id = ?";
    static const char insert[] = "INSERT INTO policy (policy_id, name, enabled) VALUES (?, ?, ?)";
    static const char rename[] = "UPDATE policy SET name = ?2 WHERE policy_id = ?1 AND name IS NOT ?2";
    static const char enable[] = "UPDATE policy SET enabled = ?2 WHERE policy_id = ?1 AND enabled <> ?2";
    const char *policy_id = policy->policy_id;
    int64_t one;

    int found = statement_int(import->database, exists, &one, import->err, "t", policy_id);
    int code = found < 0 ? found : 0;
    if (found == 0)
        code = statement_run(import->database, insert, import->err, "ttd", policy_id, policy->name ? policy->name : "",
                             policy->enabled != 0);
    if (found == 1 && policy->name)
        code = statement_run(import->database, rename, import->err, "tt", policy_id, policy->name);
    if (found == 1 && code == 0 && policy->enabled >= 0)
        code = statement_run(import->database, enable, import->err, "td", policy_id, policy->enabled);
    if (code == 0 && policy->has_actions)
        code = replace_actions(import, policy);
    if (code == 0)
        import->done->policies++;
    return code;
}
