/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* An Azure id that passes from one device to another: Microsoft must not keep letting it in when neither goes by it
 * any more. */
#include "unit.h"

#include <stdlib.h>

#include "fixture.h"

#define FORGET "DELETE FROM device; DELETE FROM report; DELETE FROM outbox; DELETE FROM tombstone; DELETE FROM retired"

/* Sends all that is to be told on a connection's partner channel; counts the removals of an id, and what else was
 * told. */
struct sent {
    unsigned removed_1, removed_2, other;
};

static void drain_on(struct fixture *fixture, const char *connection, struct sent *sent)
{
    struct outbox_stage stage;
    bool any;

    do {
        fixture_stage_on(fixture, &stage, connection, CHANNEL_PARTNER, 100);
        any = stage.count > 0;
        while (stage.items) {
            struct outbox_item *item = stage.items;
            stage.items = item->next;
            bool removed = item->report.state == AZURE_STATE_REMOVED;
            sent->removed_1 += removed && strcmp(item->report.azure_device_id, AZURE_1) == 0;
            sent->removed_2 += removed && strcmp(item->report.azure_device_id, AZURE_2) == 0;
            sent->other += !removed;
            fixture_record_on(fixture, connection, item, OUTBOX_SUCCESS, REASON_NONE);
            outbox_item_free(item);
        }
        outbox_stage_deinit(&stage);
        fixture->now_ms += 1000;
    } while (any);
}

static struct sent drain(struct fixture *fixture)
{
    struct sent sent = {0};

    drain_on(fixture, "default", &sent);
    return sent;
}

static void add_waiting(struct fixture *fixture, const char *id, const char *azure_id)
{
    tmpstore_sql(&fixture->store,
                 "INSERT INTO device (device_id, platform, user_principal_name, azure_device_id) VALUES (%Q, 'ios', "
                 "'u@example.com', %Q)",
                 id, azure_id);
}

/* The new device is never told: it waits for its evaluation, and goes. */
static void test_what_was_told_passes_to_the_new_device(void **state)
{
    static const char *const ways[] = {
        "DELETE FROM device WHERE device_id = 'd2'",
        "UPDATE device SET managed = 0 WHERE device_id = 'd2'",
        "UPDATE device SET azure_device_id = '' WHERE device_id = 'd2'",
        "UPDATE device SET azure_device_id = '" AZURE_2 "' WHERE device_id = 'd2'",
    };
    static const char *const leave[] = {
        "DELETE FROM device WHERE device_id = 'd1'",
        "UPDATE device SET azure_device_id = '' WHERE device_id = 'd1'",
        "UPDATE device SET managed = 0 WHERE device_id = 'd1'",
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]) * sizeof(leave) / sizeof(leave[0]); i++) {
        fixture_add_device(fixture, "d1", AZURE_1);
        fixture_settle(fixture);
        tmpstore_sql(&fixture->store, leave[i % 3]);
        add_waiting(fixture, "d2", AZURE_1);
        struct sent sent = drain(fixture);
        assert_int_equal(sent.removed_1 + sent.removed_2 + sent.other, 0);
        assert_int_equal(tmpstore_int(&fixture->store, "SELECT state FROM report WHERE device_id = 'd2'"), 1);
        tmpstore_sql(&fixture->store, ways[i / 3]);
        sent = drain(fixture);
        if (sent.removed_1 != 1 || sent.removed_2 + sent.other != 0)
            fail_msg("way %zu: removed %u times", i, sent.removed_1);
        tmpstore_sql(&fixture->store, FORGET);
    }
}

/* A message about the old device whose outcome is unknown counts as told. */
static void test_a_message_in_doubt_passes_too(void **state)
{
    struct fixture *fixture = *state;

    fixture_add_device(fixture, "d1", AZURE_1);
    fixture_record(fixture, fixture_stage_one(fixture), OUTBOX_TRANSIENT, REASON_RETRYING);
    tmpstore_sql(&fixture->store, "DELETE FROM device");
    add_waiting(fixture, "d2", AZURE_1);
    assert_int_equal(drain(fixture).removed_1, 0);
    tmpstore_sql(&fixture->store, "DELETE FROM device");
    assert_int_equal(drain(fixture).removed_1, 1);
}

