/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * Every way an MDM can write a row, with any library: each kind of statement, with recursive_triggers on and off. A
 * change that matters queues its devices, one that does not queues nothing.
 */
#include "fixture.h"

struct write {
    const char *name;
    const char *sql;
    const char *queued; /* device ids in the outbox afterwards, in order, one blank between */
};

/* Before each write: devices d1..d3 all told to Microsoft and the queue empty, d1 violates block, d2 violates alert. */
static void set_up(struct fixture *fixture)
{
    tmpstore_sql(&fixture->store,
                 "DELETE FROM device; DELETE FROM violation; DELETE FROM policy; DELETE FROM policy_action;"
                 "DELETE FROM report; DELETE FROM tombstone;"
                 "INSERT INTO policy VALUES ('block', 'Block', 1), ('alert', 'Alert', 1), ('off', 'Off', 0);"
                 "INSERT INTO policy_action VALUES ('block', 'quarantine'), ('alert', 'send_alert');"
                 "INSERT INTO device (device_id, platform, name, azure_device_id, evaluated_at, last_check_in) VALUES "
                 "('d1', 'ios', 'One', '" AZURE_1 "', 5, 5), ('d2', 'android', 'Two', '" AZURE_2 "', 5, 5), "
                 "('d3', 'windows', 'Three', '', NULL, NULL);"
                 "INSERT INTO violation VALUES ('d1', 'block', 7), ('d2', 'alert', 7), ('d1', 'ghost', 7);"
                 "INSERT INTO report (device_id, state, connection, platform, azure_device_id) VALUES "
                 "('d1', 1, 'default', 'ios', '" AZURE_1 "'), ('d2', 1, 'default', 'android', '" AZURE_2 "');"
                 "DELETE FROM outbox");
}

#define D1_SAME "('d1', 'ios', 'One', '" AZURE_1 "', 5, 5)"
#define COLUMNS "device (device_id, platform, name, azure_device_id, evaluated_at, last_check_in) VALUES "

