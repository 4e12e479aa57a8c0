/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "fixture.h"

static void test_a_first_report_goes_out_whole(void **state)
{
    struct fixture *fixture = *state;

    fixture_add_device(fixture, "d1", AZURE_1);
    struct outbox_item *item = fixture_stage_one(fixture);
    assert_string_equal(item->report.device_id, "d1");
    assert_string_equal(item->report.azure_device_id, AZURE_1);
    assert_string_equal(item->report.user_id, USER_1);
    assert_string_equal(item->report.name, "Phone");
    assert_string_equal(item->report.os_version, "17.1");
    assert_int_equal(item->report.platform, PLATFORM_IOS);
    assert_int_equal(item->report.state, AZURE_STATE_COMPLIANT);
    assert_int_equal(item->report.last_check_in_s, 1799999000);
    assert_int_equal(item->report.last_update_ms, fixture->now_ms);
    assert_int_equal(item->previous, AZURE_STATE_NONE);
    assert_int_equal(item->attempts, 0);
    assert_false(item->resent);
    assert_false(item->retire_old);

    fixture_record(fixture, item, OUTBOX_ACCEPTED, REASON_NONE);
    assert_int_equal(fixture_queued(fixture), 0);
    assert_string_equal(tmpstore_text(&fixture->store, "SELECT state || status || connection || platform || "
                                                       "azure_device_id || user_id || accepted_at_ms FROM report"),
                        "11defaultios" AZURE_1 USER_1 "1800000000050");
    assert_string_equal(tmpstore_text(&fixture->store, "SELECT device_id || poll_at_ms || deadline_ms FROM message"),
                        "d118000000010001800000900000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_first_report_goes_out_whole, fixture_set_up, fixture_tear_down),
    };

    return cmocka_run_group_tests(tests, tempdir_make, tempdir_remove);
}
