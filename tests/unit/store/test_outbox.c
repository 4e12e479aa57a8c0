/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "fixture.h"

static void test_a_first_report_goes_out_whole(void **state)
{
    struct fixture *fixture = *state;

    fixture_add_device(fixture, "d1", AZURE_1);
    struct outbox_item *item = fixture_stage_one(fixture);
    assert_string_equal(item->report.device_id, "d1");
    assert_string_equal(item->report.azure_device_id, AZURE_1);
    assert_string_equal(item->report.user_id, USER_1);
    assert_string_equal(item->report.name, "Phone");
    assert_string_equal(item->report.os_version, "17.1");
    assert_int_equal(item->report.platform, PLATFORM_IOS);
    assert_int_equal(item->report.state, AZURE_STATE_COMPLIANT);
    assert_int_equal(item->report.last_check_in_s, 1799999000);
    assert_int_equal(item->report.last_update_ms, fixture->now_ms);
    assert_int_equal(item->previous, AZURE_STATE_NONE);
    assert_int_equal(item->attempts, 0);
    assert_false(item->resent);
    assert_false(item->retire_old);

    fixture_record(fixture, item, OUTBOX_ACCEPTED, REASON_NONE);
    assert_int_equal(fixture_queued(fixture), 0);
    assert_string_equal(tmpstore_text(&fixture->store, "SELECT state || status || connection || platform || "
                                                       "azure_device_id || user_id || accepted_at_ms FROM report"),
                        "11defaultios" AZURE_1 USER_1 "1800000000050");
    assert_string_equal(tmpstore_text(&fixture->store, "SELECT device_id || poll_at_ms || deadline_ms FROM message"),
                        "d118000000010001800000900000");
}

/* ---------------------------------------------------------------------------------------- promises 1 to 3 */

static void test_no_change_no_traffic(void **state)
{
    struct fixture *fixture = *state;

    fixture_add_device(fixture, "d1", AZURE_1);
    fixture_settle(fixture);
    tmpstore_sql(&fixture->store, "UPDATE device SET name = 'Other'; UPDATE device SET name = 'Phone'");
    assert_int_equal(fixture_queued(fixture), 1);

    struct outbox_stage stage;
    fixture_stage(fixture, &stage);
    assert_int_equal(stage.count, 0);
    assert_int_equal(stage.needless, 1);
    outbox_stage_deinit(&stage);
    assert_int_equal(fixture_queued(fixture), 0);
}

static void test_any_inventory_column_is_told(void **state)
{
    static const char *const columns[] = {"name", "manufacturer", "model", "serial_number", "os_version"};
    struct fixture *fixture = *state;

    fixture_add_device(fixture, "d1", AZURE_1);
    fixture_settle(fixture);
    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
        tmpstore_sql(&fixture->store, "UPDATE device SET %s = 'changed'", columns[i]);
        fixture_settle(fixture);
    }
    assert_int_equal(fixture_queued(fixture), 0);
}

static void test_a_change_in_flight_is_told_after_it(void **state)
{
    struct fixture *fixture = *state;

    fixture_add_device(fixture, "d1", AZURE_1);
    struct outbox_item *first = fixture_stage_one(fixture);
    tmpstore_sql(&fixture->store, "INSERT INTO violation VALUES ('d1', 'block', 1)");
    fixture_stage_none(fixture); /* one flight a device */
    fixture_record(fixture, first, OUTBOX_ACCEPTED, REASON_NONE);

    struct outbox_item *second = fixture_stage_one(fixture);
    assert_int_equal(second->report.state, AZURE_STATE_NON_COMPLIANT);
    assert_int_equal(second->previous, AZURE_STATE_COMPLIANT);
    assert_int_equal(second->report.last_update_ms, fixture->now_ms + 1); /* rises though the clock stands still */
    assert_false(second->resent);
    fixture_record(fixture, second, OUTBOX_ACCEPTED, REASON_NONE);
    assert_int_equal(fixture_queued(fixture), 0);
}

static void test_a_change_in_flight_that_came_to_nothing(void **state)
{
    struct fixture *fixture = *state;

    fixture_add_device(fixture, "d1", AZURE_1);
    struct outbox_item *item = fixture_stage_one(fixture);
    tmpstore_sql(&fixture->store, "UPDATE device SET name = 'x'; UPDATE device SET name = 'Phone'");
    fixture_record(fixture, item, OUTBOX_ACCEPTED, REASON_NONE);
    assert_int_equal(fixture_queued(fixture), 1);
    fixture_stage_none(fixture);
    assert_int_equal(fixture_queued(fixture), 0);
}

static void test_after_a_crash_the_same_message(void **state)
{
    struct fixture *fixture = *state;

    fixture_add_device(fixture, "d1", AZURE_1);
    struct outbox_item *lost = fixture_stage_one(fixture);
    fixture_restart(fixture);
    fixture->now_ms += 60000;
    struct outbox_item *again = fixture_stage_one(fixture);
    assert_true(again->resent);
    assert_memory_equal(&again->report.message_id, &lost->report.message_id, sizeof(struct guid));
    assert_int_equal(again->report.last_update_ms, lost->report.last_update_ms);
    outbox_item_free(lost);
    fixture_record(fixture, again, OUTBOX_ACCEPTED, REASON_NONE);
    assert_int_equal(fixture_queued(fixture), 0);
}

static void test_after_a_crash_with_other_content_a_newer_message(void **state)
{
    struct fixture *fixture = *state;

    fixture_add_device(fixture, "d1", AZURE_1);
    struct outbox_item *lost = fixture_stage_one(fixture);
    fixture_restart(fixture);
    tmpstore_sql(&fixture->store, "UPDATE device SET name = 'x'");
    fixture->now_ms -= 3600000; /* and the clock was set back */
    struct outbox_item *next = fixture_stage_one(fixture);
    assert_false(next->resent);
    assert_memory_not_equal(&next->report.message_id, &lost->report.message_id, sizeof(struct guid));
    assert_int_equal(next->report.last_update_ms, lost->report.last_update_ms + 1);
    outbox_item_free(lost);
    outbox_item_free(next);
}

