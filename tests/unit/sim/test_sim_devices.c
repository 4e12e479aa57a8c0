/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "sim/devices.h"

#define TENANT "11111111-0000-4000-8000-000000000001"

static void test_find(void **state)
{
    struct devices devices;
    struct device *device;

    (void)state;
    devices_init(&devices, TENANT);
    device = devices_add(&devices, "ABCDEF00-0000-4000-8000-000000000001", 1000);
    assert_non_null(device);
    assert_string_equal(device->id, "abcdef00-0000-4000-8000-000000000001");
    assert_ptr_equal(devices_add(&devices, device->id, 2000), device);
    assert_int_equal(device->registered_ms, 1000);
    assert_ptr_equal(devices_find(&devices, "abcDEF00-0000-4000-8000-000000000001"), device);
    assert_ptr_equal(devices_find_object(&devices, device->object_id), device);
    assert_null(devices_find(&devices, device->object_id));
    assert_null(devices_find(&devices, "x"));
    assert_null(devices_add(&devices, "x", 0));
    assert_int_equal(devices.count, 1);
    devices_remove(&devices, device);
    assert_null(devices_find(&devices, "abcdef00-0000-4000-8000-000000000001"));
    assert_int_equal(devices.count, 0);
    devices_deinit(&devices);
}

static void test_tell(void **state)
{
    const struct device_facts all = {.os = "iOS",
                                     .os_version = "17",
                                     .name = "N",
                                     .user_id = "33333333-0000-4000-8000-00000000000A",
                                     .managed = KNOWN_TRUE,
                                     .compliant = KNOWN_FALSE,
                                     .enabled = KNOWN_FALSE,
                                     .check_in_ms = 5};
    const struct device_facts none = {.check_in_ms = -1};
    struct devices devices;
    struct device *device;

    (void)state;
    devices_init(&devices, TENANT);
    device = devices_add(&devices, "abcdef00-0000-4000-8000-000000000001", 1000);
    assert_int_equal(device->managed, KNOWN_NOT);
    assert_true(device->enabled);
    assert_int_equal(device_tell(device, &all), 0);
    assert_int_equal(device_tell(device, &none), 0);
    assert_string_equal(device->os, "iOS");
    assert_string_equal(device->os_version, "17");
    assert_string_equal(device->name, "N");
    assert_string_equal(device->user_id, "33333333-0000-4000-8000-00000000000a");
    assert_int_equal(device->managed, KNOWN_TRUE);
    assert_int_equal(device->compliant, KNOWN_FALSE);
    assert_false(device->enabled);
    assert_int_equal(device->check_in_ms, 5);
    devices_deinit(&devices);
}

struct walk {
    char last[GUID_TEXT];
    size_t count;
};

static void on_device(void *ctx, const struct device *device)
{
    struct walk *walk = ctx;

    assert_true(strcmp(device->id, walk->last) > 0);
    memcpy(walk->last, device->id, GUID_TEXT);
    walk->count++;
}

static void test_each_in_order(void **state)
{
    struct devices devices;
    struct walk walk = {.last = ""};
    char id[GUID_TEXT];

    (void)state;
    devices_init(&devices, TENANT);
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(id, sizeof(id), "%08x-0000-4000-8000-000000000001", i * 2654435761U);
        assert_non_null(devices_add(&devices, id, 0));
    }
    devices_each(&devices, on_device, &walk);
    assert_int_equal(walk.count, 1000);
    devices_deinit(&devices);
    assert_int_equal(devices.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_tell),
        cmocka_unit_test(test_each_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
