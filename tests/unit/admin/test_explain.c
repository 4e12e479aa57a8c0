/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <cjson/cJSON.h>
#include <string.h>

#include "admin/explain.h"
#include "fake.h"
#include "model/action.h"

static struct fleet_device *device;
static cJSON *answer;

static int setup(void **state)
{
    (void)state;
    fake_reset();
    device = fake_device("D1");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cJSON_Delete(answer);
    answer = NULL;
    return 0;
}

static void explain(void)
{
    struct error err = {0};
    struct view view;
    struct buf out;

    buf_init(&out, 0);
    assert_int_equal(view_take(fake_daemon(), &view), 0);
    assert_int_equal(explain_device(&view, NULL, device, &out, &err), 0);
    cJSON_Delete(answer);
    answer = cJSON_Parse(buf_text(&out));
    assert_non_null(answer);
    view_deinit(&view);
    buf_deinit(&out);
}

static const char *text(const char *object, const char *key)
{
    const char *found = cJSON_GetStringValue(cJSON_GetObjectItem(cJSON_GetObjectItem(answer, object), key));

    assert_non_null(found);
    return found;
}

static void assert_next(const char *words, const char *at)
{
    explain();
    if (strstr(text("next", "text"), words) == NULL)
        fail_msg("'%s' is not in '%s'", words, text("next", "text"));
    assert_string_equal(text("next", "at"), at);
}

static void assert_decision(const char *kind, const char *words)
{
    explain();
    assert_string_equal(text("decision", "kind"), kind);
    if (strstr(text("decision", "text"), words) == NULL)
        fail_msg("'%s' is not in '%s'", words, text("decision", "text"));
}

static void lists_violations(void **state)
{
    const cJSON *violation;

    (void)state;
    fake.violations[0] = (struct fleet_violation){
        "p1", "Jailbreak", true, true, 1u << ACTION_MONITOR | 1u << ACTION_QUARANTINE, 1770000000, true};
    fake.violations[1] = (struct fleet_violation){"p2", "", false, false, 0, -1, false};
    fake.violation_count = 2;
    explain();
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(answer, "violations")), 2);
    violation = cJSON_GetArrayItem(cJSON_GetObjectItem(answer, "violations"), 0);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(violation, "policy_name")), "Jailbreak");
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(violation, "actions")), 2);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetArrayItem(cJSON_GetObjectItem(violation, "actions"), 1)),
                        "quarantine");
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(violation, "since")), "2026-02-02T02:40:00Z");
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(violation, "decisive")));
    violation = cJSON_GetArrayItem(cJSON_GetObjectItem(answer, "violations"), 1);
    assert_true(cJSON_IsFalse(cJSON_GetObjectItem(violation, "known")));
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(violation, "since")), "");
}

static void says_why_it_decides_so(void **state)
{
    (void)state;
    assert_decision("report", "no enabled policy");
    device->decision = (struct decision){DECISION_REPORT, AZURE_STATE_NON_COMPLIANT, REASON_NONE, ACTION_QUARANTINE};
    assert_decision("report", "quarantine, so it is non_compliant");
    assert_string_equal(text("decision", "action"), "quarantine");
    device->decision = (struct decision){DECISION_REPORT, AZURE_STATE_REMOVED, REASON_NONE, -1};
    device->managed = false;
    assert_decision("report", "no longer manages");
    device->managed = true;
    device->decision = (struct decision){DECISION_RETIRE, AZURE_STATE_REMOVED, REASON_NONE, -1};
    assert_decision("retire", device->reported_azure_device_id);
    device->deleted = true;
    assert_decision("retire", "deleted");
    device->deleted = false;
    device->decision = (struct decision){DECISION_WAIT, AZURE_STATE_NONE, REASON_NOT_EVALUATED, -1};
    assert_decision("wait", reason_text(REASON_NOT_EVALUATED, LANGUAGE_EN));
    device->decision = (struct decision){DECISION_PARK, AZURE_STATE_NONE, REASON_BAD_DATA, -1};
    assert_decision("park", reason_text(REASON_BAD_DATA, LANGUAGE_EN));
    device->decision = (struct decision){DECISION_NOTHING, AZURE_STATE_NONE, REASON_NONE, -1};
    assert_decision("nothing", "nothing to tell");
}

/* What an operator or the account's end decides goes before the violations, as in decision_make(). */
static void says_who_has_decided_instead(void **state)
{
    (void)state;
    device->decision = (struct decision){DECISION_REPORT, AZURE_STATE_REMOVED, REASON_NONE, -1};
    device->retired = true;
    assert_decision("report", "An operator retired the device");
    device->decision = (struct decision){DECISION_REPORT, AZURE_STATE_COMPLIANT, REASON_NONE, ACTION_QUARANTINE};
    device->kept = true;
    assert_decision("report", "An operator keeps it as Microsoft was told, compliant");
    device->decision = (struct decision){DECISION_REPORT, AZURE_STATE_REMOVED, REASON_NONE, -1};
    device->leaving = true;
    assert_decision("report", "being disconnected");
}

