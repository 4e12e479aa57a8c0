/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * group - an Entra group by its object id or its display name: the request, and what the answer means. Pure.
 *
 * GET {graph url}/v1.0/groups/{id}, or /v1.0/groups?$filter=displayName eq '...'. Names are not unique in Entra.
 */
#ifndef COMPLYD_MICROSOFT_GROUP_H
#define COMPLYD_MICROSOFT_GROUP_H

#include "base/buf.h"
#include "base/guid.h"
#include "microsoft/outcome.h"

void group_url(struct buf *url, const char *graph_url, const char *name_or_id);

/* ACCEPTED: *ret_count groups are meant: with 1, ret_id is its id; with more, the detail names their ids. */
void group_outcome(const struct http_response *response, const char *name_or_id, int64_t now_s, char ret_id[GUID_TEXT],
                   unsigned *ret_count, struct outcome *ret_outcome);

#endif
