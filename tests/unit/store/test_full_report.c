/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "fixture.h"
#include "store/full_report.h"

static void add_fleet(struct fixture *fixture, int count)
{
    tmpstore_sql(
        &fixture->store,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
        "INSERT INTO device (device_id, platform, azure_device_id, evaluated_at, user_principal_name) SELECT "
        "printf('d%%04d', i), iif(i %% 2, 'ios', 'windows'), printf('%%08d-1111-4111-8111-111111111111', i), 1, "
        "'u@example.com' FROM n; DELETE FROM outbox;"
        "INSERT INTO device (device_id, platform, connection) VALUES ('elsewhere', 'ios', 'other'); DELETE FROM outbox",
        count);
}

static struct full_report_state begin(struct fixture *fixture, enum full_report_kind kind, int64_t started_at_ms,
                                      int64_t due_at_ms)
{
    struct full_report_begin job;

    full_report_begin_init(&job, "default", kind, NULL);
    job.started_at_ms = started_at_ms;
    job.due_at_ms = due_at_ms;
    fixture_run(fixture, &job.job);
    return job.state;
}

static struct full_report_state load(struct fixture *fixture, enum full_report_kind kind)
{
    struct full_report_load job;

    full_report_load_init(&job, "default", kind, NULL);
    fixture_run(fixture, &job.job);
    return job.state;
}

static struct full_report_feed feed(struct fixture *fixture, enum full_report_kind kind, unsigned limit,
                                    unsigned backlog)
{
    struct full_report_feed job;

    full_report_feed_init(&job, "default", kind, NULL);
    job.limit = limit;
    job.backlog = backlog;
    job.now_ms = fixture->now_ms;
    job.next_due_ms = 777;
    fixture_run(fixture, &job.job);
    return job;
}

static const char *queued(struct fixture *fixture)
{
    return tmpstore_text(&fixture->store, "SELECT group_concat(device_id || priority || channel || forced, ' ') FROM "
                                          "(SELECT * FROM outbox ORDER BY device_id)");
}

static void test_nothing_is_known_at_first(void **state)
{
    struct fixture *fixture = *state;
    struct full_report_state loaded = load(fixture, FULL_REPORT_WEEKLY);

    assert_int_equal(loaded.due_at_ms, 0);
    assert_int_equal(loaded.started_at_ms, -1);
    assert_int_equal(loaded.finished_at_ms, -1);
    assert_int_equal(feed(fixture, FULL_REPORT_WEEKLY, 10, 10).added, 0);
}

static void test_the_date_survives(void **state)
{
    struct fixture *fixture = *state;

    begin(fixture, FULL_REPORT_WEEKLY, -1, 12345);
    fixture_restart(fixture);
    assert_int_equal(load(fixture, FULL_REPORT_WEEKLY).due_at_ms, 12345);
    assert_int_equal(load(fixture, FULL_REPORT_WEEKLY).started_at_ms, -1);
    assert_int_equal(load(fixture, FULL_REPORT_RESYNC).due_at_ms, 0);
}

/* Ids that nobody can name neither end the walk nor send it back. */
static void test_a_walk_past_odd_ids(void **state)
{
    struct fixture *fixture = *state;

    for (unsigned limit = 1; limit < 8; limit++) {
        tmpstore_sql(&fixture->store, "DELETE FROM device");
        add_fleet(fixture, 5);
        tmpstore_sql(&fixture->store,
                     "PRAGMA ignore_check_constraints = on; INSERT INTO device (device_id, platform) VALUES (X'6161', "
                     "'ios'), (X'7A', 'ios'), "
                     "(CAST(X'640000' AS TEXT), 'ios'), (CAST(X'7A0000' AS TEXT), 'ios'); DELETE FROM outbox");
        begin(fixture, FULL_REPORT_RESYNC, 1000, 0);
        for (int i = 0; i < 7; i++)
            feed(fixture, FULL_REPORT_RESYNC, limit, 100);
        assert_int_equal(tmpstore_int(&fixture->store, "SELECT count(*) FROM outbox WHERE device_id LIKE 'd000_'"), 5);
        tmpstore_sql(&fixture->store, "DELETE FROM outbox; DELETE FROM tombstone");
        for (int i = 0; i < 3; i++)
            feed(fixture, FULL_REPORT_RESYNC, limit, 100);
        assert_int_equal(load(fixture, FULL_REPORT_RESYNC).started_at_ms, -1);
    }
}

