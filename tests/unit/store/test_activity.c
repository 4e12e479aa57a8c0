/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* What is written into the activity log, read back, and purged. */
#include "fixture.h"
#include "store/activity_list.h"
#include "store/activity_verify.h"

static const char *last(struct fixture *fixture, const char *column)
{
    return tmpstore_text(&fixture->store, "SELECT %s FROM activity ORDER BY id DESC LIMIT 1", column);
}

static long long count(struct fixture *fixture)
{
    return tmpstore_int(&fixture->store, "SELECT count(*) FROM activity");
}

static void write_note(struct fixture *fixture, const struct activity_entry *entry)
{
    struct activity_write write;
    struct activity_note *note = activity_note_new(entry);

    assert_non_null(note);
    activity_write_init(&write, note, NULL);
    fixture_run(fixture, &write.job);
    free(note);
}

static void fail_on_finding(void *ctx, const char *text)
{
    (void)ctx;
    fail_msg("%s", text);
}

static void assert_sound(struct fixture *fixture)
{
    struct activity_anchors none = {0};
    struct activity_check check;
    struct error err = {0};

    assert_int_equal(activity_verify(fixture->database, &none, fail_on_finding, NULL, NULL, &check, &err), 0);
    assert_int_equal(check.entries, count(fixture));
}

/* ------------------------------------------------------------------------------------------------------- writing */

static void test_a_report_and_its_verdict(void **state)
{
    struct fixture *fixture = *state;
    struct message_fetch fetch;
    struct message_record record;

    fixture_add_device(fixture, "d1", AZURE_1);
    tmpstore_sql(&fixture->store, "INSERT INTO violation (device_id, policy_id) VALUES ('d1', 'block')");
    fixture_record(fixture, fixture_stage_one(fixture), OUTBOX_ACCEPTED, REASON_NONE);
    assert_string_equal(last(fixture, "kind || ' ' || result || ' ' || connection || ' ' || device_id"),
                        "report accepted default d1");
    assert_string_equal(last(fixture, "priority || ' ' || cause || ' ' || azure_state || ' ' || azure_device_id"),
                        "worsening quarantine non_compliant " AZURE_1);
    assert_string_equal(last(fixture, "message_id = (SELECT message_id FROM message)"), "1");
    assert_string_equal(last(fixture, "at_ms"), "1800000000050");

    message_fetch_init(&fetch, "default", NULL);
    fetch.now_ms = fixture->now_ms + 2000;
    fetch.limit = 10;
    fixture_run(fixture, &fetch.job);
    assert_int_equal(message_record_init(&record, "default", 1, NULL), 0);
    record.count = 1;
    record.results[0] = (struct message_result){.message = fetch.messages,
                                                .verdict = MESSAGE_FAILED,
                                                .at_ms = fixture->now_ms + 2000,
                                                .reason = REASON_MESSAGE_FAILED,
                                                .error = "said so",
                                                .request_id = "request"};
    fixture_run(fixture, &record.job);
    assert_string_equal(last(fixture, "kind || ' ' || result || ' ' || reason || ' ' || detail || ' ' || request_id"),
                        "verdict error message_failed said so request");
    assert_string_equal(last(fixture, "azure_state || ' ' || azure_device_id"), "non_compliant " AZURE_1);
    record.results[0].verdict = MESSAGE_PENDING;
    fixture_run(fixture, &record.job);
    assert_int_equal(count(fixture), 2);
    message_record_deinit(&record);
    message_fetch_deinit(&fetch);
    assert_sound(fixture);
}

