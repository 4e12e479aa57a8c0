/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * The account's machine on a stub clock: operations are noted, their answers are the test's.
 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/account.h"

#define TENANT "11111111-2222-3333-4444-555555555555"
#define GROUP  "aaaaaaaa-0000-4000-8000-00000000000a"
#define POLICY "bbbbbbbb-0000-4000-8000-00000000000b"

enum operation { NOTHING, TOKEN, DISCOVER, REQUEST, SAVE, FEED, COUNT };

struct world {
    struct account *account;
    int64_t now_ms;
    enum operation asked; /* under way */
    enum http_method method;
    char url[512], body[512];
    struct account_record stored; /* what a next process would find */
    bool walking;
    int64_t wake_ms;
    unsigned dropped, moves, answered;
    int answer;
    int refuse; /* the next operation does not begin */
    struct account_counts counts;
};

static struct connection_settings settings = {.name = (char[]){"default"},
                                              .tenant_id = (char[]){TENANT},
                                              .graph_url = (char[]){"https://graph"},
                                              .enrollment_url = (char[]){"https://e"},
                                              .remediation_url = (char[]){"https://r"},
                                              .assignment_group = (char[]){"Staff"}};

static int64_t stub_now(void *ctx)
{
    return ((struct world *)ctx)->now_ms;
}

static int begin(struct world *world, enum operation operation)
{
    int refused = world->refuse;

    assert_int_equal(world->asked, NOTHING); /* one at a time */
    world->refuse = 0;
    if (refused == 0)
        world->asked = operation;
    return refused;
}

static int token(void *ctx, enum account_token which)
{
    (void)which;
    return begin(ctx, TOKEN);
}

static int discover(void *ctx)
{
    return begin(ctx, DISCOVER);
}

static int request(void *ctx, const struct account_request *asked)
{
    struct world *world = ctx;

    world->method = asked->method;
    snprintf(world->url, sizeof(world->url), "%s", asked->url);
    snprintf(world->body, sizeof(world->body), "%s", asked->body ? asked->body : "");
    return begin(world, REQUEST);
}

static int save(void *ctx, const struct account_record *record, bool start_walk)
{
    struct world *world = ctx;
    int result = begin(world, SAVE);

    if (result == 0) {
        world->stored = *record;
        world->walking = start_walk || (world->walking && record->feeding);
    }
    return result;
}

static int feed(void *ctx)
{
    return begin(ctx, FEED);
}

static int count(void *ctx)
{
    return begin(ctx, COUNT);
}

static void drop_token(void *ctx, enum account_token which)
{
    (void)which;
    ((struct world *)ctx)->dropped++;
}

static void wake(void *ctx, int64_t delay_ms)
{
    struct world *world = ctx;

    world->wake_ms = world->now_ms + delay_ms;
}

static void moved(void *ctx, enum account_state before)
{
    struct world *world = ctx;

    assert_true(account_may_move(before, account_state(world->account)));
    world->moves++;
}

static void stepped(void *ctx, enum account_step step)
{
    (void)ctx;
    (void)step;
}

static const struct account_ops operations = {.token = token,
                                              .discover = discover,
                                              .request = request,
                                              .save = save,
                                              .feed = feed,
                                              .count = count,
                                              .drop_token = drop_token,
                                              .wake = wake,
                                              .moved = moved,
                                              .stepped = stepped};

static void noted(void *ctx, int result, const struct error *error)
{
    struct world *world = ctx;

    (void)error;
    world->answered++;
    world->answer = result;
}

/* A process begins, with what the last one stored. */
static void start(struct world *world)
{
    static struct clock clock;

    clock = (struct clock){.realtime_ms = stub_now, .monotonic_ms = stub_now, .ctx = world};
    world->asked = NOTHING;
    assert_int_equal(account_new(&operations, world, &clock, &settings, &world->account), 0);
    account_start(world->account, &world->stored);
}

static void end(struct world *world)
{
    account_free(world->account);
    world->account = NULL;
}

static void kill_9(struct world *world)
{
    end(world);
    start(world);
}