/* A crash between stage and record, at a device that Microsoft knows: whatever the store says next, it is told. */
static void test_in_doubt_nothing_is_suppressed(void **state)
{
    struct fixture *fixture = *state;

    fixture_add_device(fixture, "d1", AZURE_1);
    fixture_settle(fixture);
    tmpstore_sql(&fixture->store, "INSERT INTO violation VALUES ('d1', 'block', 1)");
    outbox_item_free(fixture_stage_one(fixture));
    fixture_restart(fixture);
    tmpstore_sql(&fixture->store, "DELETE FROM violation");
    struct outbox_item *item = fixture_stage_one(fixture);
    assert_int_equal(item->report.state, AZURE_STATE_COMPLIANT);
    fixture_record(fixture, item, OUTBOX_TRANSIENT, REASON_RETRYING); /* and it stays in doubt */
    fixture->now_ms += 5000;
    fixture_settle(fixture);
    assert_int_equal(fixture_queued(fixture), 0);
}

static void test_a_released_row_is_in_no_doubt(void **state)
{
    struct fixture *fixture = *state;

    fixture_add_device(fixture, "d1", AZURE_1);
    fixture_settle(fixture);
    tmpstore_sql(&fixture->store, "INSERT INTO violation VALUES ('d1', 'block', 1)");
    fixture_record(fixture, fixture_stage_one(fixture), OUTBOX_RELEASED, REASON_NONE);
    tmpstore_sql(&fixture->store, "DELETE FROM violation");
    fixture_stage_none(fixture);
    assert_int_equal(fixture_queued(fixture), 0);
}

static void test_released_after_a_doubt_stays_in_doubt(void **state)
{
    struct fixture *fixture = *state;

    fixture_add_device(fixture, "d1", AZURE_1);
    fixture_settle(fixture);
    tmpstore_sql(&fixture->store, "INSERT INTO violation VALUES ('d1', 'block', 1)");
    fixture_record(fixture, fixture_stage_one(fixture), OUTBOX_TRANSIENT, REASON_RETRYING);
    fixture->now_ms += 5000;
    fixture_record(fixture, fixture_stage_one(fixture), OUTBOX_RELEASED, REASON_NONE);
    tmpstore_sql(&fixture->store, "DELETE FROM violation");
    fixture_settle(fixture);
}

/* A first report in doubt is held against us: the device must be taken back even if nothing was recorded of it. */
static void test_a_first_report_in_doubt_is_taken_back(void **state)
{
    struct fixture *fixture = *state;

    fixture_add_device(fixture, "d1", AZURE_1);
    outbox_item_free(fixture_stage_one(fixture));
    fixture_restart(fixture);
    tmpstore_sql(&fixture->store, "DELETE FROM device");
    struct outbox_item *item = fixture_stage_one(fixture);
    assert_int_equal(item->report.state, AZURE_STATE_REMOVED);
    assert_string_equal(item->report.azure_device_id, AZURE_1);
    assert_string_equal(item->report.user_id, USER_1);
    assert_int_equal(item->previous, AZURE_STATE_COMPLIANT);
    assert_false(item->retire_old);

    /* the removal in doubt too: still the first one counts */
    outbox_item_free(item);
    fixture_restart(fixture);
    fixture_settle(fixture);
    assert_int_equal(fixture_queued(fixture), 0);
    assert_string_equal(tmpstore_text(&fixture->store, "SELECT state || azure_device_id FROM report"), "3" AZURE_1);
}

/* A new id in doubt, then yet another id: the one in doubt is retired first. */
static void test_an_id_in_doubt_is_retired(void **state)
{
    struct fixture *fixture = *state;

    fixture_add_device(fixture, "d1", AZURE_1);
    fixture_record(fixture, fixture_stage_one(fixture), OUTBOX_TRANSIENT, REASON_RETRYING);
    tmpstore_sql(&fixture->store, "UPDATE device SET azure_device_id = '" AZURE_2 "'");
    struct outbox_item *item = fixture_stage_one(fixture);
    assert_string_equal(item->report.azure_device_id, AZURE_1);
    assert_int_equal(item->report.state, AZURE_STATE_REMOVED);
    assert_true(item->retire_old);
    fixture_record(fixture, item, OUTBOX_SUCCESS, REASON_NONE);
    item = fixture_stage_one(fixture);
    assert_string_equal(item->report.azure_device_id, AZURE_2);
    fixture_record(fixture, item, OUTBOX_SUCCESS, REASON_NONE);
}

/* The row may go while a message is in doubt; the doubt does not. */
static void test_a_doubt_outlives_its_row(void **state)
{
    static const char *const causes[] = {
        "UPDATE device SET evaluated_at = NULL",           /* waits */
        "UPDATE device SET azure_device_id = 'nonsense'",  /* parked */
        "UPDATE device SET name = CAST(x'ff' AS TEXT)",    /* parked */
        "INSERT INTO violation VALUES ('d1', 'ghost', 1)", /* waits */
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
        tmpstore_sql(&fixture->store,
                     "DELETE FROM device; DELETE FROM violation; DELETE FROM outbox; DELETE FROM report");
        fixture_add_device(fixture, "d1", AZURE_1);
        struct outbox_item *lost = fixture_stage_one(fixture);
        int64_t stamp_ms = lost->report.last_update_ms;
        outbox_item_free(lost);
        fixture_restart(fixture);
        tmpstore_sql(&fixture->store, "%s", causes[i]);
        fixture_stage_none(fixture);
        assert_int_equal(fixture_queued(fixture), 0);

        tmpstore_sql(&fixture->store, "DELETE FROM device");
        struct outbox_item *item = fixture_stage_one(fixture);
        assert_int_equal(item->report.state, AZURE_STATE_REMOVED);
        assert_string_equal(item->report.azure_device_id, AZURE_1);
        assert_true(item->report.last_update_ms > stamp_ms);
        fixture_record(fixture, item, OUTBOX_SUCCESS, REASON_NONE);
    }
}

/* A message in doubt, then a newer one refused: what the older one did is not known. */
static void test_a_refusal_does_not_end_an_older_doubt(void **state)
{
    struct fixture *fixture = *state;

    fixture_add_device(fixture, "d1", AZURE_1);
    fixture_record(fixture, fixture_stage_one(fixture), OUTBOX_TRANSIENT, REASON_RETRYING);
    tmpstore_sql(&fixture->store, "UPDATE device SET name = 'x'");
    fixture_record(fixture, fixture_stage_one(fixture), OUTBOX_REFUSED, REASON_DEVICE_REFUSED);
    tmpstore_sql(&fixture->store, "DELETE FROM device");
    struct outbox_item *item = fixture_stage_one(fixture);
    assert_int_equal(item->report.state, AZURE_STATE_REMOVED);
    assert_string_equal(item->report.azure_device_id, AZURE_1);
    outbox_item_free(item);
}

