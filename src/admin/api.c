/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "admin/api.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "daemon/activity_log.h"
#include "daemon/daemon.h"
#include "store/migrate.h"

static const struct {
    const char *method;
    const char *pattern;
    void (*handle)(struct api_request *request);
    void (*begin)(struct api_request *request); /* of one that takes a long body in pieces; NULL = whole */
} routes[] = {
    {"GET", "/healthz", api_probes_health, NULL},
    {"GET", "/readyz", api_probes_ready, NULL},
    {"GET", "/metrics", api_metrics_get, NULL},
    {"GET", "/v1", api_index_get, NULL},
    {"GET", "/v1/version", api_version_get, NULL},
    {"GET", "/v1/status", api_status_get, NULL},
    {"GET", "/v1/activity", api_activity_list, NULL},
    {"GET", "/v1/devices", api_devices_list, NULL},
    {"GET", "/v1/devices/{id}", api_devices_get, NULL},
    {"PUT", "/v1/devices/{id}", api_devices_put, NULL},
    {"PATCH", "/v1/devices/{id}", api_devices_patch, NULL},
    {"DELETE", "/v1/devices/{id}", api_devices_delete, NULL},
    {"GET", "/v1/devices/{id}/explain", api_devices_explain, NULL},
    {"POST", "/v1/devices/{id}/report", api_devices_report, NULL},
    {"POST", "/v1/devices/{id}/retire", api_devices_retire, NULL},
    {"POST", "/v1/devices/{id}/revive", api_devices_revive, NULL},
    {"GET", "/v1/devices/{id}/violations", api_violations_list, NULL},
    {"GET", "/v1/devices/{id}/violations/{policy_id}", api_violations_get, NULL},
    {"PUT", "/v1/devices/{id}/violations/{policy_id}", api_violations_put, NULL},
    {"DELETE", "/v1/devices/{id}/violations/{policy_id}", api_violations_delete, NULL},
    {"GET", "/v1/policies", api_policies_list, NULL},
    {"GET", "/v1/policies/{id}", api_policies_get, NULL},
    {"PUT", "/v1/policies/{id}", api_policies_put, NULL},
    {"PATCH", "/v1/policies/{id}", api_policies_patch, NULL},
    {"DELETE", "/v1/policies/{id}", api_policies_delete, NULL},
    {"GET", "/v1/connections/{id}", api_connections_get, NULL},
    {"GET", "/v1/connections/{id}/doctor", api_doctor_get, NULL},
    {"POST", "/v1/connections/{id}/connect", api_connections_connect, NULL},
    {"POST", "/v1/connections/{id}/disconnect", api_connections_disconnect, NULL},
    {"POST", "/v1/import", api_import_post, api_import_begin},
    {"POST", "/v1/resync", api_resync_post, NULL},
    {"GET", "/v1/plan", api_plan_get, NULL},
    {"GET", "/v1/drift", api_drift_get, NULL},
    {"POST", "/v1/drift", api_drift_post, NULL},
    {"POST", "/v1/drift/repair", api_drift_repair, NULL},
    {"GET", "/v1/holds", api_holds_get, NULL},
    {"PUT", "/v1/holds/device/{id}", api_holds_put_device, NULL},
    {"DELETE", "/v1/holds/device/{id}", api_holds_end_device, NULL},
    {"PUT", "/v1/holds/policy/{id}", api_holds_put_policy, NULL},
    {"DELETE", "/v1/holds/policy/{id}", api_holds_end_policy, NULL},
    {"GET", "/v1/breaker", api_breaker_get, NULL},
    {"POST", "/v1/breaker/release", api_breaker_release, NULL},
    {"POST", "/v1/breaker/discard", api_breaker_discard, NULL},
    {"POST", "/v1/page-link", api_page_link, NULL},
    {"GET", "/v1/log-level", api_log_level_get, NULL},
    {"PUT", "/v1/log-level", api_log_level_put, NULL},
};

enum { ROUTES = sizeof(routes) / sizeof(routes[0]) };

static const struct {
    int status;
    const char *title;
} titles[] = {
    {400, "Bad Request"},         {401, "Unauthorized"},           {403, "Forbidden"},
    {404, "Not Found"},           {405, "Method Not Allowed"},     {409, "Conflict"},
    {413, "Content Too Large"},   {415, "Unsupported Media Type"}, {500, "Internal Server Error"},
    {503, "Service Unavailable"},
};

static const char *title_of(int status)
{
    for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++) {
        if (titles[i].status == status)
            return titles[i].title;
    }
    return "Error";
}

void api_answer(struct api_request *request, int status, struct buf *body)
{
    assert(!request->answered);
    request->answered = true;
    request->status = status;
    request->answer = *body;
    buf_init(body, 0);
    if (request->waiting)
        request->wake(request);
}

