/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * graph - Microsoft Graph's JSON batching: 20 device PATCHes or user look-ups a request. Pure (no I/O).
 *
 * Source: microsoft.md sections 2.1 and 2.2. POST {graph url}/v1.0/$batch; ids are "0" ... "19", the place in the
 * request.
 */
#ifndef COMPLYD_MICROSOFT_GRAPH_H
#define COMPLYD_MICROSOFT_GRAPH_H

#include "base/buf.h"
#include "microsoft/outcome.h"
#include "model/report.h"

enum { GRAPH_BATCH_MAX = 20 };

void graph_batch_url(struct buf *url, const char *graph_url);

/* PATCH /devices(deviceId='...') with isCompliant and isManaged, and displayName and operatingSystemVersion when the
 * inventory changed. */
void graph_devices_body(struct buf *body, const struct report *const *reports, size_t count);

/* GET /users/{upn}?$select=id, with the documented forms for '#' and a leading '$'. */
void graph_users_body(struct buf *body, const char *const *user_principal_names, size_t count);

/* Splits the answer: outcome[i] for each of `count` items; *ret_whole says what the outer answer means for quota and
 * connection. ACCEPTED: read the items; anything else: the outer answer failed, or all items failed in one and the same
 * way (each 401 = AUTH, each 503 = TRANSIENT, ...). An item that is missing, doubled or unreadable is TRANSIENT; outer
 * failure is copied to every item. 403 for a device: DEVICE, for it may be no Windows device; but CONNECTION when each
 * of at least two is denied: then it is the app. 403 for a user: CONNECTION, for the right to read users does not
 * depend on the user. `user_ids` (NULL for devices): id of each found user, "" otherwise. */
void graph_batch_outcome(const struct http_response *response, size_t count, int64_t now_s, struct outcome *outcomes,
                         char (*user_ids)[GUID_TEXT], struct outcome *ret_whole);

#endif
