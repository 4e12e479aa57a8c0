/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "microsoft/partner.h"

#include "response.h"

static const int64_t now_s = 1767225600;

#define TENANT "11111111-2222-3333-4444-555555555555"
#define DEVICE "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
#define USER   "99999999-8888-7777-6666-555555555555"

static struct report a_report(void)
{
    return (struct report){
        .device_id = "mdm-1",
        .platform = PLATFORM_MACOS,
        .state = AZURE_STATE_NON_COMPLIANT,
        .azure_device_id = DEVICE,
        .user_id = USER,
        .name = "Ana's Mac",
        .os_version = "15.3.1",
        .last_check_in_s = 1770091200,
        .last_update_ms = 1770091506789,
    };
}

static void test_the_url_names_the_message(void **state)
{
    struct guid id;
    struct buf url;

    (void)state;
    assert_int_equal(guid_parse("0A1B2C3D-1111-2222-3333-444455556666", &id), 0);
    buf_init(&url, 0);
    partner_url(&url, "https://fef.example/StatelessService", &id);
    assert_string_equal(buf_text(&url),
                        "https://fef.example/StatelessService/"
                        "DataUploadMessages(guid'0a1b2c3d-1111-2222-3333-444455556666')?api-version=1.2");
    buf_deinit(&url);
}

static void test_the_body_is_what_it_was(void **state)
{
    static const char golden[] =
        "{\"TenantId\":\"" TENANT "\",\"UploadTime\":\"2026-02-03T04:05:06.789Z\",\"Content\":\"["
        "{\\\"EntityType\\\":1,\\\"TenantId\\\":\\\"" TENANT "\\\",\\\"DeviceManagementState\\\":\\\"managed\\\","
        "\\\"DeviceId\\\":\\\"" DEVICE "\\\",\\\"DeviceName\\\":\\\"Ana's Mac\\\",\\\"UserId\\\":\\\"" USER "\\\","
        "\\\"LastCheckInTime\\\":\\\"2026-02-03T04:00:00.000Z\\\","
        "\\\"LastUpdateTime\\\":\\\"2026-02-03T04:05:06.789Z\\\",\\\"Os\\\":\\\"macOS\\\","
        "\\\"OsVersion\\\":\\\"15.3.1\\\",\\\"EasIds\\\":[],\\\"State\\\":0},"
        "{\\\"EntityType\\\":4,\\\"TenantId\\\":\\\"" TENANT "\\\",\\\"DeviceId\\\":\\\"" DEVICE "\\\","
        "\\\"UserId\\\":\\\"" USER "\\\",\\\"LastUpdateTime\\\":\\\"2026-02-03T04:05:06.789Z\\\","
        "\\\"complianceStatus\\\":\\\"notCompliant\\\"}]\"}";
    const struct report report = a_report();
    const struct report *reports[] = {&report};
    struct buf body;

    (void)state;
    buf_init(&body, 0);
    partner_body(&body, TENANT, reports, 1);
    assert_string_equal(buf_text(&body), golden);
    assert_int_equal(body.length, strlen(golden));
    buf_deinit(&body);
}

/* Reads a body back: the message, and the array within its string. */
static cJSON *read_content(const struct buf *body, cJSON **ret_message)
{
    const char *content;
    cJSON *entities;

    *ret_message = cJSON_Parse(body->data);
    assert_non_null(*ret_message);
    content = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(*ret_message, "Content"));
    assert_non_null(content);
    entities = cJSON_Parse(content);
    assert_true(cJSON_IsArray(entities));
    return entities;
}

static const char *text_of(const cJSON *entities, int place, const char *name)
{
    const char *text =
        cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(entities, place), name));

    return text != NULL ? text : "(none)";
}

