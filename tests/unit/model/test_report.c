/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include "model/report.h"

static const struct report usual = {
    .device_id = "d",
    .platform = PLATFORM_ANDROID,
    .state = AZURE_STATE_NON_COMPLIANT,
    .azure_device_id = "11111111-2222-3333-4444-555555555555",
    .user_id = "u",
    .name = "Pixel 8",
    .os_version = "15",
    .last_check_in_s = 1770091506,
    .inventory_changed = true,
    .message_id = {{1}},
    .last_update_ms = 1,
};

static void test_hash_is_the_same_for_ever(void **state)
{
    (void)state;
    assert_true(report_content_hash(&usual) == UINT64_C(0xf4ac0f9c48524bfa));
}

static void test_hash_covers_what_the_message_carries(void **state)
{
    struct report changed[9];
    uint64_t hashes[9];

    (void)state;
    for (size_t i = 0; i < 9; i++)
        changed[i] = usual;
    changed[1].platform = PLATFORM_IOS;
    changed[2].state = AZURE_STATE_COMPLIANT;
    changed[3].azure_device_id = "11111111-2222-3333-4444-555555555556";
    changed[4].user_id = "v";
    changed[5].name = "Pixel 9";
    changed[6].os_version = "16";
    changed[7].last_check_in_s = -1;
    changed[8].inventory_changed = false;
    for (size_t i = 0; i < 9; i++) {
        hashes[i] = report_content_hash(&changed[i]);
        assert_true(hashes[i] != 0);
        for (size_t j = 0; j < i; j++)
            assert_true(hashes[i] != hashes[j]);
    }
}

static void test_hash_leaves_out_what_is_made_anew(void **state)
{
    struct report other = usual;

    (void)state;
    other.device_id = "x"; /* never sent */
    other.message_id.bytes[0] = 9;
    other.last_update_ms = 9;
    assert_true(report_content_hash(&other) == report_content_hash(&usual));
}

/* A clock that stands still, jumps back, or jumps ahead and returns. */
static void test_stamps_rise_whatever_the_clock_does(void **state)
{
    static const int64_t clock[] = {1000, 1000, 999, 0, 5000, 1001, -7, 5001, 5004, INT64_MAX - 1};
    int64_t last = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(clock) / sizeof(clock[0]); i++) {
        int64_t stamp = report_next_stamp(clock[i], last);

        assert_true(stamp > last);
        assert_true(stamp >= clock[i]);
        assert_true(stamp == clock[i] || stamp == last + 1);
        last = stamp;
    }
}

static void test_priorities(void **state)
{
    (void)state;
    assert_int_equal(PRIORITY_WORSENING, 0); /* stored numbers: the order is the claim order */
    assert_int_equal(PRIORITY_WEEKLY, 3);
    assert_string_equal(priority_name(PRIORITY_WORSENING), "worsening");
    assert_string_equal(priority_name(PRIORITY_CHANGE), "change");
    assert_string_equal(priority_name(PRIORITY_OPERATOR), "operator");
    assert_string_equal(priority_name(PRIORITY_WEEKLY), "weekly");
    assert_string_equal(priority_name(PRIORITY_COUNT), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash_is_the_same_for_ever),
        cmocka_unit_test(test_hash_covers_what_the_message_carries),
        cmocka_unit_test(test_hash_leaves_out_what_is_made_anew),
        cmocka_unit_test(test_stamps_rise_whatever_the_clock_does),
        cmocka_unit_test(test_priorities),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
