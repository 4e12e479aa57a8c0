/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/world.h"

#define TENANT "11111111-0000-4000-8000-000000000001"
#define DEVICE "22222222-0000-4000-8000-00000000000a"

static int64_t now_ms;

static int64_t on_clock(void *ctx)
{
    (void)ctx;
    return now_ms;
}

static const struct clock stub = {.realtime_ms = on_clock, .monotonic_ms = on_clock};

struct play {
    struct world world;
    struct tenant *tenant;
    struct device *device;
};

static int set_up(void **state)
{
    struct play *play = calloc(1, sizeof(*play));

    now_ms = 1000000;
    if (!play)
        return -1;
    world_init(&play->world);
    play->world.clock = &stub;
    play->tenant = world_add_tenant(&play->world, TENANT);
    play->device = devices_add(&play->tenant->devices, DEVICE, now_ms);
    *state = play;
    return 0;
}

static int tear_down(void **state)
{
    struct play *play = *state;

    world_deinit(&play->world);
    free(play);
    return 0;
}

static struct message *accept(struct play *play, unsigned number, int64_t stamp_ms, bool compliant, int64_t delay_ms)
{
    static const unsigned char digest[MESSAGE_DIGEST];
    const struct verdict verdict = {.delay_ms = delay_ms};
    struct beliefs beliefs = {.list = calloc(1, sizeof(struct belief)), .count = 1};
    struct message *message;
    char id[GUID_TEXT];

    snprintf(id, sizeof(id), "%08x-0000-4000-8000-000000000001", number);
    memcpy(beliefs.list[0].device_id, DEVICE, GUID_TEXT);
    beliefs.list[0].os = "iOS";
    beliefs.list[0].managed = true;
    beliefs.list[0].compliant = compliant;
    beliefs.list[0].stamp_ms = stamp_ms;
    message = messages_accept(&play->world, play->tenant, id, digest, &verdict, &beliefs);
    assert_non_null(message);
    assert_int_equal(beliefs.count, 0);
    return message;
}

static void pass(struct play *play, int64_t ms)
{
    now_ms += ms;
    timers_run(&play->world.timers, now_ms);
}

static void test_verdict(void **state)
{
    struct play *play = *state;
    const struct message *message = accept(play, 1, 500, true, 1000);

    assert_string_equal(message_status(message), "Queued");
    pass(play, 999);
    assert_string_equal(message_status(message), "InProcess");
    assert_int_equal(play->device->compliant, KNOWN_NOT);
    pass(play, 1);
    assert_string_equal(message_status(message), "Completed");
    assert_int_equal(play->device->compliant, KNOWN_TRUE);
    assert_int_equal(play->device->applied_ms, 500);
    assert_int_equal(play->device->updates, 1);
    pass(play, 100000);
    assert_int_equal(play->device->updates, 1);
    assert_ptr_equal(messages_find(&play->tenant->messages, message->id), message);
}

static void test_newest_wins(void **state)
{
    struct play *play = *state;

    accept(play, 1, 500, true, 2000);
    accept(play, 2, 501, false, 1000);
    pass(play, 3000);
    assert_int_equal(play->device->compliant, KNOWN_FALSE);
    assert_int_equal(play->device->applied_ms, 501);
    assert_int_equal(play->world.stats.messages_superseded, 1);
    assert_int_equal(play->world.stats.messages_completed, 2);
}

static void test_never(void **state)
{
    struct play *play = *state;
    const struct message *message = accept(play, 1, 500, true, -1);

    pass(play, INT64_C(1000) * 86400 * 365);
    assert_string_equal(message_status(message), "Queued");
    assert_int_equal(play->device->compliant, KNOWN_NOT);
}

static void test_deleted_device(void **state)
{
    struct play *play = *state;
    const struct message *message = accept(play, 1, 500, true, 1000);

    devices_remove(&play->tenant->devices, play->device);
    pass(play, 1000);
    assert_string_equal(message_status(message), "Failed");
    assert_string_equal(message->verdict.code, "404");
}

static void test_finished_ones_are_capped(void **state)
{
    struct play *play = *state;

    const struct message *pending = accept(play, 0xFFFFFFFF, 1, true, -1);
    play->tenant->messages.finished_max = 100;
    for (unsigned i = 0; i < 110; i++) {
        accept(play, i, 500 + i, true, 0);
        pass(play, 0);
    }
    assert_int_equal(play->tenant->messages.count, 101);
    assert_null(messages_find(&play->tenant->messages, "00000009-0000-4000-8000-000000000001"));
    assert_non_null(messages_find(&play->tenant->messages, "0000000a-0000-4000-8000-000000000001"));
    assert_ptr_equal(messages_find(&play->tenant->messages, "ffffffff-0000-4000-8000-000000000001"), pending);
}

static void test_reset_forgets_pending_ones(void **state)
{
    struct play *play = *state;

    accept(play, 1, 500, true, 1000);
    world_reset(&play->world);
    pass(play, 2000);
    assert_int_equal(play->tenant->messages.count, 0);
    assert_int_equal(play->world.stats.messages_completed, 0);
    assert_int_equal(timers_next(&play->world.timers), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_verdict, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_newest_wins, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_never, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_deleted_device, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_finished_ones_are_capped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_reset_forgets_pending_ones, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
