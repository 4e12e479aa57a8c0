/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* The queue of the activity log, with a store thread played by the test: jobs stay where they are until work(). */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/activity_log.h"

enum { DAY_MS = 24 * 3600 * 1000, QUARTER_MS = 15 * 60 * 1000 };

static struct {
    int64_t now_ms;
    struct store_job *jobs[8];
    size_t count;
    int result;      /* of the next jobs */
    char log[65536]; /* details of the entries written, newest last */
    long entries;    /* written: the head's id */
    unsigned to_purge;
    unsigned lines, anchors; /* of the process's log */
    void (*committed)(void *ctx);
    void *committed_ctx;
    bool stopped;
} world;

static struct activity_log *subject;

static int64_t read_clock(void *ctx)
{
    (void)ctx;
    return world.now_ms;
}

static const struct clock stub_clock = {.realtime_ms = read_clock, .monotonic_ms = read_clock};

/* ---- the store's thread ---- */

void store_thread_submit(struct store_thread *thread, struct store_job *job)
{
    (void)thread;
    assert_true(world.count < 8);
    world.jobs[world.count++] = job;
}

void store_thread_on_commit(struct store_thread *thread, void (*committed)(void *ctx), void *ctx)
{
    (void)thread;
    world.committed = committed;
    world.committed_ctx = ctx;
}

static void write_entry(const char *detail)
{
    size_t used = strlen(world.log);

    snprintf(world.log + used, sizeof(world.log) - used, "%s|", detail);
    world.entries++;
}

static void run_write(const struct activity_write *write)
{
    for (const struct activity_note *note = write->notes; note; note = note->next)
        write_entry(note->entry.detail);
}

static bool is_purge(const struct store_job *job)
{
    struct activity_purge purge;

    activity_purge_init(&purge, 0, 0, 0, NULL);
    return job->run == purge.job.run;
}

/* One job; what sort it is shows in whether it writes. */
static bool work(void)
{
    if (world.count == 0)
        return false;
    struct store_job *job = world.jobs[0];
    world.count--;
    for (size_t i = 0; i < world.count; i++)
        world.jobs[i] = world.jobs[i + 1];
    job->result = world.result;
    if (job->result == 0 && !job->write) {
        ((struct activity_head *)job)->id = world.entries;
    } else if (job->result == 0 && is_purge(job)) {
        struct activity_purge *purge = (struct activity_purge *)job;
        purge->purged = world.to_purge < purge->limit ? world.to_purge : purge->limit;
        world.to_purge -= purge->purged;
    } else if (job->result == 0) {
        run_write((const struct activity_write *)job);
    }
    job->done(job);
    return true;
}

static void work_all(void)
{
    while (work())
        ;
}

/* ---- the test's side ---- */

static void on_line(void *ctx, const struct log_record *record)
{
    (void)ctx;
    world.lines++;
    world.anchors += strstr(record->message, "anchor=") != NULL;
}

static int setup(void **state)
{
    (void)state;
    memset(&world, 0, sizeof(world));
    world.now_ms = DAY_MS;
    log_set_sink(on_line, NULL);
    subject = activity_log_new(&stub_clock);
    return subject ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    activity_log_free(subject);
    log_set_sink(NULL, NULL);
    return 0;
}

static void add(const char *detail)
{
    activity_log_add(subject, &(struct activity_entry){.kind = "operator", .detail = detail});
}

static void open_it(void)
{
    activity_log_open(subject, (struct store_thread *)&world); /* nobody looks inside */
}

static void test_waits_for_the_store_then_writes_in_order(void **state)
{
    (void)state;
    add("a");
    add("b");
    assert_int_equal(world.count, 0);
    open_it();
    add("c"); /* while the first are being written */
    assert_int_equal(world.count, 1);
    work_all();
    assert_string_equal(world.log, "a|b|c|");
}

static void test_a_failure_loses_nothing(void **state)
{
    (void)state;
    open_it();
    add("a");
    add("b");
    world.result = ERR_BUSY;
    work_all();
    add("c"); /* no job: the store is in trouble */
    assert_int_equal(world.count, 0);
    assert_string_equal(world.log, "");
    world.result = 0;
    activity_log_tend(subject, DAY_MS);
    work_all();
    assert_string_equal(world.log, "a|b|c|");
}

