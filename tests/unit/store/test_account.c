/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "fixture.h"
#include "store/account.h"

static void save(struct fixture *fixture, const struct account_record *record, bool start_walk)
{
    struct account_save job;

    account_save_init(&job, record, NULL);
    job.start_walk = start_walk;
    fixture_run(fixture, &job.job);
}

static struct account_record load(struct fixture *fixture)
{
    struct account_load job;

    account_load_init(&job, "default", NULL);
    fixture_run(fixture, &job.job);
    return job.record;
}

static void set_state(struct fixture *fixture, enum account_state state, bool start_walk)
{
    struct account_record record = load(fixture);

    record.state = state;
    record.feeding = start_walk;
    save(fixture, &record, start_walk);
}

static bool feed(struct fixture *fixture, unsigned limit)
{
    struct account_feed job;

    account_feed_init(&job, "default", NULL);
    job.limit = limit;
    job.now_ms = fixture->now_ms;
    fixture_run(fixture, &job.job);
    return job.finished;
}

static struct account_counts count(struct fixture *fixture)
{
    struct account_counts counts;
    struct error err;

    assert_int_equal(account_read_counts(fixture->database, "default", fixture->now_ms, &counts, &err), 0);
    return counts;
}

static void test_what_is_saved_is_loaded(void **state)
{
    struct fixture *fixture = *state;
    struct account_record record = load(fixture);

    assert_int_equal(record.state, ACCOUNT_NEW);
    assert_int_equal(record.steps[ACCOUNT_GROUP].at_ms, -1);
    record.state = ACCOUNT_CONNECTING;
    record.since_ms = 5;
    record.total = 7;
    snprintf(record.tenant_id, sizeof(record.tenant_id), "%s", AZURE_1);
    record.steps[ACCOUNT_GROUP] =
        (struct account_progress){.state = STEP_FAILED, .problem = "group_unknown", .at_ms = 9};
    record.steps[ACCOUNT_CREDENTIAL] = (struct account_progress){.state = STEP_DONE, .value = AZURE_2, .at_ms = 8};
    save(fixture, &record, false);
    fixture_restart(fixture);
    record = load(fixture);
    assert_int_equal(record.state, ACCOUNT_CONNECTING);
    assert_int_equal(record.total, 7);
    assert_int_equal(record.connected_at_ms, -1);
    assert_string_equal(record.tenant_id, AZURE_1);
    assert_string_equal(record.steps[ACCOUNT_GROUP].problem, "group_unknown");
    assert_string_equal(record.steps[ACCOUNT_CREDENTIAL].value, AZURE_2);
    record.steps[ACCOUNT_GROUP].state = STEP_WAITING;
    save(fixture, &record, false);
    assert_int_equal(load(fixture).steps[ACCOUNT_GROUP].state, STEP_WAITING);
}

static void test_the_walk_resumes_where_it_was(void **state)
{
    struct fixture *fixture = *state;

    for (int i = 0; i < 5; i++)
        tmpstore_sql(&fixture->store, "INSERT INTO device (device_id, platform) VALUES ('d%d', 'ios')", i);
    tmpstore_sql(&fixture->store, "INSERT INTO device (device_id, platform, connection) VALUES ('d9', 'ios', 'other');"
                                  "DELETE FROM outbox");
    assert_true(feed(fixture, 2)); /* none was started */
    set_state(fixture, ACCOUNT_CONNECTED, true);
    assert_true(load(fixture).feeding);
    assert_false(feed(fixture, 2));
    fixture_restart(fixture);
    assert_false(feed(fixture, 2));
    assert_int_equal(fixture_queued(fixture), 4);
    assert_false(feed(fixture, 2));
    assert_true(feed(fixture, 2));
    assert_int_equal(fixture_queued(fixture), 5);
    assert_false(load(fixture).feeding);
    assert_int_equal(tmpstore_int(&fixture->store, "SELECT min(forced) FROM outbox"), 1);
}

/* Ids that nobody can name neither end the walk nor send it back. */
static void test_the_walk_passes_odd_ids(void **state)
{
    struct fixture *fixture = *state;
    unsigned jobs = 0;

    tmpstore_sql(&fixture->store,
                 "PRAGMA ignore_check_constraints = on; INSERT INTO device (device_id, platform) VALUES ('d0', 'ios'), "
                 "('d1', 'ios'), (X'6161', 'ios'), "
                 "(CAST(X'640000' AS TEXT), 'ios'), (CAST(X'7A0000' AS TEXT), 'ios'); DELETE FROM outbox");
    set_state(fixture, ACCOUNT_DISCONNECTING, true);
    while (!feed(fixture, 1))
        assert_true(++jobs < 10);
    assert_int_equal(tmpstore_int(&fixture->store, "SELECT count(*) FROM outbox WHERE device_id IN ('d0', 'd1')"), 2);
}

static void walk(struct fixture *fixture)
{
    while (!feed(fixture, 100))
        ;
}

