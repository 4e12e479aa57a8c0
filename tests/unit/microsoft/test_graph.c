/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "microsoft/graph.h"

#include "response.h"

static const int64_t now_s = 1767225600;

#define DEVICE "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"

static void test_the_url_is_that_of_the_batch(void **state)
{
    struct buf url;

    (void)state;
    buf_init(&url, 0);
    graph_batch_url(&url, "https://graph.microsoft.com");
    assert_string_equal(buf_text(&url), "https://graph.microsoft.com/v1.0/$batch");
    buf_deinit(&url);
}

static void test_the_body_for_devices_is_what_it_was(void **state)
{
    static const char golden[] =
        "{\"requests\":["
        "{\"id\":\"0\",\"method\":\"PATCH\",\"url\":\"/devices(deviceId='" DEVICE "')\","
        "\"headers\":{\"Content-Type\":\"application/json\"},\"body\":{\"isCompliant\":true,\"isManaged\":true}},"
        "{\"id\":\"1\",\"method\":\"PATCH\",\"url\":\"/devices(deviceId='" DEVICE "')\","
        "\"headers\":{\"Content-Type\":\"application/json\"},\"body\":{\"isCompliant\":false,\"isManaged\":true,"
        "\"displayName\":\"PC \\\"1\\\"\",\"operatingSystemVersion\":\"10.0.26100\"}},"
        "{\"id\":\"2\",\"method\":\"PATCH\",\"url\":\"/devices(deviceId='" DEVICE "')\","
        "\"headers\":{\"Content-Type\":\"application/json\"},\"body\":{\"isCompliant\":false,\"isManaged\":false,"
        "\"operatingSystemVersion\":\"10.0\"}}]}";
    const struct report first = {
        .state = AZURE_STATE_COMPLIANT, .azure_device_id = DEVICE, .name = "unsent", .os_version = "unsent"};
    const struct report second = {.state = AZURE_STATE_NON_COMPLIANT,
                                  .azure_device_id = DEVICE,
                                  .name = "PC \"1\"",
                                  .os_version = "10.0.26100",
                                  .inventory_changed = true};
    const struct report third = {.state = AZURE_STATE_REMOVED,
                                 .azure_device_id = DEVICE,
                                 .name = "",
                                 .os_version = "10.0",
                                 .inventory_changed = true};
    const struct report *reports[] = {&first, &second, &third};
    struct buf body;

    (void)state;
    buf_init(&body, 0);
    graph_devices_body(&body, reports, 3);
    assert_string_equal(buf_text(&body), golden);
    buf_deinit(&body);
}

static void test_users_are_named_in_the_documented_forms(void **state)
{
    static const char *const names[] = {"ana@contoso.com",       "guest_x.com#EXT#@contoso.com",
                                        "$o'neil#1@contoso.com", "o'neil@contoso.com",
                                        "a/b?c&d%\"e\\@x",       "\xc3\xb1u@x"};
    static const char golden[] =
        "{\"requests\":["
        "{\"id\":\"0\",\"method\":\"GET\",\"url\":\"/users/ana%40contoso.com?$select=id\"},"
        "{\"id\":\"1\",\"method\":\"GET\",\"url\":\"/users/guest_x.com%23EXT%23%40contoso.com?$select=id\"},"
        "{\"id\":\"2\",\"method\":\"GET\",\"url\":\"/users('%24o%27%27neil%231%40contoso.com')?$select=id\"},"
        "{\"id\":\"3\",\"method\":\"GET\",\"url\":\"/users/o%27neil%40contoso.com?$select=id\"},"
        "{\"id\":\"4\",\"method\":\"GET\",\"url\":\"/users/a%2Fb%3Fc%26d%25%22e%5C%40x?$select=id\"},"
        "{\"id\":\"5\",\"method\":\"GET\",\"url\":\"/users/%C3%B1u%40x?$select=id\"}]}";
    struct buf body;

    (void)state;
    buf_init(&body, 0);
    graph_users_body(&body, names, 6);
    assert_string_equal(buf_text(&body), golden);
    buf_deinit(&body);
}

static void test_a_full_batch_is_one_json_object(void **state)
{
    const struct report report = {
        .state = AZURE_STATE_COMPLIANT, .azure_device_id = DEVICE, .name = "", .os_version = ""};
    const struct report *reports[GRAPH_BATCH_MAX];
    const cJSON *last;
    struct buf body;
    cJSON *root;

    (void)state;
    for (int i = 0; i < GRAPH_BATCH_MAX; i++)
        reports[i] = &report;
    buf_init(&body, 0);
    graph_devices_body(&body, reports, GRAPH_BATCH_MAX);
    root = cJSON_Parse(buf_text(&body));
    last = cJSON_GetArrayItem(cJSON_GetObjectItem(root, "requests"), 19);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(last, "id")), "19");
    cJSON_Delete(root);
    buf_deinit(&body);
}

