/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* What operators decide against the MDM's word: a device that is retired, and what is held as it was told. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "fixture.h"
#include "store/hold.h"
#include "store/retire.h"

static int try_retire(struct fixture *fixture, const char *id, bool revive, bool one_of_many)
{
    struct retire job;

    retire_init(&job, id, NULL);
    job.revive = revive;
    job.one_of_many = one_of_many;
    job.now_ms = fixture->now_ms;
    snprintf(job.actor, sizeof(job.actor), "root");
    return fixture_try(fixture, &job.job);
}

static int try_hold(struct fixture *fixture, enum hold_scope scope, const char *id, int64_t until_ms)
{
    struct hold hold = {.scope = scope, .since_ms = fixture->now_ms, .until_ms = until_ms, .reason = "board meeting"};
    struct hold_put job;

    snprintf(hold.id, sizeof(hold.id), "%s", id);
    hold_put_init(&job, &hold, NULL);
    return fixture_try(fixture, &job.job);
}

static int try_end(struct fixture *fixture, enum hold_scope scope, const char *id)
{
    struct hold_end job;

    hold_end_init(&job, scope, id, NULL);
    return fixture_try(fixture, &job.job);
}

static unsigned expire(struct fixture *fixture, unsigned limit)
{
    struct hold_expire job;
    unsigned jobs = 0;

    do {
        hold_expire_init(&job, fixture->now_ms, limit, NULL);
        fixture_run(fixture, &job.job);
        jobs++;
    } while (job.more);
    return jobs;
}

/* When the next hold will be over, after all that are have ended. */
static int64_t next_over(struct fixture *fixture)
{
    struct hold_expire job;

    hold_expire_init(&job, fixture->now_ms, 10, NULL);
    fixture_run(fixture, &job.job);
    assert_false(job.more);
    return job.next_ms;
}

/* The state told next; NONE when nothing is told. */
static enum azure_state told_next(struct fixture *fixture)
{
    struct outbox_stage stage;
    enum azure_state state = AZURE_STATE_NONE;

    fixture_stage(fixture, &stage);
    if (stage.count > 0) {
        struct outbox_item *item = stage.items;
        stage.items = item->next;
        state = item->report.state;
        fixture_record(fixture, item, OUTBOX_SUCCESS, REASON_NONE);
    }
    outbox_stage_deinit(&stage);
    fixture->now_ms += 1000;
    return state;
}

/* ---- retire ---- */

static void test_retire_and_revive(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(try_retire(fixture, "d1", false, false), ERR_NOTFOUND);
    fixture_add_device(fixture, "d1", AZURE_1);
    fixture_settle(fixture);
    assert_int_equal(try_retire(fixture, "d1", true, false), ERR_EXISTS);
    assert_int_equal(try_retire(fixture, "d1", false, false), 0);
    assert_int_equal(told_next(fixture), AZURE_STATE_REMOVED);
    assert_int_equal(try_retire(fixture, "d1", false, false), ERR_EXISTS);
    /* the MDM goes on writing */
    tmpstore_sql(&fixture->store, "UPDATE device SET name = 'new', last_check_in = 9");
    tmpstore_sql(&fixture->store, "REPLACE INTO device SELECT * FROM device");
    assert_int_equal(told_next(fixture), AZURE_STATE_NONE);
    assert_int_equal(try_retire(fixture, "d1", true, false), 0);
    assert_int_equal(told_next(fixture), AZURE_STATE_COMPLIANT);
}

#define REPLACE(managed)                                                                                               \
    "REPLACE INTO device (device_id, platform, name, os_version, user_principal_name, azure_device_id, evaluated_at, " \
    "managed) SELECT device_id, platform, name, os_version, user_principal_name, azure_device_id, 1, " managed         \
    " FROM device"

static void test_a_retired_device_comes_back(void **state)
{
    static const char *const ways[] = {
        "UPDATE device SET azure_device_id = '" AZURE_2 "'",
        "UPDATE device SET managed = 0; UPDATE device SET managed = 1",
        "CREATE TEMP TABLE copy AS SELECT * FROM device; DELETE FROM device; INSERT INTO device SELECT * FROM copy",
        REPLACE("0") "; " REPLACE("1"),
        "PRAGMA recursive_triggers = on; " REPLACE("0") "; " REPLACE("1") "; PRAGMA recursive_triggers = off",
        /* written anew, it is still the same device; deleted later, it is not */
        REPLACE("1") "; DROP TABLE copy; CREATE TEMP TABLE copy AS SELECT * FROM device; DELETE FROM device; "
                     "INSERT INTO device SELECT * FROM copy",
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        tmpstore_sql(&fixture->store,
                     "DELETE FROM device; DELETE FROM report; DELETE FROM outbox; DELETE FROM tombstone");
        fixture_add_device(fixture, "d1", AZURE_1);
        fixture_settle(fixture);
        assert_int_equal(try_retire(fixture, "d1", false, false), 0);
        assert_int_equal(told_next(fixture), AZURE_STATE_REMOVED);
        tmpstore_sql(&fixture->store, ways[i]);
        assert_int_equal(told_next(fixture), AZURE_STATE_COMPLIANT);
    }
}

