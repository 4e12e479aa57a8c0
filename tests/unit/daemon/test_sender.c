/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * The sender on a stub clock, with an outbox and a Microsoft made of a few arrays: hours of outage in milliseconds. The
 * gate is the real one, so that the schedule of a whole channel is what is tested.
 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/gate.h"
#include "daemon/sender.h"

enum { ROWS = 2000, SECOND_MS = 1000, HOUR_MS = 3600 * 1000, MINUTE_MS = 60 * 1000 };

/* A row of the outbox, as far as the sender's promises go. */
struct row {
    bool queued, claimed;
    enum priority priority;
    int64_t due_ms;
    unsigned attempts;
    int64_t seq;
    unsigned sent, accepted;
    int64_t poll_after_ms; /* its verdict is asked for so long after it was accepted */
};

struct world {
    int64_t now_ms;
    struct clock clock;
    struct row rows[ROWS];
    unsigned row_count;
    struct budget budget;
    struct gate gate;
    struct sender *sender;
    int64_t sender_wake_ms, gate_wake_ms; /* -1 = none */

    /* the store thread's and the network's mailboxes */
    bool stage_asked;
    enum priority stage_mildest;
    unsigned stage_limit;
    struct outbox_record *record;
    struct flight *flights[200];
    unsigned flight_count, most_flights;
    bool store_fails;

    /* what Microsoft answers, and how often it was asked */
    struct outcome answer;
    int64_t service_back_ms; /* before this, `answer`; then ACCEPTED */
    unsigned requests, opens, hungry, resolves;
    int64_t request_times[400];
    unsigned order[ROWS], order_count;
    bool answers_held; /* the test answers itself */
    bool opening_fails;
};

static int64_t stub_now(void *ctx)
{
    return ((struct world *)ctx)->now_ms;
}

/* ---- operations ---- */

static void op_stage(void *ctx, enum priority mildest, unsigned limit)
{
    struct world *world = ctx;
    assert_false(world->stage_asked);
    assert_in_range(limit, 1, 1000);
    world->stage_asked = true;
    world->stage_mildest = mildest;
    world->stage_limit = limit;
}

static void op_record(void *ctx, struct outbox_record *record)
{
    struct world *world = ctx;
    assert_null(world->record);
    world->record = record;
}

static int op_send(void *ctx, struct flight *flight)
{
    struct world *world = ctx;
    if (world->requests < 400)
        world->request_times[world->requests] = world->now_ms;
    world->requests++;
    for (unsigned i = 0; i < flight->count; i++) {
        struct row *row = flight->items[i]->holder;
        row->sent++;
        if (world->order_count < ROWS)
            world->order[world->order_count++] = (unsigned)(row - world->rows);
    }
    world->flights[world->flight_count++] = flight;
    world->most_flights = world->flight_count > world->most_flights ? world->flight_count : world->most_flights;
    return 0;
}

static int op_window(void *ctx)
{
    return gate_window(&((struct world *)ctx)->gate, 10);
}

static void op_knock(void *ctx)
{
    gate_knock(&((struct world *)ctx)->gate);
}

static void op_answered(void *ctx, const struct outcome *outcome)
{
    gate_answered(&((struct world *)ctx)->gate, outcome);
}

static void op_wake(void *ctx, int64_t delay_ms)
{
    struct world *world = ctx;
    assert_int_not_equal(delay_ms, 0);
    world->sender_wake_ms = delay_ms < 0 ? -1 : world->now_ms + delay_ms;
}

static void op_settled(void *ctx, const struct outbox_result *result)
{
    (void)ctx;
    (void)result;
}

static void op_hungry(void *ctx)
{
    ((struct world *)ctx)->hungry++;
}

static void op_resolve(void *ctx, char *const *names, size_t count)
{
    (void)names;
    (void)count;
    ((struct world *)ctx)->resolves++;
}

static const struct sender_ops operations = {
    .stage = op_stage,
    .record = op_record,
    .send = op_send,
    .window = op_window,
    .knock = op_knock,
    .answered = op_answered,
    .wake = op_wake,
    .settled = op_settled,
    .hungry = op_hungry,
    .resolve = op_resolve,
};

static void gate_open_now(void *ctx)
{
    struct world *world = ctx;
    world->opens++;
    if (world->opening_fails && world->now_ms < world->service_back_ms)
        gate_failed(&world->gate, &world->answer);
    else
        gate_opened(&world->gate);
}