/* The bad member of the body as a JSON pointer (RFC 6901) in a fragment, or the place in an input of lines. */
static void add_place(const struct api_request *request, struct buf *body)
{
    if (request->line > 0) {
        view_int(body, "line", request->line);
        view_text(body, "column", request->field);
    } else if (request->field[0] != '\0') {
        view_key(body, "pointer");
        buf_add_text(body, "\"#/");
        for (const char *p = request->field; *p != '\0'; p++) {
            if (*p == '~' || *p == '/')
                buf_add_text(body, *p == '~' ? "~0" : "~1");
            else
                buf_add_url(body, (const char[]){*p, '\0'});
        }
        buf_add_char(body, '"');
    }
}

void api_problem(struct api_request *request, int status, const char *format, ...)
{
    char detail[512];
    struct buf body;
    va_list args;

    va_start(args, format);
    vsnprintf(detail, sizeof(detail), format, args);
    va_end(args);
    buf_init(&body, 0);
    buf_add_char(&body, '{');
    view_text(&body, "type", "about:blank");
    view_text(&body, "title", title_of(status));
    view_int(&body, "status", status);
    view_text(&body, "detail", detail);
    add_place(request, &body);
    buf_add_char(&body, '}');
    api_answer(request, status, &body);
}

void api_problem_error(struct api_request *request, const struct error *err)
{
    switch (err->code) {
    case ERR_NOTFOUND:
        api_problem(request, 404, "%s", error_text(err));
        break;
    case ERR_INVALID:
        api_problem(request, 400, "%s", error_text(err));
        break;
    case ERR_EXISTS:
        api_problem(request, 409, "%s", error_text(err));
        break;
    case ERR_TOOBIG:
        api_problem(request, 413, "%s", error_text(err));
        break;
    case ERR_REPLY:
    case ERR_REFUSED:
        api_problem(request, 500, "%s", error_text(err));
        break;
    default: /* the store, memory, stopping: not now */
        api_problem(request, 503, "%s", error_text(err));
        break;
    }
}

bool api_check_parameters(struct api_request *request, const char *const *names)
{
    const struct target *target = &request->target;

    for (size_t i = 0; i < target->parameter_count; i++) {
        const char *name = target->parameters[i].name;
        size_t known = 0;

        while (names[known] != NULL && strcmp(names[known], name) != 0)
            known++;
        if (names[known] == NULL) {
            api_problem(request, 400, "unknown parameter '%s'", name);
            return false;
        }
        if (target_get(target, name) != target->parameters[i].value) {
            api_problem(request, 400, "parameter '%s' is given twice", name);
            return false;
        }
    }
    return true;
}

bool api_check_type(struct api_request *request, const char *const *types)
{
    const char *type = request->content_type;
    size_t length = type != NULL ? strcspn(type, "; \t") : 0;

    if (type == NULL)
        return true;
    for (size_t i = 0; types[i] != NULL; i++) {
        if (strlen(types[i]) == length && strncasecmp(types[i], type, length) == 0)
            return true;
    }
    api_problem(request, 415, "the Content-Type must be %s, not '%.*s'", types[0], (int)(length < 64 ? length : 64),
                type);
    return false;
}

bool api_take_cursor(struct api_request *request, char **ret_after)
{
    const char *cursor = target_get(&request->target, "after");

    *ret_after = NULL;
    if (cursor == NULL || *cursor == '\0')
        return true;
    *ret_after = strdup(cursor);
    if (*ret_after == NULL)
        api_problem(request, 503, "out of memory");
    else if (target_decode(*ret_after) != 0)
        api_problem(request, 400, "parameter 'after': no cursor of ours (the 'next' of the page before is wanted)");
    return !request->answered;
}

bool api_number(struct api_request *request, const char *name, unsigned min, unsigned max, unsigned otherwise,
                unsigned *ret_value)
{
    const char *text = target_get(&request->target, name);
    unsigned long value = otherwise;

    if (text != NULL) {
        size_t digits = strspn(text, "0123456789");

        value = digits > 0 && digits < 10 && text[digits] == '\0' ? strtoul(text, NULL, 10) : (unsigned long)max + 1;
        if (value < min || value > max) {
            api_problem(request, 400, "parameter '%s': a number from %u to %u is wanted", name, min, max);
            return false;
        }
    }
    *ret_value = (unsigned)value;
    return true;
}

void *api_look_new(struct api_request *request, size_t size,
                   int (*run)(struct api_look *look, struct database *database, struct error *err))
{
    struct api_look *look = calloc(1, size);

    if (look == NULL || view_take(request->daemon, &look->view) != 0) {
        free(look);
        api_problem(request, 503, "out of memory");
        return NULL;
    }
    look->view.language = request->language;
    look->request = request;
    look->status = 200;
    look->run = run;
    buf_init(&look->out, 0);
    return look;
}

void api_look_free(struct api_look *look)
{
    if (look->deinit != NULL)
        look->deinit(look);
    buf_deinit(&look->out);
    view_deinit(&look->view);
    free(look);
}

static int run_look(struct store_job *job, struct database *database, struct error *err)
{
    struct api_look *look = (struct api_look *)job;
    int result = look->run(look, database, err);

    look->ran = true;
    if (result == 0 && buf_error(&look->out) != 0)
        result = error_set(err, buf_error(&look->out), 0, "the answer: %s", error_code_text(buf_error(&look->out)));
    return result;
}

