/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * provision - telling the Intune partner service that we serve a tenant, or no longer: the request, and what the
 * answers mean. Pure.
 *
 * Source: microsoft.md section 1.1. PUT {tenant url}/PartnerTenants(guid'TENANT')?api-version=1.6; the answer repeats
 * the tenant and the state, and may refuse within a status of 200.
 */
#ifndef COMPLYD_MICROSOFT_PROVISION_H
#define COMPLYD_MICROSOFT_PROVISION_H

#include "base/buf.h"
#include "microsoft/outcome.h"

enum provision_state { PROVISION_ON = 1, PROVISION_OFF = 2 }; /* as on the wire */

void provision_url(struct buf *url, const char *tenant_url, const char *tenant_id);

/* Both URLs are sent on deprovisioning too. */
void provision_body(struct buf *body, enum provision_state wanted, const char *enrollment_url,
                    const char *remediation_url);

/* ACCEPTED: the tenant is as wanted. An answer about another tenant: CONNECTION with TROUBLE_TENANT. PROVISION_OFF of a
 * tenant that the service does not know: ACCEPTED. */
void provision_outcome(const struct http_response *response, enum provision_state wanted, const char *tenant_id,
                       int64_t now_s, struct outcome *ret_outcome);

#endif