static void gate_moved(void *ctx, enum gate_state before)
{
    struct world *world = ctx;
    if (world->gate.state == GATE_WAITING && before != GATE_WAITING)
        sender_release(world->sender);
    if (world->gate.state != before)
        sender_pump(world->sender);
}

static void gate_wants_wake(void *ctx, int64_t delay_ms)
{
    struct world *world = ctx;
    world->gate_wake_ms = delay_ms < 0 ? -1 : world->now_ms + delay_ms;
}

static const struct gate_ops gate_operations = {.open = gate_open_now, .changed = gate_moved, .wake = gate_wants_wake};

/* ---- the store ---- */

static void stage_rows(struct world *world)
{
    struct outbox_stage stage = {.mildest = world->stage_mildest, .limit = world->stage_limit, .next_due_ms = -1};
    struct outbox_item **end = &stage.items;
    world->stage_asked = false;
    if (world->store_fails) {
        stage.job.result = ERR_BUSY;
        sender_staged(world->sender, &stage);
        return;
    }
    for (int priority = 0; priority <= (int)stage.mildest; priority++) {
        for (unsigned i = 0; i < world->row_count; i++) {
            struct row *row = &world->rows[i];
            if (!row->queued || row->claimed || (int)row->priority != priority)
                continue;
            if (row->due_ms > world->now_ms) {
                if (stage.next_due_ms < 0 || row->due_ms < stage.next_due_ms)
                    stage.next_due_ms = row->due_ms;
                continue;
            }
            if (stage.count == stage.limit) {
                stage.more = true;
                continue;
            }
            struct outbox_item *item = calloc(1, sizeof(*item));
            item->priority = row->priority;
            item->attempts = row->attempts;
            item->seq = row->seq;
            item->holder = row;
            row->claimed = true;
            *end = item;
            end = &item->next;
            stage.count++;
        }
    }
    sender_staged(world->sender, &stage);
    assert_null(stage.items);
}

static void record_results(struct world *world)
{
    struct outbox_record *record = world->record;
    world->record = NULL;
    record->job.result = world->store_fails ? ERR_BUSY : 0;
    for (size_t i = 0; i < record->count && !world->store_fails; i++) {
        struct outbox_result *result = &record->results[i];
        struct row *row = result->item->holder;
        assert_true(row->claimed);
        row->claimed = false;
        switch (result->outcome) {
        case OUTBOX_ACCEPTED:
        case OUTBOX_SUCCESS:
            row->accepted++;
            row->poll_after_ms = result->poll_ms - result->at_ms;
            __attribute__((fallthrough));
        case OUTBOX_REFUSED:
            row->queued = row->seq != result->item->seq;
            break;
        case OUTBOX_TRANSIENT:
            assert_true(result->due_ms >= world->now_ms);
            row->due_ms = result->due_ms;
            row->attempts++;
            break;
        case OUTBOX_RELEASED:
            break;
        }
    }
    sender_recorded(world->sender, record);
}

static void answer_flight(struct world *world, unsigned index, const struct outcome *outcome)
{
    struct flight *flight = world->flights[index];
    world->flights[index] = world->flights[--world->flight_count];
    sender_answered(flight, NULL, outcome);
}

/* Does everything that can be done at this instant. */
static void settle(struct world *world)
{
    static const struct outcome accepted = {.class = OUTCOME_ACCEPTED};
    bool again = true;
    for (unsigned turns = 0; again; turns++) {
        assert_in_range(turns, 0, 100000); /* a machine that spins is a bug */
        again = true;
        if (world->stage_asked)
            stage_rows(world);
        else if (world->record)
            record_results(world);
        else if (world->flight_count > 0 && !world->answers_held)
            answer_flight(world, 0, world->now_ms < world->service_back_ms ? &world->answer : &accepted);
        else
            again = false;
    }
}

