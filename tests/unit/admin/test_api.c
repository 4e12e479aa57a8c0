/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "admin/api.h"
#include "fake.h"

static struct api_request request;
static cJSON *answer;
static unsigned woken;

static void on_wake(struct api_request *woken_request)
{
    assert_ptr_equal(woken_request, &request);
    woken++;
}

static int setup(void **state)
{
    (void)state;
    fake_reset();
    return 0;
}

static void forget(void)
{
    cJSON_Delete(answer);
    answer = NULL;
    target_deinit(&request.target);
    buf_deinit(&request.body);
    buf_deinit(&request.answer);
    memset(&request, 0, sizeof(request));
}

static int teardown(void **state)
{
    (void)state;
    forget();
    assert_int_equal(fake.waiting, 0);
    return 0;
}

/* Asks without waiting for the answer. */
static void ask(const char *method, const char *raw, const char *body)
{
    forget();
    woken = 0;
    request =
        (struct api_request){.daemon = fake_daemon(), .method = method, .peer = {.uid = getuid()}, .wake = on_wake};
    assert_int_equal(target_parse(raw, &request.target), 0);
    buf_init(&request.body, API_BODY_MAX);
    buf_add_text(&request.body, body);
    api_handle(&request);
}

/* The whole way; the answer's status. */
static int call(const char *method, const char *raw, const char *body)
{
    ask(method, raw, body);
    if (!request.answered) {
        assert_true(fake_work());
        assert_int_equal(woken, 1);
    } else {
        assert_int_equal(woken, 0);
    }
    assert_true(request.answered);
    answer = cJSON_Parse(buf_text(&request.answer));
    assert_non_null(answer);
    return request.status;
}

static const char *text(const char *key)
{
    const char *found = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(answer, key));

    assert_non_null(found);
    return found;
}

static void assert_problem(int status, const char *title, const char *detail)
{
    assert_string_equal(text("type"), "about:blank");
    assert_string_equal(text("title"), title);
    assert_int_equal(cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(answer, "status")), status);
    if (strstr(text("detail"), detail) == NULL)
        fail_msg("'%s' is not in '%s'", detail, text("detail"));
}

static void unknown_paths_and_methods(void **state)
{
    (void)state;
    assert_int_equal(call("GET", "/v1/nothing", ""), 404);
    assert_problem(404, "Not Found", "no such path");
    assert_int_equal(call("GET", "/", ""), 404);
    assert_int_equal(call("DELETE", "/v1/status", ""), 405);
    assert_problem(405, "Method Not Allowed", "DELETE");
    assert_string_equal(request.allow, "GET");
    assert_int_equal(call("GET", "/v1/devices/D1/report", ""), 405);
    assert_string_equal(request.allow, "POST");
    assert_int_equal(call("get", "/v1/status", ""), 405);
}

static void strangers_are_refused(void **state)
{
    (void)state;
    ask("GET", "/v1/version", "");
    forget();
    request = (struct api_request){.daemon = fake_daemon(), .method = "GET", .peer = {.uid = 4242}};
    assert_int_equal(target_parse("/v1/version", &request.target), 0);
    if (geteuid() == 4242)
        skip();
    api_handle(&request);
    assert_int_equal(request.status, 403);
    request.answered = false;
    buf_deinit(&request.answer);
    request.peer.in_group = true;
    request.waiting = false;
    api_handle(&request);
    assert_int_equal(request.status, 200);
}

static void names_the_bad_parameter(void **state)
{
    static const struct {
        const char *raw;
        const char *name;
    } cases[] = {
        {"/v1/devices?color=red", "'color'"},
        {"/v1/devices?limit=0", "'limit'"},
        {"/v1/devices?limit=1001", "'limit'"},
        {"/v1/devices?limit=", "'limit'"},
        {"/v1/devices?limit=-1", "'limit'"},
        {"/v1/devices?limit=99999999999999999999", "'limit'"},
        {"/v1/devices?limit=5x", "'limit'"},
        {"/v1/devices?state=good", "'state'"},
        {"/v1/devices?status=good", "'status'"},
        {"/v1/devices?after=%25zz", "'after'"},
        {"/v1/devices?limit=5&limit=6", "'limit'"},
        {"/v1/status?x", "'x'"},
        {"/v1/status?devices=some", "'devices'"},
        {"/v1/version?x", "'x'"},
        {"/v1/plan?limit=10001", "'limit'"},
        {"/v1/plan?after=x", "'after'"},
        {"/v1/devices/D1?x", "'x'"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(call("GET", cases[i].raw, ""), 400);
        assert_problem(400, "Bad Request", cases[i].name);
    }
}

static void lists_in_pages(void **state)
{
    (void)state;
    fake_device("a");
    fake_device("b/\xff");
    fake_device("c");
    assert_int_equal(call("GET", "/v1/devices?limit=2&state=compliant&status=error&connection=x&search=J%C3%B6", ""),
                     200);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(answer, "devices")), 2);
    assert_string_equal(text("next"), "b%2F%FF");
    assert_int_equal(fake.filter.limit, 2);
    assert_string_equal(fake.filter_search, "Jö");
    assert_int_equal(call("GET", "/v1/devices?limit=2&after=b%252F%25FF", ""), 200);
    assert_string_equal(fake.filter_after, "b/\xff");
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(answer, "devices")), 1);
    assert_string_equal(text("next"), "");
    assert_int_equal(call("GET", "/v1/devices", ""), 200);
    assert_int_equal(fake.filter.limit, 100);
    assert_null(fake.filter.state);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(answer, "devices")), 3);
}