static const struct write writes[] = {
    /* device: a new row */
    {"insert", "INSERT INTO " COLUMNS "('d4', 'ios', 'Four', '', NULL, NULL)", "d4"},
    {"insert or ignore, new", "INSERT OR IGNORE INTO " COLUMNS "('d4', 'ios', 'Four', '', NULL, NULL)", "d4"},
    {"replace, new", "REPLACE INTO " COLUMNS "('d4', 'ios', 'Four', '', NULL, NULL)", "d4"},
    {"upsert, new", "INSERT INTO " COLUMNS "('d4', 'ios', 'Four', '', NULL, NULL) ON CONFLICT DO UPDATE SET name = 'x'",
     "d4"},
    {"insert several", "INSERT INTO " COLUMNS "('d5', 'ios', '', '', NULL, NULL), ('d4', 'ios', '', '', NULL, NULL)",
     "d4 d5"},
    /* device: equal values */
    {"replace, equal", "REPLACE INTO " COLUMNS D1_SAME, ""},
    {"replace, new check-in", "REPLACE INTO " COLUMNS "('d1', 'ios', 'One', '" AZURE_1 "', 6, 99)", ""},
    {"insert or ignore, old", "INSERT OR IGNORE INTO " COLUMNS "('d1', 'ios', 'Other', '', 6, 99)", ""},
    {"upsert nothing", "INSERT INTO " COLUMNS "('d1', 'ios', 'Other', '', 6, 99) ON CONFLICT DO NOTHING", ""},
    {"upsert, equal",
     "INSERT INTO " COLUMNS D1_SAME
     " ON CONFLICT DO UPDATE SET name = excluded.name, last_check_in = excluded.last_check_in",
     ""},
    {"update, equal",
     "UPDATE device SET name = name, platform = platform, azure_device_id = azure_device_id, "
     "evaluated_at = evaluated_at, device_id = device_id, managed = managed, connection = connection",
     ""},
    {"update, check-in", "UPDATE device SET last_check_in = 77, evaluated_at = 78 WHERE device_id = 'd1'", ""},
    {"update, client status", "UPDATE device SET azure_client_status = 'Success'", ""},
    {"update or replace, equal", "UPDATE OR REPLACE device SET name = name, device_id = device_id", ""},
    /* device: every column that matters */
    {"connection", "UPDATE device SET connection = 'other' WHERE device_id = 'd1'", "d1"},
    {"platform", "UPDATE device SET platform = 'macos' WHERE device_id = 'd1'", "d1"},
    {"name", "UPDATE device SET name = 'x' WHERE device_id = 'd1'", "d1"},
    {"manufacturer", "UPDATE device SET manufacturer = 'x' WHERE device_id = 'd1'", "d1"},
    {"model", "UPDATE device SET model = 'x' WHERE device_id = 'd1'", "d1"},
    {"serial number", "UPDATE device SET serial_number = 'x' WHERE device_id = 'd1'", "d1"},
    {"os version", "UPDATE device SET os_version = 'x' WHERE device_id = 'd1'", "d1"},
    {"user", "UPDATE device SET user_principal_name = 'x' WHERE device_id = 'd1'", "d1"},
    {"managed", "UPDATE device SET managed = 0 WHERE device_id = 'd1'", "d1"},
    {"azure id", "UPDATE device SET azure_device_id = '' WHERE device_id = 'd1'", "d1"},
    {"evaluated", "UPDATE device SET evaluated_at = 9 WHERE device_id = 'd3'", "d3"},
    {"no more evaluated", "UPDATE device SET evaluated_at = NULL", "d1 d2"},
    {"update or ignore", "UPDATE OR IGNORE device SET name = 'x' WHERE device_id = 'd1'", "d1"},
    {"update or replace", "UPDATE OR REPLACE device SET name = 'x' WHERE device_id = 'd1'", "d1"},
    {"update or fail", "UPDATE OR FAIL device SET name = 'x' WHERE device_id = 'd1'", "d1"},
    {"update or rollback", "UPDATE OR ROLLBACK device SET name = 'x' WHERE device_id = 'd1'", "d1"},
    {"replace, other", "REPLACE INTO " COLUMNS "('d1', 'ios', 'Other', '" AZURE_1 "', 5, 5)", "d1"},
    {"replace, no more evaluated", "REPLACE INTO " COLUMNS "('d1', 'ios', 'One', '" AZURE_1 "', NULL, 5)", "d1"},
    {"replace, one equal, one other", "REPLACE INTO " COLUMNS D1_SAME ", ('d2', 'ios', 'Two', '', 5, 5)", "d2"},
    {"replace, one other, one equal", "REPLACE INTO " COLUMNS "('d2', 'ios', 'Two', '', 5, 5), " D1_SAME, "d2"},
    {"insert or replace from select", "INSERT OR REPLACE INTO device SELECT * FROM device", ""},
    {"upsert, other",
     "INSERT INTO " COLUMNS "('d1', 'ios', 'Other', '', 5, 5) ON CONFLICT DO UPDATE SET name = excluded.name", "d1"},
    {"update from", "UPDATE device SET name = p.name FROM policy AS p WHERE p.policy_id = 'block' AND device_id = 'd2'",
     "d2"},
    /* device: gone, moved */
    {"delete", "DELETE FROM device WHERE device_id = 'd1'", "d1"},
    {"delete all", "DELETE FROM device", "d1 d2 d3"},
    {"delete and insert", "DELETE FROM device WHERE device_id = 'd1'; INSERT INTO " COLUMNS D1_SAME, "d1"},
    {"ignored, then deleted", "INSERT OR IGNORE INTO " COLUMNS D1_SAME "; DELETE FROM device WHERE device_id = 'd1'",
     "d1"},
    {"moved", "UPDATE device SET device_id = 'd9' WHERE device_id = 'd1'", "d1 d9"},
    {"moved over another", "UPDATE OR REPLACE device SET device_id = 'd2' WHERE device_id = 'd1'", "d1 d2"},
    {"changed back",
     "UPDATE device SET name = 'x' WHERE device_id = 'd1'; UPDATE device SET name = 'One' WHERE device_id = 'd1'",
     "d1"},
    /* violation */
    {"violation", "INSERT INTO violation VALUES ('d2', 'block', 1)", "d2"},
    {"violation of a device not known", "INSERT INTO violation VALUES ('d7', 'block', 1)", ""},
    {"violation of a policy not known", "INSERT INTO violation VALUES ('d2', 'ghost', 1)", "d2"},
    {"violation, replace new", "REPLACE INTO violation VALUES ('d2', 'block', 1)", "d2"},
    {"violation, replace equal", "REPLACE INTO violation VALUES ('d1', 'block', 7)", ""},
    {"violation, replace since", "REPLACE INTO violation VALUES ('d1', 'block', 8)", ""},
    {"violation, ignore old", "INSERT OR IGNORE INTO violation VALUES ('d1', 'block', 8)", ""},
    {"violation, ignore new", "INSERT OR IGNORE INTO violation VALUES ('d2', 'block', 8)", "d2"},
    {"violation, upsert old", "INSERT INTO violation VALUES ('d1', 'block', 8) ON CONFLICT DO UPDATE SET since = 8",
     ""},
    {"violation, upsert new", "INSERT INTO violation VALUES ('d2', 'block', 8) ON CONFLICT DO UPDATE SET since = 8",
     "d2"},
    {"violation, since", "UPDATE violation SET since = 9", ""},
    {"violation, equal", "UPDATE violation SET device_id = device_id, policy_id = policy_id", ""},
    {"violation, to another device", "UPDATE violation SET device_id = 'd3' WHERE device_id = 'd2'", "d2 d3"},
    {"violation, to another policy", "UPDATE violation SET policy_id = 'off' WHERE device_id = 'd2'", "d2"},
    {"violation, over another",
     "UPDATE OR REPLACE violation SET device_id = 'd1', policy_id = 'block' WHERE device_id = 'd2'", "d1 d2"},
    {"violation, delete", "DELETE FROM violation WHERE device_id = 'd1' AND policy_id = 'block'", "d1"},
    {"violation, delete all", "DELETE FROM violation", "d1 d2"},
    {"violation, ignored, then deleted",
     "INSERT OR IGNORE INTO violation VALUES ('d1', 'block', 7); DELETE FROM violation "
     "WHERE device_id = 'd1'",
     "d1"},
    {"violation, delete and insert", "DELETE FROM violation; INSERT INTO violation VALUES ('d2', 'alert', 7)", "d1 d2"},
    /* policy */
    {"policy, renamed", "UPDATE policy SET name = 'x', enabled = enabled, policy_id = policy_id", ""},
    {"policy, off", "UPDATE policy SET enabled = 0 WHERE policy_id = 'block'", "d1"},
    {"policy, all off", "UPDATE policy SET enabled = 0", "d1 d2"},
    {"policy, new", "INSERT INTO policy VALUES ('ghost', 'x', 1)", "d1"},
    {"policy, new and nobody's", "INSERT INTO policy VALUES ('fresh', 'x', 1)", ""},
    {"policy, replace equal", "REPLACE INTO policy VALUES ('block', 'Block', 1)", ""},
    {"policy, replace name", "REPLACE INTO policy VALUES ('block', 'x', 1)", ""},
    {"policy, replace enabled", "REPLACE INTO policy VALUES ('block', 'Block', 0)", "d1"},
    {"policy, replace new", "REPLACE INTO policy VALUES ('ghost', 'Block', 0)", "d1"},
    {"policy, ignore old", "INSERT OR IGNORE INTO policy VALUES ('block', 'x', 0)", ""},
    {"policy, upsert equal",
     "INSERT INTO policy VALUES ('block', 'x', 1) ON CONFLICT DO UPDATE SET name = 'x', enabled = 1", ""},
    {"policy, upsert enabled", "INSERT INTO policy VALUES ('block', 'x', 0) ON CONFLICT DO UPDATE SET enabled = 0",
     "d1"},
    {"policy, moved", "UPDATE policy SET policy_id = 'ghost2' WHERE policy_id = 'alert'", "d2"},
    {"policy, moved over another", "UPDATE OR REPLACE policy SET policy_id = 'alert' WHERE policy_id = 'block'",
     "d1 d2"},
    {"policy, delete", "DELETE FROM policy WHERE policy_id = 'alert'", "d2"},
    {"policy, delete all", "DELETE FROM policy", "d1 d2"},
    {"policy, ignored, then deleted",
     "INSERT OR IGNORE INTO policy VALUES ('block', 'x', 1); DELETE FROM policy WHERE policy_id = 'block'", "d1"},
    /* policy_action */
    {"action, new", "INSERT INTO policy_action VALUES ('alert', 'retire')", "d2"},
    {"action, replace equal", "REPLACE INTO policy_action VALUES ('alert', 'send_alert')", ""},
    {"action, replace new", "REPLACE INTO policy_action VALUES ('alert', 'retire')", "d2"},
    {"action, ignore old", "INSERT OR IGNORE INTO policy_action VALUES ('alert', 'send_alert')", ""},
    {"action, upsert old", "INSERT INTO policy_action VALUES ('alert', 'send_alert') ON CONFLICT DO NOTHING", ""},
    {"action, equal", "UPDATE policy_action SET action = action, policy_id = policy_id", ""},
    {"action, other", "UPDATE policy_action SET action = 'retire' WHERE policy_id = 'block'", "d1"},
    {"action, moved", "UPDATE policy_action SET policy_id = 'block' WHERE policy_id = 'alert'", "d1 d2"},
    {"action, delete", "DELETE FROM policy_action WHERE policy_id = 'block'", "d1"},
    {"action, ignored, then deleted",
     "INSERT OR IGNORE INTO policy_action VALUES ('alert', 'send_alert'); DELETE FROM "
     "policy_action WHERE policy_id = 'alert'",
     "d2"},
    /* one table's marks are nothing to another's */
    {"ignored device, deleted violation",
     "INSERT OR IGNORE INTO " COLUMNS D1_SAME
     "; DELETE FROM violation WHERE device_id = 'd1'; REPLACE INTO policy VALUES "
     "('alert', 'Alert', 0)",
     "d1 d2"},
};

