/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "fixture.h"
#include "store/drift.h"

#define TENANT  "5e1ec7ed-0000-4000-8000-000000000001"
#define TENANT2 "5e1ec7ed-0000-4000-8000-000000000002"

/* ---- playing a check ---- */

static struct drift_record record_of(struct fixture *fixture, const char *tenant)
{
    struct drift_load load;
    struct drift_record record;

    drift_record_init(&record, "default", tenant);
    drift_load_init(&load, &record, NULL);
    fixture_run(fixture, &load.job);
    return load.record;
}

/* The entry of the device that goes by `azure_id`: its object's id is the same, but for the first digit. */
static struct drift_item item_of(const char *azure_id, int managed, int compliant)
{
    struct drift_item item = {
        .has_device_id = true, .managed = (signed char)managed, .compliant = (signed char)compliant};

    assert_int_equal(guid_parse(azure_id, &item.device_id), 0);
    item.object_id = item.device_id;
    item.object_id.bytes[0] ^= 0xf0;
    return item;
}

static struct drift_item partial_of(const char *azure_id, int managed, int compliant)
{
    struct drift_item item = item_of(azure_id, managed, compliant);

    item.has_device_id = false;
    memset(&item.device_id, 0, sizeof(item.device_id));
    return item;
}

static struct drift_item removed_of(const char *azure_id)
{
    struct drift_item item = partial_of(azure_id, -1, -1);

    item.removed = true;
    return item;
}

/* Reads these entries as a new check, walks to its end an hour after everything was told, and leaves the record. */
static struct drift_record check(struct fixture *fixture, bool whole, const struct drift_item *items, size_t count)
{
    struct drift_store store;
    struct drift_walk walk;
    struct drift_record record = record_of(fixture, TENANT);

    fixture->now_ms += 3600 * 1000;
    record.round++;
    record.whole = whole;
    record.started_at_ms = fixture->now_ms;
    record.compared = 0;
    record.phase = whole ? DRIFT_SWEEPING : DRIFT_COMPARING;
    snprintf(record.link, sizeof(record.link), "link");
    drift_store_init(&store, &record, NULL);
    store.items = items;
    store.count = count;
    fixture_run(fixture, &store.job);
    assert_false(store.lost);
    record = store.record;
    for (int steps = 0; record.phase != DRIFT_IDLE; steps++) {
        assert_true(steps < 100);
        drift_walk_init(&walk, &record, NULL);
        walk.limit = 2;
        walk.now_ms = fixture->now_ms;
        fixture_run(fixture, &walk.job);
        record = walk.record;
    }
    return record;
}

static void repair(struct fixture *fixture)
{
    struct drift_record record = record_of(fixture, TENANT);
    struct drift_walk walk;

    record.phase = DRIFT_REPAIRING;
    record.due_at_ms = INT64_MAX;
    while (record.phase != DRIFT_IDLE) {
        drift_walk_init(&walk, &record, NULL);
        walk.limit = 1;
        walk.now_ms = fixture->now_ms;
        fixture_run(fixture, &walk.job);
        record = walk.record;
    }
}

static const char *differences(struct fixture *fixture)
{
    return tmpstore_text(&fixture->store, "SELECT ifnull(group_concat(device_id || '=' || cause, ' '), '') FROM "
                                          "(SELECT * FROM drift ORDER BY device_id)");
}

/* Five devices that Microsoft was told are compliant. */
static void add_told(struct fixture *fixture)
{
    for (int i = 1; i <= 5; i++) {
        char id[8], azure_id[GUID_TEXT];
        snprintf(id, sizeof(id), "d%d", i);
        snprintf(azure_id, sizeof(azure_id), "%d1111111-1111-4111-8111-111111111111", i);
        fixture_add_device(fixture, id, azure_id);
        fixture_settle(fixture);
    }
}

#define D(n) #n "1111111-1111-4111-8111-111111111111"

static void all_right(struct drift_item items[5])
{
    static const char *const ids[] = {D(1), D(2), D(3), D(4), D(5)};

    for (int i = 0; i < 5; i++)
        items[i] = item_of(ids[i], 1, 1);
}

/* ---- tests ---- */

