/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * Where Microsoft believes something else than what it was told: the list, a new comparison, a repair.
 */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "admin/api.h"
#include "admin/drift_view.h"
#include "daemon/daemon.h"

enum { LIMIT_DEFAULT = 100 };

/* ---- the list ---- */

struct drift_look {
    struct api_look look;
    char *place;      /* owned: connection and device_id of the last entry seen */
    char *connection; /* owned; NULL = any */
    struct drift_filter filter;
    char *last_connection, *last_device_id; /* owned: of the last entry told */
};

static void free_texts(struct api_look *look)
{
    struct drift_look *drift = (struct drift_look *)look;

    free(drift->place);
    free(drift->connection);
    free(drift->last_connection);
    free(drift->last_device_id);
}

static void add_seen(const struct drift_entry *entry, struct buf *out)
{
    view_key(out, "microsoft");
    if (!entry->known) {
        buf_add_text(out, "null");
        return;
    }
    buf_add_char(out, '{');
    view_bool(out, "managed", entry->managed);
    view_bool(out, "compliant", entry->compliant);
    buf_add_char(out, '}');
}

static int add_entry(void *ctx, const struct drift_entry *entry)
{
    struct drift_look *drift = ctx;
    struct buf *out = &drift->look.out;
    enum language language = drift->look.view.language;

    if (out->data[out->length - 1] == '}')
        buf_add_char(out, ',');
    buf_add_char(out, '{');
    view_text(out, "device_id", entry->device_id);
    view_text(out, "connection", entry->connection);
    view_text(out, "platform", entry->platform);
    view_text(out, "name", entry->name);
    view_text(out, "azure_device_id", entry->azure_device_id);
    view_text(out, "cause", drift_cause_name(entry->cause));
    view_text(out, "cause_text", drift_cause_text(entry->cause, language));
    view_text(out, "cure", drift_cause_cure(entry->cause, language));
    view_text(out, "azure_state", azure_state_name(entry->told));
    view_time_ms(out, "azure_report_time", entry->told_at_ms);
    add_seen(entry, out);
    view_time_ms(out, "since", entry->since_ms);
    view_bool(out, "queued", entry->queued);
    buf_add_char(out, '}');
    free(drift->last_connection);
    free(drift->last_device_id);
    drift->last_connection = strdup(entry->connection);
    drift->last_device_id = strdup(entry->device_id);
    if (drift->last_connection == NULL || drift->last_device_id == NULL)
        return ERR_NOMEM;
    return buf_error(out);
}

/* "connection:device": percent-encoded, so that ':' parts them. */
static void add_cursor(const struct drift_look *drift, struct buf *out)
{
    buf_add_url(out, drift->last_connection);
    buf_add_char(out, ':');
    buf_add_url(out, drift->last_device_id);
}

static int run_list(struct api_look *look, struct database *database, struct error *err)
{
    struct drift_look *drift = (struct drift_look *)look;
    bool more = false;
    int result;

    buf_add_text(&look->out, ",\"drift\":[");
    result = drift_list(database, &drift->filter, add_entry, drift, &more, err);
    buf_add_text(&look->out, "],\"next\":\"");
    if (more)
        add_cursor(drift, &look->out);
    buf_add_text(&look->out, "\"}");
    return result;
}

static bool take_cursor(struct api_request *request, struct drift_look *drift)
{
    const char *after = target_get(&request->target, "after");
    char *device_id;

    drift->filter.after_connection = drift->filter.after_device_id = "";
    if (after == NULL || *after == '\0')
        return true;
    drift->place = strdup(after);
    device_id = drift->place != NULL ? strchr(drift->place, ':') : NULL;
    if (device_id != NULL)
        *device_id++ = '\0';
    if (device_id == NULL || target_decode(drift->place) != 0 || target_decode(device_id) != 0) {
        api_problem(request, 400, "parameter 'after': no cursor of ours (the 'next' of the page before is wanted)");
        return false;
    }
    drift->filter.after_connection = drift->place;
    drift->filter.after_device_id = device_id;
    return true;
}

static bool take_cause(struct api_request *request, struct drift_filter *filter)
{
    const char *cause = target_get(&request->target, "cause");

    filter->cause = cause != NULL ? drift_cause_parse(cause) : DRIFT_NONE;
    if (cause == NULL || filter->cause != DRIFT_NONE)
        return true;
    api_problem(request, 400,
                "parameter 'cause': one of unknown_at_microsoft, other_value, other_writer, stale_id is wanted");
    return false;
}

