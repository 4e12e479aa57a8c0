/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * registry - devices and users told from outside: by the control endpoint or from a file, as JSON Lines, an array or
 * one object.
 */
#ifndef COMPLYD_SIM_REGISTRY_H
#define COMPLYD_SIM_REGISTRY_H

#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"

struct tenant;
struct world;

/* Registers what `text` (NUL-terminated) lists: {"deviceId", "operatingSystem", ...} and {"userPrincipalName", ...}. A
 * known device is updated. `tenant` serves those that name no tenantId. Returns how many, or ERR_INVALID or ERR_NOMEM
 * with the line; what came before the bad line stays registered. */
int registry_add_devices(struct world *world, struct tenant *tenant, const char *text, struct error *err);
int registry_add_users(struct world *world, struct tenant *tenant, const char *text, struct error *err);

/* The same from a file. */
int registry_load_devices(struct world *world, struct tenant *tenant, const char *path, struct error *err);
int registry_load_users(struct world *world, struct tenant *tenant, const char *path, struct error *err);

/* {"value":[...]} of what Microsoft believes of a tenant's devices, or of the one with device_id (NULL = all). */
void registry_write_devices(const struct tenant *tenant, const char *device_id, struct buf *out);

#endif