static void test_the_record_survives(void **state)
{
    struct fixture *fixture = *state;
    struct drift_record record = record_of(fixture, TENANT);
    struct drift_store store;

    assert_int_equal(record.round, 0);
    assert_int_equal(record.finished_at_ms, -1);
    record.phase = DRIFT_READING;
    record.round = 3;
    record.due_at_ms = 12345;
    record.counts[DRIFT_STALE] = 7;
    snprintf(record.link, sizeof(record.link), "https://x/%02000d", 7);
    snprintf(record.problem, sizeof(record.problem), "throttled");
    drift_store_init(&store, &record, NULL);
    fixture_run(fixture, &store.job);
    fixture_restart(fixture);
    struct drift_record loaded = record_of(fixture, TENANT);
    assert_memory_equal(&loaded, &record, sizeof(record));
}

static void test_another_tenant_begins_anew(void **state)
{
    struct fixture *fixture = *state;
    struct drift_item items[5];

    add_told(fixture);
    all_right(items);
    items[0].compliant = 0;
    assert_int_equal(check(fixture, true, items, 5).counts[DRIFT_VALUE], 1);
    struct drift_record record = record_of(fixture, TENANT2);
    assert_string_equal(record.link, "");
    assert_string_equal(record.tenant_id, TENANT2);
    assert_int_equal(record.counts[DRIFT_VALUE], 0);
    assert_true(record.round > 0);
    assert_string_equal(differences(fixture), "");
}

static void test_causes_and_their_counts(void **state)
{
    struct fixture *fixture = *state;
    struct drift_item items[5];

    add_told(fixture);
    all_right(items);
    struct drift_record record = check(fixture, true, items, 4);
    assert_int_equal(record.compared, 5);
    assert_string_equal(differences(fixture), "d5=unknown_at_microsoft");

    items[0] = partial_of(D(1), -1, 0);
    items[1] = removed_of(D(2));
    items[2] = item_of(D(5), 1, 0);
    record = check(fixture, false, items, 3);
    assert_string_equal(differences(fixture), "d1=other_writer d2=stale_id d5=other_value");
    for (int cause = DRIFT_UNKNOWN; cause < DRIFT_CAUSE_COUNT; cause++)
        assert_int_equal(record.counts[cause], cause == DRIFT_UNKNOWN ? 0 : 1);
    assert_int_equal(tmpstore_int(&fixture->store, "SELECT count(*) FROM activity WHERE kind = 'drift'"), 1);

    items[0] = partial_of(D(1), -1, 1);
    record = check(fixture, false, items, 1);
    assert_string_equal(differences(fixture), "d2=stale_id d5=other_value");
    assert_int_equal(record.counts[DRIFT_WRITER], 0);
}

static void test_a_report_meanwhile_makes_it_no_other_writer(void **state)
{
    struct fixture *fixture = *state;
    struct drift_item items[5];

    add_told(fixture);
    all_right(items);
    check(fixture, true, items, 5);
    tmpstore_sql(&fixture->store, "UPDATE report SET accepted_at_ms = accepted_at_ms + 1 WHERE device_id = 'd1'");
    items[0] = partial_of(D(1), -1, 0);
    check(fixture, false, items, 1);
    assert_string_equal(differences(fixture), "d1=other_value");
}

static void test_what_is_unsettled_is_passed_over(void **state)
{
    struct fixture *fixture = *state;
    struct drift_item items[5];

    add_told(fixture);
    all_right(items);
    for (int i = 0; i < 4; i++)
        items[i].compliant = 0;
    tmpstore_sql(
        &fixture->store,
        "UPDATE device SET name = 'queued' WHERE device_id = 'd1';"
        "UPDATE report SET accepted_at_ms = %lld WHERE device_id = 'd2';" /* a moment before the next check */
        "INSERT INTO message (device_id, message_id, sent_as, connection, accepted_at_ms, poll_at_ms, deadline_ms) "
        "VALUES ('d3', x'00', x'00', 'default', 1, 1, 1);"
        "UPDATE report SET connection = 'other' WHERE device_id = 'd4'",
        (long long)fixture->now_ms + 3600 * 1000 - DRIFT_SETTLE_MS + 1);
    struct drift_record record = check(fixture, true, items, 5);
    assert_string_equal(differences(fixture), "");
    assert_int_equal(record.compared, 1);
}