/* Runs the clock to `until`, from wake to wake; returns the number of wakes. */
static unsigned run_until(struct world *world, int64_t until_ms)
{
    unsigned wakes = 0;
    settle(world);
    for (;;) {
        int64_t next = world->sender_wake_ms;
        if (next < 0 || (world->gate_wake_ms >= 0 && world->gate_wake_ms < next))
            next = world->gate_wake_ms;
        if (next < 0 || next > until_ms)
            break;
        world->now_ms = next > world->now_ms ? next : world->now_ms;
        wakes++;
        if (world->gate_wake_ms >= 0 && world->gate_wake_ms <= world->now_ms) {
            world->gate_wake_ms = -1;
            gate_wake(&world->gate);
        }
        if (world->sender_wake_ms >= 0 && world->sender_wake_ms <= world->now_ms) {
            world->sender_wake_ms = -1;
            sender_pump(world->sender);
        }
        settle(world);
    }
    world->now_ms = until_ms;
    return wakes;
}

/* ---- fixture ---- */

static unsigned add_row(struct world *world, enum priority priority)
{
    struct row *row = &world->rows[world->row_count];
    *row = (struct row){.queued = true, .priority = priority, .seq = world->row_count + 1};
    return world->row_count++;
}

static unsigned count_accepted(const struct world *world)
{
    unsigned count = 0;
    for (unsigned i = 0; i < world->row_count; i++)
        count += world->rows[i].accepted > 0;
    return count;
}

static void start_with(struct world *world, double units, int64_t period_ms, enum channel channel)
{
    struct sender_options options = {.channel = channel,
                                     .connection = "default",
                                     .items_per_flight = channel == CHANNEL_GRAPH ? 20 : 1,
                                     .result_deadline_ms = 15 * MINUTE_MS};
    budget_init(&world->budget, &world->clock);
    budget_add(&world->budget, units, period_ms);
    gate_init(&world->gate, &gate_operations, world, &world->clock);
    assert_int_equal(sender_new(&operations, world, &world->clock, &world->budget, &options, &world->sender), 0);
    sender_pump(world->sender);
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    world->now_ms = 1000000;
    world->clock = (struct clock){.realtime_ms = stub_now, .monotonic_ms = stub_now, .ctx = world};
    world->sender_wake_ms = world->gate_wake_ms = -1;
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    sender_free(world->sender);
    free(world);
    return 0;
}

/* ---- tests ---- */

static void test_all_are_sent(void **state)
{
    struct world *world = *state;
    for (int i = 0; i < 500; i++)
        add_row(world, PRIORITY_CHANGE);
    start_with(world, 100000, 1000, CHANNEL_PARTNER);
    run_until(world, world->now_ms + MINUTE_MS);
    assert_int_equal(count_accepted(world), 500);
    assert_int_equal(world->requests, 500);
    assert_true(sender_is_idle(world->sender));
    assert_int_equal(world->sender_wake_ms, -1); /* idle: nothing will wake it */
    assert_true(world->most_flights <= 10);
}

/* By chance, verdicts would walk through the store in another order than the reports did, and write each page many
 * times. */
static void test_verdicts_are_asked_in_the_order_of_reports(void **state)
{
    struct world *world = *state;
    for (int i = 0; i < 100; i++)
        add_row(world, PRIORITY_WEEKLY);
    start_with(world, 100000, 1000, CHANNEL_PARTNER);
    run_until(world, world->now_ms + MINUTE_MS);
    for (unsigned i = 0; i < 100; i++) {
        assert_in_range(world->rows[i].poll_after_ms, 1, 10000);
        assert_int_equal(world->rows[i].poll_after_ms, world->rows[0].poll_after_ms);
    }
}

/* What is staged goes out as it was decided then: no more of it than a slow Microsoft takes soon. */
static void test_little_is_staged_for_a_slow_service(void **state)
{
    struct world *world = *state;
    unsigned staged = 0;
    for (int i = 0; i < 500; i++)
        add_row(world, PRIORITY_WEEKLY);
    world->answers_held = true;
    start_with(world, 100000, 1000, CHANNEL_PARTNER);
    run_until(world, world->now_ms + SECOND_MS);
    assert_int_equal(world->flight_count, 1); /* on trial */
    for (unsigned i = 0; i < world->row_count; i++)
        staged += world->rows[i].claimed;
    assert_in_range(staged, 1, 1 + 2);
}

static void test_batches_are_filled(void **state)
{
    struct world *world = *state;
    for (int i = 0; i < 400; i++)
        add_row(world, PRIORITY_CHANGE);
    start_with(world, 100000, 1000, CHANNEL_GRAPH);
    run_until(world, world->now_ms + MINUTE_MS);
    assert_int_equal(count_accepted(world), 400);
    assert_in_range(world->requests, 20, 25); /* the first is the trial */
}

