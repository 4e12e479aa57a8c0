/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <stdlib.h>
#include <string.h>

#include "admin/api.h"
#include "admin/explain.h"
#include "admin/target.h"
#include "daemon/daemon.h"

enum { LIMIT_DEFAULT = 100, LIMIT_MAX = 1000 };

static const char *const no_parameters[] = {NULL};

/* A look at one device. */
struct device_look {
    struct api_look look;
    char *device_id;
};

static void free_device_id(struct api_look *look)
{
    free(((struct device_look *)look)->device_id);
}

static void look_at_device(struct api_request *request,
                           int (*run)(struct api_look *look, struct database *database, struct error *err))
{
    struct device_look *device;

    if (!api_check_parameters(request, no_parameters))
        return;
    device = api_look_new(request, sizeof(*device), run);
    if (device == NULL)
        return;
    device->look.deinit = free_device_id;
    device->device_id = strdup(request->id);
    if (device->device_id == NULL)
        device->look.out.error = ERR_NOMEM; /* told by run, as any other shortage */
    api_look_start(&device->look);
}

static int get_device(const struct api_look *look, struct database *database, struct fleet_device *ret_device,
                      struct error *err)
{
    const char *device_id = ((const struct device_look *)look)->device_id;
    int result;

    if (device_id == NULL)
        return error_set(err, ERR_NOMEM, 0, "out of memory");
    result = fleet_get(database, device_id, ret_device, err);
    if (result == ERR_NOTFOUND)
        error_set(err, ERR_NOTFOUND, 0, "there is no device '%s'", device_id);
    return result;
}

static int run_get(struct api_look *look, struct database *database, struct error *err)
{
    struct fleet_device device;
    int result = get_device(look, database, &device, err);

    if (result != 0)
        return result;
    view_device(&look->view, &device, &look->out);
    fleet_device_deinit(&device);
    return 0;
}

void api_devices_get(struct api_request *request)
{
    if (target_get(&request->target, "at") != NULL)
        api_activity_device_at(request);
    else
        look_at_device(request, run_get);
}

static int run_explain(struct api_look *look, struct database *database, struct error *err)
{
    struct fleet_device device;
    int result = get_device(look, database, &device, err);

    if (result != 0)
        return result;
    result = explain_device(&look->view, database, &device, &look->out, err);
    fleet_device_deinit(&device);
    return result;
}

void api_devices_explain(struct api_request *request)
{
    look_at_device(request, run_explain);
}

/* A page of the list. */
struct list_look {
    struct api_look look;
    struct fleet_filter filter; /* strings point into the request's target, which outlives the look */
    char *after;                /* id that the page begins after; NULL = from the start */
    char *last;                 /* id of the last device seen */
    bool full;                  /* the page is long enough in bytes */
};

static void free_ids(struct api_look *look)
{
    struct list_look *list = (struct list_look *)look;

    free(list->after);
    free(list->last);
}

static int add_device(void *ctx, const struct fleet_device *device)
{
    struct list_look *list = ctx;
    struct buf *out = &list->look.out;

    if (out->data[out->length - 1] != '[')
        buf_add_char(out, ',');
    view_device(&list->look.view, device, out);
    free(list->last);
    list->last = strdup(device->device_id);
    list->full = out->length > API_PAGE_BYTES;
    return list->last == NULL ? ERR_NOMEM : buf_error(out) != 0 ? buf_error(out) : list->full;
}

static int run_list(struct api_look *look, struct database *database, struct error *err)
{
    struct list_look *list = (struct list_look *)look;
    bool more = false;
    int result;

    buf_add_text(&look->out, "{\"devices\":[");
    if (buf_error(&look->out) != 0)
        return error_set(err, ERR_NOMEM, 0, "out of memory");
    result = fleet_list(database, &list->filter, add_device, list, &more, err);
    buf_add_text(&look->out, "],\"next\":\"");
    if ((more || list->full) && list->last != NULL)
        buf_add_url(&look->out, list->last); /* an id need not be UTF-8, a cursor must survive JSON */
    buf_add_text(&look->out, "\"}");
    return result;
}

static bool check_filter(struct api_request *request, const struct fleet_filter *filter)
{
    enum compliance_status status;
    enum azure_state state;

    if (filter->state != NULL && azure_state_parse(filter->state, &state) != 0)
        api_problem(request, 400, "parameter 'state': compliant, non_compliant or removed is wanted");
    else if (filter->status != NULL && compliance_status_parse(filter->status, &status) != 0)
        api_problem(request, 400, "parameter 'status': in_progress, success or error is wanted");
    return !request->answered;
}

void api_devices_list(struct api_request *request)
{
    static const char *const names[] = {"state", "status", "connection", "search", "after", "limit", NULL};
    const struct fleet_filter filter = {
        .state = target_get(&request->target, "state"),
        .status = target_get(&request->target, "status"),
        .connection = target_get(&request->target, "connection"),
        .search = target_get(&request->target, "search"),
    };
    struct list_look *list;
    unsigned limit;

    if (!api_check_parameters(request, names) || !check_filter(request, &filter) ||
        !api_number(request, "limit", 1, LIMIT_MAX, LIMIT_DEFAULT, &limit))
        return;
    list = api_look_new(request, sizeof(*list), run_list);
    if (list == NULL)
        return;
    list->filter = filter;
    list->filter.limit = limit;
    list->look.deinit = free_ids;
    if (!api_take_cursor(request, &list->after)) {
        api_look_free(&list->look);
        return;
    }
    list->filter.after = list->after;
    api_look_start(&list->look);
}

static void report_done(void *ctx, int result, const struct error *error)
{
    struct api_request *request = ctx;
    struct buf body;

    if (result == ERR_NOTFOUND) {
        api_problem(request, 404, "there is no device '%s'", request->id);
        return;
    }
    if (result != 0) {
        api_problem_error(request, error);
        return;
    }
    buf_init(&body, 0);
    buf_add_char(&body, '{');
    view_text(&body, "device_id", request->id);
    view_bool(&body, "queued", true);
    buf_add_char(&body, '}');
    api_answer(request, 202, &body);
}

void api_devices_report(struct api_request *request)
{
    if (!api_check_parameters(request, no_parameters))
        return;
    api_log_change(request, "a report", request->id, NULL);
    daemon_report_device(request->daemon, request->id, report_done, request);
}
