/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "store/fleet.h"

#include "fixture.h"
#include "model/action.h"
#include "outbox_internal.h"

enum { SEEN_MAX = 64 };

struct seen {
    char ids[SEEN_MAX][64];
    unsigned count;
    unsigned stop_after; /* 0 = never */
    int stop_code;
};

static int see(void *ctx, const char *id)
{
    struct seen *seen = ctx;

    assert_true(seen->count < SEEN_MAX);
    snprintf(seen->ids[seen->count++], sizeof(seen->ids[0]), "%s", id);
    return seen->count == seen->stop_after ? seen->stop_code : 0;
}

static int see_device(void *ctx, const struct fleet_device *device)
{
    return see(ctx, device->device_id);
}

static void get(struct fixture *fixture, const char *device_id, struct fleet_device *ret_device)
{
    struct error err = {0};

    if (fleet_get(fixture->database, device_id, ret_device, &err) != 0)
        fail_msg("%s: %s", device_id, err.message);
}

/* The ids of a page, joined by blanks. */
static const char *list(struct fixture *fixture, const struct fleet_filter *filter, bool *ret_more)
{
    static char text[SEEN_MAX * 64];
    struct seen seen = {0};
    struct error err = {0};

    if (fleet_list(fixture->database, filter, see_device, &seen, ret_more, &err) != 0)
        fail_msg("%s", err.message);
    text[0] = '\0';
    for (unsigned i = 0; i < seen.count; i++) {
        strcat(text, i > 0 ? " " : "");
        strcat(text, seen.ids[i]);
    }
    return text;
}

static const char *list_all(struct fixture *fixture, struct fleet_filter filter)
{
    bool more;

    filter.limit = 1000;
    const char *text = list(fixture, &filter, &more);
    assert_false(more);
    return text;
}

static void insert(struct fixture *fixture, const char *device_id, const char *platform, const char *azure_device_id)
{
    tmpstore_sql(&fixture->store,
                 "INSERT INTO device (device_id, platform, name, user_principal_name, azure_device_id, evaluated_at) "
                 "VALUES (%Q, %Q, 'Name of ' || %Q, 'u@example.com', %Q, 1)",
                 device_id, platform, device_id, azure_device_id);
}

/* Microsoft took a report. */
static void told(struct fixture *fixture, const char *device_id, int state, const char *azure_device_id)
{
    tmpstore_sql(
        &fixture->store,
        "INSERT INTO report (device_id, state, connection, platform, azure_device_id, user_id, accepted_at_ms, "
        "last_update_ms, status) VALUES (%Q, %d, 'default', 'ios', %Q, '" USER_1 "', 1000, 1000, 2)",
        device_id, state, azure_device_id);
}

static void clear_queue(struct fixture *fixture)
{
    tmpstore_sql(&fixture->store, "DELETE FROM outbox");
}

/* --------------------------------------------------------------------------------------------------------- get */

static void test_get_unknown(void **state)
{
    struct fixture *fixture = *state;
    struct fleet_device device;
    struct error err = {0};

    assert_int_equal(fleet_get(fixture->database, "nobody", &device, &err), ERR_NOTFOUND);
    fleet_device_deinit(&device);
}

static void test_get_new(void **state)
{
    struct fixture *fixture = *state;
    struct fleet_device device;

    tmpstore_sql(&fixture->store, "INSERT INTO device (device_id, platform, name, manufacturer, model, serial_number, "
                                  "os_version, user_principal_name, azure_client_status, last_check_in) VALUES "
                                  "('d', 'android', 'N', 'M', 'O', 'S', 'V', 'U', 'Interaction_Required', 77)");
    get(fixture, "d", &device);
    assert_string_equal(device.device_id, "d");
    assert_string_equal(device.connection, "default");
    assert_string_equal(device.platform, "android");
    assert_string_equal(device.name, "N");
    assert_string_equal(device.manufacturer, "M");
    assert_string_equal(device.model, "O");
    assert_string_equal(device.serial_number, "S");
    assert_string_equal(device.os_version, "V");
    assert_string_equal(device.user_principal_name, "U");
    assert_string_equal(device.azure_device_id, "");
    assert_int_equal(device.client_status, CLIENT_INTERACTION_REQUIRED);
    assert_int_equal(device.last_check_in_s, 77);
    assert_int_equal(device.evaluated_at_s, -1);
    assert_false(device.deleted);
    assert_true(device.managed);
    assert_int_equal(device.decision.kind, DECISION_WAIT);
    assert_int_equal(device.reason, REASON_NOT_REGISTERED);
    assert_int_equal(device.reported_state, AZURE_STATE_NONE);
    assert_string_equal(device.reported_azure_device_id, "");
    assert_string_equal(device.message_id, "");
    assert_int_equal(device.status, STATUS_NONE);
    assert_int_equal(device.accepted_at_ms, -1);
    assert_int_equal(device.removed_until_s, -1);
    assert_true(device.queued);
    assert_int_equal(device.priority, PRIORITY_CHANGE);
    assert_true(device.queued_at_ms > 0);
    assert_int_equal(device.due_at_ms, -1);
    assert_int_equal(device.attempts, 0);
    assert_false(device.in_flight);
    fleet_device_deinit(&device);
}