static const char *queued(struct fixture *fixture)
{
    return tmpstore_text(&fixture->store,
                         "SELECT group_concat(device_id, ' ') FROM (SELECT device_id FROM outbox ORDER BY device_id)");
}

static void check_all(struct fixture *fixture, const char *pragma)
{
    tmpstore_sql(&fixture->store, "%s", pragma);
    for (size_t i = 0; i < sizeof(writes) / sizeof(writes[0]); i++) {
        set_up(fixture);
        tmpstore_sql(&fixture->store, "%s", writes[i].sql);
        if (strcmp(queued(fixture), writes[i].queued) != 0)
            fail_msg("%s: %s: queued \"%s\", not \"%s\"", pragma, writes[i].name, queued(fixture), writes[i].queued);
    }
}

static void test_every_write(void **state)
{
    check_all(*state, "PRAGMA recursive_triggers = off");
}

static void test_every_write_with_recursive_triggers(void **state)
{
    check_all(*state, "PRAGMA recursive_triggers = on");
}

/* What waits already is not taken out by a rewrite, whatever the pragma. */
static void test_rewriting_leaves_the_queue_alone(void **state)
{
    static const char *const pragmas[] = {"PRAGMA recursive_triggers = off", "PRAGMA recursive_triggers = on"};
    struct fixture *fixture = *state;

    for (int i = 0; i < 2; i++) {
        set_up(fixture);
        tmpstore_sql(&fixture->store, "%s; UPDATE device SET name = 'x' WHERE device_id <> 'd3'", pragmas[i]);
        tmpstore_sql(&fixture->store, "INSERT OR REPLACE INTO device SELECT * FROM device;"
                                      "INSERT OR REPLACE INTO violation SELECT * FROM violation;"
                                      "INSERT OR REPLACE INTO policy SELECT * FROM policy;"
                                      "INSERT OR REPLACE INTO policy_action SELECT * FROM policy_action");
        assert_string_equal(queued(fixture), "d1 d2");
    }
}