static void shows_one_device(void **state)
{
    (void)state;
    fake_device("a b/c");
    assert_int_equal(call("GET", "/v1/devices/a%20b%2Fc", ""), 200);
    assert_string_equal(text("device_id"), "a b/c");
    assert_int_equal(call("GET", "/v1/devices/zz", ""), 404);
    assert_problem(404, "Not Found", "no device 'zz'");
}

static void a_store_in_trouble_is_503(void **state)
{
    (void)state;
    fake.store_result = ERR_STORE_FULL;
    assert_int_equal(call("GET", "/v1/devices/a", ""), 503);
    assert_problem(503, "Service Unavailable", "the store says no");
    assert_int_equal(call("GET", "/v1/devices", ""), 503);
    assert_int_equal(call("GET", "/v1/plan", ""), 503);
}

static void status_survives_a_store_in_trouble(void **state)
{
    (void)state;
    fake.store_result = ERR_STORE_CORRUPT;
    fake.status.store_result = ERR_STORE_CORRUPT;
    fake.status.store_error = "database disk image is malformed";
    fake.status.state = DAEMON_STORE_TROUBLE;
    assert_int_equal(call("GET", "/v1/status", ""), 200);
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(answer, "devices")));
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(answer, "holds")));
    assert_string_equal(text("figures_error"), "the store says no");
    assert_true(cJSON_IsFalse(cJSON_GetObjectItem(cJSON_GetObjectItem(answer, "store"), "healthy")));
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(cJSON_GetObjectItem(answer, "daemon"), "state")),
                        "store_trouble");
    assert_true(strlen(cJSON_GetStringValue(cJSON_GetObjectItem(cJSON_GetObjectItem(answer, "store"), "cure"))) > 0);
}

static void status_tells_figures_and_connections(void **state)
{
    const cJSON *connection, *queue;

    (void)state;
    fake.counts = (struct fleet_counts){.devices = 7,
                                        .by_state = {1, 2, 3, 1},
                                        .queued = {4, 3, 2, 1},
                                        .queue_oldest_ms = 1770000000000,
                                        .awaiting_verdict = 8};
    fake.hold_count = 2;
    fake.connections[0].trouble = TROUBLE_CONSENT;
    fake.connections[0].channel[CHANNEL_GRAPH].in_flight = 5;
    assert_int_equal(call("GET", "/v1/status", ""), 200);
    queue = cJSON_GetObjectItem(answer, "queue");
    assert_int_equal(cJSON_GetNumberValue(cJSON_GetObjectItem(queue, "worsening")), 4);
    assert_int_equal(cJSON_GetNumberValue(cJSON_GetObjectItem(queue, "total")), 10);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(queue, "oldest")), "2026-02-02T02:40:00.000Z");
    connection = cJSON_GetArrayItem(cJSON_GetObjectItem(answer, "connections"), 0);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(connection, "state")), "ready");
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(connection, "trouble")), "consent_missing");
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(connection, "last_success")), "");
    assert_int_equal(cJSON_GetNumberValue(cJSON_GetObjectItem(connection, "in_flight")), 5);
    assert_true(cJSON_IsObject(cJSON_GetObjectItem(connection, "queue")));
    assert_int_equal(cJSON_GetNumberValue(cJSON_GetObjectItem(connection, "awaiting_verdict")), 8);
    assert_int_equal(cJSON_GetNumberValue(cJSON_GetObjectItem(cJSON_GetObjectItem(answer, "devices"), "total")), 7);
    assert_int_equal(call("GET", "/v1/status?devices=no", ""), 200);
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(answer, "devices")));
    assert_int_equal(cJSON_GetNumberValue(cJSON_GetObjectItem(answer, "awaiting_verdict")), 8);
    assert_string_equal(text("figures_error"), "");
    assert_int_equal(cJSON_GetNumberValue(cJSON_GetObjectItem(answer, "holds")), 2);
}

static void asks_for_a_report(void **state)
{
    (void)state;
    assert_int_equal(call("POST", "/v1/devices/D%2F1/report", ""), 202);
    assert_string_equal(fake.reported, "D/1");
    assert_string_equal(text("device_id"), "D/1");
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(answer, "queued")));
    fake.act_result = ERR_NOTFOUND;
    assert_int_equal(call("POST", "/v1/devices/D2/report", ""), 404);
    assert_problem(404, "Not Found", "no device 'D2'");
    fake.act_result = ERR_BUSY;
    assert_int_equal(call("POST", "/v1/devices/D2/report", ""), 503);
}