/* However its row is written anew. */
static void test_a_retired_device_stays(void **state)
{
    static const char *const ways[] = {
        REPLACE("1"),
        "PRAGMA recursive_triggers = on; " REPLACE("1") "; PRAGMA recursive_triggers = off",
        "UPDATE device SET name = 'Other'; " REPLACE("1"),
        "PRAGMA recursive_triggers = on; REPLACE INTO device (device_id, platform, name, user_principal_name, "
        "azure_device_id, evaluated_at) SELECT device_id, platform, 'New', user_principal_name, azure_device_id, 1 "
        "FROM device; PRAGMA recursive_triggers = off",
        "INSERT INTO device SELECT * FROM device WHERE 1 ON CONFLICT DO UPDATE SET name = 'Third'",
    };
    struct fixture *fixture = *state;

    fixture_add_device(fixture, "d1", AZURE_1);
    fixture_settle(fixture);
    assert_int_equal(try_retire(fixture, "d1", false, false), 0);
    assert_int_equal(told_next(fixture), AZURE_STATE_REMOVED);
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        tmpstore_sql(&fixture->store, ways[i]);
        assert_int_equal(told_next(fixture), AZURE_STATE_NONE);
        assert_int_equal(tmpstore_int(&fixture->store, "SELECT count(*) FROM retired"), 1);
    }
}

static void test_the_breaker_counts_only_many(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_stage stage;

    for (int many = 0; many < 2; many++) {
        tmpstore_sql(&fixture->store,
                     "DELETE FROM device; DELETE FROM report; DELETE FROM outbox; DELETE FROM tombstone");
        fixture_add_device(fixture, "d1", AZURE_1);
        fixture_settle(fixture);
        fixture_add_device(fixture, "d2", AZURE_2);
        fixture_settle(fixture);
        assert_int_equal(try_retire(fixture, "d1", false, many), 0);
        assert_int_equal(try_retire(fixture, "d2", false, many), 0);
        outbox_stage_init(&stage, "default", CHANNEL_PARTNER, NULL);
        stage.limit = 10;
        stage.now_ms = fixture->now_ms;
        stage.breaker = (struct breaker_limits){.max_count = 1, .max_share = 100, .window_ms = 1000};
        fixture_run(fixture, &stage.job);
        assert_int_equal(stage.count, many ? 0 : 2);
        outbox_stage_deinit(&stage);
        fixture_restart(fixture);
    }
}

/* ---- hold ---- */

static void test_a_held_device_stays_as_it_was_told(void **state)
{
    struct fixture *fixture = *state;

    fixture_add_device(fixture, "d1", AZURE_1);
    fixture_settle(fixture);
    assert_int_equal(try_hold(fixture, HOLD_DEVICE, "d1", fixture->now_ms + 60000), 0);
    tmpstore_sql(&fixture->store, "INSERT INTO violation VALUES ('d1', 'block', 1)");
    assert_int_equal(told_next(fixture), AZURE_STATE_NONE);
    /* the weekly report, or a new name, tells what was told */
    tmpstore_sql(&fixture->store, "UPDATE device SET name = 'new'");
    assert_int_equal(told_next(fixture), AZURE_STATE_COMPLIANT);
    assert_int_equal(try_retire(fixture, "d1", false, false), ERR_EXISTS);
    tmpstore_sql(&fixture->store, "UPDATE device SET azure_device_id = '" AZURE_2 "'");
    assert_int_equal(told_next(fixture), AZURE_STATE_NONE);
    tmpstore_sql(&fixture->store, "UPDATE device SET azure_device_id = '" AZURE_1 "'");
    tmpstore_sql(&fixture->store, "UPDATE device SET managed = 0");
    assert_int_equal(told_next(fixture), AZURE_STATE_NONE);
    tmpstore_sql(&fixture->store, "UPDATE device SET managed = 1");
    assert_int_equal(told_next(fixture), AZURE_STATE_NONE);

    expire(fixture, 10);
    assert_int_equal(told_next(fixture), AZURE_STATE_NONE); /* not yet */
    fixture->now_ms += 60000;
    expire(fixture, 10);
    assert_int_equal(told_next(fixture), AZURE_STATE_NON_COMPLIANT);
}

static void test_a_deleted_one_that_was_held(void **state)
{
    struct fixture *fixture = *state;

    fixture_add_device(fixture, "d1", AZURE_1);
    fixture_settle(fixture);
    assert_int_equal(try_hold(fixture, HOLD_DEVICE, "d1", fixture->now_ms + 60000), 0);
    tmpstore_sql(&fixture->store, "DELETE FROM device");
    assert_int_equal(told_next(fixture), AZURE_STATE_NONE);
    fixture->now_ms += 60000;
    expire(fixture, 10);
    assert_int_equal(told_next(fixture), AZURE_STATE_REMOVED);
}

