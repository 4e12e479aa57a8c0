/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * No statement of the hot path scans a table. Every job is run on a small fleet; then every statement that was prepared
 * for it is explained, and so are the triggers' statements.
 */
#include "fixture.h"
#include "store/activity_list.h"
#include "store/activity_verify.h"
#include "store/drift.h"
#include "store/full_report.h"

/* Scans that are none of a table: the rows of a subquery with its own LIMIT, a list of literals, scratch tables of
 * one row. */
static bool is_harmless(const char *detail)
{
    static const char *const harmless[] = {"SCAN (subquery", "SCAN CONSTANT ROW", "SCAN requeued", "SCAN rewritten",
                                           "SCAN sqlite_schema"};

    for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++) {
        if (strncmp(detail, harmless[i], strlen(harmless[i])) == 0)
            return true;
    }
    return false;
}

static void explain(sqlite3 *handle, const char *sql)
{
    sqlite3_stmt *plan;
    char *text = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", sql);

    if (sqlite3_prepare_v2(handle, text, -1, &plan, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(handle));
    while (sqlite3_step(plan) == SQLITE_ROW) {
        const char *detail = (const char *)sqlite3_column_text(plan, 3);
        if (strncmp(detail, "SCAN", 4) == 0 && !is_harmless(detail))
            fail_msg("%s\n    %s", sql, detail);
        if (strstr(detail, "TEMP B-TREE"))
            fail_msg("%s\n    %s", sql, detail);
    }
    sqlite3_finalize(plan);
    sqlite3_free(text);
}

static unsigned explain_all(struct database *database)
{
    unsigned count = 0;

    for (size_t i = 0; i < STATEMENT_SLOTS; i++) {
        const char *sql = database->statements[i].sql;
        if (sql && strncmp(sql, "PRAGMA", 6) != 0) {
            explain(database->handle, sql);
            count++;
        }
    }
    return count;
}

static void exercise_messages(struct fixture *fixture)
{
    static const enum message_verdict verdicts[] = {MESSAGE_PENDING, MESSAGE_FAILED, MESSAGE_EXPIRED,
                                                    MESSAGE_COMPLETED};
    struct message_fetch fetch;
    struct message_record record;

    for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++) {
        message_fetch_init(&fetch, "default", NULL);
        fetch.now_ms = fixture->now_ms + 100000;
        fetch.limit = 1;
        fixture_run(fixture, &fetch.job);
        assert_int_equal(fetch.count, 1);
        assert_int_equal(message_record_init(&record, "default", 1, NULL), 0);
        record.count = 1;
        record.results[0] = (struct message_result){.message = fetch.messages, .verdict = verdicts[i], .poll_ms = 1};
        fixture_run(fixture, &record.job);
        message_record_deinit(&record);
        message_fetch_deinit(&fetch);
    }
}

static void exercise_outcomes(struct fixture *fixture)
{
    static const enum outbox_outcome outcomes[] = {OUTBOX_RELEASED, OUTBOX_TRANSIENT, OUTBOX_REFUSED, OUTBOX_ACCEPTED,
                                                   OUTBOX_ACCEPTED, OUTBOX_ACCEPTED,  OUTBOX_ACCEPTED};
    char azure_id[GUID_TEXT];
    char id[16];

    for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
        snprintf(azure_id, sizeof(azure_id), "%08zx-1111-4111-8111-111111111111", i);
        snprintf(id, sizeof(id), "o%zu", i);
        fixture_add_device(fixture, id, azure_id);
        fixture_record(fixture, fixture_stage_one(fixture), outcomes[i], REASON_DEVICE_REFUSED);
        tmpstore_sql(&fixture->store, "DELETE FROM outbox WHERE sent = 0");
    }
    fixture->now_ms += 10000;
    fixture_settle(fixture); /* what was put off */
}