static void test_outcomes(void **state)
{
    static const struct {
        enum outbox_outcome outcome;
        enum reason reason;
        const char *wanted; /* "" = no new entry */
    } cases[] = {
        {OUTBOX_RELEASED, REASON_NONE, ""},
        {OUTBOX_TRANSIENT, REASON_RETRYING, "report deferred retrying"},
        {OUTBOX_TRANSIENT, REASON_RETRYING, ""}, /* still the same report */
        {OUTBOX_REFUSED, REASON_DEVICE_UNKNOWN, "report refused device_unknown"},
        {OUTBOX_SUCCESS, REASON_NONE, "report success "},
    };
    struct fixture *fixture = *state;

    fixture_add_device(fixture, "d1", AZURE_1);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        long long before = count(fixture);
        struct outbox_item *item = fixture_stage_one(fixture);
        fixture_record(fixture, item, cases[i].outcome, cases[i].reason);
        if (cases[i].wanted[0])
            assert_string_equal(last(fixture, "kind || ' ' || result || ' ' || reason"), cases[i].wanted);
        assert_int_equal(count(fixture), before + (cases[i].wanted[0] != '\0'));
        fixture->now_ms += 10000;
        if (cases[i].outcome == OUTBOX_REFUSED)
            tmpstore_sql(&fixture->store, "UPDATE device SET name = 'Other'");
    }
    assert_sound(fixture);
}

/* Whatever place in the queue it gets. */
static void test_asked_for(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_enqueue enqueue;

    fixture_add_device(fixture, "d1", AZURE_1);
    fixture_settle(fixture);
    assert_string_equal(last(fixture, "priority"), "change");
    outbox_enqueue_init(&enqueue, "d1", NULL);
    fixture_run(fixture, &enqueue.job);
    fixture_settle(fixture);
    assert_string_equal(last(fixture, "priority"), "operator");
}