static void test_worst_goes_first(void **state)
{
    struct world *world = *state;
    for (int i = 0; i < 50; i++)
        add_row(world, PRIORITY_WEEKLY);
    for (int i = 0; i < 50; i++)
        add_row(world, PRIORITY_OPERATOR);
    for (int i = 0; i < 50; i++)
        add_row(world, PRIORITY_CHANGE);
    for (int i = 0; i < 50; i++)
        add_row(world, PRIORITY_WORSENING);
    start_with(world, 100000, 1000, CHANNEL_PARTNER);
    run_until(world, world->now_ms + MINUTE_MS);
    assert_int_equal(world->order_count, 200);
    for (unsigned i = 1; i < 200; i++)
        assert_true(world->rows[world->order[i]].priority >= world->rows[world->order[i - 1]].priority);
}

static void test_worsening_overtakes_bulk(void **state)
{
    struct world *world = *state;
    for (int i = 0; i < 1500; i++)
        add_row(world, PRIORITY_WEEKLY);
    start_with(world, 100000, 1000, CHANNEL_PARTNER);
    settle(world);
    world->row_count = 0;
    for (int i = 0; i < 1500; i++)
        add_row(world, PRIORITY_WEEKLY);
    world->answers_held = true;
    sender_fed(world->sender);
    settle(world); /* the window is full of weekly ones, more are ready */
    assert_int_equal(world->flight_count, 10);
    unsigned worse = add_row(world, PRIORITY_WORSENING);
    sender_dirty(world->sender);
    settle(world);
    unsigned before = world->order_count;
    static const struct outcome accepted = {.class = OUTCOME_ACCEPTED};
    answer_flight(world, 0, &accepted); /* the very next free place is the worsening's */
    assert_int_equal(world->order_count, before + 1);
    assert_int_equal(world->order[before], worse);
    world->answers_held = false;
    run_until(world, world->now_ms + MINUTE_MS);
}

static void test_bulk_leaves_units_to_changes(void **state)
{
    struct world *world = *state;
    for (int i = 0; i < 200; i++)
        add_row(world, PRIORITY_WEEKLY);
    start_with(world, 100, 20000, CHANNEL_PARTNER);
    settle(world);
    assert_in_range(world->requests, 12, 13); /* half of the bucket stays */
    for (int i = 0; i < 12; i++)
        add_row(world, PRIORITY_WORSENING);
    sender_dirty(world->sender);
    settle(world);
    for (unsigned i = 200; i < 212; i++)
        assert_int_equal(world->rows[i].accepted, 1); /* at once, though bulk work has to wait */
    run_until(world, world->now_ms + 5 * MINUTE_MS);
    assert_int_equal(count_accepted(world), 212);
}

static void test_quota_is_kept(void **state)
{
    struct world *world = *state;
    for (int i = 0; i < 1000; i++)
        add_row(world, PRIORITY_CHANGE);
    start_with(world, 100, 20000, CHANNEL_PARTNER);
    run_until(world, world->now_ms + 100 * 1000);
    assert_in_range(world->requests, 390, 400); /* a burst, and 3.75 a second */
    for (unsigned i = 0; i + 100 < 390; i++)    /* never more than the quota in any window */
        assert_true(world->request_times[i + 100] - world->request_times[i] >= 20000);
}

static void test_hours_of_outage(void **state)
{
    struct world *world = *state;
    for (int i = 0; i < 300; i++)
        add_row(world, PRIORITY_CHANGE);
    world->answer = (struct outcome){.class = OUTCOME_TRANSIENT, .trouble = TROUBLE_NETWORK};
    world->opening_fails = true;
    world->service_back_ms = world->now_ms + 8 * HOUR_MS;
    start_with(world, 100000, 1000, CHANNEL_PARTNER);
    run_until(world, world->service_back_ms - 1);
    assert_int_equal(count_accepted(world), 0);
    assert_int_equal(world->gate.trouble, TROUBLE_NETWORK);
    assert_in_range(world->opens, 8 * 60 - 10, 8 * 60 * 8); /* gently: about once a minute at most, with jitter */
    run_until(world, world->service_back_ms + 2 * MINUTE_MS);
    assert_int_equal(count_accepted(world), 300);
    assert_int_equal(world->gate.trouble, TROUBLE_NONE);
}

