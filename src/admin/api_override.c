/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * What an operator decides against the MDM's word: to retire a device, to hold a device or a policy as it was told.
 */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "admin/api.h"
#include "base/clock.h"
#include "base/duration.h"
#include "daemon/daemon.h"
#include "store/hold.h"
#include "store/retire.h"

static const char *const no_parameters[] = {NULL};
static const char *const json_types[] = {"application/json", NULL};

/* ---- bodies ---- */

struct member {
    const char *name;
    int type;
};

static cJSON *refuse(struct api_request *request, cJSON *body, const char *field, const char *what)
{
    snprintf(request->field, sizeof(request->field), "%s", field);
    api_problem(request, 400, "%s", what);
    cJSON_Delete(body);
    return NULL;
}

/* An object of known members (`members` ends with a NULL name); NULL after answering what is wrong. No body is an
 * empty object. */
static cJSON *read_body(struct api_request *request, const struct member *members)
{
    cJSON *body = request->body.length > 0 ? cJSON_ParseWithLength(buf_text(&request->body), request->body.length)
                                           : cJSON_CreateObject();
    const cJSON *value = NULL;

    if (!cJSON_IsObject(body))
        return refuse(request, body, "", "the body must be a JSON object");
    cJSON_ArrayForEach(value, body)
    {
        const struct member *member = members;

        while (member->name != NULL && strcmp(member->name, value->string) != 0)
            member++;
        if (member->name == NULL)
            return refuse(request, body, value->string, "unknown member");
        if ((value->type & member->type) == 0)
            return refuse(request, body, value->string,
                          member->type == cJSON_String ? "a string is wanted" : "true or false is wanted");
    }
    return body;
}

/* ---- retire, revive ---- */

struct retire_look {
    struct api_look look;
    struct retire retire;
};

static int run_retire(struct api_look *look, struct database *database, struct error *err)
{
    struct retire *retire = &((struct retire_look *)look)->retire;
    struct fleet_device device;
    int result = retire->job.run(&retire->job, database, err);

    if (result == 0)
        result = fleet_get(database, retire->device_id, &device, err);
    if (result != 0)
        return result;
    look->status = 202;
    view_device(&look->view, &device, &look->out);
    fleet_device_deinit(&device);
    return 0;
}

static void start_retire(struct api_request *request, bool revive)
{
    static const struct member members[] = {{"one_of_many", cJSON_True | cJSON_False}, {NULL, 0}};
    struct retire_look *look;
    cJSON *body;

    if (!api_check_parameters(request, no_parameters) ||
        (request->body.length > 0 && !api_check_type(request, json_types)))
        return;
    body = read_body(request, members);
    if (body == NULL)
        return;
    look = api_look_new(request, sizeof(*look), run_retire);
    if (look != NULL) {
        retire_init(&look->retire, request->id, NULL);
        look->retire.revive = revive;
        look->retire.one_of_many = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(body, "one_of_many"));
        look->retire.now_ms = look->look.view.now_ms;
        peer_describe(&request->peer, look->retire.actor);
        api_log_change(request, revive ? "to revive a device" : "to retire a device", request->id, NULL);
        api_look_start_write(&look->look);
    }
    cJSON_Delete(body);
}

void api_devices_retire(struct api_request *request)
{
    start_retire(request, false);
}

void api_devices_revive(struct api_request *request)
{
    start_retire(request, true);
}

/* ---- holds ---- */

static int run_list(struct api_look *look, struct database *database, struct error *err)
{
    buf_add_text(&look->out, "{\"holds\":[");
    int result = hold_list(database, view_hold, &look->out, err);
    buf_add_text(&look->out, "]}");
    return result;
}

void api_holds_get(struct api_request *request)
{
    struct api_look *look;

    if (!api_check_parameters(request, no_parameters))
        return;
    look = api_look_new(request, sizeof(*look), run_list);
    if (look != NULL)
        api_look_start(look);
}

struct hold_look {
    struct api_look look;
    struct hold_put put;
};

static int run_put(struct api_look *look, struct database *database, struct error *err)
{
    struct hold_put *put = &((struct hold_look *)look)->put;
    int result = put->job.run(&put->job, database, err);

    return result == 0 ? view_hold(&look->out, &put->hold) : result;
}

