/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "fixture.h"

/* The findings of a check; "" = healthy. */
static const char *check(struct fixture *fixture)
{
    static char text[4096];
    struct error err = {0};
    struct buf report;

    buf_init(&report, 0);
    int code = database_check(fixture->database, &report, &err);
    snprintf(text, sizeof(text), "%s", buf_text(&report));
    buf_deinit(&report);
    assert_int_equal(code, text[0] ? ERR_STORE_CORRUPT : 0);
    return text;
}

static void test_healthy(void **state)
{
    struct fixture *fixture = *state;

    assert_string_equal(check(fixture), "");
    tmpstore_sql(&fixture->store, "INSERT INTO device (device_id, platform) VALUES ('a', 'ios'), ('b', 'ios');"
                                  "DELETE FROM device WHERE device_id = 'a'");
    assert_string_equal(check(fixture), "");
}

/* Without its trigger a change would never be reported. */
static void test_schema(void **state)
{
    struct fixture *fixture = *state;

    tmpstore_sql(&fixture->store, "DROP TRIGGER violation_delete; DROP TRIGGER device_update;"
                                  "CREATE TRIGGER device_update AFTER UPDATE ON device BEGIN SELECT 1; END;"
                                  "CREATE INDEX theirs ON device (name)"); /* theirs is no matter */
    assert_string_equal(check(fixture), "trigger device_update was altered\ntrigger violation_delete is missing\n");
}

static void test_version(void **state)
{
    struct fixture *fixture = *state;

    tmpstore_sql(&fixture->store, "PRAGMA user_version = 99");
    assert_non_null(strstr(check(fixture), "schema version is 99, this program needs "));
    assert_non_null(strstr(check(fixture), "install the newer complyd\n"));
    tmpstore_sql(&fixture->store, "PRAGMA user_version = 0");
    assert_non_null(strstr(check(fixture), "run \"complyctl store migrate\"\n"));
}

static void test_constraints(void **state)
{
    struct fixture *fixture = *state;

    tmpstore_sql(&fixture->store, "PRAGMA ignore_check_constraints = on;"
                                  "INSERT INTO device (device_id, platform) VALUES ('a', 'beos')");
    assert_string_equal(check(fixture), "CHECK constraint failed in device\n");
}

static void test_rows(void **state)
{
    struct fixture *fixture = *state;

    tmpstore_sql(&fixture->store,
                 "INSERT INTO device (device_id, platform) VALUES (CAST(X'610062' AS TEXT), 'ios'), ('a', 'ios');"
                 "UPDATE outbox SET priority = 7 WHERE device_id = 'a';"
                 "INSERT INTO report (device_id, state, azure_device_id) VALUES ('a', 1, ''), ('b', 9, 'x');"
                 "INSERT INTO tombstone (device_id, deleted_at_ms) VALUES ('a', 1);"
                 "UPDATE outbox SET device_id = 'nobody' WHERE device_id <> 'a'");
    assert_string_equal(check(fixture), "1 queued devices of which nothing is known\n"
                                        "1 queued devices with an unknown channel or priority\n"
                                        "1 reports with an unknown state or status\n"
                                        "1 accepted reports without an Azure device id\n"
                                        "1 devices that count as deleted and are there\n"
                                        "1 devices whose id is no text: they cannot be reported\n");
}

/* Bytes of the file overwritten: findings or an error, one line each, never a crash. */
static void test_damage(void **state)
{
    struct fixture *fixture = *state;
    struct error err = {0};
    char page[4096];

    tmpstore_sql(&fixture->store, "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999) "
                                  "INSERT INTO device (device_id, platform) SELECT i, 'ios' FROM n;"
                                  "PRAGMA wal_checkpoint(TRUNCATE)");
    int pages = atoi(tmpstore_text(&fixture->store, "PRAGMA page_count"));
    database_close(fixture->database);
    assert_int_equal(sqlite3_close(fixture->store.mdm), SQLITE_OK);

    int fd = open(fixture->store.path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    memset(page, 0x5A, sizeof(page));
    for (int i = pages * 3 / 4; i < pages * 3 / 4 + 4; i++)
        assert_int_equal(pwrite(fd, page, sizeof(page), (off_t)i * (off_t)sizeof(page)), sizeof(page));
    close(fd);

    assert_int_equal(sqlite3_open(fixture->store.path, &fixture->store.mdm), SQLITE_OK);
    assert_int_equal(database_open(fixture->store.path, DATABASE_ANY_VERSION, &fixture->database, &err), 0);
    const char *findings = check(fixture);
    assert_true(findings[0] != '\0');
    assert_int_equal(findings[strlen(findings) - 1], '\n');
    assert_null(strstr(findings, "\n\n"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_healthy),     TEST(test_schema), TEST(test_version),
        TEST(test_constraints), TEST(test_rows),   TEST(test_damage),
    };

    return cmocka_run_group_tests(tests, tempdir_make, tempdir_remove);
}
