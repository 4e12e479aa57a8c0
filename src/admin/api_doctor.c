/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * An examination of one connection (daemon/doctor.h).
 */
#include <stdlib.h>

#include "admin/api.h"
#include "daemon/daemon.h"
#include "daemon/doctor.h"

enum { AT_ONCE = 4 }; /* each asks Microsoft for tokens, which is not to be done without end */

static struct examination {
    struct doctor *doctor; /* NULL = a free place */
    struct api_request *request;
} examinations[AT_ONCE];

static void add_finding(const struct doctor_finding *finding, enum language language, struct buf *out)
{
    buf_add_char(out, '{');
    view_text(out, "check", check_name(finding->check));
    view_text(out, "title", check_title(finding->check, language));
    view_text(out, "state", check_state_name(finding->state));
    view_text(out, "problem", finding->problem);
    view_text(out, "text", finding->text);
    view_text(out, "cure", finding->cure);
    view_text(out, "detail", finding->detail);
    buf_add_char(out, '}');
}

static void on_done(void *ctx, int result, const struct doctor_finding *findings, size_t count)
{
    struct examination *examination = ctx;
    struct api_request *request = examination->request;
    struct buf body;

    examination->doctor = NULL;
    if (result != 0) {
        api_problem(request, 503, "complyd is being stopped");
        return;
    }
    buf_init(&body, 0);
    buf_add_char(&body, '{');
    view_text(&body, "connection", request->id);
    view_key(&body, "findings");
    buf_add_char(&body, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_add_char(&body, ',');
        add_finding(&findings[i], request->language, &body);
    }
    buf_add_text(&body, "]}");
    api_answer(request, 200, &body);
}

static struct examination *find_place(void)
{
    for (size_t i = 0; i < AT_ONCE; i++) {
        if (examinations[i].doctor == NULL)
            return &examinations[i];
    }
    return NULL;
}

void api_doctor_get(struct api_request *request)
{
    static const char *const none[] = {NULL};
    struct examination *place = find_place();
    struct error err = {0};

    if (!api_check_parameters(request, none))
        return;
    if (place == NULL) {
        api_problem(request, 503, "%d examinations are under way: ask again when they have ended", AT_ONCE);
        return;
    }
    place->request = request;
    if (doctor_start(request->daemon, request->id, request->language, on_done, place, &place->doctor, &err) != 0)
        api_problem_error(request, &err);
}

void api_doctor_cancel(void)
{
    for (size_t i = 0; i < AT_ONCE; i++) {
        if (examinations[i].doctor != NULL)
            doctor_cancel(examinations[i].doctor);
    }
}
