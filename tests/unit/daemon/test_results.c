/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * The questions for verdicts on a stub clock, with a table of messages and a Microsoft made of a few arrays.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/results.h"
#include "daemon/sender.h"

enum { ROWS = 1000, SECOND_MS = 1000, DEADLINE_MS = 60 * SECOND_MS };

/* A row of table message. */
struct row {
    bool stored, in_hand;
    int64_t accepted_at_ms, poll_at_ms;
    unsigned asked, expiries;
};

struct world {
    int64_t now_ms;
    struct clock clock;
    struct row rows[ROWS];
    unsigned stored;
    struct budget budget;
    struct results *results;
    int64_t wake_ms; /* -1 = none */

    /* the store thread's and the network's mailboxes */
    bool fetching;
    struct message_fetch fetch;
    struct message_record *record;
    struct question *questions[ROWS];
    unsigned question_count;
    bool store_fails;

    unsigned records, fetches, requeued;
    int64_t put_off_ms; /* what expired last */
    int window;
};

static int64_t stub_now(void *ctx)
{
    return ((struct world *)ctx)->now_ms;
}

static struct guid id_of(unsigned number)
{
    struct guid id = {0};

    /* neither in the order of the rows nor far from each other */
    id.bytes[0] = (uint8_t)(number * 37);
    memcpy(id.bytes + 4, &number, sizeof(number));
    return id;
}

static struct row *row_of(struct world *world, const struct guid *id)
{
    unsigned number;

    memcpy(&number, id->bytes + 4, sizeof(number));
    return &world->rows[number];
}

/* ---- operations ---- */

static void op_fetch(void *ctx, const struct message_fetch *fetch)
{
    struct world *world = ctx;

    assert_false(world->fetching);
    assert_in_range(fetch->limit, 1, MESSAGE_KNOWN_MAX);
    world->fetching = true;
    world->fetches++;
    world->fetch = *fetch;
    world->fetch.now_ms = world->now_ms;
}

static void op_record(void *ctx, struct message_record *record)
{
    struct world *world = ctx;

    assert_null(world->record);
    world->record = record;
    world->records++;
}

static int op_ask(void *ctx, struct question *question)
{
    struct world *world = ctx;

    row_of(world, &question->message->message_id)->asked++;
    world->questions[world->question_count++] = question;
    return 0;
}

static int op_window(void *ctx)
{
    return ((struct world *)ctx)->window;
}

static void op_knock(void *ctx)
{
    (void)ctx;
}

static void op_answered(void *ctx, const struct outcome *outcome)
{
    (void)ctx;
    (void)outcome;
}

static void op_wake(void *ctx, int64_t delay_ms)
{
    struct world *world = ctx;

    assert_int_not_equal(delay_ms, 0);
    world->wake_ms = delay_ms < 0 ? -1 : world->now_ms + delay_ms;
}

static void op_settled(void *ctx, const struct message_result *result)
{
    struct world *world = ctx;

    if (result->verdict == MESSAGE_EXPIRED)
        world->put_off_ms = result->poll_ms - result->at_ms;
}

static void op_requeued(void *ctx)
{
    ((struct world *)ctx)->requeued++;
}

static const struct results_ops operations = {
    .fetch = op_fetch,
    .record = op_record,
    .ask = op_ask,
    .window = op_window,
    .knock = op_knock,
    .answered = op_answered,
    .wake = op_wake,
    .settled = op_settled,
    .requeued = op_requeued,
};

/* ---- the store ---- */

static bool is_known(const struct message_fetch *fetch, const struct guid *id)
{
    for (unsigned i = 0; i < fetch->known_count; i++) {
        if (memcmp(&fetch->known[i], id, sizeof(*id)) == 0)
            return true;
    }
    return false;
}

/* The due row with the least time behind all that were taken already. */
static struct row *next_row(struct world *world, const struct message_fetch *fetch)
{
    struct row *next = NULL;

