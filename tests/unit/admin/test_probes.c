/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <stdio.h>
#include <unistd.h>

#include "admin/api.h"
#include "base/clock.h"
#include "daemon/figures.h"
#include "fake.h"

static char answer[1024];

static void wake(struct api_request *request)
{
    (void)request;
}

/* The queue is counted once: all tests see the same. */
static int ask(const char *path)
{
    struct api_request request = {.daemon = fake_daemon(), .method = "GET", .wake = wake, .peer = {.uid = getuid()}};
    int status;

    assert_int_equal(target_parse(path, &request.target), 0);
    api_handle(&request);
    while (fake_work())
        ;
    assert_true(request.answered);
    assert_string_equal(request.answer_type, "text/plain; charset=utf-8");
    snprintf(answer, sizeof(answer), "%s", buf_text(&request.answer));
    status = request.status;
    target_deinit(&request.target);
    buf_deinit(&request.answer);
    return status;
}

static int64_t minutes_ago(int minutes)
{
    return clock_realtime_ms(clock_system()) - (int64_t)minutes * 60 * 1000;
}

/* Started an hour ago; a report has waited for 20 minutes, and so long is the last good answer ago. */
static int make_overdue(void **state)
{
    (void)state;
    fake_reset();
    fake.status.started_at_ms = minutes_ago(60);
    fake.counts.queued[PRIORITY_CHANGE] = 1;
    fake.counts.queue_oldest_ms = minutes_ago(20);
    fake.connections[0].last_success_ms = minutes_ago(20);
    return 0;
}

static void overdue(void **state)
{
    (void)state;
    assert_int_equal(ask("/readyz"), 503);
    assert_string_equal(answer, "connection default: a report has waited for 20m, and there was no good answer from "
                                "Microsoft for 20m\n");
}

static void what_follows_changes_only_what_is_not_counted(void **state)
{
    make_overdue(state);
    assert_int_equal(ask("/readyz"), 503);

    fake.connections[0].last_success_ms = minutes_ago(1);
    assert_int_equal(ask("/readyz"), 200); /* a long queue that moves */
    fake.connections[0].last_success_ms = -1;
    assert_int_equal(ask("/readyz"), 503);
    fake.status.started_at_ms = minutes_ago(1); /* give it a chance */
    assert_int_equal(ask("/readyz"), 200);

    fake.status.started_at_ms = minutes_ago(60);
    fake.connections[0].state = CONNECTION_OFF;
    assert_int_equal(ask("/readyz"), 200);
    fake.connections[0].state = CONNECTION_DISCONNECTED;
    assert_int_equal(ask("/readyz"), 200);
}

static void trouble(void **state)
{
    make_overdue(state);
    fake.connections[0].last_success_ms = minutes_ago(1);
    fake.connections[0].trouble = TROUBLE_NETWORK;
    assert_int_equal(ask("/readyz"), 200); /* it may pass */
    fake.connections[0].trouble = TROUBLE_CONSENT;
    assert_int_equal(ask("/readyz"), 503);
    assert_memory_equal(answer, "connection default: consent_missing: ", 37);
    fake.connections[0].trouble = TROUBLE_NONE;
    fake.status.store_result = ERR_STORE_FULL;
    assert_int_equal(ask("/readyz"), 503);
    assert_memory_equal(answer, "store: ", 7);
    fake.status.store_result = 0;
    fake.status.state = DAEMON_STOPPING;
    assert_int_equal(ask("/readyz"), 503);
    assert_string_equal(answer, "daemon: stopping\n");
}

static void alive_as_long_as_the_threads_move(void **state)
{
    (void)state;
    fake_reset();
    assert_int_equal(ask("/healthz"), 200);
    assert_string_equal(answer, "ok\n");
    fake.status.store.busy_us = UINT64_C(299) * 1000 * 1000; /* a long import */
    assert_int_equal(ask("/healthz"), 200);
    fake.status.store.busy_us = UINT64_C(301) * 1000 * 1000;
    assert_int_equal(ask("/healthz"), 503);
    assert_string_equal(answer, "store: the write thread has been at one job for 5m1s\n");
    fake.status.store.busy_us = 0;
    fake.status.reader.busy_us = UINT64_C(301) * 1000 * 1000;
    assert_int_equal(ask("/healthz"), 503);
    assert_string_equal(answer, "store: the read thread has been at one job for 5m1s\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(overdue, make_overdue),
        cmocka_unit_test(what_follows_changes_only_what_is_not_counted),
        cmocka_unit_test(trouble),
        cmocka_unit_test(alive_as_long_as_the_threads_move),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    figures_free(daemon_figures(fake_daemon()));
    return failed;
}
