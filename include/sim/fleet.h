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

struct buf;
struct device;

/* The names of a device's properties, "id" first; NULL ends them. */
extern const char *const fleet_properties[];

/* The value of one property, as JSON. */
void fleet_write_property(const struct world *world, const struct device *device, const char *name, struct buf *out);

#endif