static void test_get_null_columns(void **state)
{
    struct fixture *fixture = *state;
    struct fleet_device device;

    tmpstore_sql(&fixture->store,
                 "INSERT INTO device (device_id, platform, name, model, user_principal_name, "
                 "azure_device_id, azure_client_status) VALUES ('d', 'ios', NULL, NULL, NULL, NULL, NULL)");
    get(fixture, "d", &device);
    assert_string_equal(device.name, "");
    assert_string_equal(device.model, "");
    assert_string_equal(device.azure_device_id, "");
    assert_int_equal(device.client_status, CLIENT_UNKNOWN);
    fleet_device_deinit(&device);
}

static void test_get_invalid_text(void **state)
{
    struct fixture *fixture = *state;
    struct fleet_device device;

    tmpstore_sql(&fixture->store, "INSERT INTO device (device_id, platform, name, azure_device_id, "
                                  "user_principal_name, evaluated_at) VALUES "
                                  "('d', 'ios', CAST(X'61FF62' AS TEXT), '" AZURE_1 "', 'u@example.com', 1)");
    get(fixture, "d", &device);
    assert_string_equal(device.name, "a\xEF\xBF\xBD"
                                     "b");
    assert_int_equal(device.decision.kind, DECISION_PARK);
    assert_int_equal(device.reason, REASON_BAD_DATA);
    fleet_device_deinit(&device);
}

static void test_get_in_flight(void **state)
{
    struct fixture *fixture = *state;
    struct fleet_device device;

    insert(fixture, "d", "ios", AZURE_1);
    struct outbox_item *item = fixture_stage_one(fixture);
    get(fixture, "d", &device);
    assert_true(device.in_flight);
    assert_int_equal(device.reason, REASON_QUEUED);
    assert_int_equal(device.reported_state, AZURE_STATE_NONE);
    assert_int_equal(device.decision.kind, DECISION_REPORT);
    assert_int_equal(device.decision.state, AZURE_STATE_COMPLIANT);
    fleet_device_deinit(&device);
    outbox_item_free(item);
}

/* The row goes while its message may have arrived: the id that Microsoft may hold is retired. */
static void test_get_in_doubt(void **state)
{
    struct fixture *fixture = *state;
    struct fleet_device device;

    insert(fixture, "d", "ios", AZURE_1);
    outbox_item_free(fixture_stage_one(fixture));
    tmpstore_sql(&fixture->store, "DELETE FROM device");
    get(fixture, "d", &device);
    assert_true(device.deleted);
    assert_int_equal(device.decision.kind, DECISION_RETIRE);
    assert_int_equal(device.reported_state, AZURE_STATE_NONE);
    fleet_device_deinit(&device);
}

static void test_get_backoff(void **state)
{
    struct fixture *fixture = *state;
    struct fleet_device device;

    insert(fixture, "d", "ios", AZURE_1);
    tmpstore_sql(&fixture->store, "UPDATE outbox SET attempts = 3, due_at = 32503680000000");
    get(fixture, "d", &device);
    assert_int_equal(device.reason, REASON_RETRYING);
    assert_int_equal(device.attempts, 3);
    assert_int_equal(device.due_at_ms, INT64_C(32503680000000));
    fleet_device_deinit(&device);

    tmpstore_sql(&fixture->store, "INSERT INTO report (device_id, reason) VALUES ('d', 'connection_trouble');"
                                  "UPDATE outbox SET due_at = 1");
    get(fixture, "d", &device);
    assert_int_equal(device.reason, REASON_CONNECTION_TROUBLE);
    assert_int_equal(device.due_at_ms, -1);
    fleet_device_deinit(&device);
}

