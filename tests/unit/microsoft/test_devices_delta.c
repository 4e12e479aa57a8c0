/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */

#include "unit.h"

#include <stdio.h>

#include "microsoft/devices_delta.h"

#include "response.h"

#define BASE "https://graph.example.com"
#define LINK BASE "/v1.0/devices/delta?$deltatoken=x"
#define ID_1 "11111111-1111-4111-8111-111111111111"
#define ID_2 "22222222-2222-4222-8222-222222222222"

static struct devices_delta_page page;
static struct outcome outcome;

static enum devices_delta_answer read_answer(int status, const char *body, bool continued)
{
    struct http_response response = response_of(status, body);

    devices_delta_page_deinit(&page);
    return devices_delta_read(&response, BASE, continued, 4096, 1800000000, &page, &outcome);
}

static int free_page(void **state)
{
    (void)state;
    devices_delta_page_deinit(&page);
    return 0;
}

static void test_the_first_request(void **state)
{
    struct buf url;

    (void)state;
    buf_init(&url, 0);
    devices_delta_url(&url, BASE);
    assert_string_equal(buf_text(&url), BASE "/v1.0/devices/delta?$select=id,deviceId,isCompliant,isManaged");
    buf_deinit(&url);
}

static void test_whole_partial_and_removed_entries(void **state)
{
    (void)state;
    assert_int_equal(read_answer(200,
                                 "{\"value\":["
                                 "{\"id\":\"" ID_1 "\",\"deviceId\":\"" ID_2
                                 "\",\"isManaged\":true,\"isCompliant\":null},"
                                 "{\"id\":\"" ID_2 "\",\"isCompliant\":false},"
                                 "{\"id\":\"" ID_2 "\",\"@removed\":{\"reason\":\"changed\"}},"
                                 "{\"id\":\"nonsense\"},7],"
                                 "\"@odata.nextLink\":\"" LINK "\"}",
                                 false),
                     DEVICES_DELTA_PAGE);
    assert_int_equal(page.count, 3);
    assert_int_equal(page.odd, 2);
    assert_false(page.last);
    assert_string_equal(page.link, LINK);
    assert_true(page.items[0].has_device_id);
    assert_int_equal(page.items[0].managed, 1);
    assert_int_equal(page.items[0].compliant, 0);
    assert_false(page.items[1].has_device_id);
    assert_int_equal(page.items[1].managed, -1);
    assert_int_equal(page.items[1].compliant, 0);
    assert_true(page.items[2].removed);
}

static void test_an_empty_page_goes_on(void **state)
{
    (void)state;
    assert_int_equal(read_answer(200, "{\"value\":[],\"@odata.deltaLink\":\"" LINK "\"}", true), DEVICES_DELTA_PAGE);
    assert_int_equal(page.count, 0);
    assert_true(page.last);
}

static void test_links_that_are_not_ours_are_refused(void **state)
{
    static const char *const links[] = {"",
                                        "http://graph.example.com/v1.0/devices/delta?$skiptoken=x",
                                        "https://evil.example.com/v1.0/devices/delta?x",
                                        BASE ".evil.example.com/v1.0/devices/delta?x",
                                        BASE "/v1.0/users/delta?x",
                                        BASE "/v1.0/devices/delta",
                                        BASE "/v1.0/devices/delta/../users?x",
                                        BASE "/v1.0/devices/delta?x#y",
                                        BASE "/v1.0/devices/delta?x y",
                                        BASE "@evil.example.com/v1.0/devices/delta?x",
                                        BASE "/v1.0/devices/delta?\\u00e9"};
    char body[512];

    (void)state;
    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
        snprintf(body, sizeof(body), "{\"value\":[],\"@odata.nextLink\":\"%s\"}", links[i]);
        assert_int_equal(read_answer(200, body, true), DEVICES_DELTA_FAILED);
        assert_int_equal(outcome.class, OUTCOME_TRANSIENT);
        assert_int_equal(outcome.trouble, TROUBLE_REPLY);
        assert_null(page.link);
    }
    assert_int_equal(
        read_answer(200, "{\"value\":[],\"@odata.nextLink\":\"" BASE "/v1.0/devices/delta()?$skiptoken=x\"}", true),
        DEVICES_DELTA_PAGE);
}

static void test_what_is_no_page(void **state)
{
    static const char *const bodies[] = {
        "", "{}", "[]", "{\"value\":{}}", "{\"value\":[", "<html>", "{\"value\":[],\"@odata.nextLink\":7}"};

    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        assert_int_equal(read_answer(200, bodies[i], true), DEVICES_DELTA_FAILED);
        assert_int_equal(outcome.class, OUTCOME_TRANSIENT);
    }
}

static void test_what_means_to_start_over(void **state)
{
    static const char error[] = "{\"error\":{\"code\":\"syncStateNotFound\",\"message\":\"x\"}}";
    static const char bad[] = "{\"error\":{\"code\":\"BadRequest\",\"message\":\"Badly formed token\"}}";

    (void)state;
    assert_int_equal(read_answer(410, error, true), DEVICES_DELTA_RESYNC);
    assert_int_equal(read_answer(410, "", false), DEVICES_DELTA_RESYNC);
    assert_int_equal(read_answer(400, bad, true), DEVICES_DELTA_RESYNC);
    assert_int_equal(read_answer(404, bad, true), DEVICES_DELTA_RESYNC);
    assert_int_equal(read_answer(400, bad, false), DEVICES_DELTA_FAILED); /* not the link's fault */
    assert_int_equal(read_answer(400, "<html>proxy</html>", true), DEVICES_DELTA_FAILED);
}

static void test_refusals_keep_their_class(void **state)
{
    static const char denied[] = "{\"error\":{\"code\":\"Authorization_RequestDenied\",\"message\":\"x\"}}";
    struct http_response lost = response_failed(ERR_NETWORK, "reset");

    (void)state;
    assert_int_equal(read_answer(403, denied, true), DEVICES_DELTA_FAILED);
    assert_int_equal(outcome.class, OUTCOME_CONNECTION);
    assert_int_equal(outcome.trouble, TROUBLE_PERMISSION);
    assert_int_equal(read_answer(429, "", true), DEVICES_DELTA_FAILED);
    assert_int_equal(outcome.class, OUTCOME_THROTTLED);
    assert_int_equal(read_answer(401, "", true), DEVICES_DELTA_FAILED);
    assert_int_equal(outcome.class, OUTCOME_AUTH);
    assert_int_equal(devices_delta_read(&lost, BASE, true, 4096, 0, &page, &outcome), DEVICES_DELTA_FAILED);
    assert_int_equal(outcome.class, OUTCOME_TRANSIENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_request),
        cmocka_unit_test_teardown(test_whole_partial_and_removed_entries, free_page),
        cmocka_unit_test_teardown(test_an_empty_page_goes_on, free_page),
        cmocka_unit_test_teardown(test_links_that_are_not_ours_are_refused, free_page),
        cmocka_unit_test_teardown(test_what_is_no_page, free_page),
        cmocka_unit_test_teardown(test_what_means_to_start_over, free_page),
        cmocka_unit_test_teardown(test_refusals_keep_their_class, free_page),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
