/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * devices - the device objects of one tenant, by device id and by object id.
 */
#ifndef COMPLYD_SIM_DEVICES_H
#define COMPLYD_SIM_DEVICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/guid.h"

/* A property that Microsoft may not know yet. */
enum known { KNOWN_NOT, KNOWN_FALSE, KNOWN_TRUE };

struct device {
    char id[GUID_TEXT];        /* what complyd calls azure_device_id; lower case */
    char object_id[GUID_TEXT]; /* the directory object's own id */
    char user_id[GUID_TEXT];   /* "" until a message names one */
    char *os;                  /* as registered: "Windows", "iOS", "AndroidForWork" ... */
    char *os_version;
    char *name;
    enum known managed;
    enum known compliant;
    bool enabled;
    int64_t registered_ms;
    int64_t accepted_ms; /* stamp (LastUpdateTime) of the newest message accepted; -1 = none */
    int64_t applied_ms;  /* stamp of the newest message that came to belief; -1 = none */
    int64_t check_in_ms; /* -1 = never told */
    uint64_t updates;    /* how often its belief was written */
    /* For lists of changes: which of the tenant's changes touched it last. */
    struct devices *home;
    uint64_t created, changed, managed_changed, compliant_changed;
};

/* What one message, PATCH or registration says; NULL and negative members leave the device's own as they are. */
struct device_facts {
    const char *os;
    const char *os_version;
    const char *name;
    const char *user_id;
    enum known managed;
    enum known compliant;
    enum known enabled;
    int64_t check_in_ms;
};

/* A device that was deleted. */
struct device_removal {
    char object_id[GUID_TEXT];
    uint64_t changed;
};

struct devices {
    void *by_id;
    void *by_object;
    size_t count;
    const char *tenant_id; /* object ids derive from it */
    uint64_t changes;      /* so far */
    uint64_t epoch;        /* lists of changes from another one are worthless; random */
    struct device_removal *removals;
    size_t removal_count;
};

void devices_init(struct devices *devices, const char *tenant_id);
void devices_deinit(struct devices *devices);

struct device *devices_find(const struct devices *devices, const char *device_id); /* any letter case; NULL = none */
struct device *devices_find_object(const struct devices *devices, const char *object_id);

/* Registers a device, or returns the one there. NULL when the id is no GUID or memory is short. */
struct device *devices_add(struct devices *devices, const char *device_id, int64_t now_ms);
void devices_remove(struct devices *devices, struct device *device);

/* Where lists of changes begin that were handed out before is forgotten. */
void devices_forget_changes(struct devices *devices);

/* 0 or ERR_NOMEM (then nothing changed). Does not count as an update by itself. */
int device_tell(struct device *device, const struct device_facts *facts);

/* In order of device id. */
void devices_each(const struct devices *devices, void (*visit)(void *ctx, const struct device *device), void *ctx);

#endif
