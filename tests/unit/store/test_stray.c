/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* report.stray: whatever happens to devices and reports, it marks those whose Azure id is not their device's any
 * more. */
#include "unit.h"

#include <stdlib.h>

#include "fixture.h"

enum { ROUNDS = 40, STEPS = 60 };

static unsigned draw(unsigned *seed, unsigned below)
{
    *seed = *seed * 1103515245u + 12345u;
    return (*seed >> 16) % below;
}

static void check(struct fixture *fixture, const char *after)
{
    const char *wrong =
        tmpstore_text(&fixture->store, "SELECT ifnull(group_concat(r.device_id || ' ' || r.azure_device_id), '') "
                                       "FROM report AS r LEFT JOIN device AS d ON d.device_id = r.device_id "
                                       "WHERE r.stray <> (r.azure_device_id <> '' AND r.azure_device_id <> "
                                       "lower(ifnull(d.azure_device_id, '')))");
    if (wrong[0])
        fail_msg("after %s: %s", after, wrong);
}

/* What an MDM does to one of three devices, with one of three ids. */
static void write_device(struct fixture *fixture, unsigned *seed)
{
    static const char *const ids[] = {"", AZURE_1, AZURE_2};
    static const char *const statements[] = {
        "REPLACE INTO device (device_id, platform, user_principal_name, azure_device_id, evaluated_at) "
        "VALUES ('d%u', 'ios', 'u@example.com', '%s', 1)",
        "PRAGMA recursive_triggers = 1; REPLACE INTO device (device_id, platform, user_principal_name, "
        "azure_device_id, "
        "evaluated_at) VALUES ('d%u', 'ios', 'u@example.com', upper('%s'), 1); PRAGMA recursive_triggers = 0",
        "DELETE FROM device WHERE device_id = 'd%u' AND azure_device_id <> '%s'",
        "UPDATE OR REPLACE device SET device_id = 'd1' WHERE device_id = 'd%u' AND azure_device_id <> '%s'",
    };
    static const char update[] = "UPDATE device SET azure_device_id = '%s' WHERE device_id = 'd%u'";
    unsigned which = draw(seed, 8);
    unsigned device = draw(seed, 3);
    const char *id = ids[draw(seed, 3)];

    if (which < sizeof(statements) / sizeof(statements[0]))
        tmpstore_sql(&fixture->store, statements[which], device, id);
    else
        tmpstore_sql(&fixture->store, update, id, device);
}

static void answer(struct fixture *fixture, struct outbox_item **flying, unsigned *seed)
{
    static const enum outbox_outcome outcomes[] = {OUTBOX_ACCEPTED, OUTBOX_ACCEPTED,  OUTBOX_SUCCESS,
                                                   OUTBOX_REFUSED,  OUTBOX_TRANSIENT, OUTBOX_RELEASED};
    struct outbox_item *item = *flying;

    if (!item)
        return;
    *flying = item->next;
    fixture_record(fixture, item, outcomes[draw(seed, 6)], REASON_DEVICE_REFUSED);
}

static void stage(struct fixture *fixture, struct outbox_item **flying)
{
    struct outbox_stage job;

    fixture->now_ms += 10000;
    fixture_stage(fixture, &job);
    while (*flying)
        flying = &(*flying)->next;
    *flying = job.items;
    job.items = NULL;
    outbox_stage_deinit(&job);
}

static void crash(struct fixture *fixture, struct outbox_item **flying)
{
    while (*flying) {
        struct outbox_item *item = *flying;
        *flying = item->next;
        outbox_item_free(item);
    }
    fixture_restart(fixture);
}

static void test_marked_whatever_happens(void **state)
{
    struct fixture *fixture = *state;

    for (unsigned round = 0; round < ROUNDS; round++) {
        struct outbox_item *flying = NULL;
        unsigned seed = round;

        for (int step = 0; step < STEPS; step++) {
            unsigned kind = draw(&seed, 16);
            if (kind < 5)
                write_device(fixture, &seed);
            else if (kind < 10)
                stage(fixture, &flying);
            else if (kind < 15)
                answer(fixture, &flying, &seed);
            else
                crash(fixture, &flying);
            check(fixture, kind < 5 ? "a write" : kind < 10 ? "stage" : "record");
        }
        crash(fixture, &flying);
        tmpstore_sql(&fixture->store,
                     "DELETE FROM device; DELETE FROM report; DELETE FROM outbox; DELETE FROM tombstone");
    }
}

/* The first report about an id must be newer than what other devices told of it, though the clock was set back. */
static void test_a_new_holder_is_above_the_old_stamps(void **state)
{
    static const char *const ways[] = {
        "UPDATE device SET azure_device_id = '" AZURE_2 "' WHERE device_id = 'd1'",
        "DELETE FROM device WHERE device_id = 'd1'",
        "UPDATE device SET managed = 0 WHERE device_id = 'd1'",
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        fixture_add_device(fixture, "d1", AZURE_1);
        fixture_settle(fixture);
        tmpstore_sql(&fixture->store, "UPDATE report SET last_update_ms = 1900000000000");
        tmpstore_sql(&fixture->store, ways[i]);
        fixture_add_device(fixture, "d0", AZURE_1);
        struct outbox_stage job;
        fixture_stage(fixture, &job);
        bool seen = false;
        for (struct outbox_item *item = job.items; item; item = item->next) {
            if (strcmp(item->report.device_id, "d0") != 0)
                continue;
            seen = true;
            assert_int_equal(item->report.last_update_ms, INT64_C(1900000000001));
        }
        outbox_stage_deinit(&job);
        fixture_restart(fixture);
        assert_true(seen);
        tmpstore_sql(&fixture->store,
                     "DELETE FROM device; DELETE FROM report; DELETE FROM outbox; DELETE FROM tombstone");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_marked_whatever_happens, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_a_new_holder_is_above_the_old_stamps, fixture_set_up, fixture_tear_down),
    };

    return cmocka_run_group_tests(tests, tempdir_make, tempdir_remove);
}
