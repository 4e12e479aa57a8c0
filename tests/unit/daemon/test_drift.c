/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * Comparing with Microsoft on a stub clock: the store and Microsoft are mailboxes that the test empties.
 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/drift.h"

#define BASE   "https://graph.example.com"
#define START  BASE "/v1.0/devices/delta?$select=id,deviceId,isCompliant,isManaged"
#define NEXT   BASE "/v1.0/devices/delta?$skiptoken=1"
#define DELTA  BASE "/v1.0/devices/delta?$deltatoken=2"
#define TENANT "5e1ec7ed-0000-4000-8000-000000000001"
#define DAY_MS (24 * INT64_C(3600) * 1000)

static struct {
    int64_t now_ms;
    int64_t wake_ms; /* -1 = none */
    struct store_job *job;
    char url[256]; /* of the request under way; "" = none */
    unsigned requests, dropped;
    int64_t quota_wait_ms;
    bool request_fails;
    enum drift_phase moves[32];
    unsigned move_count;
    struct drift_record stored; /* what the store has */
    bool store_fails, lost;
    unsigned walks_left; /* steps until a walk ends */
    size_t pieces[16];
    unsigned piece_count;
} play;

static struct drift *drift;

static int64_t stub_now(void *ctx)
{
    (void)ctx;
    return play.now_ms;
}

static const struct clock stub_clock = {.realtime_ms = stub_now, .monotonic_ms = stub_now};

static void op_submit(void *ctx, struct store_job *job)
{
    (void)ctx;
    assert_null(play.job);
    play.job = job;
}

static int op_request(void *ctx, const char *url)
{
    (void)ctx;
    assert_string_equal(play.url, "");
    play.requests++;
    if (play.request_fails)
        return ERR_NOMEM;
    snprintf(play.url, sizeof(play.url), "%s", url);
    return 0;
}

static int64_t op_quota_wait(void *ctx)
{
    (void)ctx;
    return play.quota_wait_ms;
}

static void op_drop_token(void *ctx)
{
    (void)ctx;
    play.dropped++;
}

static void op_wake(void *ctx, int64_t delay_ms)
{
    (void)ctx;
    assert_true(delay_ms > 0);
    play.wake_ms = play.now_ms + delay_ms;
}

static void op_moved(void *ctx, const struct drift_record *record, enum drift_phase before)
{
    (void)ctx;
    (void)before;
    play.moves[play.move_count++] = record->phase;
}

static const struct drift_ops operations = {.submit = op_submit,
                                            .request = op_request,
                                            .quota_wait_ms = op_quota_wait,
                                            .drop_token = op_drop_token,
                                            .wake = op_wake,
                                            .moved = op_moved};

/* ---- the store: what a job is shows in the phase of its record, as the store's own do ---- */

static void end_walk(struct drift_record *record)
{
    if (play.walks_left-- > 0)
        return;
    play.walks_left = 1;
    record->phase = record->phase == DRIFT_SWEEPING ? DRIFT_COMPARING : DRIFT_IDLE;
}

static bool is_walk(const struct drift_record *record)
{
    return play.stored.phase == record->phase && record->phase != DRIFT_IDLE && record->phase != DRIFT_READING;
}

/* All jobs have their record first, behind the job. */
static void run_job(void)
{
    struct drift_load *job = (struct drift_load *)play.job;

    play.job = NULL;
    job->job.result = play.store_fails ? ERR_BUSY : 0;
    if (!play.store_fails && job->job.run != NULL) {
        if (play.stored.connection[0] == '\0') {
            play.stored = job->record;
        } else if (is_walk(&job->record)) {
            end_walk(&job->record);
        } else if (job->record.round == 0 && job->record.due_at_ms == 0) {
            job->record = play.stored; /* a load */
        } else {
            struct drift_store *store = (struct drift_store *)job;
            store->lost = play.lost && store->count > 0;
            if (store->count > 0)
                play.pieces[play.piece_count++] = store->count;
        }
        play.stored = job->record;
    }
    drift_job_ended(drift, &job->job);
}

