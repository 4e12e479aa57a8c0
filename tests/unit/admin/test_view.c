/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <cjson/cJSON.h>
#include <string.h>

#include "admin/view.h"
#include "fake.h"

static cJSON *render(const struct fleet_device *device)
{
    struct view view;
    struct buf out;
    cJSON *object;

    buf_init(&out, 0);
    assert_int_equal(view_take(fake_daemon(), &view), 0);
    view_device(&view, device, &out);
    object = cJSON_Parse(buf_text(&out));
    assert_non_null(object);
    view_deinit(&view);
    buf_deinit(&out);
    return object;
}

static void assert_field(const struct fleet_device *device, const char *key, const char *value)
{
    cJSON *object = render(device);
    const char *found = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));

    assert_non_null(found);
    assert_string_equal(found, value);
    cJSON_Delete(object);
}

static void assert_reason(const struct fleet_device *device, enum reason reason)
{
    assert_field(device, "reason", reason_text(reason, LANGUAGE_EN));
}

static int setup(void **state)
{
    (void)state;
    fake_reset();
    return 0;
}

static void has_the_keys_of_the_contract_and_no_others(void **state)
{
    static const char *const keys[] = {"device_id",
                                       "connection",
                                       "platform",
                                       "name",
                                       "azure_device_id",
                                       "azure_compliance_status",
                                       "azure_client_status",
                                       "azure_report_time",
                                       "azure_state",
                                       "queued",
                                       "reason",
                                       "cure",
                                       "last_error",
                                       "removed_until"};
    cJSON *object = render(fake_device("D1"));

    (void)state;
    assert_int_equal(cJSON_GetArraySize(object), sizeof(keys) / sizeof(keys[0]));
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        const cJSON *item = cJSON_GetArrayItem(object, (int)i);

        assert_string_equal(item->string, keys[i]);
        assert_true(strcmp(keys[i], "queued") == 0 ? cJSON_IsBool(item) : cJSON_IsString(item));
    }
    cJSON_Delete(object);
}

static void shows_a_device_that_is_well(void **state)
{
    const struct fleet_device *device = fake_device("D1");

    (void)state;
    assert_field(device, "device_id", "D1");
    assert_field(device, "azure_compliance_status", "success");
    assert_field(device, "azure_client_status", "Success");
    assert_field(device, "azure_report_time", "2026-02-02T02:40:01.234Z");
    assert_field(device, "azure_state", "compliant");
    assert_field(device, "reason", "");
    assert_field(device, "cure", "");
    assert_field(device, "last_error", "");
    assert_field(device, "removed_until", "");
}

static void blanks_the_report_time(void **state)
{
    struct fleet_device *device = fake_device("D1");
    static char elsewhere[] = "elsewhere", connection[] = "default";

    (void)state;
    device->accepted_at_ms = -1;
    assert_field(device, "azure_report_time", "");
    device->accepted_at_ms = 1770000001234;
    device->client_status = CLIENT_USER_CANCELED;
    assert_field(device, "azure_report_time", "");
    device->client_status = CLIENT_INTERNAL_ERROR;
    assert_field(device, "azure_report_time", "");
    device->client_status = CLIENT_UNKNOWN;
    assert_field(device, "azure_report_time", "2026-02-02T02:40:01.234Z");
    device->connection = elsewhere;
    assert_field(device, "azure_report_time", "");
    device->connection = connection;
    fake.connection_settings[0].enabled = false;
    assert_field(device, "azure_report_time", "");
    fake.connection_settings[0].enabled = true;
    fake.settings.enabled = false;
    assert_field(device, "azure_report_time", "");
}

static void says_why_nothing_is_sent(void **state)
{
    struct fleet_device *device = fake_device("D1");
    static char elsewhere[] = "elsewhere", connection[] = "default";

    (void)state;
    fake.settings.enabled = false;
    assert_reason(device, REASON_REPORTING_OFF);
    fake.settings.enabled = true;
    fake.connection_settings[0].enabled = false;
    assert_reason(device, REASON_REPORTING_OFF);
    fake.connection_settings[0].enabled = true;
    device->connection = elsewhere;
    assert_reason(device, REASON_UNKNOWN_CONNECTION);
    device->reported_state = AZURE_STATE_REMOVED; /* and nothing is left to tell */
    assert_reason(device, REASON_NONE);
    device->queued = true;
    assert_reason(device, REASON_UNKNOWN_CONNECTION);
    device->connection = connection;
    assert_reason(device, REASON_QUEUED);
}

