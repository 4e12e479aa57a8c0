/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * provisioning - the partner service's tenant side: PartnerTenants, PartnerCompliancePolicies and their assignment.
 */
#ifndef COMPLYD_SIM_PROVISIONING_H
#define COMPLYD_SIM_PROVISIONING_H

#include <stdbool.h>

struct exchange;
struct world;

/* Below the URI of the endpoint PartnerTenantDataSyncService. */
bool provisioning_serves(const struct exchange *ex);
void provisioning_handle(struct world *world, struct exchange *ex);

#endif
