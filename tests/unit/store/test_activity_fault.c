/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * The activity log without memory: every allocation of our own fails once, and from each on for good; what was asked
 * says ERR_NOMEM, nothing leaks, and the log stays sound.
 */
#include "fault.h"
#include "fixture.h"
#include "store/activity_list.h"
#include "store/activity_verify.h"

static void torture(struct fixture *fixture, int (*attempt)(struct fixture *fixture))
{
    static const enum fault_mode modes[] = {FAULT_ONCE, FAULT_STAYS};

    for (int mode = 0; mode < 2; mode++) {
        for (unsigned n = 0;; n++) {
            assert_true(n < 1000);
            fault_arm(n, modes[mode]);
            int code = attempt(fixture);
            if (!fault_disarm()) {
                assert_int_equal(code, 0);
                break;
            }
            assert_int_equal(code, ERR_NOMEM);
        }
    }
}

/* On a connection of its own: what is made but once is made anew. */
static int write_note(struct fixture *fixture)
{
    struct activity_entry entry = {.at_ms = 1, .kind = "daemon", .detail = "detail", .device_id = "d1"};
    struct activity_write write;
    struct error err = {0};

    struct activity_note *note = activity_note_new(&entry);
    if (!note)
        return ERR_NOMEM;
    database_close(fixture->database);
    fixture->database = NULL;
    int code = database_open(fixture->store.path, DATABASE_WRITE, &fixture->database, &err);
    if (code == 0) {
        activity_write_init(&write, note, NULL);
        code = fixture_try(fixture, &write.job);
    }
    free(note);
    return code;
}

static int purge(struct fixture *fixture)
{
    struct activity_purge job;

    activity_purge_init(&job, 1, 5, 2, NULL);
    return fixture_try(fixture, &job.job);
}

static int ignore_entry(void *ctx, const struct activity_entry *entry)
{
    (void)ctx;
    (void)entry;
    return 0;
}

static int list(struct fixture *fixture)
{
    struct activity_filter filter = {.since_ms = 1, .limit = 100, .device = "d1"};
    struct activity_page page;
    struct activity_told told;
    struct error err;

    int code = activity_list(fixture->database, &filter, ignore_entry, NULL, &page, &err);
    return code == 0 ? activity_told_at(fixture->database, "d1", 9, &told, &err) : code;
}

static void never(void *ctx, const char *text)
{
    (void)ctx;
    fail_msg("%s", text);
}

static int verify(struct fixture *fixture)
{
    static const char text[] = "1:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff "
                               "2:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff "
                               "3:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    struct activity_anchors anchors = {0}, none = {0};
    struct activity_check check;
    struct error err = {0};
    FILE *from = fmemopen((void *)(uintptr_t)text, sizeof(text) - 1, "r");

    if (!from)
        return ERR_NOMEM;
    int code = activity_anchors_read(from, &anchors, &err);
    fclose(from);
    assert_true(code < 0 || anchors.count == 3);
    if (code == 0)
        code = activity_verify(fixture->database, &none, never, NULL, NULL, &check, &err);
    activity_anchors_deinit(&anchors);
    return code;
}

static void test_everything(void **state)
{
    struct fixture *fixture = *state;

    for (int i = 0; i < 3; i++)
        torture(fixture, write_note);
    torture(fixture, list);
    torture(fixture, verify);
    torture(fixture, purge);
    assert_int_equal(verify(fixture), 0);
    assert_int_equal(tmpstore_int(&fixture->store, "SELECT count(*) FROM activity WHERE kind = 'retention'"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_everything, fixture_set_up, fixture_tear_down),
    };

    return cmocka_run_group_tests(tests, tempdir_make, tempdir_remove);
}