static void test_any_name_survives_both_escapings(void **state)
{
    static const char *const names[] = {
        "",
        "plain",
        "quote \" and \\ backslash",
        "\\\"",
        "tab\tand newline\nand \x01 control",
        "m\xc3\xb6tley \xe2\x82\xac \xf0\x9f\x93\xb1",
        "</script>",
        "ends with \\",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct report report = a_report();
        const struct report *reports[] = {&report};
        cJSON *message, *entities;
        struct buf body;

        report.name = names[i];
        report.os_version = names[i];
        buf_init(&body, 0);
        partner_body(&body, TENANT, reports, 1);
        assert_int_equal(buf_error(&body), 0);
        entities = read_content(&body, &message);
        assert_string_equal(text_of(entities, 0, "DeviceName"), names[i]);
        assert_string_equal(text_of(entities, 0, "OsVersion"), names[i]);
        cJSON_Delete(entities);
        cJSON_Delete(message);
        buf_deinit(&body);
    }
}

static void test_states_and_platforms_have_their_words(void **state)
{
    static const struct {
        enum azure_state state;
        const char *management, *compliance;
    } states[] = {{AZURE_STATE_COMPLIANT, "managed", "compliant"},
                  {AZURE_STATE_NON_COMPLIANT, "managed", "notCompliant"},
                  {AZURE_STATE_REMOVED, "notManaged", "notCompliant"}};
    static const struct {
        enum platform platform;
        const char *os;
    } platforms[] = {{PLATFORM_IOS, "iOS"}, {PLATFORM_ANDROID, "Android"}, {PLATFORM_MACOS, "macOS"}};

    (void)state;
    for (size_t i = 0; i < 9; i++) {
        struct report report = a_report();
        const struct report *reports[] = {&report};
        cJSON *message, *entities;
        struct buf body;

        report.state = states[i / 3].state;
        report.platform = platforms[i % 3].platform;
        report.last_check_in_s = -1;
        buf_init(&body, 0);
        partner_body(&body, TENANT, reports, 1);
        entities = read_content(&body, &message);
        assert_string_equal(text_of(entities, 0, "DeviceManagementState"), states[i / 3].management);
        assert_string_equal(text_of(entities, 1, "complianceStatus"), states[i / 3].compliance);
        assert_string_equal(text_of(entities, 0, "Os"), platforms[i % 3].os);
        assert_string_equal(text_of(entities, 0, "LastCheckInTime"), "2026-02-03T04:05:06.789Z");
        cJSON_Delete(entities);
        cJSON_Delete(message);
        buf_deinit(&body);
    }
}

static void test_several_devices_keep_their_own_stamps(void **state)
{
    struct report first = a_report(), second = a_report();
    const struct report *reports[] = {&first, &second};
    cJSON *message, *entities;
    struct buf body;

    (void)state;
    second.last_update_ms += 1;
    buf_init(&body, 0);
    partner_body(&body, TENANT, reports, 2);
    entities = read_content(&body, &message);
    assert_int_equal(cJSON_GetArraySize(entities), 4);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(message, "UploadTime")), "2026-02-03T04:05:06.789Z");
    assert_string_equal(text_of(entities, 1, "LastUpdateTime"), "2026-02-03T04:05:06.789Z");
    assert_string_equal(text_of(entities, 2, "LastUpdateTime"), "2026-02-03T04:05:06.790Z");
    assert_string_equal(text_of(entities, 3, "LastUpdateTime"), "2026-02-03T04:05:06.790Z");
    cJSON_Delete(entities);
    cJSON_Delete(message);
    buf_deinit(&body);
}