static void test_service_errors_while_open(void **state)
{
    struct world *world = *state;
    for (int i = 0; i < 300; i++)
        add_row(world, PRIORITY_CHANGE);
    world->answer = (struct outcome){.class = OUTCOME_TRANSIENT, .trouble = TROUBLE_SERVICE};
    world->service_back_ms = world->now_ms + 3 * HOUR_MS;
    start_with(world, 100000, 1000, CHANNEL_PARTNER);
    run_until(world, world->service_back_ms - 1);
    assert_int_equal(count_accepted(world), 0);
    assert_in_range(world->requests, 3 * 60 - 10, 3 * 60 * 8); /* one trial at a time */
    run_until(world, world->service_back_ms + 2 * MINUTE_MS);
    assert_int_equal(count_accepted(world), 300);
}

static void test_retry_after_is_obeyed(void **state)
{
    struct world *world = *state;
    for (int i = 0; i < 50; i++)
        add_row(world, PRIORITY_CHANGE);
    int64_t began = world->now_ms;
    world->answer =
        (struct outcome){.class = OUTCOME_THROTTLED, .trouble = TROUBLE_THROTTLED, .retry_after_ms = 90 * 1000};
    world->service_back_ms = began + 1;
    start_with(world, 100000, 1000, CHANNEL_PARTNER);
    settle(world);
    unsigned early = world->requests;
    run_until(world, began + 90 * 1000 - 1);
    assert_int_equal(world->requests, early); /* not one request before */
    run_until(world, began + 10 * MINUTE_MS);
    assert_int_equal(count_accepted(world), 50);
}

static void test_refused_credential_keeps_the_queue(void **state)
{
    struct world *world = *state;
    for (int i = 0; i < 50; i++)
        add_row(world, PRIORITY_CHANGE);
    world->answer = (struct outcome){.class = OUTCOME_CONNECTION, .trouble = TROUBLE_PERMISSION};
    world->service_back_ms = world->now_ms + HOUR_MS;
    start_with(world, 100000, 1000, CHANNEL_PARTNER);
    run_until(world, world->service_back_ms - 1);
    assert_in_range(world->requests, 12, 120); /* every five minutes at the longest */
    for (unsigned i = 0; i < 50; i++)
        assert_int_equal(world->rows[i].attempts, 0); /* not their fault */
    run_until(world, world->service_back_ms + 6 * MINUTE_MS);
    assert_int_equal(count_accepted(world), 50);
}

static void test_401_is_tried_once_more(void **state)
{
    struct world *world = *state;
    static const struct outcome unauthorised = {.class = OUTCOME_AUTH, .trouble = TROUBLE_TOKEN_REFUSED};
    static const struct outcome accepted = {.class = OUTCOME_ACCEPTED};
    add_row(world, PRIORITY_CHANGE);
    world->answers_held = true;
    start_with(world, 100000, 1000, CHANNEL_PARTNER);
    settle(world);
    answer_flight(world, 0, &unauthorised);
    settle(world);
    assert_int_equal(world->flight_count, 1); /* the same flight again */
    assert_int_equal(world->gate.state, GATE_OPEN);
    answer_flight(world, 0, &accepted);
    settle(world);
    assert_int_equal(world->rows[0].accepted, 1);
    assert_int_equal(world->rows[0].sent, 2);
}

static void test_second_401_closes_the_gate(void **state)
{
    struct world *world = *state;
    static const struct outcome unauthorised = {.class = OUTCOME_AUTH, .trouble = TROUBLE_TOKEN_REFUSED};
    add_row(world, PRIORITY_CHANGE);
    world->answers_held = true;
    start_with(world, 100000, 1000, CHANNEL_PARTNER);
    settle(world);
    answer_flight(world, 0, &unauthorised);
    answer_flight(world, 0, &unauthorised);
    settle(world);
    assert_int_equal(world->gate.state, GATE_WAITING);
    assert_true(world->rows[0].queued);
    assert_false(world->rows[0].claimed);
}

static void test_device_refusal_parks_one(void **state)
{
    struct world *world = *state;
    static const struct outcome refused = {.class = OUTCOME_DEVICE, .reason = REASON_DEVICE_UNKNOWN};
    add_row(world, PRIORITY_CHANGE);
    world->answers_held = true;
    start_with(world, 100000, 1000, CHANNEL_PARTNER);
    settle(world);
    answer_flight(world, 0, &refused);
    run_until(world, world->now_ms + HOUR_MS);
    assert_false(world->rows[0].queued);
    assert_int_equal(world->rows[0].sent, 1);
    assert_int_equal(world->gate.state, GATE_OPEN); /* the service itself is well */
}