static void answer_request(struct world *world, int status, const char *body)
{
    const struct http_response response = {.status = status, .body = body, .body_length = strlen(body)};

    assert_int_equal(world->asked, REQUEST);
    world->asked = NOTHING;
    account_answered(world->account, &response);
}

static const char *good_answer(const struct world *world)
{
    if (strstr(world->url, "/groups"))
        return "{\"value\":[{\"id\":\"" GROUP "\",\"displayName\":\"Staff\"}]}";
    if (strstr(world->url, "/Assign"))
        return "{\"value\":\"\"}";
    if (strstr(world->url, "PartnerTenants"))
        return "{\"ContextId\":\"" TENANT "\",\"HttpStatusCode\":200}";
    return "{\"Id\":\"" POLICY "\"}";
}

static void answer_well(struct world *world)
{
    static const struct endpoints endpoints = {.device_url = "https://d", .tenant_url = "https://t"};
    enum operation asked = world->asked;

    if (asked == REQUEST) {
        answer_request(world, 200, good_answer(world));
        return;
    }
    world->asked = NOTHING;
    if (asked == TOKEN)
        account_token_answered(world->account, NULL);
    else if (asked == DISCOVER)
        account_discovered(world->account, NULL, &endpoints);
    else if (asked == SAVE)
        account_saved(world->account, 0);
    else if (asked == FEED)
        account_fed(world->account, 0, true);
    else if (asked == COUNT)
        account_counted(world->account, 0, &world->counts);
}

/* Lets everything go well until that is asked, or nothing is. */
static bool run_until(struct world *world, enum operation wanted, const char *url)
{
    for (int turns = 0; turns < 1000; turns++) {
        if (wanted != NOTHING && world->asked == wanted && (!url || strstr(world->url, url)))
            return true;
        if (world->asked != NOTHING) {
            answer_well(world);
        } else if (world->wake_ms > world->now_ms) {
            world->now_ms = world->wake_ms;
            account_tick(world->account);
        } else {
            return wanted == NOTHING;
        }
    }
    return false;
}

static void settle(struct world *world)
{
    for (int turns = 0; turns < 200 && world->asked != NOTHING; turns++)
        answer_well(world);
}

static enum account_state stored_state(const struct world *world)
{
    return world->stored.state;
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    world->now_ms = 1000000;
    world->counts = (struct account_counts){.platforms = 1u << PLATFORM_IOS, .managed = 3};
    account_record_init(&world->stored, "default");
    start(world);
    settle(world);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    end(*state);
    free(*state);
    return 0;
}

static void begin_connect(struct world *world)
{
    struct error err;

    assert_int_equal(account_connect(world->account, noted, world, &err), 0);
}

static int begin_disconnect(struct world *world, bool this_server_only, bool force)
{
    const struct account_disconnect_options options = {.this_server_only = this_server_only, .force = force};
    struct error err;

    return account_disconnect(world->account, &options, noted, world, &err);
}

static void test_connecting_goes_through(void **state)
{
    struct world *world = *state;

    begin_connect(world);
    assert_int_equal(world->answered, 0); /* nothing is durable yet */
    settle(world);
    assert_int_equal(world->answered, 1);
    assert_int_equal(stored_state(world), ACCOUNT_CONNECTED);
    assert_int_equal(world->stored.steps[ACCOUNT_ASSIGN_IOS].state, STEP_DONE);
    assert_string_equal(world->stored.steps[ACCOUNT_POLICY_IOS].value, POLICY);
    assert_int_equal(world->stored.steps[ACCOUNT_ASSIGN_MACOS].state, STEP_SKIPPED);
    assert_true(world->stored.connected_at_ms > 0);
}

/* A platform has its first device after the account was connected. */
static void appears(struct world *world, enum platform platform)
{
    world->counts.platforms |= 1u << platform;
    account_seen(world->account, 1u << platform);
}