/* A change in flight raises seq and frees nothing. */
static void test_a_change_in_flight(void **state)
{
    struct fixture *fixture = *state;

    set_up(fixture);
    tmpstore_sql(&fixture->store,
                 "UPDATE device SET name = 'x' WHERE device_id = 'd1';"
                 "UPDATE outbox SET claim = 5, sent = 1, message_id = x'00', forced = 1, due_at = 9, attempts = 3");
    long long seq = tmpstore_int(&fixture->store, "SELECT seq FROM outbox");
    tmpstore_sql(&fixture->store, "UPDATE device SET name = 'y' WHERE device_id = 'd1'");
    assert_true(tmpstore_int(&fixture->store, "SELECT seq FROM outbox") > seq);
    assert_string_equal(tmpstore_text(&fixture->store,
                                      "SELECT claim || sent || hex(message_id) || forced || due_at || attempts "
                                      "FROM outbox"),
                        "5100100");
}

/* seq rises even when the clock does not. */
static void test_seq_rises_whatever_the_clock(void **state)
{
    struct fixture *fixture = *state;

    set_up(fixture);
    tmpstore_sql(&fixture->store, "UPDATE device SET name = 'x' WHERE device_id = 'd1'; UPDATE outbox SET seq = 9e18");
    tmpstore_sql(&fixture->store, "UPDATE device SET name = 'y' WHERE device_id = 'd1'");
    assert_string_equal(tmpstore_text(&fixture->store, "SELECT seq FROM outbox"), "9000000000000000001");
}