/* --------------------------------------------------------------------------------------- outcomes */

static void test_refused_is_parked_until_something_changes(void **state)
{
    struct fixture *fixture = *state;

    fixture_add_device(fixture, "d1", AZURE_1);
    fixture_record(fixture, fixture_stage_one(fixture), OUTBOX_REFUSED, REASON_DEVICE_REFUSED);
    assert_int_equal(fixture_queued(fixture), 0);
    assert_string_equal(
        tmpstore_text(&fixture->store, "SELECT state || status || reason || azure_device_id FROM report"),
        "03device_refused");
    tmpstore_sql(&fixture->store, "UPDATE device SET name = 'x'; UPDATE device SET name = 'Phone'");
    fixture_settle(fixture);
    assert_string_equal(tmpstore_text(&fixture->store, "SELECT state || status || reason FROM report"), "12");
}

static void test_a_refused_change_keeps_what_was_accepted(void **state)
{
    struct fixture *fixture = *state;

    fixture_add_device(fixture, "d1", AZURE_1);
    fixture_settle(fixture);
    tmpstore_sql(&fixture->store, "INSERT INTO violation VALUES ('d1', 'block', 1)");
    fixture_record(fixture, fixture_stage_one(fixture), OUTBOX_REFUSED, REASON_DEVICE_REFUSED);
    assert_string_equal(tmpstore_text(&fixture->store, "SELECT state || status || accepted_at_ms FROM report"),
                        "131800000000050");
    /* back to the state that was accepted: told all the same, the error must end */
    tmpstore_sql(&fixture->store, "DELETE FROM violation");
    fixture_settle(fixture);
    assert_string_equal(tmpstore_text(&fixture->store, "SELECT state || status FROM report"), "12");
}

static void test_transient_backs_off(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_stage stage;

    fixture_add_device(fixture, "d1", AZURE_1);
    fixture_record(fixture, fixture_stage_one(fixture), OUTBOX_TRANSIENT, REASON_RETRYING);
    fixture_stage(fixture, &stage);
    assert_int_equal(stage.count, 0);
    assert_int_equal(stage.next_due_ms, fixture->now_ms + 5000);
    assert_false(stage.more);
    outbox_stage_deinit(&stage);

    fixture->now_ms += 5000;
    struct outbox_item *item = fixture_stage_one(fixture);
    assert_int_equal(item->attempts, 1);
    assert_true(item->resent);
    fixture_record(fixture, item, OUTBOX_TRANSIENT, REASON_RETRYING);
    assert_string_equal(tmpstore_text(&fixture->store, "SELECT attempts FROM outbox"), "2");
    assert_string_equal(tmpstore_text(&fixture->store, "SELECT state || status || reason FROM report"), "00retrying");

    /* a change does not wait for the old report's backoff */
    tmpstore_sql(&fixture->store, "UPDATE device SET name = 'x'");
    item = fixture_stage_one(fixture);
    assert_int_equal(item->attempts, 0);
    outbox_item_free(item);
}

static void test_a_change_in_flight_does_not_wait_for_the_backoff(void **state)
{
    struct fixture *fixture = *state;

    fixture_add_device(fixture, "d1", AZURE_1);
    struct outbox_item *item = fixture_stage_one(fixture);
    tmpstore_sql(&fixture->store, "UPDATE device SET name = 'x'");
    fixture_record(fixture, item, OUTBOX_TRANSIENT, REASON_RETRYING);
    item = fixture_stage_one(fixture);
    assert_string_equal(item->report.name, "x");
    outbox_item_free(item);
}

static void test_a_clock_set_back_strands_no_row(void **state)
{
    struct fixture *fixture = *state;

    fixture_add_device(fixture, "d1", AZURE_1);
    fixture_record(fixture, fixture_stage_one(fixture), OUTBOX_TRANSIENT, REASON_RETRYING);
    fixture->now_ms -= INT64_C(30) * 24 * 3600 * 1000;
    outbox_item_free(fixture_stage_one(fixture));
}

static void test_a_failed_record_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_record record;

    fixture_add_device(fixture, "d1", AZURE_1);
    struct outbox_item *item = fixture_stage_one(fixture);
    assert_int_equal(outbox_record_init(&record, "default", 1, NULL), 0);
    record.count = 1;
    record.results[0] = (struct outbox_result){.item = item, .outcome = OUTBOX_SUCCESS, .at_ms = 1};
    tmpstore_sql(&fixture->store, "CREATE TRIGGER full BEFORE INSERT ON report BEGIN SELECT RAISE(ABORT, 'full'); END");
    assert_int_equal(fixture_try(fixture, &record.job), ERR_STORE);
    tmpstore_sql(&fixture->store, "DROP TRIGGER full");
    fixture_run(fixture, &record.job); /* and can be done again */
    outbox_record_deinit(&record);
    outbox_item_free(item);
    assert_int_equal(fixture_queued(fixture), 0);
}

/* The store was replaced by a backup while a message was on its way: its result is not laid to another message's
 * account. */
static void test_a_result_of_another_age(void **state)
{
    struct fixture *fixture = *state;

    fixture_add_device(fixture, "d1", AZURE_1);
    struct outbox_item *item = fixture_stage_one(fixture);
    tmpstore_sql(&fixture->store, "UPDATE outbox SET message_id = randomblob(16), claim = NULL;"
                                  "INSERT INTO report (device_id, state, last_update_ms) VALUES ('d1', 2, 9e17)");
    fixture_record(fixture, item, OUTBOX_SUCCESS, REASON_NONE);
    assert_string_equal(tmpstore_text(&fixture->store, "SELECT state FROM report"), "2");
    assert_int_equal(fixture_queued(fixture), 1);
}

static void test_a_newer_message_supersedes(void **state)
{
    struct fixture *fixture = *state;

    fixture_add_device(fixture, "d1", AZURE_1);
    fixture_record(fixture, fixture_stage_one(fixture), OUTBOX_ACCEPTED, REASON_NONE);
    tmpstore_sql(&fixture->store, "UPDATE device SET name = 'x'");
    fixture_record(fixture, fixture_stage_one(fixture), OUTBOX_ACCEPTED, REASON_NONE);
    assert_string_equal(tmpstore_text(&fixture->store, "SELECT count(*) FROM message"), "1");
    assert_string_equal(
        tmpstore_text(&fixture->store, "SELECT count(*) FROM message JOIN report USING (message_id, device_id)"), "1");
}

