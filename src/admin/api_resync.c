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

static bool is_enabled(const struct settings *settings, const char *connection)
{
    for (size_t i = 0; settings->enabled && i < settings->connection_count; i++) {
        if (settings->connections[i].enabled &&
            (connection == NULL || strcmp(settings->connections[i].name, connection) == 0))
            return true;
    }
    return false;
}

static bool is_disconnected(const struct daemon *daemon, const char *connection)
{
    struct daemon_status status;
    struct connection_status one;

    daemon_status(daemon, &status);
    for (size_t i = 0; connection != NULL && i < status.connection_count; i++) {
        connection_status(daemon_connection(daemon, i), &one);
        if (strcmp(one.name, connection) == 0)
            return one.state == CONNECTION_DISCONNECTED;
    }
    return false;
}

void api_resync_post(struct api_request *request)
{
    static const char *const none[] = {NULL};
    const char *connection;
    cJSON *body;

    if (!api_check_parameters(request, none) || !api_read_connection(request, &body, &connection))
        return;
    if (!is_enabled(daemon_settings(request->daemon), connection)) {
        api_problem(request, 409, "reporting is switched off: a resync would send nothing");
    } else if (is_disconnected(request->daemon, connection)) {
        api_problem(request, 409, "connection %s is disconnected: a resync would send nothing", connection);
    } else {
        api_log_change(request, "a resync", NULL, connection);
        resync_order(request->daemon, connection, resync_done, request);
    }
    cJSON_Delete(body);
}
