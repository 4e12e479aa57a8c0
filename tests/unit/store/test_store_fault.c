/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * Every allocation of our own fails once, and from each on for good: the job says ERR_NOMEM, nothing leaks, the store
 * is as before, and the same job done again works.
 */
#include "fault.h"
#include "fixture.h"
#include "loop.h"
#include "store/full_report.h"

/* Runs `attempt` with allocation n failing, for n = 0, 1, 2 ... until it goes through untouched. */
static void torture(struct fixture *fixture, int (*attempt)(struct fixture *fixture))
{
    static const enum fault_mode modes[] = {FAULT_ONCE, FAULT_STAYS};

    for (int mode = 0; mode < 2; mode++) {
        for (unsigned n = 0;; n++) {
            assert_true(n < 1000);
            fault_arm(n, modes[mode]);
            int code = attempt(fixture);
            if (!fault_disarm()) {
                assert_int_equal(code, 0);
                break;
            }
            assert_int_equal(code, ERR_NOMEM);
        }
    }
}

static int open_and_close(struct fixture *fixture)
{
    struct database *database;
    struct error err;

    int code = database_open(fixture->store.path, DATABASE_WRITE, &database, &err);
    if (code == 0)
        database_close(database);
    return code;
}

static int lock_and_unlock(struct fixture *fixture)
{
    struct database_lock *lock;
    struct error err;

    int code = database_lock(fixture->store.path, &lock, &err);
    if (code == 0)
        database_unlock(lock);
    return code;
}

static int reopen(struct fixture *fixture)
{
    struct error err;

    return database_reopen(&fixture->database, &err);
}

static int stage(struct fixture *fixture)
{
    struct outbox_stage job;

    outbox_stage_init(&job, "default", CHANNEL_PARTNER, NULL);
    job.limit = 10;
    job.now_ms = fixture->now_ms;
    int code = fixture_try(fixture, &job.job);
    if (code < 0) {
        assert_null(job.items);
        assert_int_equal(job.count + job.unknown_user_count, 0);
        assert_int_equal(tmpstore_int(&fixture->store, "SELECT count(*) FROM outbox WHERE claim IS NOT NULL"), 0);
    } else {
        assert_int_equal(job.count, 2);
        assert_int_equal(job.unknown_user_count, 1);
        assert_int_equal(job.needless, 1);
    }
    outbox_stage_deinit(&job);
    return code;
}

static void test_opening(void **state)
{
    torture(*state, open_and_close);
    torture(*state, lock_and_unlock);
    torture(*state, reopen);
}

static void test_staging(void **state)
{
    struct fixture *fixture = *state;

    for (int mode = 0; mode < 2; mode++) {
        tmpstore_sql(&fixture->store, "DELETE FROM device; DELETE FROM outbox; DELETE FROM report");
        fixture_add_device(fixture, "d1", AZURE_1);
        fixture_add_device(fixture, "d2", AZURE_2);
        fixture_add_device(fixture, "d3", "33333333-3333-4333-8333-333333333333");
        tmpstore_sql(&fixture->store,
                     "UPDATE device SET user_principal_name = 'new@example.com' WHERE device_id = 'd3';"
                     /* gone, and its id is another's: */
                     "INSERT INTO report (device_id, state, connection, platform, azure_device_id) VALUES "
                     "('d0', 1, 'default', 'ios', '" AZURE_1 "'); INSERT INTO gone (device_id, connection, "
                     "platform) VALUES ('d0', 'default', 'ios')");
        for (unsigned n = 0;; n++) {
            fault_arm(n, mode ? FAULT_STAYS : FAULT_ONCE);
            int code = stage(fixture);
            if (!fault_disarm()) {
                assert_int_equal(code, 0);
                break;
            }
            assert_int_equal(code, ERR_NOMEM);
        }
    }
}

static int make_records(struct fixture *fixture)
{
    struct outbox_record record;
    struct users_record users;
    struct message_record messages;
    (void)fixture;

    int code = outbox_record_init(&record, "default", 5, NULL);
    if (code == 0) {
        code = users_record_init(&users, "default", 5, NULL);
        if (code == 0) {
            code = message_record_init(&messages, "default", 5, NULL);
            if (code == 0)
                message_record_deinit(&messages);
            users_record_deinit(&users);
        }
        outbox_record_deinit(&record);
    }
    return code;
}

static int fetch(struct fixture *fixture)
{
    struct message_fetch job;

    message_fetch_init(&job, "default", NULL);
    job.limit = 10;
    job.now_ms = 1000;
    int code = fixture_try(fixture, &job.job);
    assert_int_equal(job.count, code < 0 ? 0 : 2);
    message_fetch_deinit(&job);
    return code;
}

static int feed(struct fixture *fixture)
{
    struct full_report_feed job;

    full_report_feed_init(&job, "default", FULL_REPORT_WEEKLY, NULL);
    job.limit = 1;
    job.backlog = 1000;
    return fixture_try(fixture, &job.job);
}

static void test_other_jobs(void **state)
{
    struct fixture *fixture = *state;
    struct full_report_begin begin;

    torture(fixture, make_records);
    tmpstore_sql(
        &fixture->store,
        "INSERT INTO message (message_id, sent_as, device_id, connection, accepted_at_ms, poll_at_ms, deadline_ms) "
        "VALUES (randomblob(16), randomblob(16), 'a', 'default', 1, 1, 1), "
        "(randomblob(16), randomblob(16), 'b', 'default', 1, 1, 1)");
    torture(fixture, fetch);
    for (int i = 0; i < 10; i++)
        tmpstore_sql(&fixture->store, "INSERT INTO device (device_id, platform) VALUES ('d%d', 'ios')", i);
    full_report_begin_init(&begin, "default", FULL_REPORT_WEEKLY, NULL);
    begin.started_at_ms = 1;
    fixture_run(fixture, &begin.job);
    torture(fixture, feed);
}

static void on_closed(void *ctx)
{
    unsigned *closed = ctx;
    (*closed)++;
}

static void test_starting_the_thread(void **state)
{
    struct fixture *fixture = *state;

    for (unsigned n = 0;; n++) {
        struct store_thread *thread;
        struct error err;
        unsigned closed = 0;
        uv_loop_t loop;

        uv_loop_init(&loop);
        fault_arm(n, FAULT_ONCE);
        int code = store_thread_start(&loop, fixture->store.path, false, &thread, &err);
        bool failed = fault_disarm();
        if (code == 0) {
            store_thread_stop(thread, on_closed, &closed);
            loop_until(&loop, &closed, 1);
        }
        loop_finish(&loop);
        assert_int_equal(code, failed ? ERR_NOMEM : 0);
        if (!failed)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_opening, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_staging, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_other_jobs, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_starting_the_thread, fixture_set_up, fixture_tear_down),
    };

    return cmocka_run_group_tests(tests, tempdir_make, tempdir_remove);
}
