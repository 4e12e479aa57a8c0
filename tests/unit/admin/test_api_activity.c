/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "admin/api.h"
#include "fake.h"

enum { REQUESTS = 20 };

static uv_loop_t loop;
static struct api_request requests[REQUESTS];
static size_t request_count;
static unsigned woken;

static void on_wake(struct api_request *request)
{
    assert_true(request->answered);
    woken++;
}

static int setup(void **state)
{
    (void)state;
    fake_reset();
    woken = 0;
    return uv_loop_init(&loop);
}

static int teardown(void **state)
{
    (void)state;
    assert_null(fake.follower);
    assert_int_equal(fake.waiting, 0);
    for (; request_count > 0; request_count--) {
        struct api_request *request = &requests[request_count - 1];
        target_deinit(&request->target);
        buf_deinit(&request->body);
        buf_deinit(&request->answer);
    }
    assert_int_equal(uv_run(&loop, UV_RUN_NOWAIT), 0); /* nothing is left on it */
    return uv_loop_close(&loop);
}

static struct api_request *ask(const char *raw)
{
    struct api_request *request = &requests[request_count++];

    *request = (struct api_request){
        .daemon = fake_daemon(), .loop = &loop, .method = "GET", .peer = {.uid = getuid()}, .wake = on_wake};
    assert_int_equal(target_parse(raw, &request->target), 0);
    buf_init(&request->body, 0);
    api_handle(request);
    return request;
}

static void assert_answer(const struct api_request *request, int status, const char *wanted)
{
    assert_true(request->answered);
    assert_int_equal(request->status, status);
    if (strstr(buf_text(&request->answer), wanted) == NULL)
        fail_msg("'%s' is not in '%s'", wanted, buf_text(&request->answer));
}

static void one_entry(void)
{
    static const struct guid message_id = {{0xab, 0xcd}};

    fake.activity_count = 1;
    fake.activity[0] = (struct activity_entry){.id = 5,
                                               .at_ms = 1770000000123,
                                               .kind = "report",
                                               .result = "accepted",
                                               .connection = "default",
                                               .device_id = "D\"1",
                                               .priority = "worsening",
                                               .cause = "quarantine",
                                               .reason = "",
                                               .azure_state = "non_compliant",
                                               .azure_device_id = "aaaa",
                                               .message_id = &message_id,
                                               .request_id = "req",
                                               .actor = "root",
                                               .detail = "d",
                                               .hash = {0x0f}};
}

static void an_entry_with_all_its_fields(void **state)
{
    (void)state;
    one_entry();
    struct api_request *request = ask("/v1/activity");
    assert_false(request->answered);
    assert_true(fake_work());
    assert_answer(
        request, 200,
        "{\"activity\":[{\"id\":5,\"time\":\"2026-02-02T02:40:00.123Z\",\"kind\":\"report\",\"result\":\"accepted\","
        "\"connection\":\"default\",\"device_id\":\"D\\\"1\",\"priority\":\"worsening\",\"cause\":\"quarantine\","
        "\"reason\":\"\",\"azure_state\":\"non_compliant\",\"azure_device_id\":\"aaaa\","
        "\"message_id\":\"abcd0000-0000-0000-0000-000000000000\",\"request_id\":\"req\",\"operator\":\"root\","
        "\"detail\":\"d\",\"hash\":\"0f00000000000000000000000000000000000000000000000000000000000000\"}],"
        "\"next\":\"7\",\"newest\":99}");
}

static void filters_reach_the_store(void **state)
{
    (void)state;
    ask("/v1/activity?device=D1&connection=c&kind=token&since=2026-02-02T02:40:00Z&limit=9&after=33");
    assert_true(fake_work());
    const struct activity_filter *filter = &fake.activity_filter;
    assert_string_equal(filter->device, "D1");
    assert_string_equal(filter->connection, "c");
    assert_string_equal(filter->kind, "token");
    assert_int_equal(filter->since_ms, 1770000000000);
    assert_int_equal(filter->limit, 9);
    assert_int_equal(filter->place, 33);
    assert_false(filter->onwards);
    ask("/v1/activity?follow=44");
    assert_true(fake_work());
    assert_int_equal(filter->place, 44);
    assert_true(filter->onwards);
    assert_true(filter->since_ms == INT64_MIN);
    assert_null(filter->device);
}