static void test_get_parked(void **state)
{
    struct fixture *fixture = *state;
    struct fleet_device device;

    insert(fixture, "d", "ios", AZURE_1);
    told(fixture, "d", 2, AZURE_1);
    tmpstore_sql(&fixture->store, "UPDATE report SET status = 3, reason = 'device_refused', error = 'no', "
                                  "request_id = 'r', message_id = X'11111111111141118111111111111111'");
    clear_queue(fixture);
    get(fixture, "d", &device);
    assert_int_equal(device.status, STATUS_ERROR);
    assert_int_equal(device.reason, REASON_DEVICE_REFUSED);
    assert_string_equal(device.last_error, "no");
    assert_string_equal(device.request_id, "r");
    assert_string_equal(device.message_id, "11111111-1111-4111-8111-111111111111");
    assert_int_equal(device.reported_state, AZURE_STATE_NON_COMPLIANT);
    assert_string_equal(device.reported_azure_device_id, AZURE_1);
    assert_string_equal(device.reported_connection, "default");
    assert_string_equal(device.user_id, USER_1);
    assert_int_equal(device.accepted_at_ms, 1000);
    assert_false(device.queued);
    fleet_device_deinit(&device);

    /* A change came: it is on its way again. */
    tmpstore_sql(&fixture->store, "UPDATE device SET name = 'other'");
    get(fixture, "d", &device);
    assert_int_equal(device.status, STATUS_ERROR);
    assert_int_equal(device.reason, REASON_QUEUED);
    fleet_device_deinit(&device);
}

static void test_get_deleted(void **state)
{
    struct fixture *fixture = *state;
    struct fleet_device device;

    insert(fixture, "d", "ios", "");
    told(fixture, "d", 1, AZURE_1);
    tmpstore_sql(&fixture->store, "DELETE FROM device");
    get(fixture, "d", &device);
    assert_true(device.deleted);
    assert_false(device.managed);
    assert_string_equal(device.name, "Name of d");
    assert_string_equal(device.azure_device_id, AZURE_1);
    assert_int_equal(device.decision.kind, DECISION_RETIRE);
    assert_int_equal(device.removed_until_s, -1);
    fleet_device_deinit(&device);

    tmpstore_sql(&fixture->store, "UPDATE report SET state = 3, removed_at_ms = 86400500; DELETE FROM outbox");
    get(fixture, "d", &device);
    assert_int_equal(device.reported_state, AZURE_STATE_REMOVED);
    assert_int_equal(device.removed_until_s, 86400 + 90 * 86400);
    assert_int_equal(device.reason, REASON_NONE);
    fleet_device_deinit(&device);

    tmpstore_sql(&fixture->store, "DELETE FROM tombstone");
    get(fixture, "d", &device);
    assert_string_equal(device.connection, "default");
    assert_string_equal(device.platform, "ios");
    fleet_device_deinit(&device);
}

/* -------------------------------------------------------------------------------------------------------- list */

static void make_fleet(struct fixture *fixture)
{
    insert(fixture, "a", "ios", AZURE_1);
    insert(fixture, "b", "windows", AZURE_2);
    insert(fixture, "c", "android", "");
    insert(fixture, "d", "macos", "");
    insert(fixture, "e", "macos", "");
    tmpstore_sql(&fixture->store, "UPDATE device SET connection = 'second', serial_number = '50%%_OFF', "
                                  "user_principal_name = 'Ana@example.com', model = 'Pixel 9' WHERE device_id = 'c'");
    told(fixture, "a", 1, AZURE_1);
    told(fixture, "b", 2, AZURE_2);
    told(fixture, "d", 3, "33333333-3333-4333-8333-333333333333");
    tmpstore_sql(&fixture->store, "UPDATE report SET status = 1 WHERE device_id = 'a';"
                                  "UPDATE report SET status = 3 WHERE device_id = 'b';"
                                  "DELETE FROM device WHERE device_id IN ('d', 'e')"); /* e was never told of */
}

static void test_list_all(void **state)
{
    struct fixture *fixture = *state;

    assert_string_equal(list_all(fixture, (struct fleet_filter){0}), "");
    make_fleet(fixture);
    assert_string_equal(list_all(fixture, (struct fleet_filter){0}), "a b c d");
}