/* --------------------------------------------------------------------------- removal, retiring, moving */

static void test_deleted_is_removed_once(void **state)
{
    struct fixture *fixture = *state;

    fixture_add_device(fixture, "d1", AZURE_1);
    fixture_settle(fixture);
    tmpstore_sql(&fixture->store, "DELETE FROM device");
    struct outbox_item *item = fixture_stage_one(fixture);
    assert_int_equal(item->report.state, AZURE_STATE_REMOVED);
    assert_string_equal(item->report.name, "Phone"); /* from the tombstone */
    assert_int_equal(item->priority, PRIORITY_WORSENING);
    fixture_record(fixture, item, OUTBOX_SUCCESS, REASON_NONE);
    assert_int_equal(fixture_queued(fixture), 0);
    assert_string_equal(tmpstore_text(&fixture->store, "SELECT state || removed_at_ms FROM report"), "31800000001050");
    /* back again */
    fixture_add_device(fixture, "d1", AZURE_1);
    item = fixture_stage_one(fixture);
    assert_int_equal(item->report.state, AZURE_STATE_COMPLIANT);
    assert_int_equal(item->previous, AZURE_STATE_REMOVED);
    fixture_record(fixture, item, OUTBOX_SUCCESS, REASON_NONE);
    assert_string_equal(tmpstore_text(&fixture->store, "SELECT state || ifnull(removed_at_ms, 'null') FROM report"),
                        "1null");
}

static void test_of_a_device_never_told_nothing_remains(void **state)
{
    struct fixture *fixture = *state;

    fixture_add_device(fixture, "d1", "");
    tmpstore_sql(&fixture->store, "DELETE FROM device");
    fixture_stage_none(fixture);
    assert_int_equal(tmpstore_int(&fixture->store,
                                  "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM report) + "
                                  "(SELECT count(*) FROM tombstone)"),
                     0);
}

static void test_a_removal_the_other_side_does_not_know(void **state)
{
    struct fixture *fixture = *state;

    fixture_add_device(fixture, "d1", AZURE_1);
    fixture_settle(fixture);
    tmpstore_sql(&fixture->store, "UPDATE device SET managed = 0");
    fixture_record(fixture, fixture_stage_one(fixture), OUTBOX_REFUSED, REASON_DEVICE_UNKNOWN);
    assert_string_equal(tmpstore_text(&fixture->store, "SELECT state || status || reason FROM report"), "32");
}

static void test_a_removal_names_the_user_of_then(void **state)
{
    struct fixture *fixture = *state;

    fixture_add_device(fixture, "d1", AZURE_1);
    fixture_settle(fixture);
    tmpstore_sql(&fixture->store, "UPDATE device SET managed = 0, user_principal_name = ''; DELETE FROM user");
    struct outbox_item *item = fixture_stage_one(fixture);
    assert_string_equal(item->report.user_id, USER_1);
    outbox_item_free(item);
}

static void test_a_changed_id_retires_the_old_one_first(void **state)
{
    struct fixture *fixture = *state;

    fixture_add_device(fixture, "d1", AZURE_1);
    fixture_settle(fixture);
    tmpstore_sql(&fixture->store, "UPDATE device SET azure_device_id = upper('" AZURE_2 "')");
    struct outbox_item *item = fixture_stage_one(fixture);
    assert_string_equal(item->report.azure_device_id, AZURE_1);
    assert_int_equal(item->report.state, AZURE_STATE_REMOVED);
    assert_int_equal(item->previous, AZURE_STATE_COMPLIANT);
    assert_true(item->retire_old);
    fixture_record(fixture, item, OUTBOX_SUCCESS, REASON_NONE);

    item = fixture_stage_one(fixture);
    assert_string_equal(item->report.azure_device_id, AZURE_2);
    assert_int_equal(item->report.state, AZURE_STATE_COMPLIANT);
    assert_int_equal(item->previous, AZURE_STATE_NONE);
    assert_false(item->retire_old);
    fixture_record(fixture, item, OUTBOX_SUCCESS, REASON_NONE);
    assert_int_equal(fixture_queued(fixture), 0);
}

static void test_a_moved_device_is_retired_where_it_was(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_stage stage;

    fixture_add_device(fixture, "d1", AZURE_1);
    fixture_settle(fixture);
    tmpstore_sql(&fixture->store, "UPDATE device SET connection = 'c2', platform = 'windows'");
    /* the trigger queued it on the new connection; that one finds it must be retired elsewhere first */
    fixture_stage_on(fixture, &stage, "c2", CHANNEL_GRAPH, 10);
    assert_int_equal(stage.count, 0);
    outbox_stage_deinit(&stage);
    struct outbox_item *item = fixture_stage_one(fixture);
    assert_true(item->retire_old);
    assert_int_equal(item->report.platform, PLATFORM_IOS);
    fixture_record(fixture, item, OUTBOX_SUCCESS, REASON_NONE);

    fixture_stage_none(fixture);
    fixture_stage_on(fixture, &stage, "c2", CHANNEL_GRAPH, 10);
    assert_int_equal(stage.count, 1);
    assert_int_equal(stage.items->report.state, AZURE_STATE_COMPLIANT);
    assert_int_equal(stage.items->report.platform, PLATFORM_WINDOWS);
    assert_string_equal(stage.items->report.user_id, "");
    assert_true(stage.items->report.inventory_changed);
    fixture_record_on(fixture, "c2", stage.items, OUTBOX_SUCCESS, REASON_NONE);
    outbox_stage_deinit(&stage);
    assert_int_equal(fixture_queued(fixture), 0);
}

/* A change while the old id is being retired elsewhere does not start a second flight. */
static void test_a_change_while_retiring(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_stage stage;

    fixture_add_device(fixture, "d1", AZURE_1);
    fixture_settle(fixture);
    tmpstore_sql(&fixture->store, "UPDATE device SET connection = 'c2'");
    fixture_stage_on(fixture, &stage, "c2", CHANNEL_PARTNER, 10);
    outbox_stage_deinit(&stage);
    struct outbox_item *item = fixture_stage_one(fixture);
    tmpstore_sql(&fixture->store, "UPDATE device SET name = 'x'");
    fixture_stage_on(fixture, &stage, "c2", CHANNEL_PARTNER, 10);
    assert_int_equal(stage.count, 0);
    outbox_stage_deinit(&stage);
    fixture_record(fixture, item, OUTBOX_SUCCESS, REASON_NONE);
    tmpstore_sql(&fixture->store, "INSERT INTO user VALUES ('c2', 'u@example.com', '" USER_1 "', 1800000000000)");
    fixture_stage_on(fixture, &stage, "c2", CHANNEL_PARTNER, 10);
    assert_int_equal(stage.count, 1);
    outbox_stage_deinit(&stage);
}