/* Two devices that swap their ids: nobody is locked out, and both are retired when both go. */
static void test_swapped_ids(void **state)
{
    struct fixture *fixture = *state;

    for (int evaluated = 0; evaluated < 2; evaluated++) {
        fixture_add_device(fixture, "d1", AZURE_1);
        fixture_add_device(fixture, "d2", AZURE_2);
        assert_int_equal(drain(fixture).other, 2);
        tmpstore_sql(&fixture->store,
                     "UPDATE device SET evaluated_at = %s, azure_device_id = CASE device_id WHEN 'd1' THEN '" AZURE_2
                     "' ELSE '" AZURE_1 "' END",
                     evaluated ? "1" : "NULL");
        struct sent sent = drain(fixture);
        assert_int_equal(sent.removed_1 + sent.removed_2, 0);
        assert_int_equal(sent.other, evaluated ? 2 : 0);
        tmpstore_sql(&fixture->store, "DELETE FROM device");
        sent = drain(fixture);
        assert_int_equal(sent.removed_1, 1);
        assert_int_equal(sent.removed_2, 1);
        tmpstore_sql(&fixture->store, FORGET);
    }
}

/* ... though Microsoft's answers about both are unknown. */
static void test_swapped_ids_in_doubt(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_stage stage;

    fixture_add_device(fixture, "d1", AZURE_1);
    fixture_add_device(fixture, "d2", AZURE_2);
    fixture_stage(fixture, &stage);
    while (stage.items) {
        struct outbox_item *item = stage.items;
        stage.items = item->next;
        fixture_record(fixture, item, OUTBOX_TRANSIENT, REASON_RETRYING);
    }
    outbox_stage_deinit(&stage);
    tmpstore_sql(&fixture->store,
                 "UPDATE device SET evaluated_at = NULL, azure_device_id = CASE device_id WHEN 'd1' THEN '" AZURE_2
                 "' ELSE '" AZURE_1 "' END");
    drain(fixture);
    tmpstore_sql(&fixture->store, "DELETE FROM device");
    struct sent sent = drain(fixture);
    assert_true(sent.removed_1 >= 1);
    assert_true(sent.removed_2 >= 1);
}

/* A report about the new device's former id is in flight: its result must not be recorded over what passes. */
static void test_a_flight_is_waited_for(void **state)
{
    struct fixture *fixture = *state;

    fixture_add_device(fixture, "d1", AZURE_1);
    fixture_settle(fixture);
    fixture_add_device(fixture, "d2", AZURE_2);
    struct outbox_item *flying = fixture_stage_one(fixture);
    tmpstore_sql(&fixture->store, "DELETE FROM device WHERE device_id = 'd1'");
    tmpstore_sql(&fixture->store, "UPDATE device SET azure_device_id = '" AZURE_1 "', evaluated_at = NULL");
    fixture_stage_none(fixture);
    fixture_record(fixture, flying, OUTBOX_SUCCESS, REASON_NONE);
    fixture->now_ms += 2000;
    assert_int_equal(drain(fixture).removed_2, 1);
    tmpstore_sql(&fixture->store, "DELETE FROM device");
    assert_int_equal(drain(fixture).removed_1, 1);
}

/* Another tenant's device of the same id is no reason to leave it in: neither before that one is told nor after. */
static void test_another_connection(void **state)
{
    static const char *const order[][2] = {{"default", "other"}, {"other", "default"}};
    struct fixture *fixture = *state;

    tmpstore_sql(&fixture->store, "INSERT INTO user VALUES ('other', 'u@example.com', '" USER_1 "', 1800000000000)");
    for (size_t i = 0; i < 2; i++) {
        struct sent sent = {0};

        fixture_add_device(fixture, "d1", AZURE_1);
        fixture_settle(fixture);
        tmpstore_sql(&fixture->store,
                     "UPDATE device SET azure_device_id = ''; INSERT INTO device (device_id, connection, platform, "
                     "user_principal_name, azure_device_id, evaluated_at) VALUES ('d2', 'other', 'ios', "
                     "'u@example.com', '" AZURE_1 "', 1)");
        for (int pass = 0; pass < 4; pass++)
            drain_on(fixture, order[i][pass % 2], &sent);
        assert_int_equal(sent.removed_1, 1);
        assert_int_equal(sent.other, 1);
        assert_int_equal(fixture_queued(fixture), 0);
        tmpstore_sql(&fixture->store, FORGET);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_what_was_told_passes_to_the_new_device),
        TEST(test_a_message_in_doubt_passes_too),
        TEST(test_swapped_ids),
        TEST(test_swapped_ids_in_doubt),
        TEST(test_a_flight_is_waited_for),
        TEST(test_another_connection),
    };

    return cmocka_run_group_tests(tests, tempdir_make, tempdir_remove);
}