struct urgency {
    const char *sql;
    int told;
    const char *priority;
};

static void test_priority(void **state)
{
    static const struct urgency cases[] = {
        {"UPDATE device SET name = 'x' WHERE device_id = 'd2'", 1, "1"},
        {"INSERT INTO violation VALUES ('d2', 'block', 1)", 1, "0"},
        {"INSERT INTO violation VALUES ('d2', 'block', 1)", 2, "1"},
        {"INSERT INTO violation VALUES ('d2', 'block', 1)", 0, "0"},
        {"INSERT INTO violation VALUES ('d2', 'off', 1)", 1, "1"},
        {"UPDATE policy_action SET action = 'retire' WHERE policy_id = 'alert'", 2, "0"},
        {"UPDATE policy_action SET action = 'retire' WHERE policy_id = 'alert'", 3, "1"},
        {"UPDATE policy_action SET action = 'monitor' WHERE policy_id = 'alert'", 2, "1"},
        {"UPDATE device SET managed = 0 WHERE device_id = 'd2'", 2, "0"},
        {"UPDATE device SET managed = 0 WHERE device_id = 'd2'", 3, "1"},
        {"UPDATE device SET azure_device_id = '' WHERE device_id = 'd2'", 1, "0"},
        {"UPDATE device SET azure_device_id = upper(azure_device_id), name = 'x' WHERE device_id = 'd2'", 1, "1"},
        {"UPDATE device SET connection = 'x' WHERE device_id = 'd2'", 1, "0"},
        {"DELETE FROM device WHERE device_id = 'd2'", 1, "0"},
        {"DELETE FROM device WHERE device_id = 'd2'", 3, "1"},
        {"DELETE FROM device WHERE device_id = 'd2'", 0, "1"},
        /* the worst of two changes stays */
        {"INSERT INTO violation VALUES ('d2', 'block', 1); DELETE FROM violation", 1, "0"},
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        set_up(fixture);
        tmpstore_sql(&fixture->store, "UPDATE report SET state = %d; %s", cases[i].told, cases[i].sql);
        const char *priority = tmpstore_text(&fixture->store, "SELECT priority FROM outbox WHERE device_id = 'd2'");
        if (strcmp(priority, cases[i].priority) != 0)
            fail_msg("%s after %d: priority %s, not %s", cases[i].sql, cases[i].told, priority, cases[i].priority);
    }
}

static void test_channel_and_connection(void **state)
{
    struct fixture *fixture = *state;

    set_up(fixture);
    tmpstore_sql(&fixture->store, "UPDATE device SET platform = 'windows', connection = 'c2' WHERE device_id = 'd1';"
                                  "UPDATE device SET name = 'x' WHERE device_id = 'd2'");
    assert_string_equal(
        tmpstore_text(&fixture->store, "SELECT group_concat(device_id || connection || channel) FROM outbox"),
        "d1c21,d2default0");
    /* a deleted one goes where Microsoft was told of it */
    tmpstore_sql(&fixture->store, "UPDATE report SET connection = 'c3' WHERE device_id = 'd1'; DELETE FROM device");
    assert_string_equal(
        tmpstore_text(&fixture->store, "SELECT connection || channel FROM outbox WHERE device_id = 'd1'"), "c30");
}