static void test_inventory_on_the_graph_channel(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_stage stage;
    static const struct {
        const char *sql;
        bool inventory;
    } steps[] = {
        {"SELECT 1", true}, /* the first report */
        {"INSERT INTO violation VALUES ('d1', 'block', 1)", false},
        {"UPDATE device SET os_version = '11'", true},
        {"DELETE FROM violation; UPDATE outbox SET forced = 1", true},
    };

    fixture_add_device(fixture, "d1", AZURE_1);
    tmpstore_sql(&fixture->store, "UPDATE device SET platform = 'windows'");
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        tmpstore_sql(&fixture->store, "%s", steps[i].sql);
        fixture_stage_on(fixture, &stage, "default", CHANNEL_GRAPH, 10);
        assert_int_equal(stage.count, 1);
        assert_int_equal(stage.items->report.inventory_changed, steps[i].inventory);
        fixture_record_on(fixture, "default", stage.items, OUTBOX_SUCCESS, REASON_NONE);
        outbox_stage_deinit(&stage);
        fixture->now_ms += 1000;
    }
}

/* ---------------------------------------------------------------------------------- waiting and parked */

static void test_waiting(void **state)
{
    static const char *const causes[] = {
        "UPDATE device SET evaluated_at = NULL",
        "UPDATE device SET azure_device_id = ''",
        "INSERT INTO violation VALUES ('d1', 'ghost', 1)",
    };
    struct fixture *fixture = *state;
    struct outbox_stage stage;

    for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
        tmpstore_sql(&fixture->store, "DELETE FROM device; DELETE FROM outbox; DELETE FROM violation");
        fixture_add_device(fixture, "d1", AZURE_1);
        tmpstore_sql(&fixture->store, "%s", causes[i]);
        fixture_stage(fixture, &stage);
        assert_int_equal(stage.count, 0);
        assert_int_equal(stage.waiting, 1);
        outbox_stage_deinit(&stage);
        assert_int_equal(fixture_queued(fixture), 0);
    }
    tmpstore_sql(&fixture->store, "INSERT INTO policy VALUES ('ghost', '', 1)"); /* the data comes */
    fixture_settle(fixture);
}

static void test_parked_for_bad_data(void **state)
{
    static const struct {
        const char *sql;
        const char *reason;
    } cases[] = {
        {"UPDATE device SET azure_device_id = 'x'", "bad_azure_device_id"},
        {"UPDATE device SET azure_device_id = '{11111111-1111-4111-8111-111111111111}'", "bad_azure_device_id"},
        {"UPDATE device SET name = CAST(x'66fc72' AS TEXT)", "bad_data"},
        {"UPDATE device SET model = 'a' || char(0) || 'b'", "bad_data"},
        {"UPDATE device SET serial_number = 'a' || char(10)", "bad_data"},
        {"UPDATE device SET name = replace(hex(zeroblob(600)), '00', 'xx')", "bad_data"},
        {"UPDATE device SET user_principal_name = ''", "no_user"},
        {"UPDATE device SET user_principal_name = NULL", "no_user"},
        {"PRAGMA ignore_check_constraints = on; UPDATE device SET platform = 'symbian'", "bad_data"},
        {"UPDATE device SET device_id = replace(hex(zeroblob(300)), '00', 'i')", "bad_data"},
    };
    struct fixture *fixture = *state;
    struct outbox_stage stage;

    fixture_add_device(fixture, "good", AZURE_2);
    fixture_settle(fixture);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tmpstore_sql(&fixture->store, "DELETE FROM device WHERE device_id <> 'good'; DELETE FROM outbox; "
                                      "DELETE FROM report WHERE device_id <> 'good'");
        fixture_add_device(fixture, "d1", AZURE_1);
        tmpstore_sql(&fixture->store,
                     "DELETE FROM outbox; %s WHERE device_id = 'd1'; PRAGMA ignore_check_constraints = off; "
                     "DELETE FROM tombstone; DELETE FROM outbox WHERE device_id NOT IN "
                     "(SELECT device_id FROM device); UPDATE device SET name = 'n%d' WHERE device_id = 'good'",
                     cases[i].sql, (int)i);
        fixture_stage(fixture, &stage);
        if (stage.parked != 1 || stage.count != 1)
            fail_msg("%s: parked %u, staged %u", cases[i].sql, stage.parked, stage.count);
        fixture_record_on(fixture, "default", stage.items, OUTBOX_SUCCESS, REASON_NONE);
        outbox_stage_deinit(&stage);
        assert_int_equal(fixture_queued(fixture), 0);
        assert_string_equal(tmpstore_text(&fixture->store, "SELECT state || status || reason FROM report WHERE "
                                                           "device_id <> 'good'"),
                            tmpstore_text(&fixture->store, "SELECT '03%s'", cases[i].reason));
        fixture->now_ms += 1000;
    }
}

static void test_parked_keeps_the_state_told(void **state)
{
    struct fixture *fixture = *state;

    fixture_add_device(fixture, "d1", AZURE_1);
    fixture_settle(fixture);
    tmpstore_sql(&fixture->store, "UPDATE device SET azure_device_id = 'slip'");
    fixture_stage_none(fixture);
    assert_string_equal(
        tmpstore_text(&fixture->store, "SELECT state || status || reason || azure_device_id FROM report"),
        "13bad_azure_device_id" AZURE_1);
    /* the slip is mended: told again, so that the error ends */
    tmpstore_sql(&fixture->store, "UPDATE device SET azure_device_id = '" AZURE_1 "'");
    fixture_settle(fixture);
    assert_string_equal(tmpstore_text(&fixture->store, "SELECT state || status || reason FROM report"), "12");
    /* or there is no id any more */
    tmpstore_sql(&fixture->store, "UPDATE report SET state = 3; UPDATE device SET azure_device_id = 'slip'");
    fixture_stage_none(fixture);
    tmpstore_sql(&fixture->store, "UPDATE device SET azure_device_id = ''");
    fixture_stage_none(fixture);
    assert_string_equal(tmpstore_text(&fixture->store, "SELECT status || reason FROM report"), "2");
}

