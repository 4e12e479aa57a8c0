/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* Every way to tamper with the activity log is found, and nothing is found in one that nobody touched. */
#include <sys/stat.h>
#include <sys/wait.h>

#include "fixture.h"
#include "store/activity_verify.h"

enum { ENTRIES = 8 };

struct found {
    char text[2048];
    long long count;
};

static void note_finding(void *ctx, const char *text)
{
    struct found *found = ctx;
    size_t used = strlen(found->text);

    snprintf(found->text + used, sizeof(found->text) - used, "%s\n", text);
    found->count++;
}

static void write_entry(struct fixture *fixture, int number, const char *detail)
{
    struct guid message_id = {{(uint8_t)number}};
    struct activity_write write;
    struct activity_note *note = activity_note_new(&(struct activity_entry){
        .at_ms = number * 1000,
        .kind = "report",
        .result = "accepted",
        .connection = "default",
        .device_id = "d1",
        .priority = "change",
        .cause = "monitor",
        .reason = "retrying",
        .azure_state = "compliant",
        .azure_device_id = AZURE_1,
        .message_id = &message_id,
        .request_id = "request",
        .actor = "root",
        .detail = detail,
    });

    assert_non_null(note);
    activity_write_init(&write, note, NULL);
    fixture_run(fixture, &write.job);
    free(note);
}

static int set_up(void **state)
{
    fixture_set_up(state);
    for (int i = 1; i <= ENTRIES; i++)
        write_entry(*state, i, "detail");
    /* Who tampers does not let a trigger stop them. */
    tmpstore_sql(&((struct fixture *)*state)->store, "DROP TRIGGER activity_update; DROP TRIGGER activity_delete");
    return 0;
}

static struct activity_check verify(struct fixture *fixture, struct activity_anchors *anchors, struct found *found)
{
    struct activity_check check;
    struct error err = {0};

    *found = (struct found){{0}, 0};
    if (activity_verify(fixture->database, anchors, note_finding, NULL, found, &check, &err) != 0)
        fail_msg("%s", err.message);
    assert_int_equal(check.findings, found->count);
    return check;
}

static void assert_findings(struct fixture *fixture, const char *wanted)
{
    struct activity_anchors none = {0};
    struct found found;

    verify(fixture, &none, &found);
    assert_string_equal(found.text, wanted);
}

/* The anchor of an entry, as the journal would have it. */
static void add_anchor(struct fixture *fixture, struct activity_anchors *anchors, int id)
{
    struct error err = {0};
    const char *text = tmpstore_text(
        &fixture->store, "SELECT 'anchor=' || id || ':' || lower(hex(hash)) FROM activity WHERE id = %d", id);
    FILE *from = fmemopen((void *)(uintptr_t)text, strlen(text), "r");

    assert_non_null(from);
    assert_int_equal(activity_anchors_read(from, anchors, &err), 0);
    fclose(from);
}

static void test_untouched(void **state)
{
    struct activity_anchors anchors = {0};
    struct fixture *fixture = *state;
    struct found found;

    add_anchor(fixture, &anchors, 8);
    add_anchor(fixture, &anchors, 3);
    struct activity_check check = verify(fixture, &anchors, &found);
    assert_string_equal(found.text, "");
    assert_int_equal(check.entries, ENTRIES);
    assert_int_equal(check.first_id, 1);
    assert_int_equal(check.last_id, ENTRIES);
    assert_int_equal(check.last_ms, ENTRIES * 1000);
    assert_int_equal(check.anchors_met, 2);
    activity_anchors_deinit(&anchors);
}

static void test_an_empty_log(void **state)
{
    struct fixture *fixture = *state;
    struct activity_anchors anchors = {0};
    struct found found;

    assert_findings(fixture, "");
    add_anchor(fixture, &anchors, 1);
    assert_int_equal(anchors.count, 0);
    struct activity_check check = verify(fixture, &anchors, &found);
    assert_int_equal(check.entries, 0);
}

static void test_every_column(void **state)
{
    static const char *const changes[] = {
        "at_ms = at_ms + 1",
        "kind = 'retire'",
        "result = 'refused'",
        "connection = ''",
        "device_id = 'd2'",
        "priority = 'weekly'",
        "cause = ''",
        "reason = ''",
        "azure_state = 'removed'",
        "azure_device_id = ''",
        "message_id = NULL",
        "message_id = randomblob(16)",
        "request_id = 'x'",
        "actor = 'alice'",
        "detail = 'Detail'",
        "detail = CAST('detail' AS BLOB)",
        "hash = randomblob(32)",
        "hash = x''",
        "hash = hash || x'00'",
        /* what one column loses another one gains */
        "connection = 'defaul', device_id = 'td1'",
        "reason = azure_state, azure_state = reason",
        "detail = 'detail' || char(0)",
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        struct activity_anchors none = {0};
        struct found found;
        tmpstore_sql(&fixture->store, "CREATE TEMP TABLE kept AS SELECT * FROM activity WHERE id = 4");
        tmpstore_sql(&fixture->store, "UPDATE activity SET %s WHERE id = 4", changes[i]);
        verify(fixture, &none, &found);
        if (!strstr(found.text, "entry 4 was changed"))
            fail_msg("%s: found \"%s\"", changes[i], found.text);
        tmpstore_sql(&fixture->store, "DELETE FROM activity WHERE id = 4; INSERT INTO activity SELECT * FROM kept;"
                                      "DROP TABLE kept");
        assert_findings(fixture, "");
    }
}

