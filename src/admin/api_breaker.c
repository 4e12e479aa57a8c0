/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <cjson/cJSON.h>

#include "admin/api.h"
#include "admin/breaker_view.h"
#include "daemon/daemon.h"

/* ---- looking ---- */

struct breaker_look {
    struct api_look look;
    struct breaker_limits limits;
};

static int run_list(struct api_look *look, struct database *database, struct error *err)
{
    const struct breaker_look *breakers = (struct breaker_look *)look;
    bool first = true;
    int result = 0;

    buf_add_text(&look->out, "{\"breakers\":[");
    for (size_t i = 0; i < look->view.connection_count && result == 0; i++) {
        struct breaker_status status;

        if (!look->view.connections[i].configured)
            continue;
        result = breaker_read(database, look->view.connections[i].name, look->view.now_ms, breakers->limits.window_ms,
                              &status, err);
        if (!first)
            buf_add_char(&look->out, ',');
        first = false;
        breaker_view(&status, &breakers->limits, &look->out);
    }
    buf_add_text(&look->out, "]}");
    return result;
}

void api_breaker_get(struct api_request *request)
{
    static const char *const none[] = {NULL};
    struct breaker_look *look;

    if (!api_check_parameters(request, none))
        return;
    look = api_look_new(request, sizeof(*look), run_list);
    if (look == NULL)
        return;
    look->limits = daemon_breaker_limits(daemon_settings(request->daemon));
    api_look_start(&look->look);
}

/* ---- closing ---- */

static void answer_count(struct api_request *request, int result, const struct error *error, const char *name,
                         int64_t count)
{
    struct buf body;

    if (result != 0) {
        api_problem_error(request, error);
        return;
    }
    buf_init(&body, 0);
    buf_add_char(&body, '{');
    view_int(&body, name, count);
    buf_add_char(&body, '}');
    api_answer(request, 200, &body);
}

static void released(void *ctx, int result, const struct error *error, int64_t count)
{
    answer_count(ctx, result, error, "released", count);
}

static void discarded(void *ctx, int result, const struct error *error, int64_t count)
{
    answer_count(ctx, result, error, "discarded", count);
}

static void close_breaker(struct api_request *request, bool discard)
{
    static const char *const none[] = {NULL};
    const struct settings *settings = daemon_settings(request->daemon);
    const char *connection;
    cJSON *body;

    if (!api_check_parameters(request, none) || !api_read_connection(request, &body, &connection))
        return;
    if (connection == NULL && settings->connection_count == 1)
        connection = settings->connections[0].name;
    if (connection == NULL) {
        api_problem(request, 400, "member 'connection' is missing: there are several connections");
    } else {
        api_log_change(request, discard ? "to drop what the breaker holds" : "to release what the breaker holds", NULL,
                       connection);
        if (daemon_breaker_close(request->daemon, connection, discard, discard ? discarded : released, request) < 0)
            api_problem(request, 503, "out of memory");
    }
    cJSON_Delete(body);
}

void api_breaker_release(struct api_request *request)
{
    close_breaker(request, false);
}

void api_breaker_discard(struct api_request *request)
{
    close_breaker(request, true);
}
