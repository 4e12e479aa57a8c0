/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "sim/entities.h"

#define TENANT "11111111-0000-4000-8000-000000000001"
#define DEVICE "22222222-0000-4000-8000-00000000000A"
#define USER   "33333333-0000-4000-8000-000000000003"

#define INVENTORY(device, os)                                                                                          \
    "{\"EntityType\":1,\"TenantId\":\"" TENANT "\",\"DeviceManagementState\":\"managed\",\"DeviceId\":\"" device       \
    "\",\"DeviceName\":\"N\",\"UserId\":\"" USER "\",\"LastCheckInTime\":\"2026-02-03T04:05:06Z\","                    \
    "\"LastUpdateTime\":\"2026-02-03T04:05:06.789Z\",\"Os\":\"" os "\",\"OsVersion\":\"17\",\"EasIds\":[\"e\"],"       \
    "\"State\":0}"
#define COMPLIANCE(device, stamp)                                                                                      \
    "{\"EntityType\":4,\"TenantId\":\"" TENANT "\",\"DeviceId\":\"" device "\",\"UserId\":\"" USER                     \
    "\",\"LastUpdateTime\":\"" stamp "\",\"complianceStatus\":\"notCompliant\"}"
#define STAMP "2026-02-03T04:05:06.789Z"

static int parse(const char *content, size_t max, struct beliefs *beliefs, char reason[ENTITIES_REASON])
{
    *beliefs = (struct beliefs){0};
    *reason = '\0';
    return entities_parse(content, TENANT, max, beliefs, reason);
}

static void test_a_pair(void **state)
{
    struct beliefs beliefs;
    char reason[ENTITIES_REASON];

    (void)state;
    assert_int_equal(parse("[" INVENTORY(DEVICE, "macOS") "," COMPLIANCE(DEVICE, STAMP) "]", 1, &beliefs, reason), 0);
    assert_int_equal(beliefs.count, 1);
    assert_string_equal(beliefs.list[0].device_id, "22222222-0000-4000-8000-00000000000a");
    assert_string_equal(beliefs.list[0].user_id, USER);
    assert_string_equal(beliefs.list[0].os, "macOS");
    assert_string_equal(beliefs.list[0].os_version, "17");
    assert_string_equal(beliefs.list[0].name, "N");
    assert_true(beliefs.list[0].managed);
    assert_false(beliefs.list[0].compliant);
    assert_int_equal(beliefs.list[0].stamp_ms, 1770091506789);
    assert_int_equal(beliefs.list[0].check_in_ms, 1770091506000);
    beliefs_free(&beliefs);
    assert_int_equal(beliefs.count, 0);
}

static void test_refusals(void **state)
{
    static const char two[] = "[" INVENTORY(DEVICE, "iOS") "," COMPLIANCE(DEVICE, STAMP) "," INVENTORY(
        USER, "iOS") "," COMPLIANCE(USER, STAMP) "]";
    static const char twice[] = "[" INVENTORY(DEVICE, "iOS") "," COMPLIANCE(DEVICE, STAMP) "," INVENTORY(
        DEVICE, "iOS") "," COMPLIANCE(DEVICE, STAMP) "]";
    static const struct {
        const char *content;
        size_t max;
        const char *reason;
    } cases[] = {
        {"", 1, "not a JSON array"},
        {"{}", 1, "not a JSON array"},
        {"[]", 1, "pairs"},
        {"[" INVENTORY(DEVICE, "iOS") "]", 1, "pairs"},
        {"[" INVENTORY(DEVICE, "IOS") "," COMPLIANCE(DEVICE, STAMP) "]", 1, "inventory: Os"},
        {"[" INVENTORY(DEVICE, "iOS") "," COMPLIANCE(USER, STAMP) "]", 1, "agree"},
        {"[" INVENTORY(DEVICE, "iOS") "," COMPLIANCE(DEVICE, "2026-02-03T04:05:06Z") "]", 1, "agree"},
        {"[" COMPLIANCE(DEVICE, STAMP) "," INVENTORY(DEVICE, "iOS") "]", 1, "inventory"},
        {two, 1, "more devices"},
        {twice, 2, "twice"},
    };
    struct beliefs beliefs;
    char reason[ENTITIES_REASON];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int rc = parse(cases[i].content, cases[i].max, &beliefs, reason);
        if (rc != ERR_INVALID || !strstr(reason, cases[i].reason) || beliefs.count != 0)
            fail_msg("case %zu: %d %s", i, rc, reason);
    }
    assert_int_equal(parse(two, 2, &beliefs, reason), 0);
    assert_int_equal(beliefs.count, 2);
    beliefs_free(&beliefs);
}

static void test_time(void **state)
{
    int64_t ms;

    (void)state;
    assert_true(entities_time("2026-02-03T04:05:06.789Z", &ms));
    assert_int_equal(ms, 1770091506789);
    assert_true(entities_time("2026-02-03T04:05:06Z", &ms));
    assert_false(entities_time("2026-02-03T04:05:06+00:00", &ms));
    assert_false(entities_time("2026-02-03", &ms));
    assert_false(entities_time("", &ms));
    assert_false(entities_time("Z", &ms));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_pair),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