static void test_a_platform_that_comes_later_gets_its_policy_by_itself(void **state)
{
    struct world *world = *state;

    begin_connect(world);
    settle(world);
    unsigned moves = world->moves;
    account_seen(world->account, 1u << PLATFORM_IOS | 1u << PLATFORM_WINDOWS);
    assert_int_equal(world->asked, NOTHING); /* they have what they need */
    appears(world, PLATFORM_ANDROID);
    assert_true(run_until(world, REQUEST, NULL));
    assert_non_null(strstr(world->url, "/groups")); /* it may be another one since */
    assert_true(run_until(world, REQUEST, "Assign"));
    settle(world);
    assert_int_equal(world->stored.steps[ACCOUNT_ASSIGN_ANDROID].state, STEP_DONE);
    assert_int_equal(world->stored.steps[ACCOUNT_POLICY_MACOS].state, STEP_SKIPPED);
    assert_int_equal(world->moves, moves); /* connected all the time */
    account_seen(world->account, 1u << PLATFORM_ANDROID);
    assert_int_equal(world->asked, NOTHING);
}

static void test_a_refused_platform_is_tried_again_later(void **state)
{
    struct world *world = *state;

    begin_connect(world);
    settle(world);
    appears(world, PLATFORM_MACOS);
    for (int tries = 0; tries < 3; tries++) {
        assert_true(run_until(world, REQUEST, "CompliancePolic"));
        answer_request(world, 204, ""); /* the partner is not registered */
        settle(world);
        assert_int_equal(stored_state(world), ACCOUNT_CONNECTED);
        assert_int_equal(world->stored.steps[ACCOUNT_POLICY_MACOS].state, STEP_FAILED);
        assert_string_equal(world->stored.steps[ACCOUNT_POLICY_MACOS].problem, "partner_not_registered");
        account_seen(world->account, 1u << PLATFORM_MACOS);
        assert_int_equal(world->asked, NOTHING); /* not at once */
        assert_true(world->wake_ms >= world->now_ms + (5 * 60000 << tries) / 8);
    }
    kill_9(world); /* a start tries at once */
    assert_true(run_until(world, NOTHING, NULL));
    assert_int_equal(world->stored.steps[ACCOUNT_ASSIGN_MACOS].state, STEP_DONE);
}

static void test_a_platform_survives_kills_at_every_operation(void **state)
{
    struct world *world = *state;

    for (int after = 0; after < 30; after++) {
        world->counts.platforms = 1u << PLATFORM_WINDOWS;
        account_record_init(&world->stored, "default");
        kill_9(world);
        settle(world);
        begin_connect(world);
        settle(world);
        assert_int_equal(world->stored.steps[ACCOUNT_PROVISION].state, STEP_SKIPPED);
        appears(world, PLATFORM_IOS);
        for (int i = 0; i < after && world->asked != NOTHING; i++)
            answer_well(world);
        bool durable = world->stored.steps[ACCOUNT_ASSIGN_IOS].state != STEP_SKIPPED;
        kill_9(world);
        assert_true(run_until(world, NOTHING, NULL));
        assert_int_equal(world->stored.steps[ACCOUNT_ASSIGN_IOS].state, durable ? STEP_DONE : STEP_SKIPPED);
        account_seen(world->account, 1u << PLATFORM_IOS); /* its next report is staged */
        assert_true(run_until(world, NOTHING, NULL));
        assert_int_equal(stored_state(world), ACCOUNT_CONNECTED);
        assert_int_equal(world->stored.steps[ACCOUNT_PROVISION].state, STEP_DONE);
        assert_int_equal(world->stored.steps[ACCOUNT_ASSIGN_IOS].state, STEP_DONE);
    }
}

/* An operator's word goes first, whatever is being ensured by itself. */
static void test_an_operator_interrupts_what_is_done_by_itself(void **state)
{
    struct world *world = *state;

    begin_connect(world);
    settle(world);
    appears(world, PLATFORM_ANDROID);
    assert_true(run_until(world, REQUEST, "/groups"));
    begin_connect(world);
    answer_request(world, 200, "{\"value\":[]}"); /* to the question before */
    settle(world);
    assert_int_equal(stored_state(world), ACCOUNT_CONNECTED);
    assert_int_equal(world->stored.steps[ACCOUNT_ASSIGN_ANDROID].state, STEP_DONE);
    assert_int_equal(world->answered, 2);
    appears(world, PLATFORM_MACOS);
    assert_true(run_until(world, REQUEST, "/groups"));
    assert_int_equal(begin_disconnect(world, true, false), 0);
    answer_well(world);
    settle(world);
    assert_int_equal(stored_state(world), ACCOUNT_DISCONNECTED);
    account_seen(world->account, 1u << PLATFORM_MACOS);
    assert_int_equal(world->asked, NOTHING);
}