static void test_list_filters(void **state)
{
    struct fixture *fixture = *state;

    make_fleet(fixture);
    assert_string_equal(list_all(fixture, (struct fleet_filter){.state = ""}), "a b c d");
    assert_string_equal(list_all(fixture, (struct fleet_filter){.state = "compliant"}), "a");
    assert_string_equal(list_all(fixture, (struct fleet_filter){.state = "non_compliant"}), "b");
    assert_string_equal(list_all(fixture, (struct fleet_filter){.state = "removed"}), "d");
    assert_string_equal(list_all(fixture, (struct fleet_filter){.status = "in_progress"}), "a");
    assert_string_equal(list_all(fixture, (struct fleet_filter){.status = "error"}), "b");
    assert_string_equal(list_all(fixture, (struct fleet_filter){.status = "success"}), "d");
    assert_string_equal(list_all(fixture, (struct fleet_filter){.connection = "second"}), "c");
    assert_string_equal(list_all(fixture, (struct fleet_filter){.connection = "default"}), "a b d");
    assert_string_equal(list_all(fixture, (struct fleet_filter){.connection = "default", .status = "success"}), "d");
}

static void test_list_search(void **state)
{
    struct fixture *fixture = *state;

    make_fleet(fixture);
    assert_string_equal(list_all(fixture, (struct fleet_filter){.search = "NAME OF"}), "a b c d");
    assert_string_equal(list_all(fixture, (struct fleet_filter){.search = "of b"}), "b");
    assert_string_equal(list_all(fixture, (struct fleet_filter){.search = "aNa@"}), "c");
    assert_string_equal(list_all(fixture, (struct fleet_filter){.search = "pixel"}), "c");
    assert_string_equal(list_all(fixture, (struct fleet_filter){.search = "0%_o"}), "c");
    assert_string_equal(list_all(fixture, (struct fleet_filter){.search = "5%f"}), ""); /* no wildcards */
    assert_string_equal(list_all(fixture, (struct fleet_filter){.search = "_"}), "c");
    assert_string_equal(list_all(fixture, (struct fleet_filter){.search = "22222222-2222"}), "b");
    assert_string_equal(list_all(fixture, (struct fleet_filter){.search = "33333333"}), "d");
    assert_string_equal(list_all(fixture, (struct fleet_filter){.search = "\\"}), "");
    assert_string_equal(list_all(fixture, (struct fleet_filter){.search = "name", .state = "removed"}), "d");
}

static void test_list_pages(void **state)
{
    struct fixture *fixture = *state;
    bool more;

    make_fleet(fixture);
    assert_string_equal(list(fixture, &(struct fleet_filter){.limit = 2}, &more), "a b");
    assert_true(more);
    assert_string_equal(list(fixture, &(struct fleet_filter){.limit = 2, .after = "b"}, &more), "c d");
    assert_false(more);
    assert_string_equal(list(fixture, &(struct fleet_filter){.limit = 2, .after = "c"}, &more), "d");
    assert_false(more);
    assert_string_equal(list(fixture, &(struct fleet_filter){.limit = 3, .after = "bb"}, &more), "c d");
    assert_string_equal(list(fixture, &(struct fleet_filter){.limit = 0}, &more), "");
    assert_true(more);
}

static void test_list_limit(void **state)
{
    struct fixture *fixture = *state;
    struct seen seen = {.stop_after = 2, .stop_code = 1};
    struct error err = {0};
    bool more;

    make_fleet(fixture);
    assert_int_equal(
        fleet_list(fixture->database, &(struct fleet_filter){.limit = UINT32_MAX}, see_device, &seen, &more, &err), 0);
    assert_int_equal(seen.count, 2);
    seen = (struct seen){.stop_after = 1, .stop_code = ERR_NOMEM};
    assert_int_equal(fleet_list(fixture->database, &(struct fleet_filter){.limit = 5}, see_device, &seen, &more, &err),
                     ERR_NOMEM);
    assert_int_equal(seen.count, 1);
}

static void test_list_refuses(void **state)
{
    struct fixture *fixture = *state;
    struct seen seen = {0};
    struct error err = {0};
    char search[300];
    bool more;

    memset(search, 'x', sizeof(search));
    search[sizeof(search) - 1] = '\0';
    assert_int_equal(
        fleet_list(fixture->database, &(struct fleet_filter){.state = "good"}, see_device, &seen, &more, &err),
        ERR_INVALID);
    assert_int_equal(
        fleet_list(fixture->database, &(struct fleet_filter){.status = "good"}, see_device, &seen, &more, &err),
        ERR_INVALID);
    assert_int_equal(
        fleet_list(fixture->database, &(struct fleet_filter){.search = search}, see_device, &seen, &more, &err),
        ERR_TOOBIG);
}

