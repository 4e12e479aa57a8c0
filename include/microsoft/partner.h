/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * partner - the Intune compliance-partner message: its body, and what the answers mean. Pure (no I/O).
 *
 * Source: microsoft.md sections 1.2 and 1.3. PUT and GET {device url}/DataUploadMessages(guid'ID')?api-version=1.2
 */
#ifndef COMPLYD_MICROSOFT_PARTNER_H
#define COMPLYD_MICROSOFT_PARTNER_H

#include "base/buf.h"
#include "microsoft/outcome.h"
#include "model/report.h"

void partner_url(struct buf *url, const char *device_url, const struct guid *message_id);

/* The whole PUT body for one message about `count` reports (all carry the stamp of the first as UploadTime). Written
 * directly, twice escaped because Content is a JSON string. */
void partner_body(struct buf *body, const char *tenant_id, const struct report *const *reports, size_t count);

/* Answer to the PUT: 200 with ErrorCode 202 or none (also: no body) = ACCEPTED; the body decides as well as the status.
 * 409, by status or in-band = ACCEPTED: a message of this GUID is there, its verdict will tell. In-band 401 = TRANSIENT
 * and 403 = DEVICE: they speak of this message alone. A body that is no JSON object = TRANSIENT. 404 without
 * ErrorCode = TRANSIENT with TROUBLE_ENDPOINTS: ask for the URL anew. */
void partner_put_outcome(const struct http_response *response, int64_t now_s, struct outcome *ret_outcome);

enum partner_verdict {
    PARTNER_PENDING, /* any Status that is not final */
    PARTNER_COMPLETED,
    PARTNER_FAILED,  /* outcome->detail says why */
    PARTNER_LOST,    /* 404: Microsoft does not know the message */
    PARTNER_UNKNOWN, /* no answer to the question: see outcome (transient, throttled, auth, connection) */
};

enum partner_verdict partner_get_verdict(const struct http_response *response, int64_t now_s,
                                         struct outcome *ret_outcome);

/* When to ask next: 2 s after acceptance, then doubling to at most 60 s, jittered. `polls` = questions asked so far. */
int64_t partner_poll_delay_ms(unsigned polls, uint64_t random);

#endif