static void test_tombstones(void **state)
{
    struct fixture *fixture = *state;

    for (int recursive = 0; recursive < 2; recursive++) {
        set_up(fixture);
        tmpstore_sql(&fixture->store, "PRAGMA recursive_triggers = %d; DELETE FROM device WHERE device_id = 'd1'",
                     recursive);
        assert_string_equal(tmpstore_text(&fixture->store, "SELECT device_id || platform || name || azure_device_id || "
                                                           "last_check_in FROM tombstone"),
                            "d1iosOne" AZURE_1 "5");
        tmpstore_sql(&fixture->store, "INSERT INTO " COLUMNS D1_SAME);
        assert_string_equal(tmpstore_text(&fixture->store, "SELECT count(*) FROM tombstone"), "0");
        tmpstore_sql(&fixture->store, "REPLACE INTO " COLUMNS "('d1', 'ios', 'Again', '', 1, 1)");
        assert_string_equal(tmpstore_text(&fixture->store, "SELECT count(*) FROM tombstone"), "0");
        tmpstore_sql(&fixture->store, "UPDATE device SET device_id = 'd8' WHERE device_id = 'd1'");
        assert_string_equal(tmpstore_text(&fixture->store, "SELECT group_concat(device_id || name) FROM tombstone"),
                            "d1Again");
        /* violations are the MDM's to remove */
        assert_string_equal(tmpstore_text(&fixture->store, "SELECT count(*) FROM violation WHERE device_id = 'd1'"),
                            "2");
    }
}

static void test_checks_refuse_other_values(void **state)
{
    static const char *const refused[] = {
        "INSERT INTO device (device_id, platform) VALUES ('x', 'iOS')",
        "INSERT INTO device (device_id, platform) VALUES ('', 'ios')",
        "INSERT INTO device (device_id) VALUES ('x')",
        "INSERT INTO device (device_id, platform, managed) VALUES ('x', 'ios', 2)",
        "INSERT INTO device (device_id, platform, connection) VALUES ('x', 'ios', '')",
        "INSERT INTO device (device_id, platform, azure_client_status) VALUES ('x', 'ios', 'success')",
        "INSERT INTO device (device_id, platform) VALUES (x'61', 'ios')",
        "INSERT INTO device (device_id, platform, evaluated_at) VALUES ('x', 'ios', '')",
        "INSERT INTO device (device_id, platform, evaluated_at) VALUES ('x', 'ios', '2026-03-01T00:00:00Z')",
        "INSERT INTO device (device_id, platform, last_check_in) VALUES ('x', 'ios', x'31')",
        "INSERT INTO policy VALUES ('x', '', 2)",
        "INSERT INTO policy_action VALUES ('x', 'wipe')",
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        if ((tmpstore_try(&fixture->store, refused[i])) != SQLITE_CONSTRAINT)
            fail_msg("not refused: %s", refused[i]);
    tmpstore_sql(&fixture->store, "INSERT INTO device (device_id, platform, evaluated_at, last_check_in) VALUES "
                                  "('x', 'ios', '1770000000', 1770000000.5), (7, 'ios', NULL, NULL)");
}

/* What an aborted statement or transaction did is not queued. */
static void test_rollback_queues_nothing(void **state)
{
    struct fixture *fixture = *state;

    set_up(fixture);
    tmpstore_sql(&fixture->store, "BEGIN; UPDATE device SET name = 'x'; DELETE FROM violation; ROLLBACK");
    assert_string_equal(queued(fixture), "");
    assert_int_equal(tmpstore_try(&fixture->store,
                                  "INSERT INTO " COLUMNS "('d4', 'ios', '', '', 1, 1), ('d1', 'ios', '', '', 1, 1)"),
                     SQLITE_CONSTRAINT);
    assert_string_equal(queued(fixture), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_write, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_every_write_with_recursive_triggers, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_rewriting_leaves_the_queue_alone, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_a_change_in_flight, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_seq_rises_whatever_the_clock, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_priority, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_channel_and_connection, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_tombstones, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_checks_refuse_other_values, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_rollback_queues_nothing, fixture_set_up, fixture_tear_down),
    };

    return cmocka_run_group_tests(tests, tempdir_make, tempdir_remove);
}