/* After each operation, answered or not, another process takes over from what is stored. */
static void kill_at_each(struct world *world, enum account_state goal)
{
    for (int kills = 0; kills < 200 && stored_state(world) != goal; kills++) {
        if (world->asked != NOTHING && kills % 2)
            answer_well(world);
        else
            settle(world), kills++;
        kill_9(world);
    }
    settle(world);
    assert_int_equal(stored_state(world), goal);
}

static void test_connecting_survives_kills_at_every_operation(void **state)
{
    struct world *world = *state;

    for (int after = 0; after < 60; after++) {
        account_record_init(&world->stored, "default");
        kill_9(world);
        settle(world);
        begin_connect(world);
        for (int i = 0; i < after && world->asked != NOTHING; i++)
            answer_well(world);
        bool durable = stored_state(world) != ACCOUNT_NEW;
        kill_9(world);
        settle(world);
        assert_int_equal(stored_state(world), durable ? ACCOUNT_CONNECTED : ACCOUNT_NEW);
    }
}

static void test_disconnecting_survives_kills_at_every_operation(void **state)
{
    struct world *world = *state;

    for (int after = 1; after < 40; after++) {
        account_record_init(&world->stored, "default");
        kill_9(world);
        settle(world);
        assert_int_equal(begin_disconnect(world, false, false), 0);
        for (int i = 0; i < after && world->asked != NOTHING; i++)
            answer_well(world);
        kill_9(world);
        assert_true(run_until(world, NOTHING, NULL));
        kill_at_each(world, ACCOUNT_DISCONNECTED);
    }
}

static void test_a_refused_token_is_renewed_once(void **state)
{
    struct world *world = *state;

    begin_connect(world);
    assert_true(run_until(world, REQUEST, "PartnerTenants"));
    answer_request(world, 401, "{}");
    assert_int_equal(world->dropped, 1);
    assert_true(run_until(world, REQUEST, "PartnerTenants"));
    answer_request(world, 401, "{}");
    settle(world);
    assert_int_equal(world->dropped, 1);
    assert_true(world->wake_ms > world->now_ms); /* later */
}

static void test_connecting_gives_up_after_some_tries(void **state)
{
    struct world *world = *state;
    int tries = 0;

    begin_connect(world);
    while (run_until(world, REQUEST, "PartnerTenants") && tries < 20) {
        int64_t before_ms = world->now_ms;

        answer_request(world, 503, "");
        tries++;
        settle(world);
        assert_true(world->wake_ms <= before_ms + 60000);
    }
    assert_int_equal(tries, 5);
    assert_int_equal(stored_state(world), ACCOUNT_NEW);
    assert_int_equal(world->stored.steps[ACCOUNT_PROVISION].state, STEP_FAILED);
    assert_string_equal(world->stored.steps[ACCOUNT_PROVISION].problem, "service_unavailable");
}

static void test_deprovisioning_never_gives_up(void **state)
{
    struct world *world = *state;
    int64_t begun_ms = world->now_ms;

    begin_disconnect(world, false, false);
    for (int tries = 0; tries < 100; tries++) {
        assert_true(run_until(world, REQUEST, "PartnerTenants"));
        answer_request(world, tries % 2 ? 503 : 403, "{}");
        settle(world);
        assert_int_equal(stored_state(world), ACCOUNT_DEPROVISIONING);
    }
    assert_true(world->now_ms - begun_ms > 1000 * 1000); /* hours, not a storm */
    assert_true(run_until(world, REQUEST, "PartnerTenants"));
    answer_request(world, 200, "{\"HttpStatusCode\":200}");
    settle(world);
    assert_int_equal(stored_state(world), ACCOUNT_DISCONNECTED);
}