static void test_a_walk(void **state)
{
    struct fixture *fixture = *state;

    add_fleet(fixture, 5);
    struct full_report_state begun = begin(fixture, FULL_REPORT_WEEKLY, 1000, 0);
    assert_int_equal(begun.total, 5);
    assert_int_equal(begun.started_at_ms, 1000);

    assert_int_equal(feed(fixture, FULL_REPORT_WEEKLY, 2, 10).added, 2);
    assert_string_equal(queued(fixture), "d0001301 d0002311");
    assert_int_equal(feed(fixture, FULL_REPORT_WEEKLY, 2, 1).added, 0); /* too many wait */
    assert_int_equal(load(fixture, FULL_REPORT_WEEKLY).waiting, 2);

    fixture_restart(fixture); /* killed: goes on where it was */
    begin(fixture, FULL_REPORT_WEEKLY, 5000, 0);
    assert_int_equal(load(fixture, FULL_REPORT_WEEKLY).started_at_ms, 1000);
    struct full_report_feed job = feed(fixture, FULL_REPORT_WEEKLY, 2, 10);
    assert_int_equal(job.added, 2);
    assert_int_equal(job.state.fed, 4);
    tmpstore_sql(&fixture->store, "DELETE FROM outbox");
    assert_int_equal(feed(fixture, FULL_REPORT_WEEKLY, 2, 10).added, 1);
    assert_string_equal(queued(fixture), "d0005301");
    for (int i = 0; i < 3; i++)
        assert_int_not_equal(feed(fixture, FULL_REPORT_WEEKLY, 2, 10).state.started_at_ms, -1); /* one still waits */
    tmpstore_sql(&fixture->store, "UPDATE outbox SET claim = 5");
    assert_int_not_equal(feed(fixture, FULL_REPORT_WEEKLY, 2, 10).state.started_at_ms, -1); /* is in flight */
    tmpstore_sql(&fixture->store, "DELETE FROM outbox");
    job = feed(fixture, FULL_REPORT_WEEKLY, 2, 10);
    assert_int_equal(job.state.started_at_ms, -1);
    assert_int_equal(job.state.finished_at_ms, fixture->now_ms);
    assert_int_equal(job.state.due_at_ms, 777);
    assert_int_equal(job.state.fed, 5);
    assert_int_equal(feed(fixture, FULL_REPORT_WEEKLY, 2, 10).added, 0);
}

static void test_what_waits_already(void **state)
{
    struct fixture *fixture = *state;

    add_fleet(fixture, 3);
    tmpstore_sql(&fixture->store, "UPDATE device SET name = 'x' WHERE device_id < 'd0003';"
                                  "UPDATE outbox SET claim = 5, message_id = x'01' WHERE device_id = 'd0002'");
    long long free_seq = tmpstore_int(&fixture->store, "SELECT seq FROM outbox WHERE device_id = 'd0001'");
    long long flying_seq = tmpstore_int(&fixture->store, "SELECT seq FROM outbox WHERE device_id = 'd0002'");
    begin(fixture, FULL_REPORT_RESYNC, 1, 0);
    assert_int_equal(feed(fixture, FULL_REPORT_RESYNC, 10, 10).added, 3);
    assert_string_equal(queued(fixture), "d0001101 d0002111 d0003201");
    assert_int_equal(tmpstore_int(&fixture->store, "SELECT seq FROM outbox WHERE device_id = 'd0001'"), free_seq);
    assert_true(tmpstore_int(&fixture->store, "SELECT seq FROM outbox WHERE device_id = 'd0002'") > flying_seq);
    assert_string_equal(
        tmpstore_text(&fixture->store, "SELECT claim || hex(message_id) FROM outbox WHERE device_id = 'd0002'"), "501");
}

static void test_the_removed_are_passed_over(void **state)
{
    struct fixture *fixture = *state;

    add_fleet(fixture, 4);
    tmpstore_sql(&fixture->store,
                 "UPDATE device SET managed = 0; DELETE FROM outbox;"
                 "INSERT INTO report (device_id, state, status) VALUES ('d0001', 3, 2), ('d0002', 3, 3), "
                 "('d0003', 1, 2)");
    begin(fixture, FULL_REPORT_WEEKLY, 1, 0);
    feed(fixture, FULL_REPORT_WEEKLY, 10, 10);
    assert_string_equal(queued(fixture), "d0002311 d0003301 d0004311");
}

/* A deleted device whose removal was refused is tried again by the weekly report; one that is gone is not. */
static void test_deleted_devices_that_microsoft_holds(void **state)
{
    struct fixture *fixture = *state;

    add_fleet(fixture, 2);
    tmpstore_sql(&fixture->store, "INSERT INTO report (device_id, state, status, connection, platform) VALUES "
                                  "('d0001', 2, 3, 'default', 'ios'), ('d0002', 3, 2, 'default', 'ios');"
                                  "DELETE FROM device; DELETE FROM outbox");
    begin(fixture, FULL_REPORT_WEEKLY, 1, 0);
    feed(fixture, FULL_REPORT_WEEKLY, 10, 10);
    feed(fixture, FULL_REPORT_WEEKLY, 10, 10);
    assert_string_equal(queued(fixture), "d0001301");
}

static void test_waiting_is_counted_up_to_a_limit(void **state)
{
    struct fixture *fixture = *state;

    add_fleet(fixture, 12000);
    begin(fixture, FULL_REPORT_WEEKLY, 1, 0);
    feed(fixture, FULL_REPORT_WEEKLY, 12000, 10);
    assert_int_equal(fixture_queued(fixture), 12000);
    assert_int_equal(load(fixture, FULL_REPORT_WEEKLY).waiting, 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing_is_known_at_first, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_the_date_survives, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_a_walk, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_a_walk_past_odd_ids, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_what_waits_already, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_the_removed_are_passed_over, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_deleted_devices_that_microsoft_holds, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_waiting_is_counted_up_to_a_limit, fixture_set_up, fixture_tear_down),
    };

    return cmocka_run_group_tests(tests, tempdir_make, tempdir_remove);
}