/* A batch answer in shorthand: what the items and the whole must become. */
struct batch_case {
    const char *label;
    int status;
    const char *body;
    size_t count;
    enum outcome_class items[3];
    enum outcome_class whole;
};

#define BATCH(items) "{\"responses\":[" items "]}"
#define OK(id)       "{\"id\":\"" id "\",\"status\":204,\"headers\":{},\"body\":null}"
#define BAD(id, status, code)                                                                                          \
    "{\"id\":\"" id "\",\"status\":" status ",\"body\":{\"error\":{\"code\":\"" code "\",\"message\":\"m\"}}}"
#define DENIED(id) BAD(id, "403", "Authorization_RequestDenied")

static void test_each_item_and_the_whole_get_their_class(void **state)
{
    static const struct batch_case cases[] = {
        {"all well", 200, BATCH(OK("0") "," OK("1")), 2, {OUTCOME_ACCEPTED, OUTCOME_ACCEPTED}, OUTCOME_ACCEPTED},
        {"out of order",
         200,
         BATCH(BAD("1", "404", "Request_ResourceNotFound") "," OK("0")),
         2,
         {OUTCOME_ACCEPTED, OUTCOME_DEVICE},
         OUTCOME_ACCEPTED},
        {"numeric ids",
         200,
         BATCH("{\"id\":0,\"status\":204},{\"id\":1,\"status\":\"204\"}"),
         2,
         {OUTCOME_ACCEPTED, OUTCOME_ACCEPTED},
         OUTCOME_ACCEPTED},
        {"one missing", 200, BATCH(OK("1")), 2, {OUTCOME_TRANSIENT, OUTCOME_ACCEPTED}, OUTCOME_ACCEPTED},
        {"one twice",
         200,
         BATCH(OK("0") "," OK("1") "," OK("0")),
         2,
         {OUTCOME_TRANSIENT, OUTCOME_ACCEPTED},
         OUTCOME_ACCEPTED},
        {"foreign ids",
         200,
         BATCH(OK("0") "," OK("7") "," OK("-1") "," OK("x") "," OK("1.5")),
         2,
         {OUTCOME_ACCEPTED, OUTCOME_TRANSIENT},
         OUTCOME_ACCEPTED},
        {"no status",
         200,
         BATCH("{\"id\":\"0\"},{\"id\":\"1\",\"status\":\"fine\"}"),
         2,
         {OUTCOME_TRANSIENT, OUTCOME_TRANSIENT},
         OUTCOME_TRANSIENT},
        {"items of odd types", 200, BATCH("null,1,\"x\",[]," OK("0")), 1, {OUTCOME_ACCEPTED}, OUTCOME_ACCEPTED},
        {"one throttled",
         200,
         BATCH(OK("0") "," BAD("1", "429", "TooManyRequests")),
         2,
         {OUTCOME_ACCEPTED, OUTCOME_THROTTLED},
         OUTCOME_ACCEPTED},
        {"all throttled",
         200,
         BATCH(BAD("0", "429", "x") "," BAD("1", "429", "x")),
         2,
         {OUTCOME_THROTTLED, OUTCOME_THROTTLED},
         OUTCOME_THROTTLED},
        {"a dependant",
         200,
         BATCH(BAD("0", "424", "x") "," OK("1")),
         2,
         {OUTCOME_TRANSIENT, OUTCOME_ACCEPTED},
         OUTCOME_ACCEPTED},
        {"all 401",
         200,
         BATCH(BAD("0", "401", "x") "," BAD("1", "401", "x")),
         2,
         {OUTCOME_AUTH, OUTCOME_AUTH},
         OUTCOME_AUTH},
        {"all 503",
         200,
         BATCH(BAD("0", "503", "x") "," BAD("1", "503", "x")),
         2,
         {OUTCOME_TRANSIENT, OUTCOME_TRANSIENT},
         OUTCOME_TRANSIENT},
        {"one denied of two",
         200,
         BATCH(OK("0") "," DENIED("1")),
         2,
         {OUTCOME_ACCEPTED, OUTCOME_DEVICE},
         OUTCOME_ACCEPTED},
        {"the only one denied", 200, BATCH(DENIED("0")), 1, {OUTCOME_DEVICE}, OUTCOME_ACCEPTED},
        {"all denied",
         200,
         BATCH(DENIED("0") "," DENIED("1") "," DENIED("2")),
         3,
         {OUTCOME_CONNECTION, OUTCOME_CONNECTION, OUTCOME_CONNECTION},
         OUTCOME_CONNECTION},
        {"denied and unknown",
         200,
         BATCH(DENIED("0") "," BAD("1", "404", "x")),
         2,
         {OUTCOME_DEVICE, OUTCOME_DEVICE},
         OUTCOME_ACCEPTED},
        {"denied and doubled",
         200,
         BATCH(DENIED("0") "," DENIED("1") "," DENIED("1")),
         2,
         {OUTCOME_DEVICE, OUTCOME_TRANSIENT},
         OUTCOME_ACCEPTED},
        {"424 outside, answers inside",
         424,
         BATCH(OK("0") "," BAD("1", "429", "x")),
         2,
         {OUTCOME_ACCEPTED, OUTCOME_THROTTLED},
         OUTCOME_ACCEPTED},
        {"424 and nothing else", 424, "", 1, {OUTCOME_TRANSIENT}, OUTCOME_TRANSIENT},
        {"429 outside", 429, "", 2, {OUTCOME_THROTTLED, OUTCOME_THROTTLED}, OUTCOME_THROTTLED},
        {"401 outside", 401, "", 2, {OUTCOME_AUTH, OUTCOME_AUTH}, OUTCOME_AUTH},
        {"403 outside", 403, "", 1, {OUTCOME_CONNECTION}, OUTCOME_CONNECTION},
        {"400 outside", 400, BATCH(OK("0")), 1, {OUTCOME_CONNECTION}, OUTCOME_CONNECTION},
        {"500 outside", 500, BATCH(OK("0")), 1, {OUTCOME_TRANSIENT}, OUTCOME_TRANSIENT},
        {"no responses", 200, "{}", 1, {OUTCOME_TRANSIENT}, OUTCOME_TRANSIENT},
        {"responses of another type", 200, "{\"responses\":{\"0\":1}}", 1, {OUTCOME_TRANSIENT}, OUTCOME_TRANSIENT},
        {"cut short", 200, "{\"responses\":[" OK("0"), 1, {OUTCOME_TRANSIENT}, OUTCOME_TRANSIENT},
        {"empty", 200, "", 1, {OUTCOME_TRANSIENT}, OUTCOME_TRANSIENT},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct http_response response = response_of(cases[i].status, cases[i].body);
        struct outcome outcomes[GRAPH_BATCH_MAX], whole;

        graph_batch_outcome(&response, cases[i].count, now_s, outcomes, NULL, &whole);
        if (whole.class != cases[i].whole)
            fail_msg("%s: the whole is %d", cases[i].label, whole.class);
        for (size_t k = 0; k < cases[i].count; k++) {
            if (outcomes[k].class != cases[i].items[k])
                fail_msg("%s: item %zu is %d", cases[i].label, k, outcomes[k].class);
        }
    }
}

