/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <cjson/cJSON.h>
#include <string.h>

#include "admin/api.h"
#include "base/log.h"
#include "daemon/resync.h"

static void resync_done(void *ctx, int result, const struct error *error)
{
    struct api_request *request = ctx;
    struct buf body;

    if (result != 0) {
        api_problem_error(request, error);
        return;
    }
    buf_init(&body, 0);
    buf_add_text(&body, "{\"queued\":true}");
    api_answer(request, 202, &body);
}

/* *ret_connection points into `body`; NULL = all. False after answering what is wrong. */
static bool read_connection(struct api_request *request, const cJSON *body, const char **ret_connection)
{
    const cJSON *member = NULL;

    *ret_connection = NULL;
    if (request->body.length > 0 && !cJSON_IsObject(body)) {
        api_problem(request, 400, "the body must be a JSON object");
        return false;
    }
    cJSON_ArrayForEach(member, body)
    {
        if (strcmp(member->string, "connection") != 0) {
            api_problem(request, 400, "unknown member '%s'", member->string);
            return false;
        }
        if (!cJSON_IsString(member)) {
            api_problem(request, 400, "member 'connection' must be a string");
            return false;
        }
        *ret_connection = member->valuestring;
    }
    if (*ret_connection != NULL && settings_connection(daemon_settings(request->daemon), *ret_connection) == NULL) {
        api_problem(request, 404, "there is no connection '%s' in the configuration", *ret_connection);
        return false;
    }
    return true;
}

static bool is_enabled(const struct settings *settings, const char *connection)
{
    for (size_t i = 0; settings->enabled && i < settings->connection_count; i++) {
        if (settings->connections[i].enabled &&
            (connection == NULL || strcmp(settings->connections[i].name, connection) == 0))
            return true;
    }
    return false;
}

void api_resync_post(struct api_request *request)
{
    static const char *const none[] = {NULL};
    const char *connection;
    cJSON *body;

    if (!api_check_parameters(request, none))
        return;
    body = cJSON_ParseWithLength(buf_text(&request->body), request->body.length);
    if (!read_connection(request, body, &connection)) {
        cJSON_Delete(body);
        return;
    }
    if (!is_enabled(daemon_settings(request->daemon), connection)) {
        api_problem(request, 409, "reporting is switched off: a resync would send nothing");
    } else {
        api_log_change(request, "a resync", NULL, connection);
        resync_order(request->daemon, connection, resync_done, request);
    }
    cJSON_Delete(body);
}
