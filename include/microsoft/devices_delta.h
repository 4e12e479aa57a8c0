/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * devices_delta - Microsoft Graph's list of changed devices: what the directory says of each, a page at a time. Pure
 * (no I/O).
 *
 * Source: microsoft.md section 2.1. GET {graph url}/v1.0/devices/delta?$select=...; then whatever link a page ends
 * with, as it is: nextLink to the next page, deltaLink for what will have changed by then. An item tells its id and
 * what changed; the rest may be there too. A link that Microsoft knows no more (410) means to start over.
 */
#ifndef COMPLYD_MICROSOFT_DEVICES_DELTA_H
#define COMPLYD_MICROSOFT_DEVICES_DELTA_H

#include "base/buf.h"
#include "microsoft/outcome.h"
#include "model/drift.h"

/* From the start. */
void devices_delta_url(struct buf *url, const char *graph_url);

/* Whether a link leads to graph_url's own devices/delta. */
bool devices_delta_owns(const char *link, const char *graph_url);

enum devices_delta_answer {
    DEVICES_DELTA_PAGE,
    DEVICES_DELTA_RESYNC, /* start over */
    DEVICES_DELTA_FAILED, /* the outcome says how */
};

struct devices_delta_page {
    struct drift_item *items; /* owned */
    size_t count;
    size_t odd; /* entries that make no sense, left out */
    char *link; /* owned: where to go on */
    bool last;  /* ... when it is time for the next check */
};

/* `continued`: the request went to a link of an earlier page. Links lead to graph_url's own devices/delta or are
 * refused: a token goes with them. ACCEPTED for a page. */
enum devices_delta_answer devices_delta_read(const struct http_response *response, const char *graph_url,
                                             bool continued, size_t link_max, int64_t now_s,
                                             struct devices_delta_page *ret_page, struct outcome *ret_outcome);

void devices_delta_page_deinit(struct devices_delta_page *page);

#endif