#define CHANGED(id, before) "entry " id " was changed, or is not the one that was written behind entry " before "\n"

static void test_rows(void **state)
{
    static const struct {
        const char *sql;
        const char *wanted;
    } cases[] = {
        {"DELETE FROM activity WHERE id = 4", "entry 4 is missing\n"},
        {"DELETE FROM activity WHERE id BETWEEN 2 AND 5", "entries 2 to 5 are missing\n"},
        {"DELETE FROM activity WHERE id = 1", "entry 1 is missing\n"},
        /* the gap closed */
        {"DELETE FROM activity WHERE id = 4; UPDATE activity SET id = id - 1 WHERE id > 4",
         CHANGED("4", "3") CHANGED("5", "4") CHANGED("6", "5") CHANGED("7", "6")},
        /* two entries swapped, hashes and all */
        {"UPDATE activity SET id = 0 WHERE id = 4; UPDATE activity SET id = 4 WHERE id = 5; "
         "UPDATE activity SET id = 5 WHERE id = 0",
         CHANGED("4", "3") CHANGED("5", "4") CHANGED("6", "5")},
        /* contents swapped, the hashes left where they were */
        {"UPDATE activity SET at_ms = 9000 - at_ms WHERE id IN (4, 5)", CHANGED("4", "3") CHANGED("5", "4")},
        {"INSERT INTO activity SELECT 9, at_ms, kind, result, connection, device_id, priority, cause, reason, "
         "azure_state, azure_device_id, message_id, request_id, actor, 'made up', hash FROM activity WHERE id = 8",
         CHANGED("9", "8")},
        {"INSERT INTO activity SELECT -1, at_ms, kind, result, connection, device_id, priority, cause, reason, "
         "azure_state, azure_device_id, message_id, request_id, actor, 'made up', hash FROM activity WHERE id = 8",
         "1 entries stand before the log's first one\n"},
        {"DELETE FROM activity WHERE id < 4; UPDATE activity_base SET id = 3",
         CHANGED("4", "3") "entries up to 3 are gone, and no retention tells of it\n"},
        {"UPDATE activity_base SET id = 3, hash = (SELECT hash FROM activity WHERE id = 3); DELETE FROM activity WHERE "
         "id < 4",
         "entries up to 3 are gone, and no retention tells of it\n"},
        {"UPDATE activity_base SET hash = randomblob(32)", CHANGED("1", "0")},
        {"DELETE FROM activity_base", CHANGED("1", "0")},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        void *fresh;
        set_up(&fresh);
        tmpstore_sql(&((struct fixture *)fresh)->store, "%s", cases[i].sql);
        assert_findings(fresh, cases[i].wanted);
        fixture_tear_down(&fresh);
    }
    (void)state;
}

/* The chain alone cannot tell; whoever has the anchor can. */
static void test_truncation(void **state)
{
    struct fixture *fixture = *state;
    struct activity_anchors anchors = {0};
    struct found found;

    add_anchor(fixture, &anchors, 8);
    add_anchor(fixture, &anchors, 4);
    tmpstore_sql(&fixture->store, "DELETE FROM activity WHERE id > 6");
    assert_findings(fixture, "");
    struct activity_check check = verify(fixture, &anchors, &found);
    assert_string_equal(found.text, "the log was cut off: it ends at entry 6, but an anchor names entry 8\n");
    assert_int_equal(check.anchors_met, 1);
    tmpstore_sql(&fixture->store, "DELETE FROM activity");
    verify(fixture, &anchors, &found);
    assert_string_equal(found.text, "the log was cut off: it ends at entry 0, but an anchor names entry 8\n");
    activity_anchors_deinit(&anchors);
}

static void test_an_anchor_of_a_missing_entry(void **state)
{
    struct fixture *fixture = *state;
    struct activity_anchors anchors = {0};
    struct found found;

    add_anchor(fixture, &anchors, 4);
    tmpstore_sql(&fixture->store, "DELETE FROM activity WHERE id = 4");
    verify(fixture, &anchors, &found);
    assert_string_equal(found.text, "entry 4 is missing\nentry 4 is missing, but an anchor names it\n");
    activity_anchors_deinit(&anchors);
}

