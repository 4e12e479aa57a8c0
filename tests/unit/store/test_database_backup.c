/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "fixture.h"

static void fill(struct fixture *fixture, unsigned count)
{
    tmpstore_sql(&fixture->store,
                 "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
                 "INSERT INTO device (device_id, platform, name) SELECT i, 'ios', hex(zeroblob(500)) FROM n",
                 (int)count);
}

/* What is in the copy, as the answer to a query on it. */
static int64_t ask(const char *path, const char *sql)
{
    struct database *copy;
    struct error err = {0};
    int64_t value = -1;

    assert_int_equal(database_open(path, DATABASE_WRITE, &copy, &err), 0);
    assert_int_equal(statement_int(copy, sql, &value, &err, ""), 1);
    database_close(copy);
    return value;
}

static void expect_no_leftovers(void)
{
    char pattern[256];

    snprintf(pattern, sizeof(pattern), "ls %s | grep -q new-", tempdir);
    assert_int_not_equal(system(pattern), 0);
}

struct watch {
    struct fixture *fixture;
    int calls, done, total;
};

/* The MDM writes between any two steps. */
static void write_meanwhile(void *ctx, int done, int total)
{
    struct watch *watch = ctx;

    assert_true(done >= watch->done && done <= total);
    watch->done = done;
    watch->total = total;
    tmpstore_sql(&watch->fixture->store, "INSERT INTO device (device_id, platform) VALUES ('m%d', 'ios')",
                 watch->calls++);
    assert_true(watch->calls < 1000); /* it comes to an end */
}

static void test_backup_while_written(void **state)
{
    struct fixture *fixture = *state;
    struct watch watch = {.fixture = fixture};
    struct error err = {0};
    struct stat status;
    char path[256];

    snprintf(path, sizeof(path), "%s", tempdir_path("copy.db"));
    fill(fixture, 10000);
    assert_int_equal(database_backup(fixture->database, path, write_meanwhile, &watch, &err), 0);
    assert_true(watch.calls > 2);
    assert_int_equal(watch.done, watch.total);
    assert_int_equal(ask(path, "SELECT count(*) FROM device"), 10000);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    expect_no_leftovers();

    /* The copy is a store: its triggers work. */
    assert_int_equal(ask(path, "SELECT count(*) FROM outbox"), 10000);
    assert_int_equal(sqlite3_txn_state(fixture->database->handle, NULL), SQLITE_TXN_NONE);

    assert_int_equal(database_backup(fixture->database, path, NULL, NULL, &err), ERR_EXISTS);
    assert_int_equal(ask(path, "SELECT count(*) FROM device"), 10000);
    unlink(path);
}

static void test_backup_without_directory(void **state)
{
    struct fixture *fixture = *state;
    struct error err = {0};

    assert_int_equal(database_backup(fixture->database, tempdir_path("none/copy.db"), NULL, NULL, &err), ERR_IO);
    assert_non_null(strstr(err.message, "No such file"));
}

static void test_backup_name_too_long(void **state)
{
    struct fixture *fixture = *state;
    struct error err = {0};
    char path[5000];

    memset(path, 'x', sizeof(path));
    path[sizeof(path) - 1] = '\0';
    assert_int_equal(database_backup(fixture->database, path, NULL, NULL, &err), ERR_TOOBIG);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_backup_while_written),
        TEST(test_backup_without_directory),
        TEST(test_backup_name_too_long),
    };

    return cmocka_run_group_tests(tests, tempdir_make, tempdir_remove);
}