static void asks_for_a_resync(void **state)
{
    static const struct {
        const char *body;
        int status;
        const char *resynced;
    } cases[] = {
        {"", 202, "*"},
        {"{}", 202, "*"},
        {"{\"connection\":\"default\"}", 202, "default"},
        {"{\"connection\":\"other\"}", 404, ""},
        {"{\"connection\":7}", 400, ""},
        {"{\"colour\":\"red\"}", 400, ""},
        {"[]", 400, ""},
        {"{", 400, ""},
        {"\xff", 400, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fake.resynced[0] = '\0';
        assert_int_equal(call("POST", "/v1/resync", cases[i].body), cases[i].status);
        assert_string_equal(fake.resynced, cases[i].resynced);
    }
    fake.connection_settings[0].enabled = false;
    fake.resynced[0] = '\0';
    assert_int_equal(call("POST", "/v1/resync", ""), 409);
    assert_int_equal(call("POST", "/v1/resync", "{\"connection\":\"default\"}"), 409);
    assert_string_equal(fake.resynced, "");
}

static void plans_what_would_be_sent_and_nothing_else(void **state)
{
    static const struct decision report = {.kind = DECISION_REPORT, .state = AZURE_STATE_NON_COMPLIANT};
    static const struct decision wait = {.kind = DECISION_WAIT, .reason = REASON_NOT_EVALUATED};
    const cJSON *plan;

    (void)state;
    fake.plan[0] =
        (struct fleet_plan_entry){"a", "default", "x", PRIORITY_WORSENING, report, AZURE_STATE_COMPLIANT, false, false};
    fake.plan[1] =
        (struct fleet_plan_entry){"b", "default", "x", PRIORITY_CHANGE, wait, AZURE_STATE_COMPLIANT, false, false};
    fake.plan[2] =
        (struct fleet_plan_entry){"c", "default", "x", PRIORITY_CHANGE, report, AZURE_STATE_NONE, true, false};
    fake.plan[3] =
        (struct fleet_plan_entry){"d", "other", "x", PRIORITY_WEEKLY, report, AZURE_STATE_NONE, false, false};
    fake.plan_count = 4;
    assert_int_equal(call("GET", "/v1/plan", ""), 200);
    plan = cJSON_GetObjectItem(answer, "plan");
    assert_int_equal(cJSON_GetArraySize(plan), 2);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(cJSON_GetArrayItem(plan, 0), "device_id")), "a");
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(cJSON_GetArrayItem(plan, 0), "held")), "");
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(cJSON_GetArrayItem(plan, 1), "held")),
                        "unknown_connection");
    assert_string_equal(text("next"), "");

    assert_int_equal(call("GET", "/v1/plan?limit=3", ""), 200);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(answer, "plan")), 1);
    assert_string_equal(text("next"), "3:0:1:-9223372036854775808:7:a%3Ab%2Fc:c");
    assert_int_equal(call("GET", "/v1/plan?limit=3&after=3%3A0%3A1%3A-9223372036854775808%3A7%3Aa%253Ab%252Fc%3Ac", ""),
                     200);
    plan = cJSON_GetObjectItem(answer, "plan");
    assert_int_equal(cJSON_GetArraySize(plan), 1);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(cJSON_GetArrayItem(plan, 0), "device_id")), "d");
    assert_string_equal(text("next"), "");
}

static void refuses_cursors_that_are_not_ours(void **state)
{
    static const char *const cursors[] = {
        "x",
        "1",
        "1:0:0:0:0",
        "1:0:0:0:0:c",
        "1:0:0:0:0:c:",
        "1:0:0:0:0::d",
        "4:0:0:0:0:c:d",
        "-1:0:0:0:0:c:d",
        "1:2:0:0:0:c:d",
        "1:0:9:0:0:c:d",
        "1:0:0:99999999999999999999:0:c:d",
        "1:0:0:0:0:c:%25zz",
        "1:0:0:0:0:%2500:d",
        ":::::::",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cursors) / sizeof(cursors[0]); i++) {
        char target[128];

        snprintf(target, sizeof(target), "/v1/plan?after=%s", cursors[i]);
        if (call("GET", target, "") != 400)
            fail_msg("%s is taken", cursors[i]);
    }
    assert_int_equal(call("GET", "/v1/plan?after=1:1:-1:0:0::d", ""), 200);
    assert_int_equal(call("GET", "/v1/plan?after=", ""), 200);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(unknown_paths_and_methods),
        TEST(strangers_are_refused),
        TEST(names_the_bad_parameter),
        TEST(lists_in_pages),
        TEST(shows_one_device),
        TEST(a_store_in_trouble_is_503),
        TEST(status_survives_a_store_in_trouble),
        TEST(status_tells_figures_and_connections),
        TEST(asks_for_a_report),
        TEST(asks_for_a_resync),
        TEST(plans_what_would_be_sent_and_nothing_else),
        TEST(refuses_cursors_that_are_not_ours),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
