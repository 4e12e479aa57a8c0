/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * batch - Graph's $batch: up to 20 requests in one, each with its own status, answered in another order than asked.
 */
#ifndef COMPLYD_SIM_BATCH_H
#define COMPLYD_SIM_BATCH_H

struct exchange;
struct world;

/* POST /v1.0/$batch */
void batch_post(struct world *world, struct exchange *ex);

#endif
