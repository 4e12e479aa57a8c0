/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * Every allocation of our own fails once, and from each on for good, while a fleet is imported, looked at, copied and
 * checked: the call says ERR_NOMEM, nothing leaks, and nothing of an import stays.
 */
#include "fault.h"
#include "fixture.h"
#include "store/fleet.h"
#include "store/import.h"

/* Runs `attempt` with allocation n failing, for n = 0, 1, 2 ... until it goes through untouched. */
static void torture(struct fixture *fixture, int (*attempt)(struct fixture *fixture))
{
    static const enum fault_mode modes[] = {FAULT_ONCE, FAULT_STAYS};

    for (int mode = 0; mode < 2; mode++) {
        for (unsigned n = 0;; n++) {
            assert_true(n < 1000);
            fault_arm(n, modes[mode]);
            int code = attempt(fixture);
            bool failed = fault_disarm();
            assert_int_equal(sqlite3_txn_state(fixture->database->handle, NULL), SQLITE_TXN_NONE);
            assert_int_equal(code, failed ? ERR_NOMEM : 0);
            if (!failed)
                break;
        }
    }
}

static int import(struct fixture *fixture, const char *text)
{
    struct import_progress done;
    struct import_error where;
    struct error err;
    const char *path = tempdir_write("input", text, strlen(text), 0600);
    FILE *in = fopen(path, "re");

    assert_non_null(in);
    int code = import_stream(fixture->database, in, "root", NULL, NULL, &done, &where, &err);
    fclose(in);
    if (code < 0)
        assert_string_equal(tmpstore_text(&fixture->store, "SELECT count(*) FROM device"), "0");
    tmpstore_sql(&fixture->store, "DELETE FROM device; DELETE FROM violation");
    return code;
}

static int import_json(struct fixture *fixture)
{
    return import(fixture, "{\"device\":{\"device_id\":\"a\",\"platform\":\"ios\",\"violations\":[\"p\",\"q\"]}}\n"
                           "{\"device\":{\"device_id\":\"a\",\"violations\":[\"r\"],\"name\":\"x\"}}\n"
                           "{\"policy\":{\"policy_id\":\"p\"}}\n{\"delete_device\":\"b\"}\n");
}

static int import_csv(struct fixture *fixture)
{
    return import(fixture, "device_id,platform,violations\na,ios,p;q\nb,\"ios\",\n");
}

static int look_at_device(void *ctx, const struct fleet_device *device)
{
    (void)ctx;
    assert_non_null(device->last_error);
    return 0;
}

static int look_at_violation(void *ctx, const struct fleet_violation *violation)
{
    (void)ctx;
    assert_non_null(violation->policy_name);
    return 0;
}

static int look_at_entry(void *ctx, const struct fleet_plan_entry *entry)
{
    (void)ctx;
    assert_non_null(entry->azure_device_id);
    return 0;
}

static int get(struct fixture *fixture)
{
    struct fleet_device device;
    struct error err;

    int code = fleet_get(fixture->database, "a", &device, &err);
    fleet_device_deinit(&device); /* whatever the result */
    return code;
}

static int list(struct fixture *fixture)
{
    struct error err;
    bool more;

    return fleet_list(fixture->database, &(struct fleet_filter){.search = "name", .limit = 10}, look_at_device, NULL,
                      &more, &err);
}

static int look_at_violations(struct fixture *fixture)
{
    struct error err;

    return fleet_violations(fixture->database, "a", look_at_violation, NULL, &err);
}

static int plan(struct fixture *fixture)
{
    struct error err;

    return fleet_plan(fixture->database, &(struct breaker_limits){0}, look_at_entry, NULL, &err);
}

static int check(struct fixture *fixture)
{
    struct error err;
    struct buf report;

    buf_init(&report, 0);
    int code = database_check(fixture->database, &report, &err);
    buf_deinit(&report);
    return code;
}

static int backup(struct fixture *fixture)
{
    struct error err;
    const char *path = tempdir_path("copy");

    int code = database_backup(fixture->database, path, NULL, NULL, &err);
    if (code < 0)
        assert_int_not_equal(access(path, F_OK), 0);
    unlink(path);
    return code;
}

static void test_import(void **state)
{
    torture(*state, import_json);
    torture(*state, import_csv);
}

static void test_fleet(void **state)
{
    struct fixture *fixture = *state;

    tmpstore_sql(&fixture->store,
                 "INSERT INTO device (device_id, platform, name, azure_device_id, user_principal_name, evaluated_at) "
                 "VALUES ('a', 'ios', 'name', '" AZURE_1 "', 'u@example.com', 1), ('b', 'windows', 'name', '" AZURE_2
                 "', '', 1), ('c', 'ios', 'name', '', '', NULL);"
                 "INSERT INTO violation VALUES ('a', 'block', 1), ('a', 'alert', 1);"
                 "INSERT INTO report (device_id, state, connection, platform, azure_device_id) VALUES "
                 "('b', 1, 'default', 'windows', '" AZURE_1 "');"
                 "DELETE FROM device WHERE device_id = 'b'");
    torture(fixture, get);
    torture(fixture, list);
    torture(fixture, look_at_violations);
    torture(fixture, plan);
}

static void test_file(void **state)
{
    torture(*state, check);
    torture(*state, backup);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_import),
        TEST(test_fleet),
        TEST(test_file),
    };

    return cmocka_run_group_tests(tests, tempdir_make, tempdir_remove);
}
