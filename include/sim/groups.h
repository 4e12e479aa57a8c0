/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * groups - Graph's groups of a tenant: one by id, or those of a display name.
 */
#ifndef COMPLYD_SIM_GROUPS_H
#define COMPLYD_SIM_GROUPS_H

struct exchange;
struct world;

void groups_get(struct world *world, struct exchange *ex);

#endif