/* All of it written anew from entry 4 on, with hashes that fit. */
static void test_written_anew(void **state)
{
    struct fixture *fixture = *state;
    struct activity_anchors anchors = {0};
    struct found found;

    add_anchor(fixture, &anchors, 2);
    add_anchor(fixture, &anchors, 7);
    tmpstore_sql(&fixture->store, "DELETE FROM activity WHERE id >= 4");
    for (int i = 4; i <= ENTRIES; i++)
        write_entry(fixture, i, i == 4 ? "nothing happened" : "detail");
    assert_findings(fixture, "");
    struct activity_check check = verify(fixture, &anchors, &found);
    assert_string_equal(found.text, "entry 7 is not the one that its anchor names: the log was written anew\n");
    assert_int_equal(check.anchors_met, 1);
    activity_anchors_deinit(&anchors);
}

static void purge(struct fixture *fixture, int64_t before_ms)
{
    struct activity_purge job;

    activity_purge_init(&job, fixture->now_ms, before_ms, 100, NULL);
    fixture_run(fixture, &job.job);
}

static void test_purged(void **state)
{
    struct fixture *fixture = *state;
    struct activity_anchors anchors = {0};
    struct found found;

    add_anchor(fixture, &anchors, 1);
    add_anchor(fixture, &anchors, 3);
    add_anchor(fixture, &anchors, 8);
    purge(fixture, 4000);
    struct activity_check check = verify(fixture, &anchors, &found);
    assert_string_equal(found.text, "");
    assert_int_equal(check.purged, 3);
    assert_int_equal(check.anchors_too_old, 1);
    assert_int_equal(check.anchors_met, 2); /* the last one purged can still be compared */
    anchors.entries[1].hash[0] ^= 1;
    verify(fixture, &anchors, &found);
    assert_string_equal(found.text, "entry 3 is not the one that its anchor names: the log was written anew\n");
    activity_anchors_deinit(&anchors);
}

struct moving {
    struct fixture *fixture;
    bool done;
};

static void purge_meanwhile(void *ctx, int64_t done, int64_t total)
{
    struct moving *moving = ctx;

    assert_true(done > 0 && done <= total);
    if (moving->done)
        return;
    moving->done = true;
    struct database *reader = moving->fixture->database;
    fixture_open(moving->fixture);
    struct activity_purge job;
    activity_purge_init(&job, 1, 5000 * 1000, 100000, NULL);
    fixture_run(moving->fixture, &job.job);
    database_close(moving->fixture->database);
    moving->fixture->database = reader;
}

static void never(void *ctx, const char *text)
{
    (void)ctx;
    fail_msg("%s", text);
}

/* More than a page; and what was looked at, and some of what was not, is purged while it is read. */
static void test_purged_meanwhile(void **state)
{
    struct fixture *fixture = *state;
    struct moving moving = {.fixture = fixture};
    struct activity_anchors none = {0};
    struct activity_check check;
    struct error err = {0};

    assert_int_equal(statement_exec(fixture->database, "BEGIN", &err), 0);
    for (int i = ENTRIES + 1; i <= 7000; i++) {
        struct activity_entry entry = {.at_ms = i * 1000, .kind = "daemon"};
        assert_int_equal(activity_add(fixture->database, &entry, &err), 0);
    }
    assert_int_equal(statement_exec(fixture->database, "COMMIT", &err), 0);
    assert_int_equal(activity_verify(fixture->database, &none, never, purge_meanwhile, &moving, &check, &err), 0);
    assert_true(moving.done);
    assert_int_equal(check.purged, 4999);
    assert_int_equal(check.last_id, 7001);
    assert_int_equal(check.entries, 2000 + 7001 - 4999);
}

static void count_finding(void *ctx, const char *text)
{
    assert_true(text[0] != '\0' && !strchr(text, '\n'));
    ++*(long *)ctx;
}

/* Each page in turn overwritten: the check ends, with findings or with the damage, and never says that all is well
 * when an entry was hit. */