    for (unsigned i = 0; i < ROWS; i++) {
        struct row *row = &world->rows[i];
        struct guid id = id_of(i);
        if (row->stored && !row->in_hand && row->poll_at_ms >= fetch->from_ms && row->poll_at_ms <= fetch->now_ms &&
            !is_known(fetch, &id) && (!next || row->poll_at_ms < next->poll_at_ms))
            next = row;
    }
    return next;
}

static int64_t next_poll_ms(const struct world *world)
{
    int64_t next_ms = -1;

    for (unsigned i = 0; i < ROWS; i++) {
        const struct row *row = &world->rows[i];
        if (row->stored && row->poll_at_ms > world->fetch.now_ms && (next_ms < 0 || row->poll_at_ms < next_ms))
            next_ms = row->poll_at_ms;
    }
    return next_ms;
}

/* Whatever is in hand must have been said to be, or it would be offered again. */
static void check_known(const struct world *world)
{
    for (unsigned i = 0; i < ROWS; i++) {
        struct guid id = id_of(i);
        if (world->rows[i].stored && world->rows[i].in_hand)
            assert_true(is_known(&world->fetch, &id));
    }
}

static void fetch_rows(struct world *world)
{
    struct message_fetch fetch = world->fetch;
    struct message **end = &fetch.messages;
    struct row *row;

    world->fetching = false;
    check_known(world);
    while (fetch.count < fetch.limit && (row = next_row(world, &fetch)) != NULL) {
        struct message *message = calloc(1, sizeof(*message));
        message->message_id = id_of((unsigned)(row - world->rows));
        message->accepted_at_ms = row->accepted_at_ms;
        message->deadline_ms = message->accepted_at_ms + DEADLINE_MS;
        message->expiries = row->expiries;
        row->in_hand = true;
        *end = message;
        end = &message->next;
        fetch.count++;
        fetch.reached_ms = row->poll_at_ms;
    }
    fetch.next_poll_ms = fetch.count == fetch.limit ? fetch.now_ms : next_poll_ms(world);
    if (fetch.count < fetch.limit)
        fetch.reached_ms = INT64_MIN;
    results_fetched(world->results, &fetch);
}

static void record_rows(struct world *world)
{
    struct message_record *record = world->record;

    world->record = NULL;
    record->job.result = world->store_fails ? ERR_STORE_FULL : 0;
    for (size_t i = 0; i < record->count && !world->store_fails; i++) {
        const struct message_result *result = &record->results[i];
        struct row *row = row_of(world, &result->message->message_id);
        row->in_hand = false;
        if (result->verdict == MESSAGE_PENDING) {
            row->poll_at_ms = result->poll_ms;
        } else {
            row->stored = false;
            world->stored--;
        }
    }
    results_recorded(world->results, record);
}

static void answer(struct world *world, unsigned place, enum partner_verdict verdict)
{
    static const struct outcome fine = {.class = OUTCOME_ACCEPTED};
    struct question *question = world->questions[place];

    world->questions[place] = world->questions[--world->question_count];
    results_answered(question, verdict, &fine);
}

/* ---- running ---- */

static void start(struct world *world)
{
    memset(world, 0, sizeof(*world));
    world->now_ms = INT64_C(1767225600000);
    world->clock = (struct clock){.realtime_ms = stub_now, .monotonic_ms = stub_now, .ctx = world};
    world->window = 100;
    budget_init(&world->budget, &world->clock);
    budget_add(&world->budget, 1000000, SECOND_MS);
    assert_int_equal(results_new(&operations, world, &world->clock, &world->budget, "default", &world->results), 0);
}

/* A message was accepted; it is asked about from poll_at_ms on. */
static void add(struct world *world, unsigned number, int64_t poll_at_ms)
{
    world->rows[number] =
        (struct row){.stored = true, .accepted_at_ms = poll_at_ms - 2 * SECOND_MS, .poll_at_ms = poll_at_ms};
    world->stored++;
    results_expect(world->results, poll_at_ms);
    results_pump(world->results);
}