/* Ids that are no UTF-8 are keys as all others; those that are no text at all are left out, and no page ends in a
 * circle. */
static void test_list_odd_ids(void **state)
{
    struct fixture *fixture = *state;
    struct fleet_device device;
    bool more;

    insert(fixture, "a", "ios", "");
    tmpstore_sql(&fixture->store, "PRAGMA ignore_check_constraints = on; INSERT INTO device (device_id, platform) "
                                  "VALUES (CAST(X'61FF' AS TEXT), 'ios'), "
                                  "(X'6162', 'ios'), (CAST(X'620063' AS TEXT), 'ios'), ('c', 'ios')");
    assert_string_equal(list_all(fixture, (struct fleet_filter){0}), "a a\xFF c");
    assert_string_equal(list(fixture, &(struct fleet_filter){.limit = 1, .after = "a"}, &more), "a\xFF");
    assert_true(more);
    assert_string_equal(list(fixture, &(struct fleet_filter){.limit = 1, .after = "a\xFF"}, &more), "c");
    assert_false(more);
    get(fixture, "a\xFF", &device);
    assert_int_equal(device.decision.kind, DECISION_PARK);
    fleet_device_deinit(&device);
}

/* Every look leaves the connection without a transaction. */
static void test_no_transaction_stays(void **state)
{
    struct fixture *fixture = *state;
    struct fleet_counts counts;
    struct error err = {0};

    make_fleet(fixture);
    list_all(fixture, (struct fleet_filter){0});
    assert_int_equal(sqlite3_txn_state(fixture->database->handle, NULL), SQLITE_TXN_NONE);
    assert_int_equal(fleet_counts(fixture->database, NULL, &counts, &err), 0);
    assert_int_equal(sqlite3_txn_state(fixture->database->handle, NULL), SQLITE_TXN_NONE);
}

/* -------------------------------------------------------------------------------------------------- violations */

struct violations {
    char text[1024];
};

static int see_violation(void *ctx, const struct fleet_violation *violation)
{
    struct violations *seen = ctx;
    size_t used = strlen(seen->text);

    snprintf(seen->text + used, sizeof(seen->text) - used, "%s/%s/%s%s%s/%x/%lld;", violation->policy_id,
             violation->policy_name, violation->known ? "k" : "", violation->enabled ? "e" : "",
             violation->decisive ? "d" : "", violation->actions, (long long)violation->since_s);
    return 0;
}

static void expect_violations(struct fixture *fixture, const char *expected)
{
    struct violations seen = {""};
    struct error err = {0};

    assert_int_equal(fleet_violations(fixture->database, "d", see_violation, &seen, &err), 0);
    assert_string_equal(seen.text, expected);
}

static void test_violations(void **state)
{
    struct fixture *fixture = *state;

    expect_violations(fixture, "");
    insert(fixture, "d", "ios", AZURE_1);
    tmpstore_sql(&fixture->store, "INSERT INTO violation VALUES ('d', 'alert', 5), ('d', 'block', NULL)");
    expect_violations(fixture, "alert/Alert/ke/2/5;block/Block/ked/11/-1;");

    /* Two of the strictest: the first decides. */
    tmpstore_sql(&fixture->store, "INSERT INTO policy VALUES ('zone', NULL, 1);"
                                  "INSERT INTO policy_action VALUES ('zone', 'quarantine');"
                                  "INSERT INTO violation VALUES ('d', 'zone', 7)");
    expect_violations(fixture, "alert/Alert/ke/2/5;block/Block/ked/11/-1;zone//ke/10/7;");

    tmpstore_sql(&fixture->store, "UPDATE policy SET enabled = 0 WHERE policy_id = 'block'");
    expect_violations(fixture, "alert/Alert/ke/2/5;block/Block/k/11/-1;zone//ked/10/7;");

    /* With a policy that nobody knows, nothing decides. */
    tmpstore_sql(&fixture->store, "INSERT INTO violation VALUES ('d', 'what', 8)");
    expect_violations(fixture, "alert/Alert/ke/2/5;block/Block/k/11/-1;what///0/8;zone//ke/10/7;");
}

/* ------------------------------------------------------------------------------------------------------ counts */

