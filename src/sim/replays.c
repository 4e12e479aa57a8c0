/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "sim/replays.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

void replays_init(struct replays *replays)
{
    *replays = (struct replays){0};
}

static void keep(void *node)
{
    (void)node;
}

void replays_deinit(struct replays *replays)
{
    tdestroy(replays->seen, keep);
    free(replays->ring);
    replays_init(replays);
}

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

bool replays_first_use(struct replays *replays, const char id[GUID_TEXT])
{
    if (!replays->ring)
        replays->ring = calloc(REPLAYS_MAX, GUID_TEXT);
    if (!replays->ring || tfind(id, &replays->seen, compare))
        return false;
    char *slot = replays->ring[replays->next];
    if (*slot)
        tdelete(slot, &replays->seen, compare);
    replays->next = (replays->next + 1) % REPLAYS_MAX;
    memcpy(slot, id, GUID_TEXT);
    return tsearch(slot, &replays->seen, compare) != NULL;
}