static void exercise_settling(struct fixture *fixture)
{
    struct outbox_enqueue enqueue;
    struct users_record users;

    /* a failed message has made complyd forget the user, one without a verdict waits to be sent again */
    tmpstore_sql(&fixture->store, "INSERT INTO user VALUES ('default', 'u@example.com', '" USER_1 "', 1800000000000);"
                                  "DELETE FROM outbox");
    fixture_add_device(fixture, "d1", AZURE_1);
    fixture_settle(fixture);
    tmpstore_sql(&fixture->store, "UPDATE device SET azure_device_id = '" AZURE_2 "' WHERE device_id = 'd1'");
    fixture_settle(fixture); /* retires, then */
    fixture_settle(fixture); /* tells of the new id */
    tmpstore_sql(&fixture->store, "UPDATE device SET name = 'x' WHERE device_id = 'd1'");
    fixture_settle(fixture);
    fixture_add_device(fixture, "d2", AZURE_2); /* a twin */
    fixture_stage_none(fixture);
    tmpstore_sql(&fixture->store, "UPDATE device SET azure_device_id = '' WHERE device_id = 'd2'");
    fixture_stage_none(fixture);
    tmpstore_sql(&fixture->store, "UPDATE device SET azure_device_id = '" AZURE_2 "' WHERE device_id = 'd2';"
                                  "UPDATE device SET azure_device_id = '" AZURE_1 "' WHERE device_id = 'd1'");
    struct outbox_stage stage;
    fixture_stage(fixture, &stage); /* yields to the holder */
    outbox_stage_deinit(&stage);
    fixture_restart(fixture);
    tmpstore_sql(&fixture->store, "DELETE FROM device WHERE device_id IN ('d1', 'd2')");
    fixture_stage(fixture, &stage); /* in doubt, deleted */
    outbox_stage_deinit(&stage);
    fixture_add_device(fixture, "d3", "");
    tmpstore_sql(&fixture->store, "DELETE FROM device WHERE device_id = 'd3'");
    fixture_stage_none(fixture);
    fixture_add_device(fixture, "d4", "");
    outbox_enqueue_init(&enqueue, "d4", NULL);
    fixture_run(fixture, &enqueue.job);
    assert_int_equal(users_record_init(&users, "default", 1, NULL), 0);
    users.entries[users.count++].user_principal_name = strdup("x");
    fixture_run(fixture, &users.job);
    users_record_deinit(&users);
}

static void exercise_the_rest(struct fixture *fixture)
{
    struct full_report_begin begin;
    struct full_report_feed feed;
    struct outbox_purge purge;
    struct endpoints_load load;
    struct endpoints_save save;

    full_report_begin_init(&begin, "default", FULL_REPORT_WEEKLY, NULL);
    begin.started_at_ms = 1;
    fixture_run(fixture, &begin.job);
    full_report_feed_init(&feed, "default", FULL_REPORT_WEEKLY, NULL);
    feed.limit = 2;
    feed.backlog = 1000;
    for (int i = 0; i < 20; i++)
        fixture_run(fixture, &feed.job);
    tmpstore_sql(&fixture->store, "DELETE FROM outbox");
    fixture_run(fixture, &feed.job);
    outbox_purge_init(&purge, fixture->now_ms, 10, NULL);
    fixture_run(fixture, &purge.job);
    endpoints_load_init(&load, "default", NULL);
    fixture_run(fixture, &load.job);
    endpoints_save_init(&save, "default", NULL);
    fixture_run(fixture, &save.job);
    snprintf(save.device_url, sizeof(save.device_url), "https://x");
    fixture_run(fixture, &save.job);
}

static int ignore_entry(void *ctx, const struct activity_entry *entry)
{
    (void)ctx;
    (void)entry;
    return 0;
}

static void ignore_finding(void *ctx, const char *text)
{
    (void)ctx;
    (void)text;
}

static void exercise_activity(struct fixture *fixture)
{
    static const struct activity_filter filters[] = {
        {.since_ms = 1, .limit = 10},
        {.since_ms = 1, .limit = 10, .device = "d1"},
        {.since_ms = 1, .limit = 10, .kind = "token"},
        {.since_ms = 1, .limit = 10, .onwards = true},
    };
    struct activity_anchors none = {0};
    struct activity_check check;
    struct activity_purge purge;
    struct activity_page page;
    struct activity_told told;
    struct error err;

    for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++)
        assert_int_equal(activity_list(fixture->database, &filters[i], ignore_entry, NULL, &page, &err), 0);
    assert_int_equal(activity_told_at(fixture->database, "d1", INT64_MAX, &told, &err), 0);
    assert_int_equal(activity_verify(fixture->database, &none, ignore_finding, NULL, NULL, &check, &err), 0);
    activity_purge_init(&purge, 1, INT64_MAX, 2, NULL);
    fixture_run(fixture, &purge.job);
    assert_int_equal(purge.purged, 2);
}

