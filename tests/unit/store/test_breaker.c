/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "fixture.h"
#include "store/breaker.h"

static const struct breaker_limits limits = {.max_count = 500, .max_share = 20, .window_ms = 3600000};

static void azure_id(char text[GUID_TEXT], int i)
{
    snprintf(text, GUID_TEXT, "%08x-1111-4111-8111-111111111111", i);
}

static void stage_under(struct fixture *fixture, const struct breaker_limits *under, struct outbox_stage *stage)
{
    fixture->now_ms += 1000;
    outbox_stage_init(stage, "default", CHANNEL_PARTNER, NULL);
    stage->limit = 1000;
    stage->now_ms = fixture->now_ms;
    stage->breaker = *under;
    fixture_run(fixture, &stage->job);
}

/* Sends what may go; returns how many worsenings that were. */
static int send(struct fixture *fixture, const struct breaker_limits *under, struct outbox_stage *stage)
{
    int worse = 0;

    stage_under(fixture, under, stage);
    while (stage->items) {
        struct outbox_item *item = stage->items;
        stage->items = item->next;
        worse += decision_is_worsening(item->previous, item->report.state);
        fixture_record(fixture, item, OUTBOX_SUCCESS, REASON_NONE);
    }
    outbox_stage_deinit(stage);
    return worse;
}

/* d000, d001 ... as compliant ones that Microsoft knows. */
static void add_fleet(struct fixture *fixture, int count)
{
    struct outbox_stage stage;

    for (int i = 0; i < count; i++) {
        char id[16], azure[GUID_TEXT];
        snprintf(id, sizeof(id), "d%03d", i);
        azure_id(azure, i);
        fixture_add_device(fixture, id, azure);
    }
    assert_int_equal(send(fixture, &limits, &stage), 0);
    assert_int_equal(fixture_queued(fixture), 0);
}

static void violate(struct fixture *fixture, int from, int to)
{
    tmpstore_sql(&fixture->store,
                 "INSERT INTO violation SELECT device_id, 'block', 1 FROM device WHERE device_id >= "
                 "printf('d%%03d', %d) AND device_id < printf('d%%03d', %d)",
                 from, to);
}

static void close_breaker(struct fixture *fixture, bool discard, unsigned limit)
{
    struct breaker_close job;

    breaker_close_init(&job, "default", discard, NULL);
    job.now_ms = fixture->now_ms;
    job.limit = limit;
    do
        fixture_run(fixture, &job.job);
    while (job.more);
}

static void read_breaker(struct fixture *fixture, struct breaker_status *status)
{
    struct error err;

    assert_int_equal(breaker_read(fixture->database, "default", fixture->now_ms, limits.window_ms, status, &err), 0);
}

static void test_a_fleet_that_was_never_told_opens_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_stage stage;

    for (int i = 0; i < 50; i++) {
        char id[16], azure[GUID_TEXT];
        snprintf(id, sizeof(id), "d%03d", i);
        azure_id(azure, i);
        fixture_add_device(fixture, id, azure);
    }
    violate(fixture, 0, 50);
    assert_int_equal(send(fixture, &limits, &stage), 50);
    assert_false(stage.tripped);
}

/* One by one up to the share; the next one is held, and so is what comes after. */
static void test_the_share(void **state)
{
    struct fixture *fixture = *state;
    struct breaker_status status;
    struct outbox_stage stage;

    add_fleet(fixture, 100);
    for (int i = 0; i < 20; i++) {
        violate(fixture, i, i + 1);
        assert_int_equal(send(fixture, &limits, &stage), 1);
        assert_false(stage.tripped);
    }
    violate(fixture, 20, 21);
    assert_int_equal(send(fixture, &limits, &stage), 0);
    assert_true(stage.tripped);
    assert_int_equal(stage.held, 1);
    assert_int_equal(stage.trip.devices, 21);
    assert_int_equal(stage.trip.limit, 20);
    assert_string_equal(stage.trip.cause.policy_id, "block");

    violate(fixture, 21, 22);
    assert_int_equal(send(fixture, &limits, &stage), 0);
    assert_false(stage.tripped); /* it was open */
    read_breaker(fixture, &status);
    assert_true(status.open);
    assert_int_equal(status.held, 2);
    assert_int_equal(status.turned, 20);
    assert_string_equal(status.trip.cause.policy_name, "Block");
}