static void test_a_device_of_a_leaving_connection_is_removed(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_item *item;

    fixture_add_device(fixture, "d1", AZURE_1);
    fixture_settle(fixture);
    assert_int_equal(count(fixture).managed, 1);
    assert_int_equal(count(fixture).compliant, 1);
    set_state(fixture, ACCOUNT_DISCONNECTING, true);
    walk(fixture);
    assert_int_equal(count(fixture).queued, 1);
    item = fixture_stage_one(fixture);
    assert_int_equal(item->report.state, AZURE_STATE_REMOVED);
    assert_string_equal(item->report.azure_device_id, AZURE_1);
    fixture_record(fixture, item, OUTBOX_ACCEPTED, REASON_NONE);
    assert_int_equal(count(fixture).awaiting, 1);
    assert_int_equal(count(fixture).managed, 0);
    assert_int_equal(count(fixture).left, 0);
    fixture_stage_none(fixture);
    assert_int_equal(count(fixture).queued, 0);
    /* Changes of the MDM do not bring it back. */
    tmpstore_sql(&fixture->store, "UPDATE device SET name = 'New name'");
    fixture_stage_none(fixture);
    /* Connected again it is told what it is. */
    set_state(fixture, ACCOUNT_CONNECTED, true);
    walk(fixture);
    item = fixture_stage_one(fixture);
    assert_int_equal(item->report.state, AZURE_STATE_COMPLIANT);
    fixture_record(fixture, item, OUTBOX_SUCCESS, REASON_NONE);
}

static void test_the_breaker_does_not_hold_a_disconnect(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_stage stage;

    fixture_add_device(fixture, "d1", AZURE_1);
    fixture_settle(fixture);
    fixture_add_device(fixture, "d2", AZURE_2);
    fixture_settle(fixture);
    set_state(fixture, ACCOUNT_DISCONNECTING, true);
    walk(fixture);
    outbox_stage_init(&stage, "default", CHANNEL_PARTNER, NULL);
    stage.limit = 10;
    stage.now_ms = fixture->now_ms;
    stage.breaker = (struct breaker_limits){.max_count = 1, .max_share = 1, .window_ms = 3600000};
    fixture_run(fixture, &stage.job);
    assert_int_equal(stage.count, 2);
    outbox_stage_deinit(&stage);
}

static int take_name(void *ctx, const char *device_id, const char *reason, const char *detail)
{
    (void)detail;
    snprintf(ctx, 64, "%s %s", device_id, reason);
    return 0;
}

static void test_what_is_left_behind(void **state)
{
    struct fixture *fixture = *state;
    struct error err;
    char told[64] = "";

    fixture_add_device(fixture, "d1", AZURE_1);
    fixture_settle(fixture);
    set_state(fixture, ACCOUNT_DISCONNECTING, true);
    walk(fixture);
    assert_int_equal(count(fixture).left, 0); /* it waits for its turn */
    fixture_record(fixture, fixture_stage_one(fixture), OUTBOX_REFUSED, REASON_DEVICE_REFUSED);
    assert_int_equal(count(fixture).left, 1);
    assert_string_equal(count(fixture).names, "d1");
    assert_int_equal(account_read_left(fixture->database, "default", fixture->now_ms, 10, take_name, told, &err), 0);
    assert_string_equal(told, "d1 device_refused");
    /* Asked once more it is told once more. */
    set_state(fixture, ACCOUNT_DISCONNECTING, true);
    walk(fixture);
    assert_int_equal(count(fixture).left, 0);
    fixture_record(fixture, fixture_stage_one(fixture), OUTBOX_SUCCESS, REASON_NONE);
    fixture_stage_none(fixture);
    assert_int_equal(count(fixture).left, 0);
}

/* Both have one Azure id, and each is the other's holder: neither may push it to the other for ever. */
static void test_twins_that_leave(void **state)
{
    struct fixture *fixture = *state;
    int told = 0;

    fixture_add_device(fixture, "d1", AZURE_1);
    fixture_settle(fixture);
    fixture_add_device(fixture, "d2", AZURE_1);
    fixture_stage_none(fixture); /* parked */
    set_state(fixture, ACCOUNT_DISCONNECTING, true);
    walk(fixture);
    for (int pass = 0; pass < 10 && fixture_queued(fixture) > 0; pass++) {
        struct outbox_stage stage;

        fixture_stage(fixture, &stage);
        while (stage.items) {
            struct outbox_item *item = stage.items;
            stage.items = item->next;
            assert_int_equal(item->report.state, AZURE_STATE_REMOVED);
            fixture_record(fixture, item, OUTBOX_SUCCESS, REASON_NONE);
            told++;
        }
        outbox_stage_deinit(&stage);
        fixture->now_ms += 1000;
    }
    assert_true(told >= 1);
    assert_int_equal(fixture_queued(fixture), 0);
    assert_int_equal(count(fixture).left, 0);
}

static void test_platforms_and_devices(void **state)
{
    struct fixture *fixture = *state;

    tmpstore_sql(&fixture->store,
                 "INSERT INTO device (device_id, platform, connection) VALUES ('a', 'ios', 'default'), "
                 "('b', 'windows', 'default'), ('c', 'macos', 'other')");
    assert_int_equal(count(fixture).devices, 2);
    assert_int_equal(count(fixture).platforms, 1u << PLATFORM_IOS | 1u << PLATFORM_WINDOWS);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_saved_is_loaded),
        TEST(test_the_walk_resumes_where_it_was),
        TEST(test_the_walk_passes_odd_ids),
        TEST(test_a_device_of_a_leaving_connection_is_removed),
        TEST(test_the_breaker_does_not_hold_a_disconnect),
        TEST(test_what_is_left_behind),
        TEST(test_twins_that_leave),
        TEST(test_platforms_and_devices),
    };

    return cmocka_run_group_tests(tests, tempdir_make, tempdir_remove);
}