static void test_forced_it_leaves_the_tenant(void **state)
{
    struct world *world = *state;

    begin_disconnect(world, false, true);
    assert_true(run_until(world, REQUEST, "PartnerTenants"));
    answer_request(world, 403, "{}");
    settle(world);
    assert_int_equal(stored_state(world), ACCOUNT_DISCONNECTED);
    assert_int_equal(world->stored.steps[ACCOUNT_DEPROVISION].state, STEP_FAILED);
}

static void test_it_waits_for_queue_verdicts_and_refused_ones(void **state)
{
    struct world *world = *state;

    world->counts = (struct account_counts){.managed = 3, .queued = 3};
    begin_disconnect(world, false, false);
    for (int looks = 0; looks < 20; looks++) {
        assert_true(run_until(world, COUNT, NULL));
        answer_well(world);
    }
    assert_int_equal(world->stored.total, 3);
    world->counts = (struct account_counts){.awaiting = 2};
    assert_true(run_until(world, COUNT, NULL));
    answer_well(world);
    settle(world);
    assert_int_equal(world->stored.steps[ACCOUNT_VERDICTS].state, STEP_RUNNING);
    world->counts = (struct account_counts){.left = 1, .names = "d1"};
    assert_true(run_until(world, COUNT, NULL));
    answer_well(world);
    settle(world);
    assert_int_equal(stored_state(world), ACCOUNT_DISCONNECTING);
    assert_string_equal(world->stored.steps[ACCOUNT_RETIRE].problem, "devices_refused");
    world->counts = (struct account_counts){.left = 0}; /* mended by itself */
    assert_true(run_until(world, REQUEST, "PartnerTenants"));
    assert_non_null(strstr(world->body, "\"Provisioned\":2"));
}

static void test_connect_turns_back_until_it_is_too_late(void **state)
{
    struct world *world = *state;
    struct error err;

    world->counts.queued = 1;
    begin_disconnect(world, false, false);
    run_until(world, COUNT, NULL);
    answer_well(world);
    settle(world);
    begin_connect(world);
    assert_true(run_until(world, NOTHING, NULL));
    assert_int_equal(stored_state(world), ACCOUNT_CONNECTED);
    world->counts.queued = 0;
    begin_disconnect(world, false, false);
    assert_true(run_until(world, REQUEST, "PartnerTenants"));
    assert_int_equal(account_connect(world->account, noted, world, &err), ERR_EXISTS);
    assert_int_equal(begin_disconnect(world, true, false), ERR_EXISTS);
}

static void test_this_server_only_asks_nothing(void **state)
{
    struct world *world = *state;

    begin_disconnect(world, true, false);
    assert_int_equal(world->asked, SAVE);
    answer_well(world);
    assert_int_equal(world->asked, NOTHING);
    assert_int_equal(stored_state(world), ACCOUNT_DISCONNECTED);
    kill_9(world);
    assert_int_equal(world->asked, NOTHING);
}

static void test_a_failed_reconnect_is_disconnected_again(void **state)
{
    struct world *world = *state;

    begin_disconnect(world, true, false);
    settle(world);
    begin_connect(world);
    assert_true(run_until(world, REQUEST, "PartnerTenants"));
    assert_int_equal(account_state(world->account), ACCOUNT_RECONNECTING);
    assert_int_equal(begin_disconnect(world, false, false), ERR_EXISTS);
    answer_request(world, 403, "{}");
    settle(world);
    assert_int_equal(stored_state(world), ACCOUNT_DISCONNECTED);
    begin_connect(world);
    settle(world);
    assert_int_equal(stored_state(world), ACCOUNT_CONNECTED);
    assert_true(world->walking || !world->stored.feeding);
}

static void test_an_answer_to_what_is_over_says_nothing(void **state)
{
    struct world *world = *state;

    begin_connect(world);
    assert_true(run_until(world, REQUEST, "PartnerTenants"));
    assert_int_equal(begin_disconnect(world, false, false), 0);
    answer_request(world, 403, "{}");
    assert_true(run_until(world, COUNT, NULL));
    assert_int_equal(stored_state(world), ACCOUNT_DISCONNECTING);
    assert_int_equal(world->stored.steps[ACCOUNT_DEPROVISION].state, STEP_WAITING);
}

