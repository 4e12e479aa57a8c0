/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "admin/api.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/daemon.h"
#include "store/migrate.h"

static const struct {
    const char *method;
    const char *pattern;
    void (*handle)(struct api_request *request);
} routes[] = {
    {"GET", "/v1/version", api_version_get},
    {"GET", "/v1/status", api_status_get},
    {"GET", "/v1/devices", api_devices_list},
    {"GET", "/v1/devices/{id}", api_devices_get},
    {"GET", "/v1/devices/{id}/explain", api_devices_explain},
    {"POST", "/v1/devices/{id}/report", api_devices_report},
    {"POST", "/v1/resync", api_resync_post},
    {"GET", "/v1/plan", api_plan_get},
};

static const struct {
    int status;
    const char *title;
} titles[] = {
    {400, "Bad Request"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {409, "Conflict"},
    {413, "Content Too Large"},
    {500, "Internal Server Error"},
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

    if (result == 0 && buf_error(&look->out) != 0)
        result = error_set(err, buf_error(&look->out), 0, "the answer: %s", error_code_text(buf_error(&look->out)));
    return result;
}

static void look_done(struct store_job *job)
{
    struct api_look *look = (struct api_look *)job;

    if (job->result == 0) {
        api_answer(look->request, 200, &look->out);
    } else {
        job->error.code = job->result;
        api_problem_error(look->request, &job->error);
    }
    api_look_free(look);
}

void api_look_start(struct api_look *look)
{
    look->job.run = run_look;
    look->job.done = look_done;
    daemon_look(look->request->daemon, &look->job);
}

void api_log_change(const struct api_request *request, const char *what, const char *device, const char *connection)
{
    const struct log_fields fields = {.device = device, .connection = connection};

    log_at(LOG_LEVEL_NOTICE, TAG_ADMIN, &fields, "operator uid=%u pid=%d asked %s", (unsigned)request->peer.uid,
           (int)request->peer.pid, what);
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

static void add_method(struct api_request *request, const char *method)
{
    size_t used = strlen(request->allow);

    snprintf(request->allow + used, sizeof(request->allow) - used, "%s%s", used > 0 ? ", " : "", method);
}

static void route(struct api_request *request)
{
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (!target_matches(&request->target, routes[i].pattern, &request->id))
            continue;
        if (strcmp(routes[i].method, request->method) == 0) {
            request->allow[0] = '\0';
            routes[i].handle(request);
            return;
        }
        add_method(request, routes[i].method);
    }
    if (request->allow[0] != '\0')
        api_problem(request, 405, "%s is not for this path (allowed: %s)", request->method, request->allow);
    else
        api_problem(request, 404, "there is no such path");
}

void api_handle(struct api_request *request)
{
    if (!peer_is_allowed(&request->peer))
        api_problem(request, 403, "the control socket is for root and the group complyd");
    else
        route(request);
    request->waiting = true;
}