static void test_items_carry_their_own_retry_after_and_ids(void **state)
{
    struct http_response response = response_of(
        200, BATCH("{\"id\":\"0\",\"status\":429,\"headers\":{\"retry-after\":\"2.128\",\"request-id\":\"h-1\"},"
                   "\"body\":{\"error\":{\"code\":\"TooManyRequests\",\"message\":\"slow\"}}},"
                   "{\"id\":\"1\",\"status\":429,\"headers\":{\"Retry-After\":7},"
                   "\"body\":{\"error\":{\"code\":\"x\",\"message\":\"m\",\"innerError\":{\"request-id\":\"b-1\"}}}},"
                   "{\"id\":\"2\",\"status\":204}"));
    struct outcome outcomes[4], whole;

    (void)state;
    strcpy(response.headers.request_id, "outer");
    graph_batch_outcome(&response, 4, now_s, outcomes, NULL, &whole);
    assert_int_equal(outcomes[0].retry_after_ms, 2128);
    assert_string_equal(outcomes[0].request_id, "h-1");
    assert_string_equal(outcomes[0].detail, "429 TooManyRequests: slow");
    assert_int_equal(outcomes[1].retry_after_ms, 7000);
    assert_string_equal(outcomes[1].request_id, "b-1");
    assert_string_equal(outcomes[2].request_id, "outer");
    assert_string_equal(outcomes[3].request_id, "outer");
    assert_string_equal(whole.request_id, "outer");
    graph_batch_outcome(&response, 2, now_s, outcomes, NULL, &whole);
    assert_int_equal(whole.retry_after_ms, 7000);
    assert_string_equal(whole.request_id, "outer");
}