static void test_bounded_and_says_what_is_lost(void **state)
{
    (void)state;
    for (int i = 0; i < 1003; i++)
        add("x");
    assert_int_equal(world.lines, 1);
    open_it();
    work_all();
    assert_int_equal(world.entries, 1001);
    assert_non_null(strstr(world.log, "3 entries were lost"));
}

static void test_anchors(void **state)
{
    (void)state;
    add("started");
    open_it();
    work_all();
    assert_int_equal(world.anchors, 1);
    world.now_ms += QUARTER_MS;
    activity_log_tend(subject, DAY_MS);
    work_all();
    assert_int_equal(world.anchors, 1); /* nothing is new */
    write_entry("a report");
    activity_log_tend(subject, DAY_MS);
    work_all();
    assert_int_equal(world.anchors, 1); /* not yet */
    world.now_ms += QUARTER_MS;
    activity_log_tend(subject, DAY_MS);
    work_all();
    assert_int_equal(world.anchors, 2);
}

static void test_purges_until_nothing_is_left(void **state)
{
    (void)state;
    open_it();
    work_all();
    world.to_purge = 2500;
    activity_log_tend(subject, DAY_MS);
    work_all();
    assert_int_equal(world.to_purge, 0);
    world.to_purge = 1;
    activity_log_tend(subject, DAY_MS);
    work_all();
    assert_int_equal(world.to_purge, 1); /* once an hour */
    world.now_ms += 3600 * 1000;
    activity_log_tend(subject, DAY_MS);
    work_all();
    assert_int_equal(world.to_purge, 0);
}

static void on_stopped(void *ctx)
{
    (void)ctx;
    world.stopped = true;
}

static void test_stops_when_all_is_written_and_anchored(void **state)
{
    (void)state;
    open_it();
    work_all();
    add("stopped");
    activity_log_stop(subject, on_stopped, NULL);
    assert_false(world.stopped);
    work_all();
    assert_true(world.stopped);
    assert_string_equal(world.log, "stopped|");
    assert_int_equal(world.anchors, 1);
}

static void test_stops_although_the_store_fails(void **state)
{
    (void)state;
    open_it();
    add("a");
    world.result = ERR_STORE;
    activity_log_stop(subject, on_stopped, NULL);
    work_all();
    assert_true(world.stopped);
}

static void test_stops_without_a_store(void **state)
{
    (void)state;
    add("a");
    activity_log_stop(subject, on_stopped, NULL);
    assert_true(world.stopped);
}

/* ---- followers ---- */

static struct activity_follower followers[3];
static unsigned woken[3];

static void wake(struct activity_follower *follower)
{
    woken[follower - followers]++;
    if (follower == &followers[2]) { /* the first to be woken: follows anew, and takes another one out */
        activity_log_follow(subject, follower);
        activity_log_unfollow(subject, &followers[1]);
    }
}

static void test_followers(void **state)
{
    (void)state;
    memset(woken, 0, sizeof(woken));
    open_it();
    for (int i = 0; i < 3; i++) {
        followers[i].wake = wake;
        activity_log_follow(subject, &followers[i]);
    }
    world.committed(world.committed_ctx);
    assert_int_equal(woken[0], 1);
    assert_int_equal(woken[1], 0);
    assert_int_equal(woken[2], 1);
    world.committed(world.committed_ctx);
    assert_int_equal(woken[0], 1); /* once each */
    assert_int_equal(woken[2], 2);
    activity_log_unfollow(subject, &followers[2]);
    world.committed(world.committed_ctx);
    assert_int_equal(woken[2], 2);
    work_all();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_waits_for_the_store_then_writes_in_order),
        TEST(test_a_failure_loses_nothing),
        TEST(test_bounded_and_says_what_is_lost),
        TEST(test_anchors),
        TEST(test_purges_until_nothing_is_left),
        TEST(test_stops_when_all_is_written_and_anchored),
        TEST(test_stops_although_the_store_fails),
        TEST(test_stops_without_a_store),
        TEST(test_followers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