/* An edit that would block them all stops before the first. */
static void test_a_bulk_is_stopped_before_its_first_report(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_stage stage;

    add_fleet(fixture, 60);
    tmpstore_sql(&fixture->store, "INSERT INTO violation SELECT device_id, 'alert', 1 FROM device");
    send(fixture, &limits, &stage);
    tmpstore_sql(&fixture->store, "INSERT INTO policy_action VALUES ('alert', 'quarantine')");
    assert_int_equal(send(fixture, &limits, &stage), 0);
    assert_true(stage.tripped);
    assert_int_equal(stage.held, 60);
    assert_string_equal(stage.trip.cause.policy_id, "alert");

    /* mended before anybody looked: nothing is told, and nothing is held any more */
    tmpstore_sql(&fixture->store, "DELETE FROM policy_action WHERE policy_id = 'alert' AND action = 'quarantine'");
    assert_int_equal(send(fixture, &limits, &stage), 0);
    assert_int_equal(fixture_queued(fixture), 0);
}

static void test_never_fewer_than_five(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_stage stage;

    add_fleet(fixture, 8);
    violate(fixture, 0, 5);
    assert_int_equal(send(fixture, &limits, &stage), 5);
    violate(fixture, 5, 6);
    assert_int_equal(send(fixture, &limits, &stage), 0);
    assert_true(stage.tripped);
}

static void test_the_count(void **state)
{
    static const struct breaker_limits few = {.max_count = 3, .max_share = 100, .window_ms = 3600000};
    struct fixture *fixture = *state;
    struct outbox_stage stage;

    add_fleet(fixture, 40);
    violate(fixture, 0, 3);
    assert_int_equal(send(fixture, &few, &stage), 3);
    violate(fixture, 3, 4);
    assert_int_equal(send(fixture, &few, &stage), 0);
    assert_true(stage.tripped);
    assert_int_equal(stage.trip.limit, 3);
}

static void test_removals_count(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_stage stage;

    add_fleet(fixture, 40);
    tmpstore_sql(&fixture->store, "DELETE FROM device WHERE device_id < 'd010'");
    tmpstore_sql(&fixture->store, "UPDATE device SET managed = 0 WHERE device_id < 'd020'");
    assert_int_equal(send(fixture, &limits, &stage), 0);
    assert_true(stage.tripped);
    assert_string_equal(stage.trip.cause.policy_id, "");
    assert_int_equal(stage.trip.cause.removals, 20);
}

static void test_improvements_flow(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_stage stage;

    add_fleet(fixture, 50);
    violate(fixture, 0, 8);
    assert_int_equal(send(fixture, &limits, &stage), 8);
    violate(fixture, 10, 50);
    assert_int_equal(send(fixture, &limits, &stage), 0);
    tmpstore_sql(&fixture->store, "DELETE FROM violation WHERE device_id < 'd004';"
                                  "UPDATE device SET name = 'new' WHERE device_id = 'd009'");
    stage_under(fixture, &limits, &stage);
    assert_int_equal(stage.count, 5);
    outbox_stage_deinit(&stage);
}

/* The window moves on; and a device that goes to and back counts once. */
static void test_the_window(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_stage stage;

    add_fleet(fixture, 50);
    for (int i = 0; i < 30; i++) {
        violate(fixture, 0, 10);
        assert_int_equal(send(fixture, &limits, &stage), 10);
        tmpstore_sql(&fixture->store, "DELETE FROM violation");
        send(fixture, &limits, &stage);
    }
    fixture->now_ms += limits.window_ms;
    violate(fixture, 10, 20);
    assert_int_equal(send(fixture, &limits, &stage), 10);
    violate(fixture, 20, 21);
    assert_int_equal(send(fixture, &limits, &stage), 0);
    assert_true(stage.tripped);
}