static void test_counts(void **state)
{
    struct fixture *fixture = *state;
    struct fleet_counts counts;
    struct error err = {0};

    assert_int_equal(fleet_counts(fixture->database, NULL, &counts, &err), 0);
    assert_int_equal(counts.devices, 0);
    assert_int_equal(counts.queue_oldest_ms, -1);

    make_fleet(fixture);
    clear_queue(fixture);
    tmpstore_sql(
        &fixture->store,
        "INSERT INTO outbox (device_id, seq, connection, channel, priority, queued_at, minute) VALUES "
        "('a', 1, 'default', 0, 0, 500, 0), ('c', 1, 'second', 0, 3, 400, 0), ('x', 1, 'second', 0, 3, 600, 0);"
        "INSERT INTO message (message_id, device_id, connection, accepted_at_ms, poll_at_ms, deadline_ms, sent_as) "
        "VALUES (X'01', 'a', 'default', 1, 1, 1, '')");
    assert_int_equal(fleet_counts(fixture->database, NULL, &counts, &err), 0);
    assert_int_equal(counts.devices, 3);
    assert_int_equal(counts.by_state[AZURE_STATE_NONE], 1);
    assert_int_equal(counts.by_state[AZURE_STATE_COMPLIANT], 1);
    assert_int_equal(counts.by_state[AZURE_STATE_NON_COMPLIANT], 1);
    assert_int_equal(counts.by_state[AZURE_STATE_REMOVED], 1);
    assert_int_equal(counts.by_status[STATUS_NONE], 1);
    assert_int_equal(counts.by_status[STATUS_IN_PROGRESS], 1);
    assert_int_equal(counts.by_status[STATUS_SUCCESS], 1);
    assert_int_equal(counts.by_status[STATUS_ERROR], 1);
    assert_int_equal(counts.queued[PRIORITY_WORSENING], 1);
    assert_int_equal(counts.queued[PRIORITY_CHANGE], 0);
    assert_int_equal(counts.queued[PRIORITY_WEEKLY], 2);
    assert_int_equal(counts.queue_oldest_ms, 400);
    assert_int_equal(counts.awaiting_verdict, 1);
    assert_int_equal(counts.parked, 1);

    assert_int_equal(fleet_counts(fixture->database, "second", &counts, &err), 0);
    assert_int_equal(counts.devices, 1);
    assert_int_equal(counts.by_state[AZURE_STATE_NONE], 1);
    assert_int_equal(counts.by_state[AZURE_STATE_REMOVED], 0);
    assert_int_equal(counts.queued[PRIORITY_WEEKLY], 2);
    assert_int_equal(counts.awaiting_verdict, 0);
    assert_int_equal(counts.parked, 0);

    /* An error that is being worked on is not parked. */
    tmpstore_sql(&fixture->store, "UPDATE device SET name = 'new' WHERE device_id = 'b'");
    assert_int_equal(fleet_counts(fixture->database, "default", &counts, &err), 0);
    assert_int_equal(counts.by_status[STATUS_ERROR], 1);
    assert_int_equal(counts.parked, 0);
}

/* One walk for all connections; what is put off does not wait, what is tried in vain does. */
static void test_queues(void **state)
{
    struct fixture *fixture = *state;
    struct fleet_queue queues[2] = {{.connection = "second"}, {.connection = "default"}};
    struct error err = {0};
    int64_t others = -1;

    make_fleet(fixture);
    clear_queue(fixture);
    assert_int_equal(fleet_queues(fixture->database, 1000, queues, 2, &others, &err), 0);
    assert_int_equal(queues[0].oldest_ms, -1);
    assert_int_equal(others, 0);
    tmpstore_sql(
        &fixture->store,
        "INSERT INTO outbox (device_id, seq, connection, channel, priority, queued_at, due_at, attempts, minute) "
        "VALUES "
        "('a', 1, 'default', 0, 0, 500, 0, 0, 0), ('b', 1, 'default', 1, 0, 400, 1001, 1, 0), "
        "('c', 1, 'second', 0, 3, 300, 700, 1, 0), ('x', 1, 'second', 0, 1, 600, 2000, 2, 0), "
        "('h', 1, 'second', 0, 0, 1, 9223372036854775807, 5, 0), ('y', 1, 'third', 0, 1, 1, 0, 0, 0);"
        "INSERT INTO breaker VALUES ('second', 1, 900, 7, 5), ('default', 0, 900, 7, 5);"
        "INSERT INTO message (message_id, device_id, connection, accepted_at_ms, poll_at_ms, deadline_ms, sent_as) "
        "VALUES (X'01', 'a', 'default', 1, 1, 1, ''), (X'02', 'y', 'third', 1, 1, 1, '')");
    assert_int_equal(fleet_queues(fixture->database, 1000, queues, 2, &others, &err), 0);
    assert_int_equal(others, 1);
    assert_int_equal(queues[1].queued[PRIORITY_WORSENING], 2);
    assert_int_equal(queues[1].oldest_ms, 500);
    assert_int_equal(queues[1].unanswered, 1);
    assert_int_equal(queues[0].queued[PRIORITY_CHANGE], 1);
    assert_int_equal(queues[0].queued[PRIORITY_WEEKLY], 1);
    assert_int_equal(queues[0].oldest_ms, 600);
    assert_int_equal(queues[0].held, 1);
    assert_true(queues[0].breaker_open);
    assert_false(queues[1].breaker_open);
    assert_int_equal(queues[0].unanswered, 0);
    assert_int_equal(fleet_queues(fixture->database, 1000, queues, 0, &others, &err), 0);
    assert_int_equal(others, 6);
}

