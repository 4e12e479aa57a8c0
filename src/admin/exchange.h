/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * exchange - one request of libmicrohttpd and its answer: collects the body, asks the API, sleeps until the answer is
 * there. Private to src/admin.
 *
 *     headers ──► body ──► handled ──answered at once──────────────► response queued ──► completed
 *                             │                                        ▲
 *                             └──► suspended ──answer, resume──────────┘
 *
 * A client that goes away is noticed by libmicrohttpd only when it reads or writes, never while suspended: the request
 * that a job works for always outlives the job.
 */
#ifndef COMPLYD_ADMIN_EXCHANGE_H
#define COMPLYD_ADMIN_EXCHANGE_H

#include <microhttpd.h>

#include "admin/api.h"
#include "visitor.h"

/* What a listener lends to its exchanges. */
struct exchange_host {
    struct daemon *daemon;
    void *owner;     /* whose listener it is */
    size_t body_max; /* bytes of a request's body */
    /* Headers are there: who asks, and whatever else is read from the connection. May refuse by answering. */
    void (*begin)(struct exchange_host *host, struct api_request *request, struct MHD_Connection *connection);
    void (*handle)(struct api_request *request); /* answers, as api_handle() does */
    /* NULL or: a response of one's own in place of the one made of the answer; NULL = none of one's own */
    struct MHD_Response *(*respond)(struct api_request *request, struct MHD_Connection *connection);
    void (*dress)(struct api_request *request,
                  struct MHD_Response *response); /* NULL or: adds headers to any response */
    void (*end)(struct api_request *request);     /* NULL or: frees request->carrier */
    void (*ending)(struct exchange_host *host);   /* NULL or: all is answered, libmicrohttpd is about to be stopped */

    struct visitor_list visitors;
    size_t suspended; /* exchanges that wait for their answer, and whatever else must come to its end first */
    bool stopping;
    void (*resumed)(struct exchange_host *host); /* one of them has got it: libmicrohttpd must run */
};

/* The request was HEAD, which handlers see as GET: nothing may happen by it. */
bool exchange_is_head(const struct api_request *request);

/* Callbacks for libmicrohttpd; cls is the host. */
void *exchange_on_uri(void *cls, const char *uri, struct MHD_Connection *connection);
enum MHD_Result exchange_on_request(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
                                    const char *version, const char *data, size_t *data_size, void **context);
void exchange_on_completed(void *cls, struct MHD_Connection *connection, void **context,
                           enum MHD_RequestTerminationCode code);

#endif