static void test_the_body_of_a_put_decides_as_well_as_its_status(void **state)
{
    static const struct {
        int status;
        const char *body;
        enum outcome_class class;
        enum trouble trouble;
        enum reason reason;
    } cases[] = {
        {200, "{\"ErrorCode\":\"202\"}", OUTCOME_ACCEPTED, TROUBLE_NONE, REASON_NONE},
        {200, "{\"ErrorCode\":202}", OUTCOME_ACCEPTED, TROUBLE_NONE, REASON_NONE},
        {200, "{\"ErrorCode\":202.0}", OUTCOME_ACCEPTED, TROUBLE_NONE, REASON_NONE},
        {200, "{\"errorcode\":\" 202 \"}", OUTCOME_ACCEPTED, TROUBLE_NONE, REASON_NONE},
        {200, "{}", OUTCOME_ACCEPTED, TROUBLE_NONE, REASON_NONE},
        {200, "{\"ErrorCode\":null}", OUTCOME_ACCEPTED, TROUBLE_NONE, REASON_NONE},
        {200, "{\"ErrorCode\":\"\"}", OUTCOME_ACCEPTED, TROUBLE_NONE, REASON_NONE},
        {200, "", OUTCOME_ACCEPTED, TROUBLE_NONE, REASON_NONE},
        {202, " \r\n", OUTCOME_ACCEPTED, TROUBLE_NONE, REASON_NONE},
        {204, "", OUTCOME_ACCEPTED, TROUBLE_NONE, REASON_NONE},
        {200, "{\"ErrorCode\":404,\"ErrorDetail\":\"no device\"}", OUTCOME_DEVICE, TROUBLE_NONE, REASON_DEVICE_UNKNOWN},
        {200, "{\"ErrorCode\":\"404\"}", OUTCOME_DEVICE, TROUBLE_NONE, REASON_DEVICE_UNKNOWN},
        {200, "{\"ErrorCode\":\"400\"}", OUTCOME_DEVICE, TROUBLE_NONE, REASON_DEVICE_REFUSED},
        {200, "{\"ErrorCode\":403}", OUTCOME_DEVICE, TROUBLE_NONE, REASON_DEVICE_REFUSED},
        {200, "{\"ErrorCode\":4711}", OUTCOME_DEVICE, TROUBLE_NONE, REASON_DEVICE_REFUSED},
        {200, "{\"ErrorCode\":\"InvalidDevice\"}", OUTCOME_DEVICE, TROUBLE_NONE, REASON_DEVICE_REFUSED},
        {200, "{\"ErrorCode\":\"TooManyRequests\"}", OUTCOME_THROTTLED, TROUBLE_THROTTLED, REASON_NONE},
        {200, "{\"ErrorCode\":\"429\"}", OUTCOME_THROTTLED, TROUBLE_THROTTLED, REASON_NONE},
        {200, "{\"ErrorCode\":409}", OUTCOME_ACCEPTED, TROUBLE_NONE, REASON_NONE},
        {200, "{\"ErrorCode\":500}", OUTCOME_TRANSIENT, TROUBLE_SERVICE, REASON_NONE},
        {200, "{\"ErrorCode\":\"503\"}", OUTCOME_TRANSIENT, TROUBLE_SERVICE, REASON_NONE},
        {200, "{\"ErrorCode\":401}", OUTCOME_TRANSIENT, TROUBLE_TOKEN_REFUSED, REASON_NONE},
        {200, "{\"ErrorCode\":200}", OUTCOME_TRANSIENT, TROUBLE_REPLY, REASON_NONE},
        {200, "{\"ErrorCode\":0}", OUTCOME_TRANSIENT, TROUBLE_REPLY, REASON_NONE},
        {200, "{\"ErrorCode\":-1}", OUTCOME_TRANSIENT, TROUBLE_REPLY, REASON_NONE},
        {200, "{\"ErrorCode\":202.5}", OUTCOME_TRANSIENT, TROUBLE_REPLY, REASON_NONE},
        {200, "{\"ErrorCode\":1e400}", OUTCOME_TRANSIENT, TROUBLE_REPLY, REASON_NONE},
        {200, "{\"ErrorCode\":true}", OUTCOME_TRANSIENT, TROUBLE_REPLY, REASON_NONE},
        {200, "{\"ErrorCode\":{\"a\":1}}", OUTCOME_TRANSIENT, TROUBLE_REPLY, REASON_NONE},
        {200, "{\"ErrorCode\":\"2", OUTCOME_TRANSIENT, TROUBLE_REPLY, REASON_NONE},
        {200, "{} trailing", OUTCOME_TRANSIENT, TROUBLE_REPLY, REASON_NONE},
        {200, "[]", OUTCOME_TRANSIENT, TROUBLE_REPLY, REASON_NONE},
        {200, "<html>", OUTCOME_TRANSIENT, TROUBLE_REPLY, REASON_NONE},
        {400, "", OUTCOME_DEVICE, TROUBLE_NONE, REASON_DEVICE_REFUSED},
        {401, "", OUTCOME_AUTH, TROUBLE_TOKEN_REFUSED, REASON_NONE},
        {403, "", OUTCOME_CONNECTION, TROUBLE_PERMISSION, REASON_NONE},
        {404, "", OUTCOME_TRANSIENT, TROUBLE_ENDPOINTS, REASON_NONE},
        {404, "{\"ErrorCode\":\"404\"}", OUTCOME_DEVICE, TROUBLE_NONE, REASON_DEVICE_UNKNOWN},
        {409, "", OUTCOME_ACCEPTED, TROUBLE_NONE, REASON_NONE},
        {429, "", OUTCOME_THROTTLED, TROUBLE_THROTTLED, REASON_NONE},
        {500, "{\"ErrorCode\":\"202\"}", OUTCOME_TRANSIENT, TROUBLE_SERVICE, REASON_NONE},
        {503, "", OUTCOME_TRANSIENT, TROUBLE_SERVICE, REASON_NONE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct http_response response = response_of(cases[i].status, cases[i].body);
        struct outcome outcome;

        strcpy(response.headers.retry_after, "2.128");
        strcpy(response.headers.request_id, "r-1");
        partner_put_outcome(&response, now_s, &outcome);
        if (outcome.class != cases[i].class || outcome.trouble != cases[i].trouble || outcome.reason != cases[i].reason)
            fail_msg("case %zu, %d %s: class %d trouble %s reason %s", i, cases[i].status, cases[i].body, outcome.class,
                     trouble_slug(outcome.trouble), reason_slug(outcome.reason));
        assert_int_equal(outcome.retry_after_ms, 2128);
        assert_string_equal(outcome.request_id, "r-1");
        assert_int_equal(outcome.detail[0] == '\0', outcome.class == OUTCOME_ACCEPTED);
    }
}

static void test_a_nul_byte_makes_a_body_unintelligible(void **state)
{
    struct http_response response = response_of(200, "{}");
    struct outcome outcome;

    (void)state;
    response.body = "{}\0{}";
    response.body_length = 5;
    partner_put_outcome(&response, now_s, &outcome);
    assert_int_equal(outcome.class, OUTCOME_TRANSIENT);
    assert_int_equal(outcome.trouble, TROUBLE_REPLY);
}

static void test_refusals_are_described(void **state)
{
    struct http_response response = response_of(200, "{\"ErrorCode\":\"404\",\"ErrorDetail\":\"Device\\nnot found\"}");
    struct outcome outcome;

    (void)state;
    partner_put_outcome(&response, now_s, &outcome);
    assert_string_equal(outcome.detail, "200 ErrorCode 404: Device not found");
    response = response_failed(ERR_NETWORK, "Connection reset by peer");
    partner_put_outcome(&response, now_s, &outcome);
    assert_int_equal(outcome.class, OUTCOME_TRANSIENT);
    assert_string_equal(outcome.detail, "Connection reset by peer");
}

static void test_verdicts_are_told_apart(void **state)
{
    static const struct {
        int status;
        const char *body;
        enum partner_verdict verdict;
        enum outcome_class class;
    } cases[] = {
        {200, "{\"Status\":\"Completed\"}", PARTNER_COMPLETED, OUTCOME_ACCEPTED},
        {200, "{\"Status\":\"completed\",\"ErrorCode\":0}", PARTNER_COMPLETED, OUTCOME_ACCEPTED},
        {200, "{\"Status\":\"Failed\",\"ErrorCode\":\"404\",\"ErrorDetail\":\"x\"}", PARTNER_FAILED, OUTCOME_DEVICE},
        {200, "{\"Status\":\"Failed\"}", PARTNER_FAILED, OUTCOME_DEVICE},
        {200, "{\"Status\":\"Queued\"}", PARTNER_PENDING, OUTCOME_ACCEPTED},
        {200, "{\"Status\":\"Completed \"}", PARTNER_PENDING, OUTCOME_ACCEPTED},
        {200, "{\"Status\":1}", PARTNER_PENDING, OUTCOME_ACCEPTED},
        {200, "{\"ErrorCode\":404}", PARTNER_PENDING, OUTCOME_ACCEPTED},
        {200, "{}", PARTNER_PENDING, OUTCOME_ACCEPTED},
        {200, "", PARTNER_PENDING, OUTCOME_ACCEPTED},
        {202, "", PARTNER_PENDING, OUTCOME_ACCEPTED},
        {200, "{\"Status\":\"Comp", PARTNER_UNKNOWN, OUTCOME_TRANSIENT},
        {200, "[]", PARTNER_UNKNOWN, OUTCOME_TRANSIENT},
        {404, "", PARTNER_LOST, OUTCOME_ACCEPTED},
        {410, "", PARTNER_LOST, OUTCOME_ACCEPTED},
        {400, "", PARTNER_UNKNOWN, OUTCOME_TRANSIENT},
        {401, "", PARTNER_UNKNOWN, OUTCOME_AUTH},
        {403, "", PARTNER_UNKNOWN, OUTCOME_CONNECTION},
        {429, "", PARTNER_UNKNOWN, OUTCOME_THROTTLED},
        {500, "{\"Status\":\"Completed\"}", PARTNER_UNKNOWN, OUTCOME_TRANSIENT},
        {302, "", PARTNER_UNKNOWN, OUTCOME_TRANSIENT},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct http_response response = response_of(cases[i].status, cases[i].body);
        struct outcome outcome;
        enum partner_verdict verdict = partner_get_verdict(&response, now_s, &outcome);

        if (verdict != cases[i].verdict || outcome.class != cases[i].class)
            fail_msg("case %zu, %d %s: verdict %d class %d", i, cases[i].status, cases[i].body, verdict, outcome.class);
        if (verdict == PARTNER_FAILED)
            assert_int_equal(outcome.reason, REASON_MESSAGE_FAILED);
        else
            assert_int_equal(outcome.reason, REASON_NONE);
    }
    struct http_response response = response_failed(ERR_TIMEOUT, "late");
    struct outcome outcome;
    assert_int_equal(partner_get_verdict(&response, now_s, &outcome), PARTNER_UNKNOWN);
    assert_int_equal(outcome.class, OUTCOME_TRANSIENT);
}

static void test_a_failure_is_described(void **state)
{
    struct http_response response =
        response_of(200, "{\"Status\":\"Failed\",\"ErrorCode\":500,\"ErrorDetail\":\"no licence\"}");
    struct outcome outcome;

    (void)state;
    partner_get_verdict(&response, now_s, &outcome);
    assert_string_equal(outcome.detail, "ErrorCode 500: no licence");
}

static void test_questions_come_at_growing_distance(void **state)
{
    static const int64_t ceilings[] = {2000, 4000, 8000, 16000, 32000, 60000, 60000};

    (void)state;
    for (unsigned polls = 0; polls < 7; polls++) {
        for (uint64_t random = 0; random < 100000; random += 97) {
            int64_t delay = partner_poll_delay_ms(polls, random);

            assert_in_range(delay, ceilings[polls] * 3 / 4, ceilings[polls]);
        }
    }
    assert_in_range(partner_poll_delay_ms(UINT32_MAX, UINT64_MAX), 45000, 60000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_url_names_the_message),
        cmocka_unit_test(test_the_body_is_what_it_was),
        cmocka_unit_test(test_any_name_survives_both_escapings),
        cmocka_unit_test(test_states_and_platforms_have_their_words),
        cmocka_unit_test(test_several_devices_keep_their_own_stamps),
        cmocka_unit_test(test_the_body_of_a_put_decides_as_well_as_its_status),
        cmocka_unit_test(test_a_nul_byte_makes_a_body_unintelligible),
        cmocka_unit_test(test_refusals_are_described),
        cmocka_unit_test(test_verdicts_are_told_apart),
        cmocka_unit_test(test_a_failure_is_described),
        cmocka_unit_test(test_questions_come_at_growing_distance),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