/* Everything that the store has to do. */
static void run_jobs(void)
{
    for (int i = 0; play.job != NULL; i++) {
        assert_true(i < 100);
        run_job();
    }
}

static void pass(int64_t ms)
{
    play.now_ms += ms;
    while (play.wake_ms >= 0 && play.wake_ms <= play.now_ms) {
        play.wake_ms = -1;
        drift_tick(drift);
        run_jobs();
    }
}

/* ---- Microsoft ---- */

static void answer(int status, const char *body, const char *retry_after)
{
    struct http_response response = {.status = status, .body = body, .body_length = strlen(body)};

    snprintf(response.headers.retry_after, sizeof(response.headers.retry_after), "%s", retry_after);
    assert_string_not_equal(play.url, "");
    play.url[0] = '\0';
    drift_answered(drift, &response);
    run_jobs();
}

static void answer_page(unsigned entries, const char *link_name, const char *link)
{
    struct buf body;

    buf_init(&body, 0);
    buf_add_text(&body, "{\"value\":[");
    for (unsigned i = 0; i < entries; i++)
        buf_addf(&body,
                 "%s{\"id\":\"11111111-1111-4111-8111-%012u\",\"deviceId\":\"11111111-1111-4111-8111-111111111111\"}",
                 i > 0 ? "," : "", i);
    buf_addf(&body, "],\"@odata.%s\":\"%s\"}", link_name, link);
    answer(200, buf_text(&body), "");
    buf_deinit(&body);
}

/* ---- lifetime ---- */

static void start(void)
{
    assert_int_equal(drift_new(&operations, NULL, &stub_clock, "default", TENANT, BASE, &drift), 0);
    drift_tick(drift);
    run_jobs();
}

static int set_up(void **state)
{
    (void)state;
    memset(&play, 0, sizeof(play));
    play.now_ms = INT64_C(1800000000000);
    play.wake_ms = -1;
    play.walks_left = 1;
    start();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    drift_free(drift);
    return 0;
}

static struct drift_status status(void)
{
    struct drift_status found;

    drift_status(drift, &found);
    return found;
}

static void ask(void)
{
    int64_t check;

    assert_int_equal(drift_ask(drift, &check, NULL), 0);
    assert_int_equal(check, status().record.round + 1);
    run_jobs();
}

/* ---- tests ---- */

static void test_the_first_date_lies_within_a_day(void **state)
{
    (void)state;
    assert_int_equal(status().record.phase, DRIFT_IDLE);
    assert_in_range(play.stored.due_at_ms - play.now_ms, 3600 * 1000, DAY_MS);
    pass(DAY_MS);
    assert_string_equal(play.url, START);
    assert_in_range(play.stored.due_at_ms - play.now_ms, DAY_MS * 3 / 4, DAY_MS * 5 / 4);
}

static void test_a_whole_check_then_changes_only(void **state)
{
    static const enum drift_phase expected[] = {DRIFT_READING, DRIFT_SWEEPING,  DRIFT_COMPARING, DRIFT_IDLE,
                                                DRIFT_READING, DRIFT_COMPARING, DRIFT_IDLE};

    (void)state;
    ask();
    assert_string_equal(play.url, START);
    answer_page(450, "nextLink", NEXT);
    assert_string_equal(play.url, NEXT);
    answer_page(0, "deltaLink", DELTA);
    assert_int_equal(status().record.phase, DRIFT_IDLE);
    assert_int_equal(status().record.read, 450);
    ask();
    assert_string_equal(play.url, DELTA);
    answer_page(1, "deltaLink", DELTA);
    assert_int_equal(play.move_count, sizeof(expected) / sizeof(expected[0]));
    assert_memory_equal(play.moves, expected, sizeof(expected));
    assert_int_equal(play.piece_count, 4); /* 200, 200, 50; 1 */
    assert_int_equal(play.pieces[0], 200);
    assert_int_equal(play.pieces[2], 50);
}