static void test_ids_that_are_no_text(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_stage stage;

    fixture_add_device(fixture, "d1", AZURE_1);
    tmpstore_sql(
        &fixture->store,
        "PRAGMA ignore_check_constraints = on; INSERT INTO device (device_id, platform) VALUES (x'00ff', 'ios'), "
        "('a' || char(0) || 'b', 'ios'), (CAST(x'ff' AS TEXT), 'ios')");
    fixture_stage(fixture, &stage);
    assert_int_equal(stage.count, 1);
    assert_int_equal(stage.parked, 3);
    outbox_stage_deinit(&stage);
    assert_int_equal(fixture_queued(fixture), 1);
}

/* ----------------------------------------------------------------------------------------------- users */

static void resolve(struct fixture *fixture, const char *name, const char *id)
{
    struct users_record record;

    assert_int_equal(users_record_init(&record, "default", 1, NULL), 0);
    record.now_ms = fixture->now_ms;
    record.count = 1;
    record.entries[0].user_principal_name = strdup(name);
    snprintf(record.entries[0].user_id, GUID_TEXT, "%s", id);
    fixture_run(fixture, &record.job);
    users_record_deinit(&record);
}

static void test_users_are_resolved_first(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_stage stage;

    for (int i = 0; i < 30; i++) {
        tmpstore_sql(&fixture->store,
                     "INSERT INTO device (device_id, platform, azure_device_id, evaluated_at, "
                     "user_principal_name) VALUES ('a%02d', 'ios', '1111%04d-1111-4111-8111-111111111111', "
                     "1, 'new%d@example.com')",
                     i, i, i / 2);
    }
    fixture_add_device(fixture, "z", AZURE_1);
    tmpstore_sql(&fixture->store, "UPDATE outbox SET queued_at = 1800000000000 - 10");
    fixture_stage_on(fixture, &stage, "default", CHANNEL_PARTNER, 10);
    assert_int_equal(stage.count, 1); /* the one behind them flows */
    assert_string_equal(stage.items->report.device_id, "z");
    assert_int_equal(stage.unknown_user_count, 15);
    assert_string_equal(stage.unknown_users[0], "new0@example.com");
    outbox_stage_deinit(&stage);
    fixture_stage_on(fixture, &stage, "default", CHANNEL_PARTNER, 10);
    assert_false(stage.more); /* only an answer helps */
    outbox_stage_deinit(&stage);

    resolve(fixture, "new0@example.com", USER_1);
    resolve(fixture, "new1@example.com", "");
    fixture_stage_on(fixture, &stage, "default", CHANNEL_PARTNER, 10);
    assert_int_equal(stage.count, 2);
    assert_int_equal(stage.parked, 2);
    assert_int_equal(stage.unknown_user_count, 13);
    outbox_stage_deinit(&stage);
    assert_string_equal(tmpstore_text(&fixture->store, "SELECT group_concat(device_id || reason) FROM report"),
                        "a02user_unknown,a03user_unknown");
}

static void test_an_unknown_user_is_asked_for_again(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_stage stage;

    fixture_add_device(fixture, "d1", AZURE_1);
    tmpstore_sql(&fixture->store, "UPDATE outbox SET queued_at = 1800000000000 - 10");
    resolve(fixture, "u@example.com", "");
    fixture_stage_none(fixture);
    assert_int_equal(fixture_queued(fixture), 0);
    /* an operator created the user and asks: the old answer does not hold for what is queued after it */
    tmpstore_sql(&fixture->store, "UPDATE device SET name = 'x'; UPDATE outbox SET queued_at = 1800000000001");
    fixture_stage(fixture, &stage);
    assert_int_equal(stage.parked, 0);
    assert_int_equal(stage.unknown_user_count, 1);
    outbox_stage_deinit(&stage);
}

static void test_an_old_user_id_is_asked_for_again(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_stage stage;

    fixture_add_device(fixture, "d1", AZURE_1);
    fixture->now_ms += INT64_C(7) * 24 * 3600 * 1000 + 1;
    fixture_stage(fixture, &stage);
    assert_int_equal(stage.count, 0);
    assert_int_equal(stage.unknown_user_count, 1);
    outbox_stage_deinit(&stage);
}

static void test_at_most_100_unknown_users(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_stage stage;

    tmpstore_sql(&fixture->store,
                 "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 149) "
                 "INSERT INTO device (device_id, platform, azure_device_id, evaluated_at, user_principal_name) "
                 "SELECT i, 'ios', printf('1111%%04d-1111-4111-8111-111111111111', i), 1, 'n' || i FROM n");
    fixture_stage(fixture, &stage);
    assert_int_equal(stage.unknown_user_count, 100);
    assert_int_equal(stage.put_away, 50);
    outbox_stage_deinit(&stage);
    assert_int_equal(fixture_queued(fixture), 150);
}

/* However many rows wait for their users: those behind them flow, and each comes back when it is its turn. */
static void test_unknown_users_hide_nobody(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_stage stage;
    unsigned passes = 0, names = 0;
    bool more;

    tmpstore_sql(&fixture->store,
                 "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 2999) "
                 "INSERT INTO device (device_id, platform, azure_device_id, evaluated_at, user_principal_name) "
                 "SELECT 'a' || i, 'ios', printf('1111%%04d-1111-4111-8111-111111111111', i), 1, 'n' || i FROM n");
    fixture_add_device(fixture, "z", AZURE_1);
    tmpstore_sql(&fixture->store, "UPDATE outbox SET queued_at = 1800000000000 - 10, minute = 7");
    do {
        fixture_stage_on(fixture, &stage, "default", CHANNEL_PARTNER, 10);
        assert_int_equal(stage.unknown_user_count, 100);
        more = stage.more && stage.count == 0;
        if (!more)
            assert_int_equal(stage.count, 1);
        outbox_stage_deinit(&stage);
        assert_true(passes++ < 20);
    } while (more);

    for (passes = 0; names < 3000; passes++) {
        fixture_stage_on(fixture, &stage, "default", CHANNEL_PARTNER, 1000);
        for (size_t i = 0; i < stage.unknown_user_count && stage.unknown_user_count == 100; i++, names++)
            resolve(fixture, stage.unknown_users[i], USER_1);
        outbox_stage_deinit(&stage);
        assert_true(passes < 100);
    }
    do {
        fixture_stage_on(fixture, &stage, "default", CHANNEL_PARTNER, 1000);
        more = stage.more;
        assert_int_equal(stage.unknown_user_count, 0);
        outbox_stage_deinit(&stage);
    } while (more);
    assert_string_equal(tmpstore_text(&fixture->store, "SELECT count(*) FROM outbox WHERE claim IS NULL"), "0");
}

