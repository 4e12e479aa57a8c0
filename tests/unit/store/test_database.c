/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <fcntl.h>
#include <sys/wait.h>

#include "fixture.h"
#include "schema.h"
#include "store/change.h"

static int open_code(const char *path, enum database_mode mode, struct error *err)
{
    struct database *database;

    int code = database_open(path, mode, &database, err);
    if (code == 0)
        database_close(database);
    return code;
}

static void test_a_store_that_is_not_there(void **state)
{
    struct error err = {0};
    (void)state;

    assert_int_equal(open_code(tempdir_path("none.db"), DATABASE_WRITE, &err), ERR_NOTFOUND);
    assert_non_null(strstr(err.message, "none.db"));
    assert_non_null(strstr(err.message, "complyctl store init"));
    assert_int_equal(access(tempdir_path("none.db"), F_OK), -1);
}

static void test_no_database(void **state)
{
    struct error err = {0};
    char bytes[8192];
    (void)state;

    memset(bytes, 'x', sizeof(bytes));
    assert_int_equal(open_code(tempdir_write("noise.db", bytes, sizeof(bytes), 0600), DATABASE_WRITE, &err),
                     ERR_STORE_CORRUPT);
}

static void test_another_program_s_database(void **state)
{
    struct fixture *fixture = *state;
    struct error err = {0};

    tmpstore_sql(&fixture->store, "PRAGMA application_id = 7");
    assert_int_equal(open_code(fixture->store.path, DATABASE_ANY_VERSION, &err), ERR_STORE_CORRUPT);
    assert_non_null(strstr(err.message, "not a store of complyd"));
}

static void test_versions(void **state)
{
    struct fixture *fixture = *state;
    struct error err = {0};

    tmpstore_sql(&fixture->store, "PRAGMA user_version = %d", schema_count + 1);
    assert_int_equal(open_code(fixture->store.path, DATABASE_WRITE, &err), ERR_STORE_NEWER);
    assert_non_null(strstr(err.message, "newer complyd"));
    assert_int_equal(open_code(fixture->store.path, DATABASE_READ, &err), ERR_STORE_NEWER);
    assert_int_equal(open_code(fixture->store.path, DATABASE_ANY_VERSION, &err), 0);
    tmpstore_sql(&fixture->store, "PRAGMA user_version = %d", schema_count - 1);
    assert_int_equal(open_code(fixture->store.path, DATABASE_WRITE, &err), ERR_STORE_OLDER);
    assert_non_null(strstr(err.message, "complyctl store migrate"));
}

static int run_migration(const char *path, int *ret_from, struct error *err)
{
    struct database *database;

    assert_int_equal(database_open(path, DATABASE_ANY_VERSION, &database, err), 0);
    int code = migrate_run(database, ret_from, err);
    database_close(database);
    return code;
}

static void test_migration(void **state)
{
    struct fixture *fixture = *state;
    struct error err = {0};
    int from = -1;

    /* there already */
    assert_int_equal(run_migration(fixture->store.path, &from, &err), 0);
    assert_int_equal(from, schema_count);
    /* newer */
    tmpstore_sql(&fixture->store, "PRAGMA user_version = 1000");
    assert_int_equal(run_migration(fixture->store.path, &from, &err), ERR_STORE_NEWER);
    /* from nothing */
    const char *empty = tempdir_write("empty.db", "", 0, 0600);
    assert_int_equal(run_migration(empty, &from, &err), 0);
    assert_int_equal(from, 0);
    assert_int_equal(open_code(empty, DATABASE_WRITE, &err), 0);
}