static void test_killed_it_goes_on_at_its_link(void **state)
{
    (void)state;
    ask();
    answer_page(3, "nextLink", NEXT);
    play.url[0] = '\0';
    drift_free(drift);
    start();
    assert_string_equal(play.url, NEXT);
    assert_true(play.stored.whole);
}

static void test_a_link_of_another_cloud_is_dropped(void **state)
{
    (void)state;
    ask();
    answer_page(3, "nextLink", NEXT);
    play.url[0] = '\0';
    int64_t round = play.stored.round;
    snprintf(play.stored.link, sizeof(play.stored.link), "https://graph.example.cn/v1.0/devices/delta?$skiptoken=1");
    drift_free(drift);
    start();
    assert_string_equal(play.url, START);
    answer_page(1, "deltaLink", DELTA);
    assert_true(play.stored.whole && play.stored.round == round + 1);
}

static void test_a_page_that_was_not_stored_is_stored_later(void **state)
{
    (void)state;
    ask();
    play.store_fails = true;
    answer_page(3, "nextLink", NEXT);
    assert_string_equal(play.url, "");
    play.store_fails = false;
    pass(60 * 1000);
    assert_string_equal(play.url, NEXT);
    assert_int_equal(play.requests, 2);
}

static void test_a_link_that_is_known_no_more(void **state)
{
    (void)state;
    ask();
    answer_page(1, "deltaLink", DELTA);
    int64_t round = status().record.round;
    ask();
    answer(410, "", "");
    assert_string_equal(play.url, START);
    assert_true(play.stored.whole && play.stored.round == round + 2);
    answer(410, "", ""); /* again: not at once */
    assert_string_equal(play.url, "");
    assert_true(play.wake_ms > play.now_ms);
    pass(10 * 60 * 1000);
    assert_string_equal(play.url, START);
}

static void test_lost_changes_mean_reading_everything(void **state)
{
    (void)state;
    ask();
    answer_page(1, "deltaLink", DELTA);
    ask();
    play.lost = true;
    answer_page(1, "nextLink", NEXT);
    assert_string_equal(play.url, START);
    answer_page(1, "deltaLink", DELTA); /* reading everything, it is only an entry without sense */
    assert_int_equal(status().record.phase, DRIFT_IDLE);
}

static void test_waits_grow_and_have_an_end(void **state)
{
    int64_t longest = 0;

    (void)state;
    ask();
    for (int i = 0; i < 20; i++) {
        answer(503, "", "");
        assert_string_equal(play.url, "");
        assert_string_equal(status().record.problem, "service_unavailable");
        longest = play.wake_ms - play.now_ms > longest ? play.wake_ms - play.now_ms : longest;
        assert_in_range(play.wake_ms - play.now_ms, 1, 10 * 60 * 1000);
        pass(10 * 60 * 1000);
    }
    assert_true(longest > 60 * 1000);
    answer_page(0, "deltaLink", DELTA);
    assert_string_equal(status().record.problem, "");
}

static void test_retry_after_is_shortened_by_nobody(void **state)
{
    (void)state;
    ask();
    answer(429, "", "3600");
    drift_retry(drift);
    ask();
    pass(3599 * 1000);
    assert_string_equal(play.url, "");
    assert_true(status().next_try_ms > play.now_ms);
    pass(3600 * 1000);
    assert_string_equal(play.url, START);
    answer(503, "", "");
    drift_retry(drift); /* what we set ourselves may be shortened */
    assert_string_equal(play.url, START);
}

static void test_a_refused_token_is_replaced_once(void **state)
{
    (void)state;
    ask();
    answer(401, "", "");
    assert_int_equal(play.dropped, 1);
    assert_string_equal(play.url, START);
    answer(401, "", "");
    assert_int_equal(play.dropped, 1);
    assert_string_equal(play.url, "");
}

