/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <string.h>

#include "base/error.h"
#include "model/device.h"

static void test_platforms(void **state)
{
    static const char *const names[] = {"ios", "android", "macos", "windows"};

    (void)state;
    assert_int_equal(PLATFORM_COUNT, 4);
    for (int i = 0; i < PLATFORM_COUNT; i++) {
        enum platform platform = PLATFORM_COUNT;

        assert_int_equal(platform_parse(names[i], &platform), 0);
        assert_int_equal(platform, i);
        assert_string_equal(platform_name(platform), names[i]);
        assert_string_equal(channel_name(platform_channel(platform)), i == PLATFORM_WINDOWS ? "graph" : "partner");
    }
    assert_int_equal(platform_parse("iOS", &(enum platform){0}), ERR_INVALID);
    assert_int_equal(platform_parse("", &(enum platform){0}), ERR_INVALID);
    assert_int_equal(platform_parse(NULL, &(enum platform){0}), ERR_INVALID);
    assert_string_equal(platform_name(PLATFORM_COUNT), "");
    assert_string_equal(channel_name(CHANNEL_COUNT), "");
}

static void test_states(void **state)
{
    static const char *const names[] = {"", "compliant", "non_compliant", "removed"};

    (void)state;
    for (int i = AZURE_STATE_NONE; i <= AZURE_STATE_REMOVED; i++) {
        enum azure_state azure = AZURE_STATE_REMOVED;

        assert_int_equal(azure_state_parse(names[i], &azure), 0);
        assert_int_equal(azure, i);
        assert_string_equal(azure_state_name(azure), names[i]);
    }
    assert_int_equal(azure_state_parse("gone", &(enum azure_state){0}), ERR_INVALID);
    assert_string_equal(azure_state_name((enum azure_state)4), "");
}

static void test_compliance_statuses(void **state)
{
    static const char *const names[] = {"", "in_progress", "success", "error"};

    (void)state;
    for (int i = STATUS_NONE; i <= STATUS_ERROR; i++) {
        enum compliance_status status = STATUS_NONE;

        assert_int_equal(compliance_status_parse(names[i], &status), 0);
        assert_int_equal(status, i);
        assert_string_equal(compliance_status_name(status), names[i]);
    }
    assert_int_equal(compliance_status_parse("Success", &(enum compliance_status){0}), ERR_INVALID);
    assert_string_equal(compliance_status_name((enum compliance_status)9), "");
}

static void test_client_statuses(void **state)
{
    static const struct {
        const char *name;
        bool error;
        bool mendable;
    } expected[] = {
        {"", false, false},
        {"Success", false, false},
        {"Internal_Error", true, false},
        {"Workplace_Join_Required", true, true},
        {"Interaction_Required", true, true},
        {"Server_Declined_Scopes", true, false},
        {"Server_Protection_Policies_Required", true, false},
        {"User_Canceled", true, false},
        {"Account_logged_out", true, false},
    };

    (void)state;
    assert_int_equal(CLIENT_STATUS_COUNT, sizeof(expected) / sizeof(expected[0]));
    for (int i = 0; i < CLIENT_STATUS_COUNT; i++) {
        enum client_status status = CLIENT_UNKNOWN;

        assert_int_equal(client_status_parse(expected[i].name, &status), 0);
        assert_int_equal(status, i);
        assert_string_equal(client_status_name(status), expected[i].name);
        assert_int_equal(client_status_is_error(status), expected[i].error);
        assert_int_equal(client_status_user_can_mend(status), expected[i].mendable);
    }
    assert_int_equal(client_status_parse("success", &(enum client_status){0}), ERR_INVALID);
    assert_string_equal(client_status_name(CLIENT_STATUS_COUNT), "");
}

static const struct device phone = {
    .device_id = "d",
    .connection = "default",
    .platform = PLATFORM_IOS,
    .name = "Ann's iPhone",
    .manufacturer = "Apple",
    .model = "iPhone 15",
    .serial_number = "F2L",
    .os_version = "18.1",
    .user_principal_name = "ann@contoso.com",
    .managed = true,
    .azure_device_id = "",
    .last_check_in_s = -1,
    .evaluated_at_s = -1,
};

/* Stored beside each device: a program that computes another one would report every fleet anew after its update. */
static void test_digest_is_the_same_for_ever(void **state)
{
    (void)state;
    assert_true(device_inventory_digest(&phone) == UINT64_C(0xa7aac1ef732de654));
}

static void test_digest_covers_each_inventory_column(void **state)
{
    uint64_t digests[8];

    (void)state;
    for (size_t i = 0; i < 8; i++) {
        struct device device = phone;
        const char **columns[] = {&device.name,          &device.manufacturer, &device.model,
                                  &device.serial_number, &device.os_version,   &device.user_principal_name};

        if (i < 6)
            *columns[i] = "other";
        else if (i == 6)
            device.platform = PLATFORM_MACOS;
        digests[i] = device_inventory_digest(&device);
        for (size_t j = 0; j < i; j++)
            assert_true(digests[i] != digests[j]);
    }
    assert_true(digests[7] == device_inventory_digest(&phone));
}

static void test_digest_leaves_out_the_rest(void **state)
{
    struct device device = phone;

    (void)state;
    device.device_id = "x";
    device.connection = "x";
    device.managed = false;
    device.azure_device_id = "x";
    device.client_status = CLIENT_SUCCESS;
    device.last_check_in_s = 1;
    device.evaluated_at_s = 1;
    assert_true(device_inventory_digest(&device) == device_inventory_digest(&phone));
}

static void test_digest_keeps_columns_apart(void **state)
{
    struct device a = phone, b = phone;

    (void)state;
    a.name = "ab";
    a.manufacturer = "c";
    b.name = "a";
    b.manufacturer = "bc";
    assert_true(device_inventory_digest(&a) != device_inventory_digest(&b));
    a.manufacturer = "";
    b.name = "";
    b.manufacturer = "ab";
    assert_true(device_inventory_digest(&a) != device_inventory_digest(&b));
}

static void test_text(void **state)
{
    (void)state;
    assert_true(text_is_utf8(""));
    assert_true(text_is_utf8("Zoë’s 📱\twith tab"));
    assert_true(text_is_utf8("Ann\xC2\x92s phone")); /* Windows-1252 once, but every JSON reader takes it */
    assert_false(text_is_utf8(NULL));
    assert_false(text_is_utf8("a\nb"));
    assert_false(text_is_utf8("a\x7f"));
    assert_false(text_is_utf8("\x01"));
    assert_false(text_is_utf8("a\xFF"));
    assert_false(text_is_utf8("a\xC3"));
    assert_false(text_is_utf8("\xED\xA0\x80"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_platforms),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_compliance_statuses),
        cmocka_unit_test(test_client_statuses),
        cmocka_unit_test(test_digest_is_the_same_for_ever),
        cmocka_unit_test(test_digest_covers_each_inventory_column),
        cmocka_unit_test(test_digest_leaves_out_the_rest),
        cmocka_unit_test(test_digest_keeps_columns_apart),
        cmocka_unit_test(test_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
