/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * people - Graph's users.
 */
#ifndef COMPLYD_SIM_PEOPLE_H
#define COMPLYD_SIM_PEOPLE_H

struct exchange;
struct world;

/* GET /v1.0/users/{id or principal name}, GET /v1.0/users('{...}') */
void people_get(struct world *world, struct exchange *ex);

#endif
