/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "sim/devices.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "sim/world.h"

void devices_init(struct devices *devices, const char *tenant_id)
{
    *devices = (struct devices){.tenant_id = tenant_id, .epoch = guid_random_u64()};
}

void devices_forget_changes(struct devices *devices)
{
    devices->epoch = guid_random_u64();
}

static void free_device(void *node)
{
    struct device *device = node;

    free(device->os);
    free(device->os_version);
    free(device->name);
    free(device);
}

static void keep(void *node)
{
    (void)node;
}

void devices_deinit(struct devices *devices)
{
    tdestroy(devices->by_object, keep);
    tdestroy(devices->by_id, free_device);
    free(devices->removals);
    devices_init(devices, devices->tenant_id);
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct device *)a)->id, ((const struct device *)b)->id);
}

static int by_object(const void *a, const void *b)
{
    return strcmp(((const struct device *)a)->object_id, ((const struct device *)b)->object_id);
}

/* The id as it is stored; false when it is no GUID. */
static bool canonical(const char *text, char ret_id[GUID_TEXT])
{
    struct guid guid;

    if (guid_parse(text, &guid) != 0)
        return false;
    guid_format(&guid, ret_id);
    return true;
}

struct device *devices_find(const struct devices *devices, const char *device_id)
{
    struct device key;
    void *node = canonical(device_id, key.id) ? tfind(&key, &devices->by_id, by_id) : NULL;

    return node ? *(struct device **)node : NULL;
}

struct device *devices_find_object(const struct devices *devices, const char *object_id)
{
    struct device key;
    void *node = canonical(object_id, key.object_id) ? tfind(&key, &devices->by_object, by_object) : NULL;

    return node ? *(struct device **)node : NULL;
}

struct device *devices_add(struct devices *devices, const char *device_id, int64_t now_ms)
{
    struct device *device = devices_find(devices, device_id);

    if (device)
        return device;
    device = calloc(1, sizeof(*device));
    if (!device || !canonical(device_id, device->id))
        goto fail;
    world_derive_guid("device", devices->tenant_id, device->id, device->object_id);
    device->enabled = true;
    device->registered_ms = now_ms;
    device->accepted_ms = device->applied_ms = device->check_in_ms = -1;
    if (!tsearch(device, &devices->by_id, by_id))
        goto fail;
    if (!tsearch(device, &devices->by_object, by_object)) {
        tdelete(device, &devices->by_id, by_id);
        goto fail;
    }
    devices->count++;
    device->home = devices;
    device->created = device->changed = ++devices->changes;
    return device;
fail:
    free(device);
    return NULL;
}

/* Without memory the removal is never told. */
static void note_removal(struct devices *devices, const struct device *device)
{
    struct device_removal *removals =
        reallocarray(devices->removals, devices->removal_count + 1, sizeof(*devices->removals));

    if (!removals)
        return;
    devices->removals = removals;
    removals[devices->removal_count].changed = ++devices->changes;
    memcpy(removals[devices->removal_count++].object_id, device->object_id, GUID_TEXT);
}

void devices_remove(struct devices *devices, struct device *device)
{
    note_removal(devices, device);
    tdelete(device, &devices->by_id, by_id);
    tdelete(device, &devices->by_object, by_object);
    devices->count--;
    free_device(device);
}

/* Copies `from` unless it is NULL or equals what is there; *ret_copy stays NULL then. */
static int copy_changed(const char *from, const char *present, char **ret_copy)
{
    *ret_copy = NULL;
    if (!from || (present && strcmp(from, present) == 0))
        return 0;
    *ret_copy = strdup(from);
    return *ret_copy ? 0 : ERR_NOMEM;
}

static void replace(char **text, char *copy)
{
    if (!copy)
        return;
    free(*text);
    *text = copy;
}

/* Another value of a property that was told. */
static void turn(struct device *device, enum known *property, enum known value, uint64_t *ret_changed)
{
    if (value == KNOWN_NOT || *property == value)
        return;
    *property = value;
    *ret_changed = device->changed = ++device->home->changes;
}

int device_tell(struct device *device, const struct device_facts *facts)
{
    char *os = NULL;
    char *os_version = NULL;
    char *name = NULL;

    if (copy_changed(facts->os, device->os, &os) != 0 ||
        copy_changed(facts->os_version, device->os_version, &os_version) != 0 ||
        copy_changed(facts->name, device->name, &name) != 0) {
        free(os);
        free(os_version);
        return ERR_NOMEM;
    }
    if (os || os_version || name || (facts->enabled != KNOWN_NOT && device->enabled != (facts->enabled == KNOWN_TRUE)))
        device->changed = ++device->home->changes;
    replace(&device->os, os);
    replace(&device->os_version, os_version);
    replace(&device->name, name);
    if (facts->user_id)
        canonical(facts->user_id, device->user_id);
    turn(device, &device->managed, facts->managed, &device->managed_changed);
    turn(device, &device->compliant, facts->compliant, &device->compliant_changed);
    if (facts->enabled != KNOWN_NOT)
        device->enabled = facts->enabled == KNOWN_TRUE;
    if (facts->check_in_ms >= 0)
        device->check_in_ms = facts->check_in_ms;
    return 0;
}

struct visitor {
    void (*visit)(void *ctx, const struct device *device);
    void *ctx;
};

static void on_node(const void *node, VISIT which, void *closure)
{
    struct visitor *visitor = closure;

    if (which == postorder || which == leaf)
        visitor->visit(visitor->ctx, *(struct device *const *)node);
}

void devices_each(const struct devices *devices, void (*visit)(void *ctx, const struct device *device), void *ctx)
{
    struct visitor visitor = {.visit = visit, .ctx = ctx};

    twalk_r(devices->by_id, on_node, &visitor);
}