static int ignore_difference(void *ctx, const struct drift_entry *entry)
{
    (void)ctx;
    (void)entry;
    return 0;
}

static void walk_drift(struct fixture *fixture, enum drift_phase phase)
{
    static struct drift_record record;
    struct drift_walk walk;

    if (record.connection[0] == '\0')
        drift_record_init(&record, "default", "");
    record.phase = phase;
    record.started_at_ms = INT64_MAX;
    record.round++;
    while (record.phase != DRIFT_IDLE) {
        drift_walk_init(&walk, &record, NULL);
        walk.now_ms = fixture->now_ms;
        fixture_run(fixture, &walk.job);
        record = walk.record;
    }
}

static void exercise_drift(struct fixture *fixture)
{
    const struct drift_filter filter = {.after_connection = "", .after_device_id = "", .limit = 10};
    struct drift_item items[] = {{.has_device_id = true}, {.managed = 1}, {.removed = true}, {.has_device_id = true}};
    struct drift_record record;
    struct drift_store store;
    struct drift_load load;
    bool more;

    drift_record_init(&record, "default", "");
    drift_load_init(&load, &record, NULL);
    fixture_run(fixture, &load.job);
    guid_parse(AZURE_1, &items[0].device_id);
    guid_parse(AZURE_1, &items[3].device_id);
    drift_store_init(&store, &load.record, NULL);
    store.items = items;
    store.count = 4;
    fixture_run(fixture, &store.job);
    tmpstore_sql(&fixture->store,
                 "DELETE FROM outbox; DELETE FROM message;"
                 "INSERT OR IGNORE INTO report (device_id) VALUES ('d1');"
                 "UPDATE report SET state = 1, connection = 'default', azure_device_id = '" AZURE_1 "'");
    walk_drift(fixture, DRIFT_COMPARING);
    walk_drift(fixture, DRIFT_REPAIRING);
    tmpstore_sql(&fixture->store, "DELETE FROM outbox; UPDATE directory SET managed = 1, compliant = 1");
    walk_drift(fixture, DRIFT_COMPARING);
    tmpstore_sql(&fixture->store, "UPDATE directory SET compliant = 0");
    walk_drift(fixture, DRIFT_COMPARING); /* another writer */
    walk_drift(fixture, DRIFT_SWEEPING);
    assert_int_equal(drift_list(fixture->database, &filter, ignore_difference, NULL, &more, NULL), 0);
}

static void test_every_statement_of_every_job(void **state)
{
    struct fixture *fixture = *state;
    unsigned count = 0;

    exercise_outcomes(fixture);
    exercise_messages(fixture);
    count += explain_all(fixture->database);
    exercise_settling(fixture);
    exercise_the_rest(fixture);
    exercise_activity(fixture);
    exercise_drift(fixture);
    count += explain_all(fixture->database);
    assert_true(count > 60);
}

/* What the triggers run, with literals for OLD and NEW. */
static void test_every_statement_of_the_triggers(void **state)
{
    static const char *const statements[] = {
        "SELECT * FROM dirty WHERE device_id = 'x'",
        "INSERT INTO dirty (device_id) SELECT device_id FROM violation WHERE policy_id = 'x' AND NOT EXISTS "
        "(SELECT 1 FROM rewritten)",
        "DELETE FROM outbox WHERE device_id IN (SELECT device_id FROM requeued)",
        "DELETE FROM tombstone WHERE device_id = 'x'",
        "SELECT 1 FROM tombstone AS t LEFT JOIN report AS r ON r.device_id = t.device_id WHERE t.device_id = 'x'",
        "SELECT v.device_id FROM violation AS v WHERE v.policy_id = 'x' AND EXISTS (SELECT 1 FROM rewritten WHERE "
        "entity = 'policy' AND key1 = 'x') AND NOT EXISTS (SELECT 1 FROM outbox WHERE device_id = v.device_id)",
        "SELECT 1 FROM policy_action WHERE policy_id = 'x' AND action = 'y'",
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++)
        explain(fixture->store.mdm, statements[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_statement_of_every_job, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_every_statement_of_the_triggers, fixture_set_up, fixture_tear_down),
    };

    return cmocka_run_group_tests(tests, tempdir_make, tempdir_remove);
}