static void test_reading_everything_finds_what_is_gone(void **state)
{
    struct fixture *fixture = *state;
    struct drift_item items[6];

    add_told(fixture);
    all_right(items);
    items[5] = item_of("91111111-1111-4111-8111-111111111111", 1, 1); /* a stranger */
    check(fixture, true, items, 6);
    check(fixture, true, items, 4);
    assert_string_equal(differences(fixture), "d5=stale_id");
    assert_int_equal(tmpstore_int(&fixture->store, "SELECT count(*) FROM directory"),
                     5); /* nobody keeps the stranger */
}

static void test_a_change_of_an_unheard_of_device_means_that_changes_were_lost(void **state)
{
    struct fixture *fixture = *state;
    struct drift_record record = record_of(fixture, TENANT);
    struct drift_item item = partial_of(D(1), 1, -1);
    struct drift_store store;

    drift_store_init(&store, &record, NULL);
    store.items = &item;
    store.count = 1;
    fixture_run(fixture, &store.job);
    assert_true(store.lost);
}

static void test_differences_of_forgotten_devices_go(void **state)
{
    struct fixture *fixture = *state;
    struct drift_item items[5];

    add_told(fixture);
    all_right(items);
    items[0].compliant = items[2].compliant = items[4].compliant = 0;
    struct drift_record record = check(fixture, true, items, 5);
    assert_int_equal(record.counts[DRIFT_VALUE], 3);
    tmpstore_sql(&fixture->store, "DELETE FROM report WHERE device_id IN ('d1', 'd5')");
    record = check(fixture, false, NULL, 0);
    assert_string_equal(differences(fixture), "d3=other_value");
    assert_int_equal(record.counts[DRIFT_VALUE], 1);
}

static void test_nothing_is_queued_but_by_a_repair(void **state)
{
    struct fixture *fixture = *state;
    struct drift_item items[5];

    add_told(fixture);
    all_right(items);
    items[0].compliant = items[3].managed = 0;
    check(fixture, true, items, 5);
    check(fixture, false, NULL, 0);
    assert_int_equal(fixture_queued(fixture), 0);
    repair(fixture);
    assert_string_equal(tmpstore_text(&fixture->store, "SELECT group_concat(device_id || forced || priority, ' ') FROM "
                                                       "(SELECT * FROM outbox ORDER BY device_id)"),
                        "d112 d412");
    assert_string_equal(differences(fixture), "");
    struct drift_record record = record_of(fixture, TENANT);
    assert_int_equal(record.counts[DRIFT_VALUE], 0);
    assert_int_equal(record.due_at_ms, fixture->now_ms + 2 * DRIFT_SETTLE_MS); /* to see whether it took */
}

static void test_a_removal_that_did_not_last_is_told_again(void **state)
{
    struct fixture *fixture = *state;
    struct drift_item items[5];

    add_told(fixture);
    tmpstore_sql(&fixture->store, "DELETE FROM device WHERE device_id = 'd1'");
    fixture_settle(fixture);
    all_right(items);
    check(fixture, true, items, 5);
    assert_string_equal(differences(fixture), "d1=stale_id");
    repair(fixture);
    struct outbox_item *item = fixture_stage_one(fixture);
    assert_int_equal(item->report.state, AZURE_STATE_REMOVED);
    assert_string_equal(item->report.azure_device_id, D(1));
    outbox_item_free(item);
}

static int note_entry(void *ctx, const struct drift_entry *entry)
{
    char *text = ctx;

    snprintf(text + strlen(text), 256 - strlen(text), "%s%s ", entry->device_id, entry->known ? "" : "?");
    return 0;
}