static void lists_what_holds_it(void **state)
{
    const cJSON *holds;

    (void)state;
    explain();
    assert_true(cJSON_IsFalse(cJSON_GetObjectItem(answer, "retired")));
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(answer, "holds")), 0);
    fake.holds[0] = (struct hold){HOLD_DEVICE, "D1", 1770000000000, 1770003600000, "CEO travels", "uid 0"};
    fake.holds[1] = (struct hold){HOLD_POLICY, "p1", 1770000000000, 1770007200000, "rollout", "uid 7"};
    fake.hold_count = 2;
    device->retired = true;
    explain();
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(answer, "retired")));
    assert_true(cJSON_IsFalse(cJSON_GetObjectItem(answer, "deleted")));
    holds = cJSON_GetObjectItem(answer, "holds");
    assert_int_equal(cJSON_GetArraySize(holds), 2);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(cJSON_GetArrayItem(holds, 1), "scope")), "policy");
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(cJSON_GetArrayItem(holds, 0), "until")),
                        "2026-02-02T03:40:00.000Z");
}

static void tells_what_was_sent_and_answered(void **state)
{
    static char error[] = "400 BadRequest: no", request_id[] = "r-1";

    (void)state;
    device->status = STATUS_ERROR;
    device->last_error = error;
    device->request_id = request_id;
    explain();
    assert_string_equal(text("last_report", "azure_state"), "compliant");
    assert_string_equal(text("last_report", "accepted"), "2026-02-02T02:40:01.234Z");
    assert_string_equal(text("last_report", "last_update_time"), "2026-02-02T02:40:01.000Z");
    assert_string_equal(text("last_report", "message_id"), device->message_id);
    assert_string_equal(text("answer", "status"), "error");
    assert_string_equal(text("answer", "label"), "Error");
    assert_string_equal(text("answer", "error"), "400 BadRequest: no");
    assert_string_equal(text("answer", "request_id"), "r-1");
}

static void says_what_happens_next(void **state)
{
    int64_t far = 4102444800000; /* 2100 */

    (void)state;
    assert_next("weekly report tells it again", "2026-02-09T01:20:00.000Z");
    fake.connections[0].weekly.started_at_ms = 1;
    assert_next("now running", "");
    device->status = STATUS_IN_PROGRESS;
    assert_next("verdict", "");
    device->status = STATUS_ERROR;
    assert_next("No new attempt", "2026-02-09T01:20:00.000Z");
    device->queued = true;
    assert_next("ahead of everything", "");
    device->in_flight = true;
    assert_next("right now", "");
    device->in_flight = false;
    fake.connections[0].channel[CHANNEL_PARTNER].retry_at_ms = far;
    assert_next("asked us to wait", "2100-01-01T00:00:00.000Z");
    device->due_at_ms = far + 1000;
    assert_next("sent again", "2100-01-01T00:00:01.000Z");
    fake.connections[0].state = CONNECTION_BROKEN;
    fake.connections[0].next_try_ms = far + 2000;
    assert_next("until its connection works", "2100-01-01T00:00:02.000Z");
    fake.settings.enabled = false;
    assert_next("reporting is switched on", "");
}

static void says_what_a_waiting_device_waits_for(void **state)
{
    static char elsewhere[] = "elsewhere";

    (void)state;
    device->decision = (struct decision){DECISION_WAIT, AZURE_STATE_NONE, REASON_NOT_REGISTERED, -1};
    assert_next("what is missing", "");
    device->decision.kind = DECISION_PARK;
    assert_next("corrects its data", "");
    device->connection = elsewhere;
    assert_next("in the configuration", "");
    device->reported_state = AZURE_STATE_REMOVED;
    device->removed_until_s = 1777777777;
    assert_next("drops its entry", "2026-05-03T03:09:37.000Z");
}

static void tells_the_place_in_the_queue(void **state)
{
    (void)state;
    device->queued = true;
    device->priority = PRIORITY_WORSENING;
    assert_next("ahead of everything", "");
    device->priority = PRIORITY_CHANGE;
    assert_next("in its turn", "");
    device->priority = PRIORITY_OPERATOR;
    assert_next("leave room", "");
    device->priority = PRIORITY_WEEKLY;
    assert_next("leave room", "");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lists_violations),
        TEST(says_why_it_decides_so),
        TEST(says_who_has_decided_instead),
        TEST(lists_what_holds_it),
        TEST(tells_what_was_sent_and_answered),
        TEST(says_what_happens_next),
        TEST(says_what_a_waiting_device_waits_for),
        TEST(tells_the_place_in_the_queue),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
