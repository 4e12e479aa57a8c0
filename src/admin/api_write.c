/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * What an MDM writes that cannot write SQLite: devices, policies, violations, one a request. The rules are the store's
 * (store/edit).
 */
#include <stdio.h>
#include <string.h>

#include "admin/api.h"
#include "store/edit.h"

static const char *const no_parameters[] = {NULL};
static const char *const json_types[] = {"application/json", NULL};
static const char *const patch_types[] = {"application/merge-patch+json", "application/json", NULL};

struct write_look {
    struct api_look look;
    struct edit edit; /* its strings are the request's, which outlives the look */
};

static int apply(struct api_look *look, struct database *database, struct error *err)
{
    struct edit *edit = &((struct write_look *)look)->edit;
    int result = edit_apply(edit, database, err);

    snprintf(look->field, sizeof(look->field), "%s", edit->field);
    if (edit->created)
        look->status = 201;
    return result;
}

/* What became of it is read within the same transaction. */
static int run_device(struct api_look *look, struct database *database, struct error *err)
{
    struct fleet_device device;
    int result = apply(look, database, err);

    if (result == 0)
        result = fleet_get(database, look->request->id, &device, err);
    if (result != 0)
        return result;
    view_device(&look->view, &device, &look->out);
    fleet_device_deinit(&device);
    return 0;
}

static int run_policy(struct api_look *look, struct database *database, struct error *err)
{
    int result = apply(look, database, err);

    return result == 0 ? fleet_policy(database, look->request->id, view_policy, &look->out, err) : result;
}

static int run_violation(struct api_look *look, struct database *database, struct error *err)
{
    int result = apply(look, database, err);

    return result == 0 ? api_violation_add(look->request, database, &look->out, err) : result;
}

static int run_deletion(struct api_look *look, struct database *database, struct error *err)
{
    look->status = 204;
    return apply(look, database, err);
}

/* `verb` and `policy_id` (NULL = none) go to the log, with the device if it is about one. */
static void write_record(struct api_request *request, enum edit_act act, const char *verb, const char *device_id,
                         const char *policy_id,
                         int (*run)(struct api_look *look, struct database *database, struct error *err))
{
    struct write_look *look;
    char what[512];

    if (!api_check_parameters(request, no_parameters))
        return;
    look = api_look_new(request, sizeof(*look), run);
    if (look == NULL)
        return;
    look->edit = (struct edit){.act = act,
                               .id = request->id,
                               .policy_id = request->policy_id,
                               .body = buf_text(&request->body),
                               .body_length = request->body.length};
    snprintf(what, sizeof(what), "%s%s%s", verb, policy_id != NULL ? " policy=" : "",
             policy_id != NULL ? policy_id : "");
    api_log_change(request, what, device_id, NULL);
    api_look_start_write(&look->look);
}

void api_devices_put(struct api_request *request)
{
    if (api_check_type(request, json_types))
        write_record(request, EDIT_PUT_DEVICE, "to write a device", request->id, NULL, run_device);
}

void api_devices_patch(struct api_request *request)
{
    if (api_check_type(request, patch_types))
        write_record(request, EDIT_PATCH_DEVICE, "to change a device", request->id, NULL, run_device);
}

void api_devices_delete(struct api_request *request)
{
    write_record(request, EDIT_DELETE_DEVICE, "to delete a device", request->id, NULL, run_deletion);
}

void api_violations_put(struct api_request *request)
{
    if (request->body.length > 0)
        api_problem(request, 400, "no body is wanted: the path says it all");
    else
        write_record(request, EDIT_PUT_VIOLATION, "to add a violation", request->id, request->policy_id, run_violation);
}

void api_violations_delete(struct api_request *request)
{
    write_record(request, EDIT_DELETE_VIOLATION, "to delete a violation", request->id, request->policy_id,
                 run_deletion);
}

void api_policies_put(struct api_request *request)
{
    if (api_check_type(request, json_types))
        write_record(request, EDIT_PUT_POLICY, "to write a policy", NULL, request->id, run_policy);
}

void api_policies_patch(struct api_request *request)
{
    if (api_check_type(request, patch_types))
        write_record(request, EDIT_PATCH_POLICY, "to change a policy", NULL, request->id, run_policy);
}

void api_policies_delete(struct api_request *request)
{
    write_record(request, EDIT_DELETE_POLICY, "to delete a policy", NULL, request->id, run_deletion);
}