static void test_what_an_administrator_must_mend_ends_the_check(void **state)
{
    static const char denied[] = "{\"error\":{\"code\":\"Authorization_RequestDenied\",\"message\":\"x\"}}";
    static const struct outcome credential = {.class = OUTCOME_CONNECTION, .trouble = TROUBLE_CREDENTIAL_WRONG};

    (void)state;
    ask();
    answer(403, denied, "");
    assert_int_equal(status().record.phase, DRIFT_IDLE);
    assert_string_equal(play.stored.problem, drift_problem_permission);
    pass(DAY_MS / 2);
    assert_string_equal(play.url, "");
    ask();
    assert_string_equal(play.stored.problem, "");
    play.url[0] = '\0';
    drift_failed(drift, &credential);
    run_jobs();
    assert_int_equal(status().record.phase, DRIFT_IDLE);
    assert_string_equal(play.stored.problem, "credential_wrong");
}

static void test_reports_come_first(void **state)
{
    (void)state;
    play.quota_wait_ms = 5000;
    ask();
    assert_int_equal(play.requests, 0);
    play.quota_wait_ms = 0;
    pass(5000);
    assert_string_equal(play.url, START);
}

static void test_asked_while_it_runs_it_runs_once_more(void **state)
{
    (void)state;
    ask();
    ask();
    assert_true(status().asked);
    answer_page(0, "deltaLink", DELTA);
    assert_string_equal(play.url, DELTA);
    assert_false(status().asked);
}

static void test_a_repair_is_only_begun_by_somebody(void **state)
{
    (void)state;
    ask();
    answer_page(0, "deltaLink", DELTA);
    unsigned moves = play.move_count;
    assert_int_equal(drift_repair(drift, NULL), 0);
    run_jobs();
    assert_int_equal(play.move_count, moves + 2);
    assert_int_equal(play.moves[moves], DRIFT_REPAIRING);
    assert_int_equal(play.moves[moves + 1], DRIFT_IDLE);
    assert_int_equal(play.requests, 1);
}

static void test_a_date_of_another_clock_is_set_anew(void **state)
{
    (void)state;
    drift_free(drift);
    play.stored.due_at_ms = play.now_ms + 100 * DAY_MS;
    start();
    assert_in_range(play.stored.due_at_ms - play.now_ms, 3600 * 1000, DAY_MS);
}

static void test_stopped_nothing_begins(void **state)
{
    int64_t check;

    (void)state;
    ask();
    drift_stop(drift);
    play.url[0] = '\0';
    drift_answered(drift, &(struct http_response){.result = ERR_CANCELED, .body = ""});
    drift_tick(drift);
    assert_null(play.job);
    assert_string_equal(play.url, "");
    assert_int_equal(drift_ask(drift, &check, NULL), ERR_BUSY);
    assert_int_equal(drift_repair(drift, NULL), ERR_BUSY);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_the_first_date_lies_within_a_day),
        TEST(test_a_whole_check_then_changes_only),
        TEST(test_killed_it_goes_on_at_its_link),
        TEST(test_a_link_of_another_cloud_is_dropped),
        TEST(test_a_page_that_was_not_stored_is_stored_later),
        TEST(test_a_link_that_is_known_no_more),
        TEST(test_lost_changes_mean_reading_everything),
        TEST(test_waits_grow_and_have_an_end),
        TEST(test_retry_after_is_shortened_by_nobody),
        TEST(test_a_refused_token_is_replaced_once),
        TEST(test_what_an_administrator_must_mend_ends_the_check),
        TEST(test_reports_come_first),
        TEST(test_asked_while_it_runs_it_runs_once_more),
        TEST(test_a_repair_is_only_begun_by_somebody),
        TEST(test_a_date_of_another_clock_is_set_anew),
        TEST(test_stopped_nothing_begins),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
