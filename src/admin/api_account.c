/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * The account of one connection: how it stands, connecting, disconnecting.
 */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "admin/account_view.h"
#include "admin/api.h"
#include "daemon/daemon.h"

enum { LEFT_MAX = 100 };

static const char *const json_types[] = {"application/json", NULL};

struct account_look {
    struct api_look look;
    struct account_view view;
    bool with_devices;
    bool first; /* of the devices that stay behind */
};

/* ---- looking ---- */

static int add_left(void *ctx, const char *device_id, const char *reason, const char *detail)
{
    struct account_look *look = ctx;
    struct buf *out = &look->look.out;
    enum reason known = reason_parse(reason);

    buf_add_text(out, look->first ? "{" : ",{");
    look->first = false;
    view_text(out, "device_id", device_id);
    view_text(out, "reason", reason_text(known, look->look.view.language));
    view_text(out, "cure", reason_cure(known, look->look.view.language));
    view_text(out, "detail", detail);
    buf_add_char(out, '}');
    return 0;
}

static int add_devices(struct account_look *look, struct database *database, struct error *err)
{
    const char *name = look->view.name;
    struct account_counts counts;
    int result = account_read_counts(database, name, look->look.view.now_ms, &counts, err);

    if (result != 0)
        return result;
    account_view_devices(&look->view, &counts, look->look.view.language, &look->look.out);
    view_key(&look->look.out, "left_behind");
    buf_add_char(&look->look.out, '[');
    look->first = true;
    result = account_read_left(database, name, look->look.view.now_ms, LEFT_MAX, add_left, look, err);
    buf_add_text(&look->look.out, "]}");
    return result;
}

static int run_look(struct api_look *api, struct database *database, struct error *err)
{
    struct account_look *look = (struct account_look *)api;
    int result = account_read(database, look->view.name, &look->view.record, err);

    if (result != 0)
        return result;
    buf_add_char(&api->out, '{');
    account_view_account(&look->view, api->view.language, &api->out);
    if (look->with_devices)
        result = add_devices(look, database, err);
    else
        buf_add_text(&api->out, ",\"devices\":null");
    buf_add_char(&api->out, '}');
    return result;
}

void api_connections_get(struct api_request *request)
{
    static const char *const names[] = {"devices", NULL};
    const char *devices = target_get(&request->target, "devices");
    struct account_look *look;
    struct error err = {0};

    if (!api_check_parameters(request, names))
        return;
    if (devices != NULL && strcmp(devices, "no") != 0 && strcmp(devices, "yes") != 0) {
        api_problem(request, 400, "parameter 'devices': yes or no is wanted");
        return;
    }
    look = api_look_new(request, sizeof(*look), run_look);
    if (look == NULL)
        return;
    look->with_devices = devices == NULL || strcmp(devices, "yes") == 0;
    if (account_view_take(request->daemon, request->id, &look->view, &err) != 0) {
        api_look_free(&look->look);
        api_problem_error(request, &err);
        return;
    }
    api_look_start(&look->look);
}

/* ---- acting ---- */

static void act_done(void *ctx, int result, const struct error *error)
{
    struct api_request *request = ctx;
    struct buf body;

    if (result != 0) {
        api_problem_error(request, error);
        return;
    }
    buf_init(&body, 0);
    buf_add_char(&body, '{');
    view_text(&body, "connection", request->id);
    view_bool(&body, "accepted", true);
    buf_add_char(&body, '}');
    api_answer(request, 202, &body);
}

/* Blank, or an object: *ret_body is to be freed, also when NULL. False after answering what is wrong. */
static bool read_body(struct api_request *request, cJSON **ret_body)
{
    static const char *const none[] = {NULL};

    *ret_body = NULL;
    if (!api_check_parameters(request, none))
        return false;
    if (request->body.length == 0)
        return true;
    if (!api_check_type(request, json_types))
        return false;
    *ret_body = cJSON_ParseWithLengthOpts(buf_text(&request->body), request->body.length + 1, NULL, true);
    if (cJSON_IsObject(*ret_body))
        return true;
    api_problem(request, 400, "the body must be a JSON object");
    return false;
}

void api_connections_connect(struct api_request *request)
{
    struct error err = {0};
    cJSON *body;

    if (!read_body(request, &body)) {
        cJSON_Delete(body);
        return;
    }
    if (body != NULL && body->child != NULL)
        api_problem(request, 400, "unknown member '%.64s'", body->child->string);
    else if (daemon_connect(request->daemon, request->id, act_done, request, &err) != 0)
        api_problem_error(request, &err);
    else
        api_log_change(request, "to connect the account", NULL, request->id);
    cJSON_Delete(body);
}

static bool read_flag(struct api_request *request, const cJSON *member, bool *ret_flag)
{
    *ret_flag = cJSON_IsTrue(member);
    if (!cJSON_IsBool(member))
        api_problem(request, 400, "member '%.64s' must be true or false", member->string);
    return cJSON_IsBool(member);
}

static bool read_options(struct api_request *request, const cJSON *body, struct account_disconnect_options *options)
{
    const cJSON *member;
    const char *confirm = NULL;
    bool good = true;

    cJSON_ArrayForEach(member, body)
    {
        if (strcmp(member->string, "this_server_only") == 0) {
            good = read_flag(request, member, &options->this_server_only);
        } else if (strcmp(member->string, "force") == 0) {
            good = read_flag(request, member, &options->force);
        } else if (strcmp(member->string, "confirm") == 0 && cJSON_IsString(member)) {
            confirm = member->valuestring;
        } else if (strcmp(member->string, "confirm") == 0) {
            api_problem(request, 400, "member 'confirm' must be a string: the connection's name");
            good = false;
        } else {
            api_problem(request, 400, "unknown member '%.64s'", member->string);
            good = false;
        }
        if (!good)
            return false;
    }
    if (confirm != NULL && strcmp(confirm, request->id) == 0)
        return true;
    api_problem(request, 409, "not confirmed: 'confirm' must be the connection's name, '%.64s'", request->id);
    return false;
}

void api_connections_disconnect(struct api_request *request)
{
    struct account_disconnect_options options = {0};
    struct error err = {0};
    cJSON *body;

    if (!read_body(request, &body) || !read_options(request, body, &options)) {
        cJSON_Delete(body);
        return;
    }
    if (daemon_disconnect(request->daemon, request->id, &options, act_done, request, &err) != 0)
        api_problem_error(request, &err);
    else
        api_log_change(request,
                       options.this_server_only ? "to disconnect the account, this server only"
                       : options.force          ? "to disconnect the account by force"
                                                : "to disconnect the account",
                       NULL, request->id);
    cJSON_Delete(body);
}
