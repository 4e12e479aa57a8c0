/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * compliance_policy - the partner's compliance policy of a platform in Intune, and whom it is assigned to: requests,
 * and what the answers mean. Pure.
 *
 * Source: microsoft.md section 1.1. POST and GET {tenant url}/PartnerCompliancePolicies, POST .../(guid'ID')/Assign,
 * api-version 1.6.
 */
#ifndef COMPLYD_MICROSOFT_COMPLIANCE_POLICY_H
#define COMPLYD_MICROSOFT_COMPLIANCE_POLICY_H

#include "base/buf.h"
#include "base/guid.h"
#include "microsoft/outcome.h"
#include "model/device.h"

enum { COMPLIANCE_POLICY_NEXT = 1024 };

/* Creating and listing have one URL. */
void compliance_policy_url(struct buf *url, const char *tenant_url);
void compliance_policy_body(struct buf *body, enum platform platform);

/* ACCEPTED: ret_id is the policy's, or "" when there is one already whose id only the list tells (409). 204, which is
 * success in HTTP alone: CONNECTION with TROUBLE_NOT_PARTNER. */
void compliance_policy_created(const struct http_response *response, int64_t now_s, char ret_id[GUID_TEXT],
                               struct outcome *ret_outcome);

/* One page of the list. ACCEPTED: ret_id is the policy of the platform, ours by name if there are several, or "" when
 * it is not on this page; ret_next is the next page or "". */
void compliance_policy_listed(const struct http_response *response, enum platform platform, int64_t now_s,
                              char ret_id[GUID_TEXT], char ret_next[COMPLIANCE_POLICY_NEXT],
                              struct outcome *ret_outcome);

void compliance_policy_assign_url(struct buf *url, const char *tenant_url, const char *policy_id);
void compliance_policy_assign_body(struct buf *body, const char *group_id);
void compliance_policy_assigned(const struct http_response *response, int64_t now_s, struct outcome *ret_outcome);

#endif