/* ----------------------------------------------------------------------------------------------- twins */

static void test_two_devices_claim_one_id(void **state)
{
    struct fixture *fixture = *state;

    fixture_add_device(fixture, "d1", AZURE_1);
    fixture_settle(fixture);
    fixture_add_device(fixture, "d2", AZURE_1);
    fixture_stage_none(fixture);
    assert_string_equal(tmpstore_text(&fixture->store, "SELECT reason FROM report WHERE device_id = 'd2'"),
                        "azure_device_id_taken");
    /* the first one goes: the id is not taken away, it is the other's now */
    tmpstore_sql(&fixture->store, "DELETE FROM device WHERE device_id = 'd1'");
    struct outbox_stage stage;
    fixture_stage(fixture, &stage);
    assert_int_equal(stage.needless, 1);
    assert_int_equal(stage.count, 1);
    struct outbox_item *item = stage.items;
    stage.items = NULL;
    outbox_stage_deinit(&stage);
    assert_string_equal(item->report.device_id, "d2");
    assert_int_equal(item->report.state, AZURE_STATE_COMPLIANT);
    fixture_record(fixture, item, OUTBOX_SUCCESS, REASON_NONE);
    assert_int_equal(fixture_queued(fixture), 0);
    assert_string_equal(tmpstore_text(&fixture->store, "SELECT group_concat(device_id) FROM report"), "d2");
}

/* Enrolled anew under another MDM id: the new row takes the Azure id over, with a higher stamp. */
static void test_enrolled_anew(void **state)
{
    struct fixture *fixture = *state;

    fixture_add_device(fixture, "d1", AZURE_1);
    fixture_settle(fixture);
    tmpstore_sql(&fixture->store, "UPDATE report SET last_update_ms = 1900000000000");
    tmpstore_sql(&fixture->store, "DELETE FROM device WHERE device_id = 'd1'");
    fixture_add_device(fixture, "d0", AZURE_1);
    struct outbox_stage stage;
    fixture_stage(fixture, &stage);
    /* d1's removal comes first and yields */
    for (struct outbox_item *item = stage.items; item; item = item->next)
        assert_string_equal(item->report.device_id, "d0");
    unsigned count = stage.count;
    outbox_stage_deinit(&stage);
    if (count == 0)
        fixture_settle(fixture);
    assert_string_equal(tmpstore_text(&fixture->store, "SELECT count(*) FROM report WHERE state = 3"), "0");
}

static void test_a_changed_id_that_another_device_has_now(void **state)
{
    struct fixture *fixture = *state;

    fixture_add_device(fixture, "d1", AZURE_1);
    fixture_settle(fixture);
    fixture_add_device(fixture, "d2", "");
    fixture_stage_none(fixture);
    tmpstore_sql(&fixture->store, "UPDATE device SET azure_device_id = '" AZURE_2 "' WHERE device_id = 'd1';"
                                  "UPDATE device SET azure_device_id = '" AZURE_1 "' WHERE device_id = 'd2'");
    struct outbox_stage stage;
    fixture_stage(fixture, &stage);
    assert_int_equal(stage.count, 2); /* no removal of d2's id in between */
    for (struct outbox_item *item = stage.items; item; item = item->next)
        assert_int_equal(item->report.state, AZURE_STATE_COMPLIANT);
    outbox_stage_deinit(&stage);
}

/* Whoever else finds the row from now on must be told to look. */
static void test_a_change_in_flight_that_leads_elsewhere_is_said(void **state)
{
    static const enum outbox_outcome outcomes[] = {OUTBOX_ACCEPTED, OUTBOX_REFUSED, OUTBOX_TRANSIENT, OUTBOX_RELEASED};
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
        tmpstore_sql(&fixture->store,
                     "DELETE FROM device; DELETE FROM outbox; DELETE FROM report; DELETE FROM tombstone");
        fixture_add_device(fixture, "stays", AZURE_1);
        struct outbox_item *item = fixture_stage_one(fixture);
        tmpstore_sql(&fixture->store, "UPDATE device SET name = 'Another'");
        assert_false(fixture_record_on(fixture, "default", item, outcomes[i], REASON_NONE));
        outbox_item_free(item);

        tmpstore_sql(&fixture->store,
                     "DELETE FROM device; DELETE FROM outbox; DELETE FROM report; DELETE FROM tombstone");
        fixture_add_device(fixture, "moves", AZURE_2);
        item = fixture_stage_one(fixture);
        tmpstore_sql(&fixture->store, "UPDATE device SET connection = 'two'");
        assert_true(fixture_record_on(fixture, "default", item, outcomes[i], REASON_NONE));
        outbox_item_free(item);
    }
}

/* ------------------------------------------------------------------------------------------ claim order */

static void test_claim_order(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_stage stage;
    static const char *const expected[] = {"w1", "retry", "old", "a", "b", "operator", "weekly"};

    for (size_t i = 0; i < 7; i++) {
        char azure_id[GUID_TEXT];
        snprintf(azure_id, sizeof(azure_id), "%08zx-1111-4111-8111-111111111111", i);
        fixture_add_device(fixture, expected[6 - i], azure_id);
    }
    tmpstore_sql(&fixture->store, "UPDATE outbox SET priority = 1, minute = 100;"
                                  "UPDATE outbox SET priority = 0, minute = 900 WHERE device_id = 'w1';"
                                  "UPDATE outbox SET due_at = 5 WHERE device_id = 'retry';"
                                  "UPDATE outbox SET minute = 99 WHERE device_id = 'old';"
                                  "UPDATE outbox SET priority = 2 WHERE device_id = 'operator';"
                                  "UPDATE outbox SET priority = 3, minute = 1 WHERE device_id = 'weekly'");
    outbox_stage_init(&stage, "default", CHANNEL_PARTNER, NULL);
    stage.limit = 2;
    stage.now_ms = fixture->now_ms;
    size_t next = 0;
    do {
        fixture_run(fixture, &stage.job);
        for (struct outbox_item *item = stage.items; item; item = item->next)
            assert_string_equal(item->report.device_id, expected[next++]);
        assert_int_equal(stage.more, next < 7);
    } while (stage.more);
    assert_int_equal(next, 7);
    outbox_stage_deinit(&stage);
}