/* A time, or how long from now. */
static bool read_until(const char *text, int64_t now_ms, int64_t *ret_until_ms)
{
    int64_t from_now_ms;

    if (duration_parse(text, &from_now_ms) == 0)
        *ret_until_ms = now_ms + from_now_ms;
    else if (clock_parse(text, ret_until_ms) != 0)
        return false;
    return *ret_until_ms > now_ms;
}

/* False after answering what is wrong. */
static bool read_hold(struct api_request *request, const cJSON *body, int64_t now_ms, struct hold *hold)
{
    const cJSON *until = cJSON_GetObjectItemCaseSensitive(body, "until");
    const cJSON *reason = cJSON_GetObjectItemCaseSensitive(body, "reason");
    const char *why = cJSON_IsString(reason) ? reason->valuestring : "";

    if (!cJSON_IsString(until) || !read_until(until->valuestring, now_ms, &hold->until_ms)) {
        refuse(request, NULL, "until", "a time to come (2026-02-03T04:05:06Z), or how long (90m, 2h, 7d), is wanted");
    } else if (*why == '\0' || strlen(why) > HOLD_TEXT_MAX) {
        refuse(request, NULL, "reason", "a reason is wanted, of at most 400 bytes: others will read it");
    } else if (strlen(request->id) > HOLD_ID_MAX) {
        api_problem(request, 404, "there is no such id");
    } else {
        snprintf(hold->reason, sizeof(hold->reason), "%s", why);
        snprintf(hold->id, sizeof(hold->id), "%s", request->id);
        return true;
    }
    return false;
}

static void start_hold(struct api_request *request, enum hold_scope scope)
{
    static const struct member members[] = {{"until", cJSON_String}, {"reason", cJSON_String}, {NULL, 0}};
    struct hold hold = {.scope = scope, .since_ms = clock_realtime_ms(clock_system())};
    struct hold_look *look;
    char what[HOLD_TEXT_MAX + HOLD_ID_MAX + 128], until[CLOCK_TEXT];
    cJSON *body;

    if (!api_check_parameters(request, no_parameters) || !api_check_type(request, json_types))
        return;
    body = read_body(request, members);
    if (body == NULL)
        return;
    bool good = read_hold(request, body, hold.since_ms, &hold);
    cJSON_Delete(body);
    look = good ? api_look_new(request, sizeof(*look), run_put) : NULL;
    if (look == NULL)
        return;
    peer_describe(&request->peer, hold.actor);
    hold_put_init(&look->put, &hold, NULL);
    snprintf(what, sizeof(what), "to hold %s %s until %s: %s", hold_scope_name(scope), hold.id,
             clock_format_ms(hold.until_ms, until), hold.reason);
    api_log_change(request, what, scope == HOLD_DEVICE ? request->id : NULL, NULL);
    api_look_start_write(&look->look);
}

struct end_look {
    struct api_look look;
    struct hold_end end;
};

static int run_end(struct api_look *look, struct database *database, struct error *err)
{
    struct hold_end *end = &((struct end_look *)look)->end;

    look->status = 204;
    return end->job.run(&end->job, database, err);
}

static void end_hold(struct api_request *request, enum hold_scope scope)
{
    struct end_look *look;
    char what[HOLD_ID_MAX + 64];

    if (!api_check_parameters(request, no_parameters))
        return;
    look = api_look_new(request, sizeof(*look), run_end);
    if (look == NULL)
        return;
    hold_end_init(&look->end, scope, request->id, NULL);
    snprintf(what, sizeof(what), "to end the hold of %s %s", hold_scope_name(scope), look->end.id);
    api_log_change(request, what, scope == HOLD_DEVICE ? request->id : NULL, NULL);
    api_look_start_write(&look->look);
}

void api_holds_put_device(struct api_request *request)
{
    start_hold(request, HOLD_DEVICE);
}

void api_holds_put_policy(struct api_request *request)
{
    start_hold(request, HOLD_POLICY);
}

void api_holds_end_device(struct api_request *request)
{
    end_hold(request, HOLD_DEVICE);
}

void api_holds_end_policy(struct api_request *request)
{
    end_hold(request, HOLD_POLICY);
}