static bool take_connection(struct api_request *request, struct drift_look *drift)
{
    const char *connection = target_get(&request->target, "connection");
    const struct connection_settings *found;
    struct error err = {0};

    if (connection == NULL)
        return true;
    if (settings_find_connection(daemon_settings(request->daemon), connection, &found, &err) != 0) {
        api_problem_error(request, &err);
        return false;
    }
    drift->connection = strdup(connection);
    drift->filter.connection = drift->connection;
    if (drift->connection == NULL)
        api_problem(request, 503, "out of memory");
    return drift->connection != NULL;
}

/* How far each connection's comparison is, as of now. */
static void add_checks(const struct api_request *request, const char *only, struct buf *out)
{
    struct daemon_status status;
    const char *gap = "";

    daemon_status(request->daemon, &status);
    buf_add_text(out, "{\"checks\":[");
    for (size_t i = 0; i < status.connection_count; i++) {
        struct connection_status connection;

        connection_status(daemon_connection(request->daemon, i), &connection);
        if (only != NULL && strcmp(only, connection.name) != 0)
            continue;
        buf_addf(out, "%s{", gap);
        gap = ",";
        view_text(out, "connection", connection.name);
        view_key(out, "drift");
        drift_view_check(&connection, request->language, out);
        buf_add_char(out, '}');
    }
    buf_add_char(out, ']');
}

void api_drift_get(struct api_request *request)
{
    static const char *const names[] = {"after", "cause", "connection", "limit", NULL};
    struct drift_look *drift;
    unsigned limit;

    if (!api_check_parameters(request, names) ||
        !api_number(request, "limit", 1, DRIFT_LIST_MAX, LIMIT_DEFAULT, &limit))
        return;
    drift = api_look_new(request, sizeof(*drift), run_list);
    if (drift == NULL)
        return;
    drift->look.deinit = free_texts;
    drift->filter.limit = limit;
    if (!take_cursor(request, drift) || !take_cause(request, &drift->filter) || !take_connection(request, drift)) {
        api_look_free(&drift->look);
        return;
    }
    add_checks(request, drift->filter.connection, &drift->look.out);
    api_look_start(&drift->look);
}

/* ---- acting ---- */

static int act(struct api_request *request, const char *connection, bool repair, struct buf *body, struct error *err)
{
    int64_t check = 0;
    int result = repair ? daemon_repair_drift(request->daemon, connection, err)
                        : daemon_check_drift(request->daemon, connection, &check, err);

    if (result != 0)
        return result;
    if (body->data[body->length - 1] == '}')
        buf_add_char(body, ',');
    buf_add_char(body, '{');
    view_text(body, "connection", connection);
    if (!repair)
        view_int(body, "check", check);
    buf_add_char(body, '}');
    return 0;
}

/* One connection, or all that can: then it is enough that one of them does. */
static void act_on(struct api_request *request, const char *connection, bool repair)
{
    const struct settings *settings = daemon_settings(request->daemon);
    struct error err = {0};
    size_t done = 0;
    struct buf body;

    buf_init(&body, 0);
    buf_add_text(&body, "{\"accepted\":[");
    for (size_t i = 0; i < settings->connection_count; i++) {
        const char *name = settings->connections[i].name;

        if (connection == NULL || strcmp(connection, name) == 0)
            done += act(request, name, repair, &body, &err) == 0;
    }
    buf_add_text(&body, "]}");
    if (done > 0) {
        api_log_change(request, repair ? "to report again what Microsoft has otherwise" : "a comparison with Microsoft",
                       NULL, connection);
        api_answer(request, 202, &body);
        return;
    }
    buf_deinit(&body);
    if (err.code == 0)
        error_set(&err, ERR_EXISTS, 0, "the configuration has no connection");
    api_problem_error(request, &err);
}

static void post(struct api_request *request, bool repair)
{
    static const char *const none[] = {NULL};
    const char *connection;
    cJSON *body;

    if (!api_check_parameters(request, none) || !api_read_connection(request, &body, &connection))
        return;
    act_on(request, connection, repair);
    cJSON_Delete(body);
}

void api_drift_post(struct api_request *request)
{
    post(request, false);
}

void api_drift_repair(struct api_request *request)
{
    post(request, true);
}
