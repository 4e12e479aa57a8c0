/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * identity - the managed identity services of an Azure machine, in plain HTTP on a listener of their own: IMDS, or with
 * a folder for keys the agent of Azure Arc.
 */
#ifndef COMPLYD_SIM_IDENTITY_H
#define COMPLYD_SIM_IDENTITY_H

struct exchange;
struct world;

/* Answers any request that came by the identity listener. Tokens are of the first tenant. */
void identity_handle(struct world *world, struct exchange *ex);

#endif
