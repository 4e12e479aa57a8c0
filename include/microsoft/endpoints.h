/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * endpoints - discovery of the Intune partner service's URLs through Graph: service principal, then its endpoint list.
 *
 * Source: microsoft.md section 1.1. Two requests, pages followed. URLs must be https; the caller caches them (a day).
 * Thread    loop only.
 */
#ifndef COMPLYD_MICROSOFT_ENDPOINTS_H
#define COMPLYD_MICROSOFT_ENDPOINTS_H

#include "microsoft/token.h"

#define INTUNE_APP_ID "0000000a-0000-0000-c000-000000000000" /* of its service principal, in every tenant */

struct endpoints {
    char device_url[512]; /* PartnerDeviceDataSyncService, without a trailing slash */
    char tenant_url[512]; /* PartnerTenantDataSyncService */
};

typedef void endpoints_done_fn(void *ctx, const struct outcome *outcome, const struct endpoints *endpoints);

struct endpoints_discovery;

/* `done` once, on the loop, never before return; outcome NULL = found. One 401 is answered with a new token by
 * itself. */
int endpoints_discover(struct http_client *client, const char *graph_url, struct token_source *graph_token,
                       const struct clock *clock, endpoints_done_fn *done, void *ctx,
                       struct endpoints_discovery **ret_discovery);
void endpoints_cancel(struct endpoints_discovery *discovery); /* done is not called any more; NULL is fine */

/* Parsers, for tests and fuzzing: 0, ERR_REPLY or ERR_NOTFOUND. `ret_next` gets the @odata.nextLink or "". */
int endpoints_parse_principal(const char *json, size_t length, char ret_id[GUID_TEXT], struct error *err);
int endpoints_parse_list(const char *json, size_t length, struct endpoints *endpoints, char ret_next[1024],
                         struct error *err);

#endif
