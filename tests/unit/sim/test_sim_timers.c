/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include "sim/timers.h"

enum { MANY = 500 };

struct probe {
    struct timer timer; /* first, so that a timer is its probe */
    struct timers *timers;
    int fired;
    int64_t again_ms;     /* started anew when it fires; -1 = not */
    struct timer *victim; /* stopped when it fires */
};

static int64_t last_due_ms;

static void on_fire(struct timer *timer)
{
    struct probe *probe = (struct probe *)timer;

    assert_true(timer->due_ms >= last_due_ms);
    last_due_ms = timer->due_ms;
    probe->fired++;
    if (probe->victim)
        timers_stop(probe->timers, probe->victim);
    if (probe->again_ms >= 0) {
        int64_t due_ms = probe->again_ms;
        probe->again_ms = -1;
        timers_start(probe->timers, timer, due_ms);
    }
}

static struct probe make(struct timers *timers)
{
    return (struct probe){.timer = {.fire = on_fire}, .timers = timers, .again_ms = -1};
}

/* The same odd order in every run. */
static int64_t scattered(int i)
{
    return (int64_t)((unsigned)i * 2654435761U >> 16) % 1000;
}

static void test_order(void **state)
{
    static struct probe probes[MANY];
    struct timers timers;
    int expected = 0;

    (void)state;
    timers_init(&timers);
    last_due_ms = 0;
    for (int i = 0; i < MANY; i++) {
        probes[i] = make(&timers);
        assert_int_equal(timers_start(&timers, &probes[i].timer, scattered(i)), 0);
    }
    for (int i = 0; i < MANY; i += 3)
        timers_stop(&timers, &probes[i].timer);
    for (int i = 1; i < MANY; i += 3)
        timers_start(&timers, &probes[i].timer, scattered(i + MANY));
    timers_run(&timers, 499);
    for (int i = 0; i < MANY; i++) {
        expected = i % 3 != 0 && probes[i].timer.due_ms <= 499;
        assert_int_equal(probes[i].fired, expected);
    }
    assert_true(timers_next(&timers) > 499);
    timers_run(&timers, 1000);
    assert_int_equal(timers_next(&timers), -1);
    timers_deinit(&timers);
}

static void test_changes_while_firing(void **state)
{
    struct timers timers;
    struct probe first = make(&timers);
    struct probe second = make(&timers);
    struct probe third = make(&timers);

    (void)state;
    timers_init(&timers);
    last_due_ms = 0;
    first.again_ms = 15;
    first.victim = &third.timer;
    timers_start(&timers, &first.timer, 10);
    timers_start(&timers, &second.timer, 20);
    timers_start(&timers, &third.timer, 12);
    timers_run(&timers, 20);
    assert_int_equal(first.fired, 2);
    assert_int_equal(second.fired, 1);
    assert_int_equal(third.fired, 0);
    timers_stop(&timers, &first.timer);
    assert_int_equal(timers_next(&timers), -1);
    timers_deinit(&timers);
}

static void test_forgotten_at_the_end(void **state)
{
    struct timers timers;
    struct probe probe = make(&timers);

    (void)state;
    timers_init(&timers);
    timers_start(&timers, &probe.timer, 5);
    timers_deinit(&timers);
    timers_stop(&timers, &probe.timer);
    assert_int_equal(probe.fired, 0);
    assert_int_equal(timers_next(&timers), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_changes_while_firing),
        cmocka_unit_test(test_forgotten_at_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