static void mistakes(void **state)
{
    static const struct {
        const char *raw;
        const char *detail;
    } cases[] = {
        {"/v1/activity?devise=x", "unknown parameter 'devise'"},
        {"/v1/activity?kind=reports", "parameter 'kind': one of report, retire, verdict, "},
        {"/v1/activity?since=yesterday", "parameter 'since'"},
        {"/v1/activity?after=x", "parameter 'after'"},
        {"/v1/activity?after=-1", "parameter 'after'"},
        {"/v1/activity?follow=", "parameter 'follow'"},
        {"/v1/activity?follow=1234567890123456789", "parameter 'follow'"},
        {"/v1/activity?follow=1&after=2", "opposite directions"},
        {"/v1/activity?wait=5", "'wait' needs 'follow'"},
        {"/v1/activity?follow=1&wait=61", "parameter 'wait'"},
        {"/v1/activity?limit=1001", "parameter 'limit'"},
        {"/v1/devices/D1?at=yesterday", "parameter 'at'"},
        {"/v1/devices/D1?at=2h&limit=3", "unknown parameter 'limit'"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_answer(ask(cases[i].raw), 400, cases[i].detail);
}

static void the_store_says_no(void **state)
{
    (void)state;
    fake.store_result = ERR_STORE;
    struct api_request *request = ask("/v1/activity?follow=1&wait=60");
    assert_true(fake_work());
    assert_answer(request, 503, "the store says no");
}

static void commit(void)
{
    struct activity_follower *follower = fake.follower;

    assert_non_null(follower);
    fake.follower = NULL;
    follower->wake(follower);
}

static void waits_for_a_commit(void **state)
{
    (void)state;
    struct api_request *request = ask("/v1/activity?follow=1&wait=60");
    assert_true(fake_work());
    assert_false(request->answered);
    commit(); /* of something else */
    assert_true(fake_work());
    assert_int_equal(fake.activity_filter.place, 8); /* goes on where the look before ended */
    assert_false(request->answered);
    assert_false(fake_work());
    one_entry();
    commit();
    assert_true(fake_work());
    assert_answer(request, 200, "\"id\":5");
    assert_int_equal(woken, 1);
}

/* What is committed while it looks may not be in what it sees. */
static void a_commit_meanwhile_is_not_missed(void **state)
{
    (void)state;
    fake.on_look = commit;
    struct api_request *request = ask("/v1/activity?follow=1&wait=60");
    assert_true(fake_work());
    assert_false(request->answered);
    fake.on_look = NULL;
    one_entry();
    assert_true(fake_work()); /* looks again by itself */
    assert_answer(request, 200, "\"id\":5");
}

static void a_place_beyond_the_end_is_answered_at_once(void **state)
{
    (void)state;
    struct api_request *request = ask("/v1/activity?follow=100&wait=60");
    assert_true(fake_work());
    assert_answer(request, 200, "{\"activity\":[],");
}

static void stopping_answers_who_waits(void **state)
{
    (void)state;
    struct api_request *request = ask("/v1/activity?follow=1&wait=60");
    assert_true(fake_work());
    api_activity_cancel();
    assert_answer(request, 200, "{\"activity\":[],\"next\":\"8\",\"newest\":99}");
    request = ask("/v1/activity?follow=1&wait=60");
    api_activity_cancel(); /* while it looks */
    assert_false(request->answered);
    assert_true(fake_work());
    assert_answer(request, 200, "\"activity\":[]");
}

static void told_at_a_time(void **state)
{
    (void)state;
    fake.told = (struct activity_told){.state = AZURE_STATE_COMPLIANT,
                                       .azure_device_id = "aaaa",
                                       .status = STATUS_SUCCESS,
                                       .accepted_at_ms = 1770000000123,
                                       .entry = 12,
                                       .log_begins_ms = -1};
    struct api_request *request = ask("/v1/devices/D1?at=2026-02-03T00:00:00Z");
    assert_true(fake_work());
    assert_answer(request, 200,
                  "{\"device_id\":\"D1\",\"at\":\"2026-02-03T00:00:00.000Z\",\"azure_state\":\"compliant\","
                  "\"azure_device_id\":\"aaaa\",\"azure_compliance_status\":\"success\","
                  "\"azure_report_time\":\"2026-02-02T02:40:00.123Z\",\"entry\":12,\"log_begins\":\"\"}");
    fake.told = (struct activity_told){.accepted_at_ms = -1, .log_begins_ms = 1770000000000};
    request = ask("/v1/devices/D1?at=2h");
    assert_true(fake_work());
    assert_answer(request, 404, "there is no device 'D1'");
    fake_device("D1");
    request = ask("/v1/devices/D1?at=2h");
    assert_true(fake_work());
    assert_answer(request, 200,
                  "\"azure_state\":\"\",\"azure_device_id\":\"\",\"azure_compliance_status\":\"\","
                  "\"azure_report_time\":\"\",\"entry\":0,\"log_begins\":\"2026-02-02T02:40:00.000Z\"}");
}

static void acts_are_written_down(void **state)
{
    char wanted[128];

    (void)state;
    fake_device("D1");
    struct api_request *request = &requests[request_count++];
    *request = (struct api_request){.daemon = fake_daemon(),
                                    .loop = &loop,
                                    .method = "POST",
                                    .peer = {.uid = getuid(), .pid = 4711},
                                    .wake = on_wake};
    assert_int_equal(target_parse("/v1/devices/D1/report", &request->target), 0);
    api_handle(request);
    while (fake_work())
        ;
    assert_answer(request, 202, "queued");
    snprintf(wanted, sizeof(wanted), "uid %u, pid 4711): a report", (unsigned)getuid());
    if (strstr(fake.acted, wanted) == NULL)
        fail_msg("%s", fake.acted);
}

static void who_asks(void **state)
{
    char text[PERSON_TEXT];

    (void)state;
    assert_string_equal(peer_describe(&(struct peer){.uid = 0, .pid = 12}, text), "root (uid 0, pid 12)");
    assert_string_equal(peer_describe(&(struct peer){.uid = 3999999999u, .pid = 12}, text), "uid 3999999999 (pid 12)");
    assert_string_equal(peer_describe(&(struct peer){.uid = 0, .session = "abcd1234"}, text),
                        "root (uid 0, web session abcd1234)");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(an_entry_with_all_its_fields),
        TEST(filters_reach_the_store),
        TEST(mistakes),
        TEST(the_store_says_no),
        TEST(waits_for_a_commit),
        TEST(a_commit_meanwhile_is_not_missed),
        TEST(a_place_beyond_the_end_is_answered_at_once),
        TEST(stopping_answers_who_waits),
        TEST(told_at_a_time),
        TEST(acts_are_written_down),
        cmocka_unit_test(who_asks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