/* -------------------------------------------------------------------------------------------------------- plan */

struct plan {
    char text[4096];
    unsigned count;
    int stop_code;
};

static int see_entry(void *ctx, const struct fleet_plan_entry *entry)
{
    static const char *const kinds[] = {"nothing", "wait", "park", "report", "retire"};
    struct plan *plan = ctx;
    size_t used = strlen(plan->text);

    plan->count++;
    snprintf(plan->text + used, sizeof(plan->text) - used, "%s %s %s %s %s>%s%s%s;", entry->device_id,
             entry->connection, entry->azure_device_id[0] ? entry->azure_device_id : "-",
             priority_name(entry->priority), azure_state_name(entry->previous), kinds[entry->decision.kind],
             entry->decision.kind >= DECISION_REPORT ? " " : "",
             entry->needless                           ? "needless"
             : entry->decision.kind >= DECISION_REPORT ? azure_state_name(entry->decision.state)
                                                       : reason_slug(entry->decision.reason));
    return plan->stop_code;
}

static void expect_plan(struct fixture *fixture, const char *expected)
{
    struct plan plan = {.text = ""};
    struct error err = {0};

    assert_int_equal(fleet_plan(fixture->database, &(struct breaker_limits){0}, see_entry, &plan, &err), 0);
    assert_string_equal(plan.text, expected);
    assert_int_equal(sqlite3_txn_state(fixture->database->handle, NULL), SQLITE_TXN_NONE);
}

static void test_plan_order(void **state)
{
    struct fixture *fixture = *state;

    expect_plan(fixture, "");
    insert(fixture, "w", "windows", AZURE_2);
    insert(fixture, "z", "ios", "");
    insert(fixture, "a", "ios", AZURE_1);
    tmpstore_sql(&fixture->store, "UPDATE outbox SET priority = 3 WHERE device_id = 'w';"
                                  "INSERT INTO violation VALUES ('a', 'block', 1)");
    expect_plan(fixture, "a default " AZURE_1 " worsening >report non_compliant;"
                         "z default - change >waitnot_registered;"
                         "w default " AZURE_2 " weekly >report compliant;");
}

static void test_plan_stops(void **state)
{
    struct fixture *fixture = *state;
    struct error err = {0};
    struct plan plan = {.stop_code = 1};

    insert(fixture, "a", "ios", "");
    insert(fixture, "b", "ios", "");
    assert_int_equal(fleet_plan(fixture->database, &(struct breaker_limits){0}, see_entry, &plan, &err), 0);
    assert_int_equal(plan.count, 1);
    plan = (struct plan){.stop_code = ERR_TOOBIG};
    assert_int_equal(fleet_plan(fixture->database, &(struct breaker_limits){0}, see_entry, &plan, &err), ERR_TOOBIG);
    assert_int_equal(plan.count, 1);
}

static int count_entry(void *ctx, const struct fleet_plan_entry *entry)
{
    char expected[16];

    snprintf(expected, sizeof(expected), "%04u", (*(unsigned *)ctx)++);
    assert_string_equal(entry->device_id, expected);
    return 0;
}

/* Longer than a chunk: no row is left out, none is told twice. */
static void test_plan_chunks(void **state)
{
    struct fixture *fixture = *state;
    struct error err = {0};
    unsigned count = 0;

    tmpstore_sql(&fixture->store, "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999) "
                                  "INSERT INTO device (device_id, platform) SELECT printf('%%04d', i), 'ios' FROM n;"
                                  "UPDATE outbox SET queued_at = 1, seq = 1, minute = 1;"
                                  "UPDATE outbox SET claim = 1 WHERE device_id < '0512'");
    assert_int_equal(fleet_plan(fixture->database, &(struct breaker_limits){0}, count_entry, &count, &err), 0);
    assert_int_equal(count, 1000);
}

