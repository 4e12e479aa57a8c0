/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * replays - ids that were used once and must not come again (the jti of client assertions). Remembers the newest
 * REPLAYS_MAX.
 */
#ifndef COMPLYD_SIM_REPLAYS_H
#define COMPLYD_SIM_REPLAYS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/guid.h"

enum { REPLAYS_MAX = 16384 };

struct replays {
    void *seen;              /* tree over the ring below */
    char (*ring)[GUID_TEXT]; /* NULL until the first use */
    size_t next;
};

void replays_init(struct replays *replays);
void replays_deinit(struct replays *replays);

/* False when the id was used before; remembers it. */
bool replays_first_use(struct replays *replays, const char id[GUID_TEXT]);

#endif
