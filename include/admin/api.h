/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * api - the control API: from a request to its answer, whatever carries them (docs/control-api.md).
 *
 * One table of routes. A handler answers at once, or starts a job and answers from its done callback; either way with exactly one
 * call of api_answer() or api_problem*(). Errors are problem details (RFC 9457).
 *
 * Thread    loop only; what a handler's job does on a store thread touches that job alone.
 * Lifetime  the carrier keeps the request until it is answered, also when the client has gone.
 */
#ifndef COMPLYD_ADMIN_API_H
#define COMPLYD_ADMIN_API_H

#include <stdbool.h>

#include "admin/peer.h"
#include "admin/target.h"
#include "admin/view.h"
#include "base/buf.h"
#include "base/error.h"
#include "store/thread.h"

enum { API_BODY_MAX = 1024 * 1024, API_ALLOW_TEXT = 32 };

struct daemon;

struct api_request {
    /* in */
    struct daemon *daemon;
    const char *method;   /* "GET", "POST" ... */
    struct target target; /* owned */
    struct buf body;      /* owned */
    struct peer peer;
    enum language language; /* of texts for people: Accept-Language */
    const char *id;         /* the {id} of the route, set by api_handle() */
    /* out */
    bool answered;
    int status;
    struct buf answer;                         /* owned; JSON */
    char allow[API_ALLOW_TEXT];                /* with 405: methods that the path has */
    void (*wake)(struct api_request *request); /* called when the answer comes after api_handle() has returned */
    bool waiting;                              /* private to the carrier and api.c: api_handle() has returned */
};

/* Finds the route and runs its handler. Then request->answered is true, or wake will be called. */
void api_handle(struct api_request *request);

/* Takes *body over. */
void api_answer(struct api_request *request, int status, struct buf *body);
void api_problem(struct api_request *request, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The HTTP status that belongs to an ERR_*, and its message. */
void api_problem_error(struct api_request *request, const struct error *err);

/* False after answering 400 when the query has a parameter that is not in `names` (NULL-terminated), or one twice. */
bool api_check_parameters(struct api_request *request, const char *const *names);

/* Number between min and max from the query, `otherwise` when it is not there; false after answering 400. */
bool api_number(struct api_request *request, const char *name, unsigned min, unsigned max, unsigned otherwise,
                unsigned *ret_value);

/* A look at the store on the reader's thread. Embed it first; `run` fills `out` with the whole answer. */
struct api_look {
    struct store_job job;
    struct api_request *request;
    struct view view;
    struct buf out;
    int (*run)(struct api_look *look, struct database *database, struct error *err);
    void (*deinit)(struct api_look *look); /* of what embeds it; NULL = nothing */
};

/* Allocates `size` bytes that begin with an api_look; NULL after answering 503. */
void *api_look_new(struct api_request *request, size_t size,
                   int (*run)(struct api_look *look, struct database *database, struct error *err));

void api_look_free(struct api_look *look); /* one that was not started */

/* Submits it; answers 200 with `out`, or with the problem, and frees it. */
void api_look_start(struct api_look *look);

/* Says in the log who asked for a change. */
void api_log_change(const struct api_request *request, const char *what, const char *device, const char *connection);

/* Handlers, by the file that holds them. */
void api_version_get(struct api_request *request);
void api_status_get(struct api_request *request);
void api_devices_list(struct api_request *request);
void api_devices_get(struct api_request *request);
void api_devices_explain(struct api_request *request);
void api_devices_report(struct api_request *request);
void api_resync_post(struct api_request *request);
void api_plan_get(struct api_request *request);

#endif
