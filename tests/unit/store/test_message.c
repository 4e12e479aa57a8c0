/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "fixture.h"

static struct message_fetch fetched(struct fixture *fixture, unsigned limit)
{
    struct message_fetch fetch;

    message_fetch_init(&fetch, "default", NULL);
    fetch.now_ms = fixture->now_ms;
    fetch.limit = limit;
    fixture_run(fixture, &fetch.job);
    return fetch;
}

static struct message *fetch_one(struct fixture *fixture)
{
    struct message_fetch fetch = fetched(fixture, 10);

    assert_int_equal(fetch.count, 1);
    return fetch.messages;
}

static void fetch_none(struct fixture *fixture)
{
    struct message_fetch fetch = fetched(fixture, 10);

    assert_int_equal(fetch.count, 0);
}

/* Records a verdict and frees the message. */
static void record(struct fixture *fixture, struct message *message, enum message_verdict verdict, enum reason reason)
{
    struct message_record job;

    assert_int_equal(message_record_init(&job, "default", 1, NULL), 0);
    job.count = 1;
    job.results[0] = (struct message_result){
        .message = message,
        .verdict = verdict,
        .at_ms = fixture->now_ms,
        .poll_ms = fixture->now_ms + 3000,
        .reason = reason,
        .error = "said so",
        .request_id = "request",
    };
    fixture_run(fixture, &job.job);
    message_record_deinit(&job);
    free(message);
}

/* One message accepted; its first question is due. */
static void accept_one(struct fixture *fixture)
{
    fixture_add_device(fixture, "d1", AZURE_1);
    fixture_record(fixture, fixture_stage_one(fixture), OUTBOX_ACCEPTED, REASON_NONE);
    fixture->now_ms += 1000;
}

static void test_asked_when_due_and_once_at_a_time(void **state)
{
    struct fixture *fixture = *state;

    accept_one(fixture);
    fixture->now_ms -= 1;
    struct message_fetch fetch = fetched(fixture, 10);
    assert_int_equal(fetch.count, 0);
    assert_int_equal(fetch.next_poll_ms, fixture->now_ms + 1);
    fixture->now_ms += 1;

    struct message *message = fetch_one(fixture);
    assert_string_equal(message->device_id, "d1");
    assert_int_equal(message->polls, 0);
    assert_int_equal(message->deadline_ms, fixture->now_ms - 1000 + 900000);
    record(fixture, message, MESSAGE_PENDING, REASON_NONE);
    fetch_none(fixture);
    fixture->now_ms += 3000;
    message = fetch_one(fixture);
    assert_int_equal(message->polls, 1);
    free(message);
}

/* How long the device's change took is told when the verdict is there. */
static void test_a_message_remembers_its_change(void **state)
{
    struct fixture *fixture = *state;

    fixture_add_device(fixture, "d1", AZURE_1);
    tmpstore_sql(&fixture->store, "UPDATE outbox SET queued_at = 4711, priority = 2");
    fixture_record(fixture, fixture_stage_one(fixture), OUTBOX_ACCEPTED, REASON_NONE);
    fixture->now_ms += 1000;
    struct message *message = fetch_one(fixture);
    assert_int_equal(message->queued_at_ms, 4711);
    assert_int_equal(message->priority, PRIORITY_OPERATOR);
    free(message);
}

/* Who fetches says what he has in hand; whoever comes after him, a restart too, is offered all of it. */
static void test_what_is_in_hand_is_left_out(void **state)
{
    struct fixture *fixture = *state;
    struct message_fetch fetch;

    accept_one(fixture);
    struct message *message = fetch_one(fixture);
    message_fetch_init(&fetch, "default", NULL);
    fetch.now_ms = fixture->now_ms;
    fetch.limit = 10;
    fetch.known[fetch.known_count++] = message->message_id;
    fixture_run(fixture, &fetch.job);
    assert_int_equal(fetch.count, 0);
    free(message);
    free(fetch_one(fixture));
}

static void test_a_clock_set_back_strands_no_question(void **state)
{
    struct fixture *fixture = *state;

    accept_one(fixture);
    fixture->now_ms -= INT64_C(30) * 24 * 3600 * 1000;
    free(fetch_one(fixture));
}

