/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <cjson/cJSON.h>
#include <string.h>

#include "admin/api.h"
#include "daemon/daemon.h"

static bool find_connection(struct api_request *request, const cJSON *body, const char **ret_connection)
{
    const struct connection_settings *found;
    const cJSON *member = NULL;
    struct error err = {0};

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
    if (*ret_connection != NULL &&
        settings_find_connection(daemon_settings(request->daemon), *ret_connection, &found, &err) != 0)
        api_problem_error(request, &err);
    return !request->answered;
}

bool api_read_connection(struct api_request *request, cJSON **ret_body, const char **ret_connection)
{
    *ret_body = cJSON_ParseWithLength(buf_text(&request->body), request->body.length);
    if (find_connection(request, *ret_body, ret_connection))
        return true;
    cJSON_Delete(*ret_body);
    *ret_body = NULL;
    return false;
}
