/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * reply - libmicrohttpd's callbacks: collects a request, has it routed, and sends its answer the way the exchange says.
 *
 *   headers -> body ... -> routed -> (suspended until the delay is over) -> queued -> (pieces, for wire tricks) ->
 *   completed
 */
#ifndef COMPLYD_SIM_REPLY_H
#define COMPLYD_SIM_REPLY_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

struct reply;
struct world;

TAILQ_HEAD(reply_list, reply);

struct replies {
    struct world *world;
    bool identity; /* of the listener of managed identities */
    struct reply_list suspended;
};

enum { REPLY_BODY_MAX = 4 * 1024 * 1024, REPLY_CONTROL_BODY_MAX = 256 * 1024 * 1024 };

void replies_init(struct replies *replies, struct world *world);

/* What the library is started with; ctx is the struct replies. */
void *replies_on_uri(void *ctx, const char *uri, struct MHD_Connection *connection);
enum MHD_Result replies_on_request(void *ctx, struct MHD_Connection *connection, const char *url, const char *method,
                                   const char *version, const char *upload, size_t *upload_size, void **request_ctx);
void replies_on_completed(void *ctx, struct MHD_Connection *connection, void **request_ctx,
                          enum MHD_RequestTerminationCode code);

/* Ends every wait at once: the library must not be stopped with a connection suspended. */
void replies_resume_all(struct replies *replies);

#endif
