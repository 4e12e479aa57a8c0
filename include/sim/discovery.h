/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * discovery - Graph's servicePrincipals: where the partner service of a tenant is.
 */
#ifndef COMPLYD_SIM_DISCOVERY_H
#define COMPLYD_SIM_DISCOVERY_H

struct exchange;
struct world;

/* Paths of the two services, below the base URL. */
#define DISCOVERY_DEVICE_SERVICE "PartnerDeviceDataSyncService"
#define DISCOVERY_TENANT_SERVICE "PartnerTenantDataSyncService"

/* GET /v1.0/servicePrincipals[/{id}[/endpoints]] */
void discovery_get(struct world *world, struct exchange *ex);

#endif