static void look_done(struct store_job *job)
{
    struct api_look *look = (struct api_look *)job;
    struct api_request *request = look->request;

    if (job->result == 0) {
        if (job->write)
            daemon_changed(request->daemon);
        api_answer(request, look->status, &look->out);
    } else {
        job->error.code = look->ran ? job->result : ERR_STORE; /* a store that is not there is no device that is not */
        memcpy(request->field, look->field, sizeof(request->field));
        if (look->field[0] != '\0')
            error_prefix(&job->error, "%s", look->field);
        api_problem_error(request, &job->error);
    }
    api_look_free(look);
}

void api_look_start(struct api_look *look)
{
    look->job.run = run_look;
    look->job.done = look_done;
    daemon_look(look->request->daemon, &look->job);
}

void api_look_start_write(struct api_look *look)
{
    look->job.write = true;
    look->job.run = run_look;
    look->job.done = look_done;
    daemon_write(look->request->daemon, &look->job);
}

static void note_change(const struct api_request *request, const char *what, const char *device, const char *connection)
{
    char actor[PERSON_TEXT];

    activity_log_add(daemon_activity(request->daemon),
                     &(struct activity_entry){.kind = activity_kind_name(ACTIVITY_OPERATOR),
                                              .result = "asked",
                                              .device_id = device,
                                              .connection = connection,
                                              .actor = peer_describe(&request->peer, actor),
                                              .detail = what});
}

void api_log_change(const struct api_request *request, const char *what, const char *device, const char *connection)
{
    const struct log_fields fields = {.device = device, .connection = connection};

    if (request->peer.session[0] != '\0')
        log_at(LOG_LEVEL_NOTICE, TAG_ADMIN, &fields, "operator uid=%u session=%s asked %s", (unsigned)request->peer.uid,
               request->peer.session, what);
    else
        log_at(LOG_LEVEL_NOTICE, TAG_ADMIN, &fields, "operator uid=%u pid=%d asked %s", (unsigned)request->peer.uid,
               (int)request->peer.pid, what);
    note_change(request, what, device, connection);
}

void api_version_get(struct api_request *request)
{
    static const char *const none[] = {NULL};
    struct buf body;

    if (!api_check_parameters(request, none))
        return;
    buf_init(&body, 0);
    buf_add_char(&body, '{');
    view_text(&body, "version", COMPLYD_VERSION);
    view_int(&body, "store_version", migrate_latest());
    buf_add_char(&body, '}');
    api_answer(request, 200, &body);
}

/* Every path with its methods, in the order of the table. */
void api_index_get(struct api_request *request)
{
    static const char *const none[] = {NULL};
    struct buf body;

    if (!api_check_parameters(request, none))
        return;
    buf_init(&body, 0);
    buf_add_text(&body, "{\"paths\":{");
    for (size_t i = 0; i < ROUTES; i++) {
        bool again = i > 0 && strcmp(routes[i].pattern, routes[i - 1].pattern) == 0;

        if (!again && i > 0)
            buf_add_text(&body, "],");
        if (!again)
            buf_addf(&body, "\"%s\":[", routes[i].pattern);
        buf_addf(&body, "%s\"%s\"", again ? "," : "", routes[i].method);
    }
    buf_add_text(&body, "]}}");
    api_answer(request, 200, &body);
}

static void add_method(struct api_request *request, const char *method)
{
    size_t used = strlen(request->allow);

    snprintf(request->allow + used, sizeof(request->allow) - used, "%s%s", used > 0 ? ", " : "", method);
}

/* The index of the route; ROUTES when there is none: `allow` has the methods of the path, if it is one. */
static size_t find_route(struct api_request *request)
{
    const char *ids[TARGET_IDS_MAX] = {NULL};

    for (size_t i = 0; i < ROUTES; i++) {
        if (!target_matches(&request->target, routes[i].pattern, ids))
            continue;
        if (strcmp(routes[i].method, request->method) == 0) {
            request->allow[0] = '\0';
            request->id = ids[0];
            request->policy_id = ids[1];
            return i;
        }
        add_method(request, routes[i].method);
    }
    return ROUTES;
}

void api_begin(struct api_request *request)
{
    size_t found = find_route(request);

    request->allow[0] = '\0'; /* api_handle() tells */
    if (found < ROUTES && routes[found].begin != NULL && peer_is_allowed(&request->peer))
        routes[found].begin(request);
}

static void route(struct api_request *request)
{
    size_t found = find_route(request);

    if (found < ROUTES)
        routes[found].handle(request);
    else if (request->allow[0] != '\0')
        api_problem(request, 405, "%s is not for this path (allowed: %s)", request->method, request->allow);
    else
        api_problem(request, 404, "there is no such path (GET /v1 lists them)");
}

void api_handle(struct api_request *request)
{
    if (!peer_is_allowed(&request->peer))
        api_problem(request, 403, "the control socket is for root and the group complyd");
    else
        route(request);
    request->waiting = true;
}
