/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * exchange - one request of libmicrohttpd and its answer: collects the body, asks the API, sleeps until the answer is there.
 * Private to src/admin.
 *
 *     headers ──► body ──► handled ──answered at once──────────────► response queued ──► completed
 *                             │                                        ▲
 *                             └──► suspended ──answer, resume──────────┘
 *
 * A client that goes away is noticed by libmicrohttpd only when it reads or writes, never while suspended: the request that a job
 * works for always outlives the job.
 */
#ifndef COMPLYD_ADMIN_EXCHANGE_H
#define COMPLYD_ADMIN_EXCHANGE_H

#include <microhttpd.h>

#include "admin/api.h"
#include "visitor.h"

/* What the server lends to its exchanges. */
struct exchange_host {
    struct daemon *daemon;
    gid_t group; /* of the socket */
    struct visitor_list visitors;
    size_t suspended; /* exchanges that wait for their answer */
    bool stopping;
    void (*resumed)(struct exchange_host *host); /* one of them has got it: libmicrohttpd must run */
};

/* Callbacks for libmicrohttpd; cls is the host. */
void *exchange_on_uri(void *cls, const char *uri, struct MHD_Connection *connection);
enum MHD_Result exchange_on_request(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
                                    const char *version, const char *data, size_t *data_size, void **context);
void exchange_on_completed(void *cls, struct MHD_Connection *connection, void **context,
                           enum MHD_RequestTerminationCode code);

#endif