static void test_lists_by_pages_and_filters(void **state)
{
    struct fixture *fixture = *state;
    struct drift_filter filter = {.after_connection = "", .after_device_id = "", .limit = 2};
    struct drift_item items[5];
    enum drift_cause cause;
    char text[256] = "";
    bool more;

    add_told(fixture);
    all_right(items);
    items[0].compliant = items[1].compliant = 0;
    check(fixture, true, items, 4);
    assert_int_equal(drift_list(fixture->database, &filter, note_entry, text, &more, NULL), 0);
    assert_true(more);
    filter.after_connection = "default";
    filter.after_device_id = "d2";
    assert_int_equal(drift_list(fixture->database, &filter, note_entry, text, &more, NULL), 0);
    assert_false(more);
    assert_string_equal(text, "d1 d2 d5? ");
    text[0] = '\0';
    filter = (struct drift_filter){.after_connection = "", .after_device_id = "", .limit = 9, .cause = DRIFT_UNKNOWN};
    assert_int_equal(drift_list(fixture->database, &filter, note_entry, text, &more, NULL), 0);
    filter.cause = DRIFT_NONE;
    filter.connection = "other";
    assert_int_equal(drift_list(fixture->database, &filter, note_entry, text, &more, NULL), 0);
    assert_string_equal(text, "d5? ");
    assert_int_equal(drift_cause_of(fixture->database, "default", "d2", &cause, NULL), 0);
    assert_int_equal(cause, DRIFT_VALUE);
    tmpstore_sql(&fixture->store, "UPDATE report SET accepted_at_ms = 7 WHERE device_id = 'd2'");
    assert_int_equal(drift_cause_of(fixture->database, "default", "d2", &cause, NULL), 0);
    assert_int_equal(cause, DRIFT_NONE);
    assert_int_equal(drift_cause_of(fixture->database, "default", "d3", &cause, NULL), 0);
    assert_int_equal(cause, DRIFT_NONE);
}

static unsigned forget_strays(struct fixture *fixture, const char *const *names, size_t count)
{
    struct drift_forget forget;

    drift_forget_init(&forget, 2, NULL);
    forget.names = names;
    forget.count = count;
    forget.now_ms = fixture->now_ms;
    fixture_run(fixture, &forget.job);
    return forget.forgotten;
}

/* A connection that left the configuration: after a month, a piece at a time, and should it come back, it begins
 * anew. */
static void test_what_was_read_for_a_stray_connection_is_forgotten(void **state)
{
    static const char *const names[] = {"other", "default"};
    struct fixture *fixture = *state;
    struct drift_item items[5];

    add_told(fixture);
    all_right(items);
    check(fixture, true, items, 5);
    assert_int_equal(forget_strays(fixture, names, 1), 0); /* away for an hour, not for a month */
    fixture->now_ms += DRIFT_KEPT_MS + 1;
    assert_int_equal(forget_strays(fixture, names, 2), 0); /* it is there, only not compared */
    assert_int_equal(forget_strays(fixture, names, 1), 2);
    struct drift_record record = record_of(fixture, TENANT);
    assert_string_equal(record.link, ""); /* back already: it reads everything */
    assert_int_equal(record.round, 1);
    assert_int_equal(record.finished_at_ms, -1);
    assert_int_equal(forget_strays(fixture, names, 1), 2);
    assert_int_equal(forget_strays(fixture, names, 1), 1);
    assert_int_equal(forget_strays(fixture, names, 1), 0);
    assert_int_equal(tmpstore_int(&fixture->store, "SELECT count(*) FROM directory"), 0);
    assert_int_equal(tmpstore_int(&fixture->store, "SELECT count(*) FROM drift_check"), 0);
    assert_int_equal(tmpstore_int(&fixture->store, "SELECT count(*) FROM report"), 5); /* what Microsoft holds stays */
    check(fixture, true, items, 5);
    assert_string_equal(differences(fixture), "");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_the_record_survives),
        TEST(test_another_tenant_begins_anew),
        TEST(test_causes_and_their_counts),
        TEST(test_a_report_meanwhile_makes_it_no_other_writer),
        TEST(test_what_is_unsettled_is_passed_over),
        TEST(test_reading_everything_finds_what_is_gone),
        TEST(test_a_change_of_an_unheard_of_device_means_that_changes_were_lost),
        TEST(test_differences_of_forgotten_devices_go),
        TEST(test_nothing_is_queued_but_by_a_repair),
        TEST(test_a_removal_that_did_not_last_is_told_again),
        TEST(test_lists_by_pages_and_filters),
        TEST(test_what_was_read_for_a_stray_connection_is_forgotten),
    };

    return cmocka_run_group_tests(tests, tempdir_make, tempdir_remove);
}