static void test_what_was_never_told_waits(void **state)
{
    struct fixture *fixture = *state;

    fixture_add_device(fixture, "d1", AZURE_1);
    assert_int_equal(try_hold(fixture, HOLD_DEVICE, "d1", fixture->now_ms + 60000), 0);
    assert_int_equal(told_next(fixture), AZURE_STATE_NONE);
    assert_int_equal(try_end(fixture, HOLD_DEVICE, "d1"), 0);
    expire(fixture, 10);
    assert_int_equal(told_next(fixture), AZURE_STATE_COMPLIANT);
}

static void test_the_next_end_is_told(void **state)
{
    struct fixture *fixture = *state;
    const int64_t start_ms = fixture->now_ms;

    fixture_add_device(fixture, "d1", AZURE_1);
    fixture_add_device(fixture, "d2", AZURE_2);
    assert_int_equal(next_over(fixture), INT64_MAX);
    assert_int_equal(try_hold(fixture, HOLD_DEVICE, "d1", start_ms + 60000), 0);
    assert_int_equal(try_hold(fixture, HOLD_DEVICE, "d2", start_ms + 30000), 0);
    assert_int_equal(next_over(fixture), start_ms + 30000);
    fixture->now_ms = start_ms + 30000;
    expire(fixture, 10);
    assert_int_equal(next_over(fixture), start_ms + 60000);
    assert_int_equal(try_end(fixture, HOLD_DEVICE, "d1"), 0);
    expire(fixture, 10);
    assert_int_equal(next_over(fixture), INT64_MAX);
}

static int count_hold(void *ctx, const struct hold *hold)
{
    assert_string_equal(hold->reason, "board meeting");
    (*(int *)ctx)++;
    return 0;
}

static void test_a_held_policy(void **state)
{
    struct fixture *fixture = *state;
    struct error err;
    int64_t count;
    int listed = 0;

    for (int i = 0; i < 25; i++) {
        char id[16], azure[GUID_TEXT];
        snprintf(id, sizeof(id), "d%02d", i);
        snprintf(azure, sizeof(azure), "%08x-1111-4111-8111-111111111111", i);
        fixture_add_device(fixture, id, azure);
        fixture_settle(fixture);
    }
    assert_int_equal(try_hold(fixture, HOLD_POLICY, "none", 1), ERR_NOTFOUND);
    assert_int_equal(try_hold(fixture, HOLD_POLICY, "block", fixture->now_ms + 60000), 0);
    tmpstore_sql(&fixture->store,
                 "INSERT INTO violation SELECT device_id, 'block', 1 FROM device WHERE device_id < 'd24'");
    tmpstore_sql(&fixture->store, "INSERT INTO violation VALUES ('d24', 'retire', 1)");
    assert_int_equal(told_next(fixture), AZURE_STATE_REMOVED); /* another policy */
    assert_int_equal(told_next(fixture), AZURE_STATE_NONE);
    assert_int_equal(hold_count(fixture->database, &count, &err), 0);
    assert_int_equal(count, 1);
    assert_int_equal(hold_list(fixture->database, count_hold, &listed, &err), 0);
    assert_int_equal(listed, 1);
    assert_int_equal(hold_list_of(fixture->database, "d23", count_hold, &listed, &err), 0);
    assert_int_equal(listed, 2);
    assert_int_equal(hold_list_of(fixture->database, "d24", count_hold, &listed, &err), 0);
    assert_int_equal(listed, 2); /* it violates another policy */
    assert_int_equal(try_hold(fixture, HOLD_DEVICE, "d23", fixture->now_ms + 60000), 0);
    assert_int_equal(hold_list_of(fixture->database, "d23", count_hold, &listed, &err), 0);
    assert_int_equal(listed, 4);
    assert_int_equal(try_end(fixture, HOLD_DEVICE, "d23"), 0);

    assert_int_equal(try_end(fixture, HOLD_POLICY, "block"), 0);
    assert_true(expire(fixture, 10) >= 3);
    assert_int_equal(fixture_queued(fixture), 24);
    assert_int_equal(told_next(fixture), AZURE_STATE_NON_COMPLIANT);
    assert_int_equal(try_end(fixture, HOLD_POLICY, "block"), ERR_NOTFOUND);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_retire_and_revive),
        TEST(test_a_retired_device_comes_back),
        TEST(test_a_retired_device_stays),
        TEST(test_the_breaker_counts_only_many),
        TEST(test_a_held_device_stays_as_it_was_told),
        TEST(test_a_deleted_one_that_was_held),
        TEST(test_what_was_never_told_waits),
        TEST(test_the_next_end_is_told),
        TEST(test_a_held_policy),
    };

    return cmocka_run_group_tests(tests, tempdir_make, tempdir_remove);
}