/* A migration that fails leaves the store as it was. */
static void test_a_migration_is_whole_or_not_at_all(void **state)
{
    struct error err = {0};
    sqlite3 *handle;
    int from;
    (void)state;

    const char *path = tempdir_path("half.db");
    assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
    char pragma[64];
    snprintf(pragma, sizeof(pragma), "PRAGMA application_id = %d; CREATE TABLE outbox (x)", SCHEMA_APPLICATION_ID);
    assert_int_equal(sqlite3_exec(handle, pragma, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(run_migration(path, &from, &err), ERR_STORE);
    assert_non_null(strstr(err.message, "migration to version 1"));
    sqlite3_stmt *row;
    sqlite3_prepare_v2(handle, "SELECT count(*) FROM sqlite_schema", -1, &row, NULL);
    assert_int_equal(sqlite3_step(row), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(row, 0), 1);
    sqlite3_finalize(row);
    sqlite3_close(handle);
}

static void test_init(void **state)
{
    struct fixture *fixture = *state;
    struct error err = {0};
    struct stat status;

    assert_int_equal(migrate_init(fixture->store.path, &err), ERR_EXISTS);
    assert_int_equal(stat(fixture->store.path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0660);
    assert_int_equal(migrate_init(tempdir_path("no/such/folder.db"), &err), ERR_IO);
    assert_string_equal(tmpstore_text(&fixture->store, "PRAGMA journal_mode"), "wal");
    assert_int_equal(tmpstore_int(&fixture->store, "PRAGMA user_version"), migrate_latest());
}

static void test_a_reader_writes_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct database *reader;
    struct error err = {0};

    assert_int_equal(database_open(fixture->store.path, DATABASE_READ, &reader, &err), 0);
    assert_int_equal(statement_exec(reader, "DELETE FROM policy", &err), ERR_PERMISSION);
    database_close(reader);
}

static void test_settings_of_the_write_connection(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *pragma;
        int64_t value;
    } expected[] = {
        {"PRAGMA synchronous", 2}, {"PRAGMA cache_size", -1024}, {"PRAGMA mmap_size", 0},
        {"PRAGMA temp_store", 2},  {"PRAGMA busy_timeout", 250},
    };

    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        struct error err = {0};
        int64_t value = -1;
        assert_true(statement_int(fixture->database, expected[i].pragma, &value, &err, "") >= 0);
        assert_int_equal(value, expected[i].value);
    }
}

static void test_busy(void **state)
{
    struct fixture *fixture = *state;
    struct error err = {0};

    tmpstore_sql(&fixture->store, "BEGIN IMMEDIATE");
    assert_int_equal(statement_exec(fixture->database, "BEGIN IMMEDIATE", &err), ERR_BUSY);
    tmpstore_sql(&fixture->store, "ROLLBACK");
    assert_int_equal(statement_exec(fixture->database, "BEGIN IMMEDIATE; COMMIT", &err), 0);
}

static void test_full(void **state)
{
    struct fixture *fixture = *state;
    struct error err = {0};

    assert_int_equal(statement_exec(fixture->database, "PRAGMA max_page_count = 1", &err), 0);
    assert_int_equal(statement_exec(fixture->database, "CREATE TABLE big AS SELECT randomblob(100000)", &err),
                     ERR_STORE_FULL);
}

static void test_replaced(void **state)
{
    struct fixture *fixture = *state;
    struct error err = {0};
    char away[300];

    assert_false(database_was_replaced(fixture->database));
    tmpstore_sql(&fixture->store, "INSERT INTO policy (policy_id) VALUES ('in the log')");
    snprintf(away, sizeof(away), "%s.away", fixture->store.path);
    assert_int_equal(rename(fixture->store.path, away), 0);
    assert_true(database_was_replaced(fixture->database));
    assert_int_equal(database_reopen(&fixture->database, &err), ERR_NOTFOUND);
    assert_int_equal(database_reopen(&fixture->database, &err), ERR_NOTFOUND);

    /* it comes back with all it had */
    int64_t session = fixture->database->session;
    assert_int_equal(rename(away, fixture->store.path), 0);
    assert_int_equal(database_reopen(&fixture->database, &err), 0);
    assert_int_equal(fixture->database->session, session);
    int64_t count = 0;
    statement_int(fixture->database, "SELECT count(*) FROM policy WHERE policy_id = 'in the log'", &count, &err, "");
    assert_int_equal(count, 1);
}

