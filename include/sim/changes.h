/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * changes - Graph's list of changed devices: GET /v1.0/devices/delta, its pages and its links.
 *
 * From the start every device is listed; from a deltaLink those that changed since, with their id and what changed and
 * nothing else, as Microsoft reserves itself to do, and removed ones. What was never set is left out. A link tells
 * nothing by itself and is good for its tenant only; one from before devices_forget_changes() is answered with 410.
 */
#ifndef COMPLYD_SIM_CHANGES_H
#define COMPLYD_SIM_CHANGES_H

#include <stdbool.h>

struct exchange;
struct world;

bool changes_serves(const struct exchange *ex);
void changes_get(struct world *world, struct exchange *ex);

#endif