static void test_denials_are_permissions_when_all_are_denied(void **state)
{
    struct http_response response = response_of(200, BATCH(DENIED("0") "," DENIED("1")));
    struct outcome outcomes[2], whole;

    (void)state;
    graph_batch_outcome(&response, 2, now_s, outcomes, NULL, &whole);
    assert_int_equal(whole.trouble, TROUBLE_PERMISSION);
    assert_int_equal(outcomes[1].trouble, TROUBLE_PERMISSION);
    assert_int_equal(outcomes[1].reason, REASON_NONE);
    response = response_of(200, BATCH(DENIED("0")));
    graph_batch_outcome(&response, 1, now_s, outcomes, NULL, &whole);
    assert_int_equal(outcomes[0].reason, REASON_DEVICE_REFUSED);
}

static void test_users_are_found_by_their_ids(void **state)
{
    struct http_response response = response_of(
        200,
        BATCH("{\"id\":\"0\",\"status\":200,\"body\":{\"id\":\"AAAAAAAA-bbbb-cccc-dddd-eeeeeeeeeeee\"}},"
              "{\"id\":\"1\",\"status\":200,\"body\":{\"id\":\"not a guid\"}},"
              "{\"id\":\"2\",\"status\":200}," BAD("3", "404", "Request_ResourceNotFound") "," BAD(
                  "4", "400", "Request_BadRequest") "," BAD("5", "403",
                                                            "Authorization_RequestDenied") "," BAD("6", "429",
                                                                                                   "TooManyRequests")));
    static const enum outcome_class classes[] = {OUTCOME_ACCEPTED, OUTCOME_TRANSIENT, OUTCOME_TRANSIENT,
                                                 OUTCOME_DEVICE,   OUTCOME_DEVICE,    OUTCOME_CONNECTION,
                                                 OUTCOME_THROTTLED};
    struct outcome outcomes[7], whole;
    char ids[7][GUID_TEXT];

    (void)state;
    memset(ids, 'x', sizeof(ids));
    graph_batch_outcome(&response, 7, now_s, outcomes, ids, &whole);
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(outcomes[i].class, classes[i]);
        assert_string_equal(ids[i], i == 0 ? "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee" : "");
    }
    assert_int_equal(outcomes[3].reason, REASON_USER_UNKNOWN);
    assert_int_equal(outcomes[4].reason, REASON_USER_UNKNOWN);
    assert_int_equal(outcomes[5].trouble, TROUBLE_PERMISSION);
    assert_int_equal(whole.class, OUTCOME_ACCEPTED);
}

static void test_a_denied_look_up_is_the_connections(void **state)
{
    struct http_response response = response_of(200, BATCH(DENIED("0")));
    struct outcome outcome, whole;
    char ids[1][GUID_TEXT];

    (void)state;
    graph_batch_outcome(&response, 1, now_s, &outcome, ids, &whole);
    assert_int_equal(outcome.class, OUTCOME_CONNECTION);
    assert_int_equal(whole.class, OUTCOME_CONNECTION);
    assert_int_equal(whole.trouble, TROUBLE_PERMISSION);
}

static void test_no_answer_is_every_items_outcome(void **state)
{
    struct http_response response = response_failed(ERR_NETWORK, "stream lost");
    struct outcome outcomes[GRAPH_BATCH_MAX], whole;

    (void)state;
    graph_batch_outcome(&response, GRAPH_BATCH_MAX, now_s, outcomes, NULL, &whole);
    assert_int_equal(whole.class, OUTCOME_TRANSIENT);
    assert_int_equal(outcomes[19].class, OUTCOME_TRANSIENT);
    assert_string_equal(outcomes[19].detail, "stream lost");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_url_is_that_of_the_batch),
        cmocka_unit_test(test_the_body_for_devices_is_what_it_was),
        cmocka_unit_test(test_users_are_named_in_the_documented_forms),
        cmocka_unit_test(test_a_full_batch_is_one_json_object),
        cmocka_unit_test(test_each_item_and_the_whole_get_their_class),
        cmocka_unit_test(test_items_carry_their_own_retry_after_and_ids),
        cmocka_unit_test(test_denials_are_permissions_when_all_are_denied),
        cmocka_unit_test(test_users_are_found_by_their_ids),
        cmocka_unit_test(test_a_denied_look_up_is_the_connections),
        cmocka_unit_test(test_no_answer_is_every_items_outcome),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
