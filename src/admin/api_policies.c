/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * Policies and violations as the store has them. What writes them is in api_write.c.
 */
#include <stdlib.h>
#include <string.h>

#include "admin/api.h"

enum { LIMIT_DEFAULT = 100, LIMIT_MAX = 1000 };

static const char *const no_parameters[] = {NULL};

/* Ids are the request's, which outlives the look. */
static void look_at(struct api_request *request,
                    int (*run)(struct api_look *look, struct database *database, struct error *err))
{
    struct api_look *look;

    if (!api_check_parameters(request, no_parameters))
        return;
    look = api_look_new(request, sizeof(*look), run);
    if (look != NULL)
        api_look_start(look);
}

static int run_policy(struct api_look *look, struct database *database, struct error *err)
{
    return fleet_policy(database, look->request->id, view_policy, &look->out, err);
}

void api_policies_get(struct api_request *request)
{
    look_at(request, run_policy);
}

/* A page of the list. */
struct list_look {
    struct api_look look;
    char *after; /* NULL = from the start */
    char *last;  /* id of the last policy seen */
    bool full;   /* the page is long enough in bytes */
    unsigned limit;
};

static void free_ids(struct api_look *look)
{
    struct list_look *list = (struct list_look *)look;

    free(list->after);
    free(list->last);
}

static int add_policy(void *ctx, const struct fleet_policy *policy)
{
    struct list_look *list = ctx;

    free(list->last);
    list->last = strdup(policy->policy_id);
    if (list->last == NULL || view_policy(&list->look.out, policy) != 0)
        return ERR_NOMEM;
    list->full = list->look.out.length > API_PAGE_BYTES;
    return list->full;
}

static int run_list(struct api_look *look, struct database *database, struct error *err)
{
    struct list_look *list = (struct list_look *)look;
    bool more = false;
    int result;

    buf_add_text(&look->out, "{\"policies\":[");
    result = fleet_policies(database, list->after, list->limit, add_policy, list, &more, err);
    buf_add_text(&look->out, "],\"next\":\"");
    if (more || list->full)
        buf_add_url(&look->out, list->last); /* an id need not be UTF-8, a cursor must survive JSON */
    buf_add_text(&look->out, "\"}");
    return result;
}

void api_policies_list(struct api_request *request)
{
    static const char *const names[] = {"after", "limit", NULL};
    struct list_look *list;
    unsigned limit;

    if (!api_check_parameters(request, names) || !api_number(request, "limit", 1, LIMIT_MAX, LIMIT_DEFAULT, &limit))
        return;
    list = api_look_new(request, sizeof(*list), run_list);
    if (list == NULL)
        return;
    list->limit = limit;
    list->look.deinit = free_ids;
    if (api_take_cursor(request, &list->after))
        api_look_start(&list->look);
    else
        api_look_free(&list->look);
}

static int find_device(const struct api_request *request, struct database *database, struct error *err)
{
    struct fleet_device device;
    int result = fleet_get(database, request->id, &device, err);

    if (result == ERR_NOTFOUND)
        return error_set(err, ERR_NOTFOUND, 0, "there is no device '%s'", request->id);
    if (result == 0)
        fleet_device_deinit(&device);
    return result;
}

static int run_violations(struct api_look *look, struct database *database, struct error *err)
{
    int result = find_device(look->request, database, err);

    if (result != 0)
        return result;
    buf_add_text(&look->out, "{\"violations\":[");
    result = fleet_violations(database, look->request->id, view_violation, &look->out, err);
    buf_add_text(&look->out, "]}");
    return result;
}

void api_violations_list(struct api_request *request)
{
    look_at(request, run_violations);
}

struct search {
    const char *policy_id;
    struct buf *out;
};

static int add_if_wanted(void *ctx, const struct fleet_violation *violation)
{
    struct search *search = ctx;

    return strcmp(violation->policy_id, search->policy_id) == 0 ? view_violation(search->out, violation) : 0;
}

int api_violation_add(const struct api_request *request, struct database *database, struct buf *out, struct error *err)
{
    struct search search = {request->policy_id, out};
    int result = fleet_violations(database, request->id, add_if_wanted, &search, err);

    if (result == 0 && out->length == 0 && buf_error(out) == 0)
        return error_set(err, ERR_NOTFOUND, 0, "device '%s' does not violate policy '%s'", request->id,
                         request->policy_id);
    return result;
}

static int run_violation(struct api_look *look, struct database *database, struct error *err)
{
    return api_violation_add(look->request, database, &look->out, err);
}

void api_violations_get(struct api_request *request)
{
    look_at(request, run_violation);
}