static void test_retired_and_why(void **state)
{
    static const struct {
        const char *sql;
        enum reason reason; /* of a refusal; NONE: taken */
        const char *wanted;
    } cases[] = {
        {"INSERT INTO violation (device_id, policy_id) VALUES ('d1', 'retire')", REASON_NONE, "retire success retire"},
        {"UPDATE device SET managed = 0", REASON_NONE, "retire success unmanaged"},
        {"DELETE FROM device", REASON_NONE, "retire success deleted"},
        {"UPDATE device SET azure_device_id = '" AZURE_2 "'", REASON_NONE, "retire success azure_device_id_changed"},
        {"UPDATE device SET managed = 0", REASON_DEVICE_UNKNOWN, "retire success unmanaged"},
        {"UPDATE device SET managed = 0", REASON_DEVICE_REFUSED, "retire refused unmanaged"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        void *fresh;
        fixture_set_up(&fresh);
        struct fixture *fixture = fresh;
        fixture_add_device(fixture, "d1", AZURE_1);
        fixture_settle(fixture);
        tmpstore_sql(&fixture->store, "%s", cases[i].sql);
        fixture_record(fixture, fixture_stage_one(fixture), cases[i].reason ? OUTBOX_REFUSED : OUTBOX_SUCCESS,
                       cases[i].reason);
        assert_string_equal(last(fixture, "kind || ' ' || result || ' ' || cause"), cases[i].wanted);
        assert_string_equal(last(fixture, "azure_state || ' ' || azure_device_id"), "removed " AZURE_1);
        fixture_tear_down(&fresh);
    }
    (void)state;
}

static void test_parked(void **state)
{
    struct fixture *fixture = *state;

    fixture_add_device(fixture, "d1", "no guid");
    fixture_stage_none(fixture);
    assert_string_equal(last(fixture, "kind || ' ' || device_id || ' ' || reason || ' ' || connection"),
                        "parked d1 bad_azure_device_id default");
    assert_sound(fixture);
}

/* A job that fails takes its entries back with it. */
static void test_a_failed_job_leaves_no_entry(void **state)
{
    struct fixture *fixture = *state;

    fixture_add_device(fixture, "d1", AZURE_1);
    struct outbox_item *item = fixture_stage_one(fixture);
    tmpstore_sql(&fixture->store,
                 "CREATE TRIGGER refuse BEFORE INSERT ON activity BEGIN SELECT RAISE(ABORT, 'no'); END");
    struct outbox_record record;
    assert_int_equal(outbox_record_init(&record, "default", 1, NULL), 0);
    record.count = 1;
    record.results[0] = (struct outbox_result){.item = item, .outcome = OUTBOX_SUCCESS};
    assert_true(fixture_try(fixture, &record.job) < 0);
    assert_int_equal(tmpstore_int(&fixture->store, "SELECT count(*) FROM report"), 0);
    tmpstore_sql(&fixture->store, "DROP TRIGGER refuse");
    fixture_run(fixture, &record.job);
    outbox_record_deinit(&record);
    outbox_item_free(item);
    assert_int_equal(count(fixture), 1);
    assert_sound(fixture);
}

static void test_notes(void **state)
{
    struct fixture *fixture = *state;
    struct guid id = {{1, 2, 3}};

    write_note(fixture, &(struct activity_entry){.at_ms = 5,
                                                 .kind = activity_kind_name(ACTIVITY_OPERATOR),
                                                 .actor = "root (uid 0, pid 1)",
                                                 .message_id = &id,
                                                 .detail = "resync"});
    assert_string_equal(last(fixture, "id || kind || actor || detail || hex(message_id)"),
                        "1operatorroot (uid 0, pid 1)resync01020300000000000000000000000000");
    assert_string_equal(last(fixture, "result || device_id"), "");
    assert_sound(fixture);
}

static void test_kinds(void **state)
{
    enum activity_kind kind;

    (void)state;
    for (int i = 0; i < ACTIVITY_KIND_COUNT; i++) {
        assert_int_equal(activity_kind_parse(activity_kind_name((enum activity_kind)i), &kind), 0);
        assert_int_equal((int)kind, i);
    }
    assert_int_equal(activity_kind_parse("reports", &kind), ERR_INVALID);
}

static void test_changed_by_accident(void **state)
{
    struct fixture *fixture = *state;

    write_note(fixture, &(struct activity_entry){.kind = "daemon"});
    assert_int_not_equal(tmpstore_try(&fixture->store, "UPDATE activity SET detail = 'x'"), SQLITE_OK);
    assert_int_not_equal(tmpstore_try(&fixture->store, "DELETE FROM activity"), SQLITE_OK);
    assert_sound(fixture);
}

/* ----------------------------------------------------------------------------------------------------- retention */

static unsigned purge(struct fixture *fixture, int64_t before_ms, unsigned limit)
{
    struct activity_purge job;

    activity_purge_init(&job, fixture->now_ms, before_ms, limit, NULL);
    fixture_run(fixture, &job.job);
    return job.purged;
}

static void test_retention(void **state)
{
    struct fixture *fixture = *state;

    for (int i = 1; i <= 10; i++)
        write_note(fixture, &(struct activity_entry){.at_ms = i * 1000, .kind = "daemon"});
    assert_int_equal(purge(fixture, 1000, 100), 0);
    assert_int_equal(count(fixture), 10);
    assert_int_equal(purge(fixture, 8000, 4), 4);
    assert_sound(fixture);
    assert_int_equal(purge(fixture, 8000, 4), 3);
    assert_string_equal(tmpstore_text(&fixture->store, "SELECT min(id) FROM activity"), "8");
    assert_int_equal(count(fixture), 5); /* 8, 9, 10 and two that tell of the purges */
    assert_string_equal(last(fixture, "kind || ' ' || result || ' ' || substr(detail, 1, 63)"),
                        "retention purged 3 entries from before 1970-01-01T00:00:08.000Z; the last of the");
    assert_sound(fixture);
    assert_int_equal(purge(fixture, INT64_MAX, 100), 5); /* all of it: the chain goes on */
    assert_int_equal(count(fixture), 1);
    write_note(fixture, &(struct activity_entry){.kind = "daemon"});
    assert_string_equal(last(fixture, "id"), "14");
    assert_sound(fixture);
}

/* ------------------------------------------------------------------------------------------------------- reading */

struct seen {
    char ids[256];
};

static int note_id(void *ctx, const struct activity_entry *entry)
{
    struct seen *seen = ctx;
    size_t used = strlen(seen->ids);

    snprintf(seen->ids + used, sizeof(seen->ids) - used, "%lld ", (long long)entry->id);
    return 0;
}

static struct activity_page list(struct fixture *fixture, const struct activity_filter *filter, const char *wanted)
{
    struct activity_page page;
    struct seen seen = {""};
    struct error err = {0};

    assert_int_equal(activity_list(fixture->database, filter, note_id, &seen, &page, &err), 0);
    assert_string_equal(seen.ids, wanted);
    return page;
}

static void fill(struct fixture *fixture)
{
    static const char *const kinds[] = {"report", "verdict", "token", "operator"};
    static const char *const devices[] = {"a", "b", "", "a"};
    static const char *const connections[] = {"one", "two", "one", ""};

    for (int i = 0; i < 8; i++)
        write_note(fixture, &(struct activity_entry){.at_ms = i * 1000,
                                                     .kind = kinds[i % 4],
                                                     .device_id = devices[i % 4],
                                                     .connection = connections[i % 4]});
}

static void test_filters(void **state)
{
    const int64_t ever = INT64_MIN;
    struct fixture *fixture = *state;

    fill(fixture);
    list(fixture, &(struct activity_filter){.since_ms = ever, .limit = 100}, "8 7 6 5 4 3 2 1 ");
    list(fixture, &(struct activity_filter){.since_ms = ever, .limit = 100, .device = "a"}, "8 5 4 1 ");
    list(fixture, &(struct activity_filter){.since_ms = ever, .limit = 100, .device = "a", .kind = "report"}, "5 1 ");
    list(fixture, &(struct activity_filter){.since_ms = ever, .limit = 100, .connection = "one"}, "7 5 3 1 ");
    list(fixture, &(struct activity_filter){.since_ms = ever, .limit = 100, .kind = "token"}, "7 3 ");
    list(fixture, &(struct activity_filter){.since_ms = ever, .limit = 100, .kind = "verdict"}, "6 2 ");
    list(fixture, &(struct activity_filter){.since_ms = ever, .limit = 100, .kind = "from the future"}, "");
    list(fixture, &(struct activity_filter){.since_ms = 5000, .limit = 100}, "8 7 6 ");
    list(fixture, &(struct activity_filter){.since_ms = 5000, .limit = 100, .device = "a"}, "8 ");
    list(fixture, &(struct activity_filter){.since_ms = 9000, .limit = 100}, "");
}

static void test_pages(void **state)
{
    struct activity_filter filter = {.since_ms = INT64_MIN, .limit = 3};
    struct fixture *fixture = *state;

    assert_int_equal(list(fixture, &filter, "").place, 0);
    fill(fixture);
    struct activity_page page = list(fixture, &filter, "8 7 6 ");
    assert_int_equal(page.newest, 8);
    filter.place = page.place;
    write_note(fixture, &(struct activity_entry){.kind = "daemon"}); /* moves nothing */
    page = list(fixture, &filter, "5 4 3 ");
    filter.place = page.place;
    page = list(fixture, &filter, "2 1 ");
    assert_int_equal(page.place, 0);

    filter = (struct activity_filter){.since_ms = INT64_MIN, .limit = 2, .onwards = true, .place = 6};
    page = list(fixture, &filter, "7 8 ");
    filter.place = page.place;
    page = list(fixture, &filter, "9 ");
    filter.place = page.place;
    page = list(fixture, &filter, "");
    assert_int_equal(page.place, 9);
    filter = (struct activity_filter){
        .since_ms = INT64_MIN, .limit = 100, .onwards = true, .place = 0, .kind = "operator", .device = "a"};
    page = list(fixture, &filter, "4 8 ");
    assert_int_equal(page.place, 9);
}

static void told(struct fixture *fixture, int64_t at_ms, enum azure_state state, enum compliance_status status)
{
    struct activity_told told;
    struct error err = {0};

    assert_int_equal(activity_told_at(fixture->database, "d1", at_ms, &told, &err), 0);
    assert_int_equal(told.state, state);
    assert_int_equal(told.status, status);
    assert_int_equal(told.entry != 0, state != AZURE_STATE_NONE);
    if (state != AZURE_STATE_NONE)
        assert_string_equal(told.azure_device_id, AZURE_1);
}

static void test_told_at_a_time(void **state)
{
    struct fixture *fixture = *state;
    struct activity_entry entry = {.kind = "parked", .device_id = "d1", .azure_device_id = AZURE_1, .result = "parked"};

    entry.at_ms = 1000;
    write_note(fixture, &entry);
    entry = (struct activity_entry){.at_ms = 2000,
                                    .kind = "report",
                                    .result = "accepted",
                                    .device_id = "d1",
                                    .azure_state = "compliant",
                                    .azure_device_id = AZURE_1};
    write_note(fixture, &entry);
    write_note(fixture,
               &(struct activity_entry){.at_ms = 2500, .kind = "verdict", .result = "success", .device_id = "d1"});
    write_note(fixture, &(struct activity_entry){.at_ms = 2600, .kind = "operator", .device_id = "d1"});
    write_note(fixture, &(struct activity_entry){.at_ms = 2700, .kind = "drift", .result = "x", .device_id = "d1"});
    entry.result = "deferred";
    entry.azure_state = "non_compliant";
    entry.at_ms = 3000;
    write_note(fixture, &entry);
    entry.result = "refused";
    entry.at_ms = 4000;
    write_note(fixture, &entry);
    entry.kind = "retire";
    entry.result = "success";
    entry.azure_state = "removed";
    entry.at_ms = 5000;
    write_note(fixture, &entry);

    told(fixture, 999, AZURE_STATE_NONE, STATUS_NONE);
    told(fixture, 1000, AZURE_STATE_NONE, STATUS_ERROR);
    told(fixture, 2000, AZURE_STATE_COMPLIANT, STATUS_IN_PROGRESS);
    told(fixture, 2999, AZURE_STATE_COMPLIANT, STATUS_SUCCESS);
    told(fixture, 3000, AZURE_STATE_COMPLIANT, STATUS_SUCCESS);
    told(fixture, 4999, AZURE_STATE_COMPLIANT, STATUS_ERROR);
    told(fixture, INT64_MAX, AZURE_STATE_REMOVED, STATUS_SUCCESS);

    struct activity_told what;
    struct error err = {0};
    assert_int_equal(activity_told_at(fixture->database, "d1", 9000, &what, &err), 0);
    assert_int_equal(what.accepted_at_ms, 5000);
    assert_int_equal(what.log_begins_ms, -1);
    assert_int_equal(purge(fixture, 2500, 100), 2);
    assert_int_equal(activity_told_at(fixture->database, "d1", 2400, &what, &err), 0);
    assert_int_equal(what.state, AZURE_STATE_NONE);
    assert_int_equal(what.log_begins_ms, 2500);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_report_and_its_verdict),
        TEST(test_outcomes),
        TEST(test_asked_for),
        cmocka_unit_test(test_retired_and_why),
        TEST(test_parked),
        TEST(test_a_failed_job_leaves_no_entry),
        TEST(test_notes),
        cmocka_unit_test(test_kinds),
        TEST(test_changed_by_accident),
        TEST(test_retention),
        TEST(test_filters),
        TEST(test_pages),
        TEST(test_told_at_a_time),
    };

    return cmocka_run_group_tests(tests, tempdir_make, tempdir_remove);
}