static void test_oldest_first_and_no_more_than_asked(void **state)
{
    struct fixture *fixture = *state;

    tmpstore_sql(
        &fixture->store,
        "INSERT INTO message (message_id, sent_as, device_id, connection, accepted_at_ms, poll_at_ms, deadline_ms) "
        "VALUES (randomblob(16), randomblob(16), 'c', 'default', 1, 30, 9), "
        "(randomblob(16), randomblob(16), 'a', 'default', 1, 10, 9), "
        "(randomblob(16), randomblob(16), 'b', 'default', 1, 20, 9), "
        "(randomblob(16), randomblob(16), 'x', 'other', 1, 5, 9)");
    struct message_fetch fetch = fetched(fixture, 2);
    assert_int_equal(fetch.count, 2);
    assert_string_equal(fetch.messages->device_id, "a");
    assert_string_equal(fetch.messages->next->device_id, "b");
    assert_int_equal(fetch.next_poll_ms, fixture->now_ms); /* there may be more */
    assert_int_equal(fetch.reached_ms, 20);
    message_fetch_deinit(&fetch);

    /* On from there: "b" was in hand by its time alone, and is offered again unless it is said to be known. */
    message_fetch_init(&fetch, "default", NULL);
    fetch.now_ms = fixture->now_ms;
    fetch.limit = 3;
    fetch.from_ms = 20;
    fixture_run(fixture, &fetch.job);
    assert_int_equal(fetch.count, 2);
    assert_string_equal(fetch.messages->device_id, "b");
    assert_string_equal(fetch.messages->next->device_id, "c");
    assert_int_equal(fetch.reached_ms, INT64_MIN);
    assert_int_equal(fetch.next_poll_ms, -1);
    message_fetch_deinit(&fetch);
}

static void test_completed(void **state)
{
    struct fixture *fixture = *state;

    accept_one(fixture);
    record(fixture, fetch_one(fixture), MESSAGE_COMPLETED, REASON_NONE);
    assert_string_equal(tmpstore_text(&fixture->store, "SELECT state || status || reason FROM report"), "12");
    assert_int_equal(tmpstore_int(&fixture->store, "SELECT count(*) FROM message"), 0);
}

static void test_failed_forgets_the_user(void **state)
{
    struct fixture *fixture = *state;

    accept_one(fixture);
    record(fixture, fetch_one(fixture), MESSAGE_FAILED, REASON_MESSAGE_FAILED);
    assert_string_equal(tmpstore_text(&fixture->store, "SELECT status || reason || error || request_id FROM report"),
                        "3message_failedsaid sorequest");
    assert_int_equal(tmpstore_int(&fixture->store, "SELECT count(*) FROM user"), 0);
    assert_int_equal(fixture_queued(fixture), 0); /* parked */
}

static void test_expired_is_sent_again_later(void **state)
{
    struct fixture *fixture = *state;

    accept_one(fixture);
    for (unsigned i = 0; i < 3; i++) {
        struct message *message = fetch_one(fixture);
        assert_int_equal(message->expiries, i);
        record(fixture, message, MESSAGE_EXPIRED, REASON_NO_VERDICT);
        assert_string_equal(tmpstore_text(&fixture->store, "SELECT status || reason FROM report"), "3no_verdict");
        fixture_stage_none(fixture);
        fixture->now_ms += 3000;
        fixture_record(fixture, fixture_stage_one(fixture), OUTBOX_ACCEPTED, REASON_NONE);
        fixture->now_ms += 1000;
    }
    record(fixture, fetch_one(fixture), MESSAGE_COMPLETED, REASON_NONE);
    assert_int_equal(tmpstore_int(&fixture->store, "SELECT expiries FROM report"), 0);
}