static void store_works(struct world *world)
{
    while (world->fetching || (world->record && !world->store_fails)) {
        if (world->fetching)
            fetch_rows(world);
        if (world->record)
            record_rows(world);
    }
}

static void pass_time(struct world *world, int64_t ms)
{
    world->now_ms += ms;
    results_pump(world->results);
    store_works(world);
}

static void finish(struct world *world)
{
    results_free(world->results);
}

/* ---- tests ---- */

/* Fetches, answers and records in any order: each message is asked for once, and none is lost. */
static void test_each_is_asked_for_once(void **state)
{
    struct world world;
    unsigned chance = 1;

    (void)state;
    start(&world);
    for (unsigned i = 0; i < ROWS; i++)
        add(&world, i, world.now_ms + i / 4);
    for (unsigned turn = 0; world.stored > 0; turn++) {
        assert_in_range(turn, 0, 100000);
        chance = chance * 1103515245 + 12345;
        switch (chance >> 16 & 3) {
        case 0:
            if (world.fetching)
                fetch_rows(&world);
            break;
        case 1:
            if (world.record)
                record_rows(&world);
            break;
        case 2:
            world.now_ms++;
            results_pump(world.results);
            break;
        default:
            if (world.question_count > 0)
                answer(&world, (chance >> 20) % world.question_count, PARTNER_COMPLETED);
        }
    }
    for (unsigned i = 0; i < ROWS; i++)
        assert_int_equal(world.rows[i].asked, 1);
    assert_true(results_is_idle(world.results));
    finish(&world);
}

/* Several answers are recorded together, and so are several messages fetched. */
/* Reports leave room for questions from when a verdict is due until it has been asked for. */
static void test_what_is_due_is_told(void **state)
{
    struct world world;

    (void)state;
    start(&world);
    pass_time(&world, 0); /* a look at what the store has from before */
    assert_false(results_are_due(world.results));
    add(&world, 0, world.now_ms + SECOND_MS);
    assert_false(results_are_due(world.results));
    world.now_ms += SECOND_MS;
    assert_true(results_are_due(world.results)); /* not fetched yet, */
    results_pump(world.results);
    assert_true(world.fetching);
    assert_true(results_are_due(world.results)); /* being fetched, */
    world.window = 0;
    fetch_rows(&world);
    assert_int_equal(world.question_count, 0);
    assert_true(results_are_due(world.results)); /* without a place to be asked */
    world.window = 1;
    results_pump(world.results);
    assert_int_equal(world.question_count, 1);
    assert_false(results_are_due(world.results));
    answer(&world, 0, PARTNER_COMPLETED);
    pass_time(&world, SECOND_MS);
    finish(&world);
}

static void test_answers_share_a_record_and_messages_a_fetch(void **state)
{
    struct world world;

    (void)state;
    start(&world);
    for (unsigned i = 0; i < 400; i++)
        add(&world, i, world.now_ms);
    pass_time(&world, 1);
    for (unsigned turn = 0; world.stored > 0 && turn < 1000; turn++) {
        if (world.question_count > 0)
            answer(&world, 0, PARTNER_COMPLETED);
        else
            pass_time(&world, 10);
        store_works(&world);
    }
    assert_int_equal(world.stored, 0);
    assert_in_range(world.records, 1, 400 / 32);
    assert_in_range(world.fetches, 1, 400 / 32);
    finish(&world);
}

/* While others are at Microsoft a single answer waits a little for them; alone it does not. */
static void test_an_answer_waits_a_little_for_others(void **state)
{
    struct world world;

    (void)state;
    start(&world);
    add(&world, 0, world.now_ms);
    add(&world, 1, world.now_ms);
    pass_time(&world, 1);
    store_works(&world);
    assert_int_equal(world.question_count, 2);
    answer(&world, 0, PARTNER_COMPLETED);
    assert_null(world.record);
    assert_in_range(world.wake_ms - world.now_ms, 1, 10);
    world.now_ms = world.wake_ms;
    results_pump(world.results);
    assert_non_null(world.record);
    store_works(&world);
    answer(&world, 0, PARTNER_COMPLETED);
    assert_non_null(world.record);
    store_works(&world);
    assert_int_equal(world.stored, 0);
    finish(&world);
}