/* Another store is laid in its place: nothing of the old one's log may get into it. */
static void test_replaced_by_another(void **state)
{
    struct fixture *fixture = *state;
    struct tmpstore other;
    struct error err = {0};

    tmpstore_sql(&fixture->store, "INSERT INTO policy (policy_id) VALUES ('old')");
    tmpstore_make(&other);
    tmpstore_sql(&other, "INSERT INTO policy (policy_id) VALUES ('new')");
    sqlite3_close(other.mdm);
    sqlite3_close(fixture->store.mdm);
    assert_int_equal(rename(other.path, fixture->store.path), 0);
    int64_t session = fixture->database->session;
    assert_true(database_was_replaced(fixture->database));
    assert_int_equal(database_reopen(&fixture->database, &err), 0);
    assert_int_not_equal(fixture->database->session, session);
    int64_t count = 0;
    statement_int(fixture->database, "SELECT count(*) FROM policy", &count, &err, "");
    assert_int_equal(count, 1);
    assert_int_equal(sqlite3_open(fixture->store.path, &fixture->store.mdm), SQLITE_OK);
    assert_string_equal(tmpstore_text(&fixture->store, "PRAGMA integrity_check"), "ok");
}

static bool look(struct fixture *fixture)
{
    struct change_look job;
    struct error err = {0};

    change_look_init(&job, 0, NULL);
    assert_int_equal(job.job.run(&job.job, fixture->database, &err), 0);
    return job.changed;
}

static void test_change(void **state)
{
    struct fixture *fixture = *state;

    assert_true(look(fixture)); /* opened anew */
    assert_false(look(fixture));
    tmpstore_sql(&fixture->store, "INSERT INTO policy (policy_id) VALUES ('x')");
    assert_true(look(fixture));
    assert_false(look(fixture));
    struct error err = {0};
    assert_int_equal(statement_exec(fixture->database, "DELETE FROM policy WHERE policy_id = 'x'", &err), 0);
    assert_false(look(fixture)); /* our own commits are no news */
    fixture_restart(fixture);
    assert_true(look(fixture));
}

static void test_lock(void **state)
{
    struct fixture *fixture = *state;
    struct database_lock *lock;
    struct database_lock *second;
    struct error err = {0};
    char expected[64];

    assert_int_equal(database_lock(fixture->store.path, &lock, &err), 0);
    assert_int_equal(database_lock(fixture->store.path, &second, &err), ERR_EXISTS);
    snprintf(expected, sizeof(expected), "is in use by complyd (pid %ld)", (long)getpid());
    assert_non_null(strstr(err.message, expected));
    database_unlock(lock);
    assert_int_equal(database_lock(fixture->store.path, &lock, &err), 0);
    database_unlock(lock);
    database_unlock(NULL);
}

/* A holder that is killed leaves no lock behind. */
static void test_lock_of_a_dead_process(void **state)
{
    struct fixture *fixture = *state;
    struct database_lock *lock;
    struct error err = {0};

    pid_t child = fork();
    if (child == 0)
        _exit(database_lock(fixture->store.path, &lock, &err) == 0 ? 0 : 1);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(database_lock(fixture->store.path, &lock, &err), 0);
    database_unlock(lock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_store_that_is_not_there, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_no_database, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_another_program_s_database, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_versions, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_migration, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_a_migration_is_whole_or_not_at_all, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_init, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_a_reader_writes_nothing, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_settings_of_the_write_connection, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_busy, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_full, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_replaced, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_replaced_by_another, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_change, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_lock, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_lock_of_a_dead_process, fixture_set_up, fixture_tear_down),
    };

    return cmocka_run_group_tests(tests, tempdir_make, tempdir_remove);
}