static void prefers_what_is_wrong_with_the_device(void **state)
{
    struct fleet_device *device = fake_device("D1");

    (void)state;
    device->queued = true;
    assert_reason(device, REASON_QUEUED);
    device->attempts = 2;
    assert_reason(device, REASON_RETRYING);
    device->decision = (struct decision){.kind = DECISION_WAIT, .reason = REASON_NOT_EVALUATED, .strictest = -1};
    assert_reason(device, REASON_NOT_EVALUATED);
    device->reason = REASON_USER_UNKNOWN;
    assert_reason(device, REASON_USER_UNKNOWN);
    assert_field(device, "cure", reason_cure(REASON_USER_UNKNOWN, LANGUAGE_EN));
}

static void tells_the_connections_trouble_to_those_that_wait(void **state)
{
    struct fleet_device *device = fake_device("D1");

    (void)state;
    fake.connections[0].state = CONNECTION_BROKEN;
    fake.connections[0].trouble = TROUBLE_CREDENTIAL_EXPIRED;
    assert_reason(device, REASON_NONE);
    device->queued = true;
    device->reason = REASON_RETRYING;
    assert_field(device, "reason", trouble_text(TROUBLE_CREDENTIAL_EXPIRED, LANGUAGE_EN));
    assert_field(device, "cure", trouble_cure(TROUBLE_CREDENTIAL_EXPIRED, LANGUAGE_EN));
    fake.connections[0].trouble = TROUBLE_NONE;
    assert_reason(device, REASON_CONNECTION_TROUBLE);
}

static void the_client_code_gives_the_cure_when_nothing_is_worse(void **state)
{
    struct fleet_device *device = fake_device("D1");
    const char *client_cure = client_status_cure(CLIENT_WORKPLACE_JOIN_REQUIRED, LANGUAGE_EN);

    (void)state;
    device->client_status = CLIENT_WORKPLACE_JOIN_REQUIRED;
    assert_field(device, "reason", "");
    assert_field(device, "cure", client_cure);
    device->decision = (struct decision){.kind = DECISION_WAIT, .reason = REASON_NOT_REGISTERED, .strictest = -1};
    assert_reason(device, REASON_NOT_REGISTERED);
    assert_field(device, "cure", client_cure);
    device->reason = REASON_DEVICE_REFUSED;
    assert_field(device, "cure", reason_cure(REASON_DEVICE_REFUSED, LANGUAGE_EN));
}

static void shows_until_when_a_removed_device_is_remembered(void **state)
{
    struct fleet_device *device = fake_device("D1");

    (void)state;
    device->deleted = true;
    device->reported_state = AZURE_STATE_REMOVED;
    device->decision.kind = DECISION_NOTHING;
    device->removed_until_s = 1777777777;
    assert_field(device, "azure_state", "removed");
    assert_field(device, "removed_until", "2026-05-03T03:09:37Z");
    assert_field(device, "reason", "");
}

static void broken_text_stays_valid_json(void **state)
{
    static char name[] = "a\xff\"\\\n\x1b[31m";
    struct fleet_device *device = fake_device("D1");

    (void)state;
    device->name = name;
    assert_field(device, "name", "a\xEF\xBF\xBD\"\\\n\x1b[31m");
}

#define TEST(function) cmocka_unit_test_setup(function, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(has_the_keys_of_the_contract_and_no_others),
        TEST(shows_a_device_that_is_well),
        TEST(blanks_the_report_time),
        TEST(says_why_nothing_is_sent),
        TEST(prefers_what_is_wrong_with_the_device),
        TEST(tells_the_connections_trouble_to_those_that_wait),
        TEST(the_client_code_gives_the_cure_when_nothing_is_worse),
        TEST(shows_until_when_a_removed_device_is_remembered),
        TEST(broken_text_stays_valid_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