static void test_busy_store_loses_no_result(void **state)
{
    struct world *world = *state;
    for (int i = 0; i < 30; i++)
        add_row(world, PRIORITY_CHANGE);
    world->answers_held = true;
    start_with(world, 100000, 1000, CHANNEL_PARTNER);
    settle(world);
    world->store_fails = true; /* locked by another writer for minutes, with answers coming in */
    world->answers_held = false;
    run_until(world, world->now_ms + 10 * MINUTE_MS);
    assert_int_equal(count_accepted(world), 0);
    unsigned sent = world->requests;
    world->store_fails = false;
    run_until(world, world->now_ms + MINUTE_MS);
    assert_int_equal(count_accepted(world), 30);
    assert_int_equal(world->requests, 30); /* nothing was sent twice */
    assert_true(sent <= 30);
}

static void test_change_in_flight_is_sent_after(void **state)
{
    struct world *world = *state;
    static const struct outcome accepted = {.class = OUTCOME_ACCEPTED};
    add_row(world, PRIORITY_CHANGE);
    world->answers_held = true;
    start_with(world, 100000, 1000, CHANNEL_PARTNER);
    settle(world);
    world->rows[0].seq++; /* the trigger raised it */
    sender_dirty(world->sender);
    settle(world);
    assert_int_equal(world->flight_count, 1); /* one flight a device */
    answer_flight(world, 0, &accepted);
    settle(world);
    assert_int_equal(world->rows[0].sent, 2);
    answer_flight(world, 0, &accepted);
    settle(world);
    assert_false(world->rows[0].queued);
}

static void test_drain_waits_for_flights_only(void **state)
{
    struct world *world = *state;
    static const struct outcome accepted = {.class = OUTCOME_ACCEPTED};
    for (int i = 0; i < 100; i++)
        add_row(world, PRIORITY_CHANGE);
    start_with(world, 100000, 1000, CHANNEL_PARTNER);
    world->answers_held = true;
    settle(world);
    unsigned away = world->flight_count;
    assert_true(away > 0);
    sender_drain(world->sender);
    settle(world);
    assert_false(sender_is_idle(world->sender));
    while (world->flight_count > 0)
        answer_flight(world, 0, &accepted);
    settle(world);
    assert_true(sender_is_idle(world->sender));
    for (unsigned i = 0; i < 100; i++)
        assert_false(world->rows[i].claimed);
}

static void test_closed_gate_stages_nothing(void **state)
{
    struct world *world = *state;
    for (int i = 0; i < 100; i++)
        add_row(world, PRIORITY_CHANGE);
    world->answer = (struct outcome){.class = OUTCOME_CONNECTION, .trouble = TROUBLE_CREDENTIAL_WRONG};
    world->opening_fails = true;
    world->service_back_ms = world->now_ms + HOUR_MS;
    start_with(world, 100000, 1000, CHANNEL_PARTNER);
    settle(world);
    assert_int_equal(world->gate.state, GATE_WAITING);
    for (unsigned i = 0; i < 100; i++)
        assert_false(world->rows[i].claimed);
    assert_int_equal(world->requests, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_all_are_sent),
        TEST(test_verdicts_are_asked_in_the_order_of_reports),
        TEST(test_little_is_staged_for_a_slow_service),
        TEST(test_batches_are_filled),
        TEST(test_worst_goes_first),
        TEST(test_worsening_overtakes_bulk),
        TEST(test_bulk_leaves_units_to_changes),
        TEST(test_quota_is_kept),
        TEST(test_hours_of_outage),
        TEST(test_service_errors_while_open),
        TEST(test_retry_after_is_obeyed),
        TEST(test_refused_credential_keeps_the_queue),
        TEST(test_401_is_tried_once_more),
        TEST(test_second_401_closes_the_gate),
        TEST(test_device_refusal_parks_one),
        TEST(test_busy_store_loses_no_result),
        TEST(test_change_in_flight_is_sent_after),
        TEST(test_drain_waits_for_flights_only),
        TEST(test_closed_gate_stages_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