/* The longest that a row is put off, but no longer, is waited for. */
static void test_the_longest_put_off_is_kept(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_stage stage;
    const int64_t due_ms = fixture->now_ms + OUTBOX_PUT_OFF_MAX_MS;

    fixture_add_device(fixture, "d1", AZURE_1);
    tmpstore_sql(&fixture->store, "UPDATE outbox SET due_at = %lld", (long long)due_ms);
    fixture_stage(fixture, &stage);
    assert_int_equal(stage.count, 0);
    assert_int_equal(stage.next_due_ms, due_ms);
    outbox_stage_deinit(&stage);
    tmpstore_sql(&fixture->store, "UPDATE outbox SET due_at = due_at + 1");
    outbox_item_free(fixture_stage_one(fixture));
}

static void test_expired_of_a_deleted_device(void **state)
{
    struct fixture *fixture = *state;

    accept_one(fixture);
    record(fixture, fetch_one(fixture), MESSAGE_COMPLETED, REASON_NONE);
    tmpstore_sql(&fixture->store, "DELETE FROM device");
    fixture_record(fixture, fixture_stage_one(fixture), OUTBOX_ACCEPTED, REASON_NONE);
    fixture->now_ms += 1000;
    record(fixture, fetch_one(fixture), MESSAGE_EXPIRED, REASON_NO_VERDICT);
    assert_int_equal(fixture_queued(fixture), 1);
}

/* What waits in the queue is newer than the message without a verdict, and does not wait for its delay. */
static void test_expired_does_not_put_off_a_change(void **state)
{
    struct fixture *fixture = *state;

    accept_one(fixture);
    tmpstore_sql(&fixture->store, "UPDATE device SET name = 'x'");
    record(fixture, fetch_one(fixture), MESSAGE_EXPIRED, REASON_NO_VERDICT);
    outbox_item_free(fixture_stage_one(fixture));
}

/* Compliant was accepted, the removal after it refused: the verdict on the first is not one on the second. */
static void test_a_good_verdict_takes_back_no_later_refusal(void **state)
{
    struct fixture *fixture = *state;

    accept_one(fixture);
    struct message *message = fetch_one(fixture);
    tmpstore_sql(&fixture->store, "UPDATE device SET managed = 0");
    fixture_record(fixture, fixture_stage_one(fixture), OUTBOX_REFUSED, REASON_DEVICE_REFUSED);
    record(fixture, message, MESSAGE_COMPLETED, REASON_NONE);
    assert_string_equal(tmpstore_text(&fixture->store, "SELECT status || reason FROM report"), "3device_refused");
    fetch_none(fixture);
}

static void test_the_verdict_on_an_older_message_says_nothing(void **state)
{
    static const enum message_verdict verdicts[] = {MESSAGE_COMPLETED, MESSAGE_FAILED, MESSAGE_EXPIRED,
                                                    MESSAGE_PENDING};
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++) {
        tmpstore_sql(&fixture->store,
                     "DELETE FROM device; DELETE FROM outbox; DELETE FROM report; DELETE FROM message");
        accept_one(fixture);
        struct message *message = fetch_one(fixture);
        tmpstore_sql(&fixture->store, "UPDATE device SET name = 'x'");
        fixture_record(fixture, fixture_stage_one(fixture), OUTBOX_ACCEPTED, REASON_NONE);
        record(fixture, message, verdicts[i], REASON_MESSAGE_FAILED);
        assert_string_equal(tmpstore_text(&fixture->store, "SELECT status || reason FROM report"), "1");
        assert_int_equal(tmpstore_int(&fixture->store, "SELECT count(*) FROM message"), 1);
        assert_int_equal(tmpstore_int(&fixture->store, "SELECT count(*) FROM user"), 1);
        assert_int_equal(fixture_queued(fixture), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_asked_when_due_and_once_at_a_time, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_a_message_remembers_its_change, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_in_hand_is_left_out, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_a_clock_set_back_strands_no_question, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_oldest_first_and_no_more_than_asked, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_completed, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_failed_forgets_the_user, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_expired_is_sent_again_later, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_the_longest_put_off_is_kept, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_expired_of_a_deleted_device, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_expired_does_not_put_off_a_change, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_a_good_verdict_takes_back_no_later_refusal, fixture_set_up,
                                        fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_the_verdict_on_an_older_message_says_nothing, fixture_set_up,
                                        fixture_tear_down),
    };

    return cmocka_run_group_tests(tests, tempdir_make, tempdir_remove);
}
