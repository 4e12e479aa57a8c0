/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */

#include "unit.h"

#include "daemon/gate.h"
#include "daemon/sender.h"

static int64_t now_ms;
static int64_t wake_ms;
static unsigned opens;

static int64_t stub_now(void *ctx)
{
    (void)ctx;
    return now_ms;
}

static const struct clock stub_clock = {.realtime_ms = stub_now, .monotonic_ms = stub_now};

static void count_open(void *ctx)
{
    (void)ctx;
    opens++;
}

static void ignore_change(void *ctx, enum gate_state before)
{
    (void)ctx;
    (void)before;
}

static void note_wake(void *ctx, int64_t delay_ms)
{
    (void)ctx;
    wake_ms = delay_ms;
}

static const struct gate_ops operations = {.open = count_open, .changed = ignore_change, .wake = note_wake};
static const struct outcome accepted = {.class = OUTCOME_ACCEPTED};
static const struct outcome lost = {.class = OUTCOME_TRANSIENT, .trouble = TROUBLE_NETWORK};
static const struct outcome refused = {.class = OUTCOME_CONNECTION, .trouble = TROUBLE_CREDENTIAL_WRONG};

static void open_gate(struct gate *gate)
{
    now_ms = 1000;
    opens = 0;
    gate_init(gate, &operations, NULL, &stub_clock);
    assert_int_equal(gate_window(gate, 50), SENDER_SHUT);
    gate_knock(gate);
    gate_opened(gate);
}

static void test_trial_then_full(void **state)
{
    struct gate gate;
    (void)state;
    open_gate(&gate);
    assert_int_equal(gate_window(&gate, 50), 1);
    gate_answered(&gate, &accepted);
    assert_int_equal(gate_window(&gate, 50), 50);
    assert_int_equal(opens, 1);
}

static void test_lone_failures_are_everyday_life(void **state)
{
    struct gate gate;
    (void)state;
    open_gate(&gate);
    gate_answered(&gate, &accepted);
    for (int i = 0; i < 20; i++) {
        gate_answered(&gate, &lost);
        gate_answered(&gate, &lost);
        gate_answered(&gate, &accepted);
    }
    assert_int_equal(gate.state, GATE_OPEN);
    gate_answered(&gate, &lost);
    gate_answered(&gate, &lost);
    gate_answered(&gate, &lost);
    assert_int_equal(gate.state, GATE_WAITING);
    assert_int_equal(gate_window(&gate, 50), SENDER_CLOSED);
    assert_int_equal(gate.trouble, TROUBLE_NETWORK);
}

static void test_waits_grow_and_differ_by_trouble(void **state)
{
    struct gate gate;
    int64_t longest = 0;
    (void)state;
    open_gate(&gate);
    for (int i = 0; i < 30; i++) {
        gate_answered(&gate, &lost);
        assert_in_range(wake_ms, 1, 60 * 1000);
        longest = wake_ms > longest ? wake_ms : longest;
        gate_wake(&gate);
        gate_opened(&gate);
    }
    assert_true(longest > 15 * 1000);
    longest = 0;
    for (int i = 0; i < 30; i++) {
        gate_answered(&gate, &refused);
        assert_in_range(wake_ms, 500, 5 * 60 * 1000);
        longest = wake_ms > longest ? wake_ms : longest;
        gate_wake(&gate);
        gate_opened(&gate);
    }
    assert_true(longest > 75 * 1000);
}

static void test_opening_mends_what_opening_broke(void **state)
{
    struct gate gate;
    (void)state;
    open_gate(&gate);
    gate_failed(&gate, &refused);
    gate_wake(&gate);
    gate_failed(&gate, &refused); /* the credential is still wrong */
    assert_int_equal(gate.trouble, TROUBLE_CREDENTIAL_WRONG);
    gate_wake(&gate);
    gate_opened(&gate); /* mended, though there may be nothing to send for days */
    assert_int_equal(gate.trouble, TROUBLE_NONE);
    gate_answered(&gate, &refused); /* refused by the service itself: a new token does not mend that */
    gate_wake(&gate);
    gate_opened(&gate);
    assert_int_equal(gate.trouble, TROUBLE_CREDENTIAL_WRONG);
}

static void test_one_wait_for_many_in_flight(void **state)
{
    struct gate gate;
    (void)state;
    open_gate(&gate);
    gate_answered(&gate, &accepted);
    for (int i = 0; i < 100; i++)
        gate_answered(&gate, &lost);
    assert_int_equal(gate.attempts, 1);
}

static void test_the_worse_is_who_an_administrator_must_mend(void **state)
{
    struct gate well, passing, standing;
    (void)state;
    open_gate(&well);
    open_gate(&passing);
    gate_failed(&passing, &lost);
    open_gate(&standing);
    gate_failed(&standing, &refused);
    assert_ptr_equal(gate_worse(&well, &passing), &passing);
    assert_ptr_equal(gate_worse(&passing, &well), &passing);
    assert_ptr_equal(gate_worse(&passing, &standing), &standing);
    assert_ptr_equal(gate_worse(&standing, &passing), &standing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trial_then_full),
        cmocka_unit_test(test_lone_failures_are_everyday_life),
        cmocka_unit_test(test_waits_grow_and_differ_by_trouble),
        cmocka_unit_test(test_opening_mends_what_opening_broke),
        cmocka_unit_test(test_one_wait_for_many_in_flight),
        cmocka_unit_test(test_the_worse_is_who_an_administrator_must_mend),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
