/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * fuzz_import - any bytes as a fleet: all of it or nothing, a second time without a difference, and refusals that name
 * a place.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/utf8.h"
#include "database_internal.h"
#include "statement.h"
#include "store/import.h"
#include "store/migrate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char directory[] = "/tmp/complyd-fuzz-XXXXXX";
static struct database *database;

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void remove_store(void)
{
    static const char *const names[] = {"store", "store-wal", "store-shm"};

    database_close(database);
    require(chdir(directory) == 0);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        unlink(names[i]);
    rmdir(directory);
}

static void open_store(void)
{
    char path[64];

    require(mkdtemp(directory) != NULL);
    snprintf(path, sizeof(path), "%s/store", directory);
    require(migrate_init(path, NULL) == 0);
    require(database_open(path, DATABASE_WRITE, &database, NULL) == 0);
    require(statement_exec(database, "PRAGMA synchronous = off", NULL) == 0);
    atexit(remove_store);
}

static void empty_store(void)
{
    require(statement_exec(database,
                           "DELETE FROM device; DELETE FROM violation; DELETE FROM policy_action; DELETE FROM policy;"
                           "DELETE FROM tombstone; DELETE FROM outbox",
                           NULL) == 0);
}

/* All that an import may write, as one text. */
static char *read_store(void)
{
    static const char sql[] =
        "SELECT (SELECT quote(group_concat(quote(device_id) || connection || platform || quote(name) || "
        "quote(manufacturer) || quote(model) || quote(serial_number) || quote(os_version) || "
        "quote(user_principal_name) || managed || quote(azure_device_id) || azure_client_status || "
        "quote(last_check_in) || quote(evaluated_at))) FROM device) || "
        "(SELECT quote(group_concat(quote(device_id) || quote(policy_id))) FROM violation) || "
        "(SELECT quote(group_concat(quote(policy_id) || quote(name) || enabled)) FROM policy) || "
        "(SELECT quote(group_concat(quote(policy_id) || action)) FROM policy_action)";
    sqlite3_stmt *row;

    require(statement_get(database, sql, &row, NULL, "") == 0);
    require(statement_step(database, row, NULL) == 1);
    char *text = strdup(statement_text(row, 0));
    require(text != NULL);
    sqlite3_reset(row);
    return text;
}

static void check_text(const char *text)
{
    for (; *text; text += utf8_sequence(text))
        require(utf8_sequence(text) > 0 && !utf8_is_control(text));
}

static int import(const uint8_t *data, size_t size)
{
    struct import_progress done;
    struct import_error where;
    struct error err = {0};
    FILE *in = fmemopen((void *)(uintptr_t)data, size, "r");

    require(in != NULL);
    int code = import_stream(database, in, "root", NULL, NULL, &done, &where, &err);
    fclose(in);
    require(sqlite3_get_autocommit(database->handle));
    if (code == 0) {
        require(where.line == 0 && done.devices + done.policies + done.deletions > 0);
        require(done.bytes <= (int64_t)size && done.bytes + 3 >= (int64_t)size);
    } else {
        require(code == ERR_INVALID || code == ERR_TOOBIG);
        require(where.line <= done.lines + 1 && err.message[0]);
        check_text(where.column);
        check_text(err.message);
    }
    return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (!database)
        open_store();
    empty_store();
    char *before = read_store();
    bool imported = import(data, size) == 0;
    char *after = read_store();
    if (imported) {
        require(import(data, size) == 0);
        free(before);
        before = read_store();
    }
    require(strcmp(before, after) == 0);
    free(before);
    free(after);
    return 0;
}