static void test_pending_is_asked_again_until_the_deadline(void **state)
{
    struct world world;

    (void)state;
    start(&world);
    add(&world, 0, world.now_ms);
    for (int64_t end_ms = world.now_ms + 2 * DEADLINE_MS; world.stored > 0 && world.now_ms < end_ms;) {
        store_works(&world);
        if (world.question_count > 0)
            answer(&world, 0, PARTNER_PENDING);
        else
            pass_time(&world, SECOND_MS);
    }
    assert_int_equal(world.stored, 0);
    assert_in_range(world.rows[0].asked, 4, 20);
    assert_int_equal(world.requeued, 1);
    finish(&world);
}

/* Ever later, but never so late that the store thinks the clock was set back and sends it at once. */
static void test_an_expired_message_is_put_off_ever_longer_up_to_a_limit(void **state)
{
    struct world world;
    int64_t early_ms = 0, late_ms = 0;

    (void)state;
    start(&world);
    for (unsigned i = 0; i < 100; i++) {
        add(&world, i, world.now_ms);
        world.rows[i].accepted_at_ms = world.now_ms - DEADLINE_MS;
        world.rows[i].expiries = i;
        pass_time(&world, 1);
        answer(&world, 0, PARTNER_PENDING);
        store_works(&world);
        assert_in_range(world.put_off_ms, 1, OUTBOX_PUT_OFF_MAX_MS);
        early_ms = i < 3 && world.put_off_ms > early_ms ? world.put_off_ms : early_ms;
        late_ms = world.put_off_ms > late_ms ? world.put_off_ms : late_ms;
    }
    assert_int_equal(world.requeued, 100);
    assert_true(late_ms > 4 * early_ms);
    finish(&world);
}

/* Where the last fetch stopped is forgotten when something due before comes. */
static void test_a_clock_set_back_hides_no_message(void **state)
{
    struct world world;

    (void)state;
    start(&world);
    world.window = 1;
    for (unsigned i = 0; i < 100; i++)
        add(&world, i, world.now_ms);
    pass_time(&world, 1);
    assert_int_equal(world.question_count, 1); /* more is due than was fetched */
    add(&world, 100, world.now_ms - 3600 * SECOND_MS);
    for (unsigned turn = 0; world.stored > 0 && turn < 1000; turn++) {
        if (world.question_count > 0)
            answer(&world, 0, PARTNER_COMPLETED);
        pass_time(&world, 1);
    }
    assert_int_equal(world.stored, 0);
    assert_int_equal(world.rows[100].asked, 1);
    finish(&world);
}

static void test_a_verdict_outlives_a_full_disk(void **state)
{
    struct world world;

    (void)state;
    start(&world);
    add(&world, 0, world.now_ms);
    pass_time(&world, 1);
    answer(&world, 0, PARTNER_COMPLETED);
    world.store_fails = true;
    for (int i = 0; i < 10; i++) {
        if (world.record)
            record_rows(&world);
        pass_time(&world, SECOND_MS);
    }
    assert_int_equal(world.stored, 1);
    world.store_fails = false;
    pass_time(&world, SECOND_MS);
    assert_int_equal(world.stored, 0);
    assert_int_equal(world.rows[0].asked, 1);
    finish(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_is_asked_for_once),
        cmocka_unit_test(test_what_is_due_is_told),
        cmocka_unit_test(test_answers_share_a_record_and_messages_a_fetch),
        cmocka_unit_test(test_an_answer_waits_a_little_for_others),
        cmocka_unit_test(test_pending_is_asked_again_until_the_deadline),
        cmocka_unit_test(test_an_expired_message_is_put_off_ever_longer_up_to_a_limit),
        cmocka_unit_test(test_a_clock_set_back_hides_no_message),
        cmocka_unit_test(test_a_verdict_outlives_a_full_disk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