static void test_release(void **state)
{
    struct fixture *fixture = *state;
    struct breaker_status status;
    struct outbox_stage stage;

    add_fleet(fixture, 50);
    violate(fixture, 0, 50);
    assert_int_equal(send(fixture, &limits, &stage), 0);
    fixture_restart(fixture);
    assert_int_equal(send(fixture, &limits, &stage), 0); /* still open */
    close_breaker(fixture, false, 7);
    read_breaker(fixture, &status);
    assert_false(status.open);
    assert_int_equal(send(fixture, &limits, &stage), 50);
    assert_false(stage.tripped);
    assert_int_equal(fixture_queued(fixture), 0);
    /* what was released does not count again */
    tmpstore_sql(&fixture->store, "DELETE FROM violation WHERE device_id = 'd000'");
    send(fixture, &limits, &stage);
    violate(fixture, 0, 1);
    assert_int_equal(send(fixture, &limits, &stage), 1);
}

static void test_discard(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_stage stage;

    add_fleet(fixture, 50);
    violate(fixture, 0, 50);
    assert_int_equal(send(fixture, &limits, &stage), 0);
    close_breaker(fixture, true, 7);
    assert_int_equal(fixture_queued(fixture), 0);
    assert_int_equal(tmpstore_int(&fixture->store, "SELECT count(*) FROM report WHERE state = 1"), 50);
    /* the next change of one is told */
    tmpstore_sql(&fixture->store, "UPDATE device SET name = 'new' WHERE device_id = 'd009'");
    assert_int_equal(send(fixture, &limits, &stage), 1);
}

/* One device, by an operator: also while the breaker is open. */
static void test_an_operators_own_is_not_held(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_enqueue enqueue;
    struct outbox_stage stage;

    add_fleet(fixture, 50);
    violate(fixture, 0, 50);
    assert_int_equal(send(fixture, &limits, &stage), 0);
    outbox_enqueue_init(&enqueue, "d007", NULL);
    fixture_run(fixture, &enqueue.job);
    assert_int_equal(send(fixture, &limits, &stage), 1);
}

/* What may have been sent is sent again. */
static void test_a_message_in_doubt_is_not_held(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_stage stage;

    add_fleet(fixture, 50);
    violate(fixture, 0, 1);
    stage_under(fixture, &limits, &stage);
    assert_int_equal(stage.count, 1);
    outbox_stage_deinit(&stage);
    fixture_restart(fixture);
    violate(fixture, 1, 50);
    assert_int_equal(send(fixture, &limits, &stage), 1);
    assert_true(stage.tripped);
    assert_int_equal(stage.held, 49);
}

static void test_another_connection_goes_on(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_stage stage;

    add_fleet(fixture, 50);
    tmpstore_sql(&fixture->store, "UPDATE device SET connection = 'other' WHERE device_id < 'd010'");
    for (int i = 0; i < 3; i++) {
        send(fixture, &limits, &stage);
        fixture_stage_on(fixture, &stage, "other", CHANNEL_PARTNER, 100);
        outbox_stage_deinit(&stage);
    }
    violate(fixture, 10, 50);
    send(fixture, &limits, &stage);
    fixture_stage_on(fixture, &stage, "other", CHANNEL_PARTNER, 100);
    outbox_stage_deinit(&stage);
    assert_int_equal(tmpstore_int(&fixture->store, "SELECT count(*) FROM breaker"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_fleet_that_was_never_told_opens_nothing),
        TEST(test_the_share),
        TEST(test_a_bulk_is_stopped_before_its_first_report),
        TEST(test_never_fewer_than_five),
        TEST(test_the_count),
        TEST(test_removals_count),
        TEST(test_improvements_flow),
        TEST(test_the_window),
        TEST(test_release),
        TEST(test_discard),
        TEST(test_an_operators_own_is_not_held),
        TEST(test_a_message_in_doubt_is_not_held),
        TEST(test_another_connection_goes_on),
    };

    return cmocka_run_group_tests(tests, tempdir_make, tempdir_remove);
}