static void test_plan_needless(void **state)
{
    struct fixture *fixture = *state;

    insert(fixture, "d", "ios", AZURE_1);
    struct outbox_item *item = fixture_stage_one(fixture);
    struct outbox_record record;
    assert_int_equal(outbox_record_init(&record, "default", 1, NULL), 0);
    record.results[0] =
        (struct outbox_result){.item = item, .outcome = OUTBOX_SUCCESS, .at_ms = fixture->now_ms, .due_ms = -1};
    record.count = 1;
    fixture_run(fixture, &record.job);
    outbox_record_deinit(&record);
    outbox_item_free(item);
    expect_plan(fixture, "");

    tmpstore_sql(&fixture->store, "UPDATE device SET name = 'x'; UPDATE device SET name = 'Name of d'");
    expect_plan(fixture, "d default " AZURE_1 " change compliant>report needless;");
    tmpstore_sql(&fixture->store, "UPDATE outbox SET forced = 1");
    expect_plan(fixture, "d default " AZURE_1 " change compliant>report compliant;");
    tmpstore_sql(&fixture->store, "UPDATE outbox SET forced = 0; UPDATE device SET model = 'm'");
    expect_plan(fixture, "d default " AZURE_1 " change compliant>report compliant;");
    /* A message in doubt: nothing is told for certain. */
    tmpstore_sql(&fixture->store, "UPDATE device SET model = ''; UPDATE outbox SET sent = 2");
    expect_plan(fixture, "d default " AZURE_1 " change compliant>report compliant;");
}

static void test_plan_retire(void **state)
{
    struct fixture *fixture = *state;

    insert(fixture, "d", "ios", AZURE_2);
    told(fixture, "d", 1, AZURE_1);
    expect_plan(fixture, "d default " AZURE_1 " change compliant>retire removed;");
    tmpstore_sql(&fixture->store, "DELETE FROM device");
    expect_plan(fixture, "d default " AZURE_1 " worsening compliant>retire removed;");
}

/* Staging and planning must agree where two devices have one id. */
static void test_plan_twins(void **state)
{
    struct fixture *fixture = *state;

    insert(fixture, "old", "ios", AZURE_1);
    told(fixture, "old", 1, AZURE_1);
    clear_queue(fixture);
    insert(fixture, "new", "ios", AZURE_1);
    expect_plan(fixture, "new default " AZURE_1 " change >parkazure_device_id_taken;");
    fixture_stage_none(fixture);
    assert_string_equal(tmpstore_text(&fixture->store, "SELECT reason FROM report WHERE device_id = 'new'"),
                        "azure_device_id_taken");
}

static void test_plan_holder(void **state)
{
    struct fixture *fixture = *state;

    /* The id went to another device: removing it would lock that one out. */
    insert(fixture, "heir", "ios", AZURE_1);
    insert(fixture, "old", "ios", AZURE_2);
    told(fixture, "old", 1, AZURE_1);
    clear_queue(fixture);
    tmpstore_sql(&fixture->store, "UPDATE device SET name = 'x' WHERE device_id = 'old'");
    expect_plan(fixture, "old default " AZURE_2 " worsening >report compliant;");
    tmpstore_sql(&fixture->store, "DELETE FROM device WHERE device_id = 'old'");
    expect_plan(fixture, "old default " AZURE_1 " worsening compliant>retire needless;");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_get_unknown),
        TEST(test_get_new),
        TEST(test_get_null_columns),
        TEST(test_get_invalid_text),
        TEST(test_get_in_flight),
        TEST(test_get_in_doubt),
        TEST(test_get_backoff),
        TEST(test_get_parked),
        TEST(test_get_deleted),
        TEST(test_list_all),
        TEST(test_list_filters),
        TEST(test_list_search),
        TEST(test_list_pages),
        TEST(test_list_limit),
        TEST(test_list_refuses),
        TEST(test_list_odd_ids),
        TEST(test_no_transaction_stays),
        TEST(test_violations),
        TEST(test_counts),
        TEST(test_queues),
        TEST(test_plan_order),
        TEST(test_plan_stops),
        TEST(test_plan_chunks),
        TEST(test_plan_needless),
        TEST(test_plan_retire),
        TEST(test_plan_twins),
        TEST(test_plan_holder),
    };

    return cmocka_run_group_tests(tests, tempdir_make, tempdir_remove);
}
