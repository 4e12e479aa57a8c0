/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * partner - the Intune compliance-partner service: device messages in, verdicts out.
 */
#ifndef COMPLYD_SIM_PARTNER_H
#define COMPLYD_SIM_PARTNER_H

struct exchange;
struct world;

/* /fef/PartnerDeviceDataSyncService/DataUploadMessages(guid'...')?api-version=1.2, PUT and GET */
void partner_handle(struct world *world, struct exchange *ex);

#endif
