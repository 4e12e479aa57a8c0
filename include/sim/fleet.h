/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * fleet - Graph's devices: read, list, and the PATCH by which Windows devices are reported.
 */
#ifndef COMPLYD_SIM_FLEET_H
#define COMPLYD_SIM_FLEET_H

struct exchange;
struct world;

/* /v1.0/devices, /v1.0/devices/{object id}, /v1.0/devices(deviceId='...') */
void fleet_handle(struct world *world, struct exchange *ex);

#endif