static void test_a_wish_is_granted_when_it_is_durable(void **state)
{
    struct world *world = *state;

    begin_connect(world);
    assert_int_equal(world->asked, SAVE);
    assert_int_equal(begin_disconnect(world, true, false), 0); /* while the first is being saved */
    answer_well(world);
    assert_int_equal(world->answered, 1);
    assert_int_equal(world->asked, SAVE);
    answer_well(world);
    assert_int_equal(world->answered, 2);
    assert_int_equal(stored_state(world), ACCOUNT_DISCONNECTED);
}

static void test_the_store_is_tried_again(void **state)
{
    struct world *world = *state;

    begin_connect(world);
    for (int tries = 0; tries < 5; tries++) {
        assert_int_equal(world->asked, SAVE);
        world->asked = NOTHING;
        account_saved(world->account, ERR_BUSY);
        assert_true(world->wake_ms > world->now_ms);
        world->now_ms = world->wake_ms;
        account_tick(world->account);
    }
    assert_int_equal(world->answered, 0);
    settle(world);
    assert_int_equal(stored_state(world), ACCOUNT_CONNECTED);
    assert_int_equal(world->answer, 0);
}

static void test_an_operation_that_cannot_begin_is_tried_again(void **state)
{
    struct world *world = *state;

    begin_connect(world);
    for (int turns = 0; turns < 30 && world->asked != NOTHING; turns++) {
        world->refuse = turns % 3 == 0 ? ERR_NOMEM : 0;
        answer_well(world);
        world->refuse = 0;
        for (int wakes = 0; wakes < 3 && world->asked == NOTHING; wakes++) {
            world->now_ms = world->wake_ms > world->now_ms ? world->wake_ms : world->now_ms;
            account_tick(world->account);
        }
    }
    assert_true(run_until(world, NOTHING, NULL));
    assert_int_equal(stored_state(world), ACCOUNT_CONNECTED);
}

static void test_stopping_answers_who_waits(void **state)
{
    struct world *world = *state;

    begin_connect(world);
    account_stop(world->account);
    assert_int_equal(world->answered, 1);
    assert_int_equal(world->answer, ERR_CANCELED);
}

static void test_another_tenant_begins_anew(void **state)
{
    struct world *world = *state;

    begin_connect(world);
    settle(world);
    end(world);
    settings.tenant_id[0] = '9';
    start(world);
    settle(world);
    settings.tenant_id[0] = '1';
    assert_int_equal(stored_state(world), ACCOUNT_NEW);
    assert_int_equal(world->stored.tenant_id[0], '9');
    assert_int_equal(world->stored.connected_at_ms, -1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_connecting_goes_through),
        TEST(test_connecting_survives_kills_at_every_operation),
        TEST(test_a_platform_that_comes_later_gets_its_policy_by_itself),
        TEST(test_a_refused_platform_is_tried_again_later),
        TEST(test_a_platform_survives_kills_at_every_operation),
        TEST(test_an_operator_interrupts_what_is_done_by_itself),
        TEST(test_disconnecting_survives_kills_at_every_operation),
        TEST(test_a_refused_token_is_renewed_once),
        TEST(test_connecting_gives_up_after_some_tries),
        TEST(test_deprovisioning_never_gives_up),
        TEST(test_forced_it_leaves_the_tenant),
        TEST(test_it_waits_for_queue_verdicts_and_refused_ones),
        TEST(test_connect_turns_back_until_it_is_too_late),
        TEST(test_this_server_only_asks_nothing),
        TEST(test_a_failed_reconnect_is_disconnected_again),
        TEST(test_an_answer_to_what_is_over_says_nothing),
        TEST(test_a_wish_is_granted_when_it_is_durable),
        TEST(test_the_store_is_tried_again),
        TEST(test_an_operation_that_cannot_begin_is_tried_again),
        TEST(test_stopping_answers_who_waits),
        TEST(test_another_tenant_begins_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
