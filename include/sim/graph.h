/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * graph - Microsoft Graph v1.0 as far as complyd needs it: discovery, users, devices, $batch.
 */
#ifndef COMPLYD_SIM_GRAPH_H
#define COMPLYD_SIM_GRAPH_H

struct exchange;
struct world;

/* A direct request: checks token, tracing headers and quota, then answers. */
void graph_handle(struct world *world, struct exchange *ex);

/* The same without the checks that a whole $batch undergoes once: for its items. */
void graph_serve(struct world *world, struct exchange *ex);

/* The headers that every answer of Graph carries. */
void graph_trace(struct exchange *ex);

#endif
