/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * entities - the Content of a device message, read strictly: pairs of an inventory and a compliance entity that agree.
 *
 * Pure: knows the shape of a message, not which devices or users exist.
 */
#ifndef COMPLYD_SIM_ENTITIES_H
#define COMPLYD_SIM_ENTITIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/guid.h"

/* What a message says of one device. */
struct belief {
    char device_id[GUID_TEXT]; /* canonical */
    char user_id[GUID_TEXT];
    const char *os; /* "iOS", "Android" or "macOS"; static */
    char *os_version;
    char *name;
    bool managed;
    bool compliant;
    int64_t stamp_ms; /* LastUpdateTime */
    int64_t check_in_ms;
};

struct beliefs {
    struct belief *list;
    size_t count;
};

enum { ENTITIES_REASON = 160 };

/* Reads Content (NUL-terminated). 0; ERR_INVALID with the reason in `reason`; or ERR_NOMEM. */
int entities_parse(const char *content, const char *tenant_id, size_t max_devices, struct beliefs *ret_beliefs,
                   char reason[ENTITIES_REASON]);
void beliefs_free(struct beliefs *beliefs);

/* "2026-02-03T04:05:06.789Z" and the like: ISO 8601 in UTC; false for anything else. */
bool entities_time(const char *text, int64_t *ret_ms);

#endif