static void test_only_as_urgent_as_asked(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_stage stage;

    fixture_add_device(fixture, "d1", AZURE_1);
    fixture_add_device(fixture, "d2", AZURE_2);
    tmpstore_sql(&fixture->store, "UPDATE outbox SET priority = 3 WHERE device_id = 'd1'");
    outbox_stage_init(&stage, "default", CHANNEL_PARTNER, NULL);
    stage.limit = 10;
    stage.mildest = PRIORITY_CHANGE;
    stage.now_ms = fixture->now_ms;
    fixture_run(fixture, &stage.job);
    assert_int_equal(stage.count, 1);
    assert_string_equal(stage.items->report.device_id, "d2");
    outbox_stage_deinit(&stage);
}

static void test_connections_and_channels_are_apart(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_stage stage;

    fixture_add_device(fixture, "d1", AZURE_1);
    fixture_add_device(fixture, "d2", AZURE_2);
    tmpstore_sql(&fixture->store, "UPDATE device SET platform = 'windows' WHERE device_id = 'd2'");
    fixture_stage_on(fixture, &stage, "other", CHANNEL_PARTNER, 10);
    assert_int_equal(stage.count, 0);
    outbox_stage_deinit(&stage);
    fixture_stage_on(fixture, &stage, "default", CHANNEL_GRAPH, 10);
    assert_int_equal(stage.count, 1);
    assert_string_equal(stage.items->report.device_id, "d2");
    outbox_stage_deinit(&stage);
}

/* -------------------------------------------------------------------------------------------- on demand */

static int enqueue(struct fixture *fixture, const char *id)
{
    struct outbox_enqueue job;

    outbox_enqueue_init(&job, id, NULL);
    return fixture_try(fixture, &job.job);
}

static void test_an_operator_asks(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(enqueue(fixture, "d1"), ERR_NOTFOUND);
    fixture_add_device(fixture, "d1", AZURE_1);
    fixture_settle(fixture);
    assert_int_equal(enqueue(fixture, "d1"), 0);
    assert_int_equal(enqueue(fixture, "d1"), 0);
    fixture_settle(fixture);
    assert_int_equal(fixture_queued(fixture), 0);
    /* a removed one too */
    tmpstore_sql(&fixture->store, "UPDATE device SET managed = 0");
    fixture_settle(fixture);
    assert_int_equal(enqueue(fixture, "d1"), 0);
    fixture_settle(fixture);
    /* and a deleted one that Microsoft has not let go */
    tmpstore_sql(&fixture->store, "UPDATE device SET managed = 1");
    fixture_settle(fixture);
    tmpstore_sql(&fixture->store, "DELETE FROM device");
    fixture_record(fixture, fixture_stage_one(fixture), OUTBOX_REFUSED, REASON_DEVICE_REFUSED);
    assert_int_equal(enqueue(fixture, "d1"), 0);
    fixture_settle(fixture);
    assert_string_equal(tmpstore_text(&fixture->store, "SELECT state FROM report"), "3");
}

static void test_a_walk_over_all_forces_reports_but_not_of_the_removed(void **state)
{
    struct fixture *fixture = *state;

    fixture_add_device(fixture, "d1", AZURE_1);
    fixture_settle(fixture);
    tmpstore_sql(&fixture->store, "INSERT INTO dirty (device_id) VALUES ('d1'); UPDATE outbox SET forced = 1");
    fixture_settle(fixture);
    tmpstore_sql(&fixture->store, "UPDATE device SET managed = 0");
    fixture_settle(fixture);
    tmpstore_sql(&fixture->store, "INSERT INTO dirty (device_id) VALUES ('d1'); UPDATE outbox SET forced = 1");
    fixture_stage_none(fixture);
    assert_int_equal(fixture_queued(fixture), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_first_report_goes_out_whole, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_no_change_no_traffic, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_any_inventory_column_is_told, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_a_change_in_flight_is_told_after_it, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_a_change_in_flight_that_came_to_nothing, fixture_set_up,
                                        fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_after_a_crash_the_same_message, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_after_a_crash_with_other_content_a_newer_message, fixture_set_up,
                                        fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_in_doubt_nothing_is_suppressed, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_a_released_row_is_in_no_doubt, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_released_after_a_doubt_stays_in_doubt, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_a_first_report_in_doubt_is_taken_back, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_an_id_in_doubt_is_retired, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_a_doubt_outlives_its_row, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_a_refusal_does_not_end_an_older_doubt, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_refused_is_parked_until_something_changes, fixture_set_up,
                                        fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_a_refused_change_keeps_what_was_accepted, fixture_set_up,
                                        fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_transient_backs_off, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_a_change_in_flight_does_not_wait_for_the_backoff, fixture_set_up,
                                        fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_a_clock_set_back_strands_no_row, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_a_failed_record_changes_nothing, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_a_result_of_another_age, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_a_newer_message_supersedes, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_deleted_is_removed_once, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_of_a_device_never_told_nothing_remains, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_a_removal_the_other_side_does_not_know, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_a_removal_names_the_user_of_then, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_a_changed_id_retires_the_old_one_first, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_a_moved_device_is_retired_where_it_was, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_a_change_while_retiring, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_inventory_on_the_graph_channel, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_waiting, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_parked_for_bad_data, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_parked_keeps_the_state_told, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_ids_that_are_no_text, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_users_are_resolved_first, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_an_unknown_user_is_asked_for_again, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_an_old_user_id_is_asked_for_again, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_at_most_100_unknown_users, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_unknown_users_hide_nobody, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_two_devices_claim_one_id, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_enrolled_anew, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_a_changed_id_that_another_device_has_now, fixture_set_up,
                                        fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_a_change_in_flight_that_leads_elsewhere_is_said, fixture_set_up,
                                        fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_claim_order, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_only_as_urgent_as_asked, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_connections_and_channels_are_apart, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_an_operator_asks, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_a_walk_over_all_forces_reports_but_not_of_the_removed, fixture_set_up,
                                        fixture_tear_down),
    };

    return cmocka_run_group_tests(tests, tempdir_make, tempdir_remove);
}
