/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * api - the control API: from a request to its answer, whatever carries them (docs/control-api.md).
 *
 * One table of routes. A handler answers at once, or starts a job and answers from its done callback; either way with
 * exactly one call of api_answer() or api_problem*(). Errors are problem details (RFC 9457).
 *
 * Thread    loop only; what a handler's job does on a store thread touches that job alone.
 * Lifetime  the carrier keeps the request until it is answered, also when the client has gone.
 */
#ifndef COMPLYD_ADMIN_API_H
#define COMPLYD_ADMIN_API_H

#include <stdbool.h>
#include <stdint.h>

#include "admin/peer.h"
#include "admin/target.h"
#include "admin/view.h"
#include "base/buf.h"
#include "base/error.h"
#include "store/thread.h"

enum {
    API_BODY_MAX = 1024 * 1024,
    API_PIECE = 256 * 1024,      /* of a body that is taken piece by piece */
    API_PAGE_BYTES = 256 * 1024, /* a page of a list ends behind the entry that reaches this, whatever its limit */
    API_ALLOW_TEXT = 64,
    API_FIELD_TEXT = 64,
};

struct daemon;
struct uv_loop_s;
struct web;

struct api_request {
    /* in */
    struct daemon *daemon;
    struct uv_loop_s *loop;
    const char *method;       /* "GET", "POST" ... */
    const char *content_type; /* of the body; NULL = not said */
    struct target target;     /* owned */
    struct buf body;          /* owned */
    struct peer peer;
    enum language language; /* of texts for people: Accept-Language */
    struct web *web;        /* the page; NULL = off */
    const char *id;         /* the {id} of the route, set by api_begin() and api_handle() */
    const char *policy_id;  /* its {policy_id} */
    /* out */
    bool answered;
    int status;
    struct buf answer;                         /* owned */
    const char *answer_type;                   /* its content type; NULL = JSON, or a problem */
    char allow[API_ALLOW_TEXT];                /* with 405: methods that the path has */
    char field[API_FIELD_TEXT];                /* with a problem: the member of the body that is wrong; "" = none */
    int64_t line;                              /* with a problem: of an input of lines; 0 = none */
    void (*wake)(struct api_request *request); /* called when the answer comes after api_handle() has returned */
    void *carrier;                             /* private to the carrier */
    bool waiting;                              /* private to the carrier and api.c: wake is to be called */
    /* How the body is taken: the carrier sets the maximum, api_begin() the rest. */
    size_t body_max;
    void (*spill)(
        struct api_request *request); /* takes API_PIECE or more of it away, then wakes the carrier; NULL = whole */
    void (*abandon)(struct api_request *request); /* the request ends without api_handle(); NULL = nothing to do */
};

/* The headers are in: a route may want its body in another way, or answer at once. */
void api_begin(struct api_request *request);

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

/* False after answering 415 when the body is said to be of another type than these (NULL-terminated); one that says
 * nothing passes. */
bool api_check_type(struct api_request *request, const char *const *types);

struct cJSON;

/* The body of an act on one connection: nothing, {} or {"connection": NAME}; *ret_connection NULL = not said, else it
 * points into *ret_body, which cJSON_Delete() frees. False after answering what is wrong. */
bool api_read_connection(struct api_request *request, struct cJSON **ret_body, const char **ret_connection);

/* A look at the store on the reader's thread. Embed it first; `run` fills `out` with the whole answer. */
struct api_look {
    struct store_job job;
    struct api_request *request;
    struct view view;
    struct buf out;
    int status;                 /* of the answer: 200 unless run says otherwise */
    char field[API_FIELD_TEXT]; /* ERR_INVALID: the member of the body that is wrong */
    bool ran;                   /* private: else the store could not be asked */
    int (*run)(struct api_look *look, struct database *database, struct error *err);
    void (*deinit)(struct api_look *look); /* of what embeds it; NULL = nothing */
};

/* Allocates `size` bytes that begin with an api_look; NULL after answering 503. */
void *api_look_new(struct api_request *request, size_t size,
                   int (*run)(struct api_look *look, struct database *database, struct error *err));

void api_look_free(struct api_look *look); /* one that was not started */

/* Submits it; answers with status and `out`, or with the problem, and frees it. */
void api_look_start(struct api_look *look);

/* The same for one that writes: on the store thread, in a transaction that is committed before the answer. */
void api_look_start_write(struct api_look *look);

/* A page's cursor "after", decoded; NULL = from the start. False after answering what is wrong with it. The caller's
 * to free. */
bool api_take_cursor(struct api_request *request, char **ret_after);

/* Says in the log who asked for a change. */
void api_log_change(const struct api_request *request, const char *what, const char *device, const char *connection);

/* Appends the violation that the path names as the store has it, on a store thread. 0, ERR_NOTFOUND or another
 * ERR_*. */
int api_violation_add(const struct api_request *request, struct database *database, struct buf *out, struct error *err);

/* An import that is running gives up soon: complyd stops. */
void api_import_cancel(void);

/* Examinations of connections end now: complyd stops. */
void api_doctor_cancel(void);

/* Who waits for entries of the activity log is answered now: complyd stops. */
void api_activity_cancel(void);

/* GET of a device with ?at=. */
void api_activity_device_at(struct api_request *request);

/* Handlers, by the file that holds them. */
void api_index_get(struct api_request *request);
void api_metrics_get(struct api_request *request);
void api_probes_health(struct api_request *request);
void api_probes_ready(struct api_request *request);
void api_version_get(struct api_request *request);
void api_log_level_get(struct api_request *request);
void api_log_level_put(struct api_request *request);
void api_status_get(struct api_request *request);
void api_doctor_get(struct api_request *request);
void api_connections_get(struct api_request *request);
void api_connections_connect(struct api_request *request);
void api_connections_disconnect(struct api_request *request);
void api_activity_list(struct api_request *request);
void api_devices_list(struct api_request *request);
void api_devices_get(struct api_request *request);
void api_devices_explain(struct api_request *request);
void api_devices_report(struct api_request *request);
void api_devices_put(struct api_request *request);
void api_devices_patch(struct api_request *request);
void api_devices_delete(struct api_request *request);
void api_violations_list(struct api_request *request);
void api_violations_get(struct api_request *request);
void api_violations_put(struct api_request *request);
void api_violations_delete(struct api_request *request);
void api_policies_list(struct api_request *request);
void api_policies_get(struct api_request *request);
void api_policies_put(struct api_request *request);
void api_policies_patch(struct api_request *request);
void api_policies_delete(struct api_request *request);
void api_import_begin(struct api_request *request);
void api_import_post(struct api_request *request);
void api_resync_post(struct api_request *request);
void api_drift_get(struct api_request *request);
void api_drift_post(struct api_request *request);
void api_drift_repair(struct api_request *request);
void api_devices_retire(struct api_request *request);
void api_devices_revive(struct api_request *request);
void api_holds_get(struct api_request *request);
void api_holds_put_device(struct api_request *request);
void api_holds_put_policy(struct api_request *request);
void api_holds_end_device(struct api_request *request);
void api_holds_end_policy(struct api_request *request);
void api_breaker_get(struct api_request *request);
void api_breaker_release(struct api_request *request);
void api_breaker_discard(struct api_request *request);
void api_plan_get(struct api_request *request);
void api_page_link(struct api_request *request);

#endif
