/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * route - one request from its path to its answer: who serves it, which fault plays, what is counted and logged.
 */
#ifndef COMPLYD_SIM_ROUTE_H
#define COMPLYD_SIM_ROUTE_H

struct exchange;
struct world;

/* Answers the exchange: status, headers, body and how they leave are set on return. */
void route_handle(struct world *world, struct exchange *ex);

#endif