static void test_damaged_pages(void **state)
{
    struct fixture *fixture = *state;
    struct activity_anchors none = {0};
    char kept[4096], page[4096];
    struct error err = {0};

    for (int i = ENTRIES + 1; i <= 300; i++)
        write_entry(fixture, i, "detail");
    tmpstore_sql(&fixture->store, "PRAGMA wal_checkpoint(TRUNCATE)");
    int pages = atoi(tmpstore_text(&fixture->store, "PRAGMA page_count"));
    database_close(fixture->database);
    assert_int_equal(sqlite3_close(fixture->store.mdm), SQLITE_OK);
    int fd = open(fixture->store.path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    for (int i = 1; i < pages; i++) {
        struct activity_check check = {0};
        long findings = 0;
        off_t place = (off_t)i * (off_t)sizeof(page);
        assert_int_equal(pread(fd, kept, sizeof(kept), place), sizeof(kept));
        memcpy(page, kept, sizeof(page));
        for (size_t at = (size_t)i % 7; at < sizeof(page); at += i % 2 ? 1 : 97)
            page[at] = (char)(unsigned char)(at * 31 + (size_t)i);
        assert_int_equal(pwrite(fd, page, sizeof(page), place), sizeof(page));
        struct database *database = NULL;
        int code = database_open_copy(fixture->store.path, &database, &err);
        if (code == 0)
            code = activity_verify(database, &none, count_finding, NULL, &findings, &check, &err);
        if (code == 0 && findings == 0)
            assert_int_equal(check.entries, 300);
        database_close(database);
        assert_int_equal(pwrite(fd, kept, sizeof(kept), place), sizeof(kept));
    }
    close(fd);
    assert_int_equal(sqlite3_open(fixture->store.path, &fixture->store.mdm), SQLITE_OK);
    fixture_open(fixture);
    assert_findings(fixture, "");
}

/* As somebody without rights sees it: 0 = sound. */
static int verify_as_nobody(const char *path)
{
    struct activity_anchors none = {0};
    struct activity_check check;
    struct database *database;
    struct error err = {0};
    int status = 0;

    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0)
            _exit(9);
        if (database_open_copy(path, &database, &err) != 0)
            _exit(err.code == ERR_PERMISSION ? 2 : 3);
        int code = activity_verify(database, &none, never, NULL, NULL, &check, &err);
        database_close(database);
        _exit(code == 0 && check.entries == ENTRIES ? 0 : 4);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Evidence is kept where nobody writes. */
static void test_a_copy_that_may_not_be_written(void **state)
{
    struct fixture *fixture = *state;
    const char *path = tempdir_path("evidence ?#%.db");
    struct error err = {0};

    assert_int_equal(database_backup(fixture->database, path, NULL, NULL, &err), 0);
    assert_int_equal(chmod(path, 0444), 0);
    assert_int_equal(chmod(tempdir_path(""), 0555), 0);
    assert_int_equal(verify_as_nobody(path), 0);
    assert_int_equal(chmod(path, 0), 0);
    assert_int_equal(verify_as_nobody(path), 2);
    assert_int_equal(chmod(tempdir_path(""), 0755), 0);
    unlink(path);
}

#define HEX "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"

static void test_anchors_in_a_text(void **state)
{
    static const struct {
        const char *text;
        size_t count;
        long long id;
    } cases[] = {
        {"", 0, 0},
        {"12:" HEX, 1, 12},
        {"Nov 22 04:36:02 mdm complyd[7]: NOTICE activity: anchor=12:" HEX " entries\nand so on", 1, 12},
        {"{\"message\":\"anchor=7:" HEX "\"}\n{\"message\":\"anchor=8:" HEX "\"}", 2, 7},
        {"12:" HEX "0", 0, 0},
        {"12:0011", 0, 0},
        {":" HEX, 0, 0},
        {"12 " HEX, 0, 0},
        {"1:2:" HEX, 1, 2},
        {"123456789012345678:" HEX, 1, 123456789012345678},
        {"1234567890123456789:" HEX, 0, 0},
        {"12345678901234567890123:" HEX, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct activity_anchors anchors = {0};
        struct error err = {0};
        FILE *from = tmpfile();
        assert_non_null(from);
        fputs(cases[i].text, from);
        rewind(from);
        assert_int_equal(activity_anchors_read(from, &anchors, &err), 0);
        if (anchors.count != cases[i].count)
            fail_msg("%s: %zu anchors", cases[i].text, anchors.count);
        if (cases[i].count > 0) {
            assert_int_equal(anchors.entries[0].id, cases[i].id);
            assert_int_equal(anchors.entries[0].hash[1], 0x11);
            assert_int_equal(anchors.entries[0].hash[31], 0xff);
        }
        fclose(from);
        activity_anchors_deinit(&anchors);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_untouched),
        cmocka_unit_test_setup_teardown(test_an_empty_log, fixture_set_up, fixture_tear_down),
        TEST(test_every_column),
        cmocka_unit_test(test_rows),
        TEST(test_truncation),
        TEST(test_an_anchor_of_a_missing_entry),
        TEST(test_written_anew),
        TEST(test_purged),
        TEST(test_purged_meanwhile),
        TEST(test_damaged_pages),
        TEST(test_a_copy_that_may_not_be_written),
        cmocka_unit_test(test_anchors_in_a_text),
    };

    return cmocka_run_group_tests(tests, tempdir_make, tempdir_remove);
}
