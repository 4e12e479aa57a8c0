/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "daemon/denial.h"

#include <stdio.h>
#include <string.h>

/* The app was allowed to ask about some device. */
static bool any_judged(const struct flight *flight, const struct outcome *outcomes)
{
    for (unsigned i = 0; i < flight->count; i++) {
        if (!outcomes[i].denied && (outcomes[i].class == OUTCOME_ACCEPTED || outcomes[i].class == OUTCOME_DEVICE))
            return true;
    }
    return false;
}

/* More than one device is denied. */
static bool is_apps(struct denial *denial, const struct flight *flight, const struct outcome *outcomes)
{
    bool apps = false;
    for (unsigned i = 0; i < flight->count; i++) {
        const char *device_id = flight->items[i]->report.device_id;
        bool first = !denial->device_id[0];
        bool batchs = outcomes[i].class == OUTCOME_CONNECTION; /* each of several in this batch */
        if (!outcomes[i].denied)
            continue;
        if (batchs || (!first && strcmp(denial->device_id, device_id) != 0))
            apps = true;
        else if (first)
            snprintf(denial->device_id, sizeof(denial->device_id), "%s", device_id);
    }
    return apps;
}

static void blame_app(const struct flight *flight, struct outcome *outcomes, struct outcome *whole)
{
    for (unsigned i = 0; i < flight->count; i++) {
        if (!outcomes[i].denied)
            continue;
        outcomes[i].class = OUTCOME_CONNECTION;
        outcomes[i].trouble = TROUBLE_PERMISSION;
        outcomes[i].reason = REASON_NONE;
        *whole = outcomes[i];
    }
}

bool denial_judge(struct denial *denial, const struct flight *flight, struct outcome *outcomes, struct outcome *whole,
                  char ret_parked[256])
{
    if (any_judged(flight, outcomes)) {
        denial->device_id[0] = '\0';
        return false;
    }
    if (!is_apps(denial, flight, outcomes))
        return false;
    blame_app(flight, outcomes, whole);
    memcpy(ret_parked, denial->device_id, sizeof(denial->device_id));
    denial->device_id[0] = '\0';
    return true;
}
