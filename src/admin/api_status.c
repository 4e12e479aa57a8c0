/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/api.h"
#include "admin/breaker_view.h"
#include "admin/drift_view.h"
#include "base/clock.h"
#include "base/duration.h"
#include "daemon/daemon.h"
#include "model/phrase.h"

/* Figures come from the store on the reader's thread, everything else is at hand on the loop: they are joined there
 * when the figures have come, or could not be had. A store in trouble must not hide the rest. */
struct status_look {
    struct store_job job;
    struct api_request *request;
    struct fleet_counts all;
    int64_t holds;
    bool with_devices; /* a walk over all of them */
    struct breaker_limits breaker;
    size_t count;
    struct status_figures {
        char connection[65];
        struct fleet_counts counts;
        struct breaker_status breaker;
    } figures[];
};

static enum phrase store_cure(int result)
{
    switch (result) {
    case 0:
        return PHRASE_NOTHING;
    case ERR_BUSY:
        return PHRASE_STORE_BUSY;
    case ERR_STORE_FULL:
        return PHRASE_STORE_FULL;
    case ERR_STORE_CORRUPT:
        return PHRASE_STORE_CORRUPT;
    case ERR_STORE_OLDER:
        return PHRASE_STORE_OLDER;
    case ERR_STORE_NEWER:
        return PHRASE_STORE_NEWER;
    case ERR_PERMISSION:
        return PHRASE_STORE_PERMISSION;
    case ERR_NOTFOUND:
        return PHRASE_STORE_MISSING;
    default:
        return PHRASE_STORE_OTHER;
    }
}

static void add_daemon(const struct daemon *daemon, const struct daemon_status *status, enum language language,
                       struct buf *out)
{
    const struct settings *settings = daemon_settings(daemon);
    char duration[DURATION_TEXT];

    view_key(out, "daemon");
    buf_add_char(out, '{');
    view_text(out, "state", daemon_state_name(status->state));
    view_text(out, "version", COMPLYD_VERSION);
    view_int(out, "pid", getpid());
    view_time_ms(out, "started", status->started_at_ms);
    buf_add_char(out, '}');

    view_key(out, "store");
    buf_add_char(out, '{');
    view_text(out, "path", status->store_path);
    view_bool(out, "healthy", status->store_result == 0);
    view_text(out, "error", status->store_error);
    view_text(out, "cure", phrase_text(store_cure(status->store_result), language));
    view_int(out, "jobs_waiting", (int64_t)status->store.queued);
    view_int(out, "commits", (int64_t)status->store.commits);
    view_int(out, "longest_transaction_us", (int64_t)status->store.longest_us);
    buf_add_char(out, '}');

    view_key(out, "reporting");
    buf_add_char(out, '{');
    view_bool(out, "enabled", settings->enabled);
    view_text(out, "result_deadline", duration_format(settings->result_deadline_ms, duration));
    buf_add_char(out, '}');
}

static void add_channel(const struct channel_status *channel, enum channel kind, struct buf *out)
{
    view_key(out, channel_name(kind));
    buf_add_char(out, '{');
    view_int(out, "in_flight", channel->in_flight);
    view_int(out, "staged", channel->staged);
    view_int(out, "requests", (int64_t)channel->requests);
    view_int(out, "accepted", (int64_t)channel->accepted);
    view_int(out, "refused", (int64_t)channel->refused);
    view_int(out, "transient", (int64_t)channel->transient);
    view_int(out, "throttled", (int64_t)channel->throttled);
    view_key(out, "quota_percent");
    buf_addf(out, "%.0f", 100 * channel->quota_share);
    view_time_ms(out, "retry_at", channel->retry_at_ms);
    buf_add_char(out, '}');
}

static void add_walk(const struct full_report_state *walk, const char *name, struct buf *out)
{
    view_key(out, name);
    buf_add_char(out, '{');
    view_bool(out, "running", walk->started_at_ms >= 0);
    view_time_ms(out, "due", walk->due_at_ms > 0 ? walk->due_at_ms : -1);
    view_time_ms(out, "started", walk->started_at_ms);
    view_time_ms(out, "finished", walk->finished_at_ms);
    view_int(out, "total", walk->total);
    view_int(out, "fed", walk->fed);
    view_int(out, "waiting", walk->waiting);
    buf_add_char(out, '}');
}

static void add_connection(const struct connection_status *connection, bool enabled, enum language language,
                           struct buf *out)
{
    unsigned in_flight = 0;

    buf_add_char(out, '{');
    view_text(out, "name", connection->name);
    view_text(out, "tenant_id", connection->tenant_id);
    view_bool(out, "enabled", enabled);
    view_text(out, "state", connection_state_name(connection->state));
    view_time_ms(out, "since", connection->since_ms);
    view_text(out, "trouble", trouble_slug(connection->trouble));
    view_text(out, "trouble_text", trouble_text(connection->trouble, language));
    view_text(out, "cure", trouble_cure(connection->trouble, language));
    view_text(out, "detail", connection->detail);
    view_time_ms(out, "next_try", connection->next_try_ms);
    view_time_ms(out, "last_success", connection->last_success_ms);
    view_text(out, "credential", connection->credential);
    view_time_ms(out, "credential_expires", connection->credential_expires_ms);
    view_time_ms(out, "graph_token_expires", connection->graph_token_expires_ms);
    view_time_ms(out, "intune_token_expires", connection->intune_token_expires_ms);
    for (int i = 0; i < CHANNEL_COUNT; i++)
        in_flight += connection->channel[i].in_flight;
    view_int(out, "in_flight", in_flight);
    view_key(out, "channels");
    buf_add_char(out, '{');
    for (int i = 0; i < CHANNEL_COUNT; i++)
        add_channel(&connection->channel[i], (enum channel)i, out);
    buf_add_char(out, '}');
    add_walk(&connection->weekly, "weekly", out);
    add_walk(&connection->resync, "resync", out);
    view_key(out, "drift");
    drift_view_check(connection, language, out);
}

static void add_waiting(const struct fleet_counts *counts, struct buf *out)
{
    int64_t total = 0;

    view_key(out, "queue");
    buf_add_char(out, '{');
    for (int i = 0; i < PRIORITY_COUNT; i++) {
        total += counts->queued[i];
        view_int(out, priority_name((enum priority)i), counts->queued[i]);
    }
    view_int(out, "total", total);
    view_time_ms(out, "oldest", counts->queue_oldest_ms);
    buf_add_char(out, '}');
    view_int(out, "awaiting_verdict", counts->awaiting_verdict);
}

static void add_devices(const struct fleet_counts *counts, struct buf *out)
{
    static const char *const states[] = {"none", "compliant", "non_compliant", "removed"};
    static const char *const statuses[] = {"none", "in_progress", "success", "error"};

    view_key(out, "devices");
    buf_add_char(out, '{');
    view_time_ms(out, "counted", counts->counted_at_ms);
    view_int(out, "total", counts->devices);
    view_int(out, "parked", counts->parked);
    view_key(out, "by_state");
    buf_add_char(out, '{');
    for (int i = 0; i < 4; i++)
        view_int(out, states[i], counts->by_state[i]);
    buf_add_char(out, '}');
    view_key(out, "by_status");
    buf_add_char(out, '{');
    for (int i = 0; i < 4; i++)
        view_int(out, statuses[i], counts->by_status[i]);
    buf_add_text(out, "}}");
}

static void add_waiting_of(const struct status_look *look, const char *connection, struct buf *out)
{
    for (size_t i = 0; look->job.result == 0 && i < look->count; i++) {
        if (strcmp(look->figures[i].connection, connection) == 0) {
            add_waiting(&look->figures[i].counts, out);
            view_key(out, "breaker");
            breaker_view(&look->figures[i].breaker, &look->breaker, out);
            return;
        }
    }
    buf_add_text(out, ",\"queue\":null,\"awaiting_verdict\":null,\"breaker\":null");
}

static void add_figures(const struct status_look *look, struct buf *out)
{
    if (look->job.result == 0 && look->with_devices)
        add_devices(&look->all, out);
    else
        buf_add_text(out, ",\"devices\":null");
    if (look->job.result == 0) {
        add_waiting(&look->all, out);
        view_int(out, "holds", look->holds);
    } else {
        buf_add_text(out, ",\"queue\":null,\"awaiting_verdict\":null,\"holds\":null");
    }
}

static void add_connections(const struct status_look *look, const struct daemon *daemon, size_t count, struct buf *out)
{
    view_key(out, "connections");
    buf_add_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        const struct connection_settings *settings;
        struct connection_status connection;

        connection_status(daemon_connection(daemon, i), &connection);
        settings = settings_connection(daemon_settings(daemon), connection.name);
        if (i > 0)
            buf_add_char(out, ',');
        add_connection(&connection, settings != NULL && settings->enabled, look->request->language, out);
        add_waiting_of(look, connection.name, out);
        buf_add_char(out, '}');
    }
    buf_add_char(out, ']');
}

static void status_done(struct store_job *job)
{
    struct status_look *look = (struct status_look *)job;
    const struct daemon *daemon = look->request->daemon;
    struct daemon_status status;
    struct buf out;

    daemon_status(daemon, &status);
    buf_init(&out, 0);
    buf_add_char(&out, '{');
    add_daemon(daemon, &status, look->request->language, &out);
    add_figures(look, &out);
    add_connections(look, daemon, status.connection_count, &out);
    view_text(&out, "figures_error", job->result == 0 ? "" : error_text(&job->error));
    buf_add_char(&out, '}');
    api_answer(look->request, 200, &out);
    free(look);
}

static int run_status(struct store_job *job, struct database *database, struct error *err)
{
    struct status_look *look = (struct status_look *)job;
    int result = look->with_devices ? fleet_counts(database, NULL, &look->all, err)
                                    : fleet_count_queue(database, NULL, &look->all, err);

    if (result == 0)
        result = hold_count(database, &look->holds, err);
    for (size_t i = 0; result == 0 && i < look->count; i++) {
        struct status_figures *figures = &look->figures[i];

        result = fleet_count_queue(database, figures->connection, &figures->counts, err);
        if (result == 0)
            result = breaker_read(database, figures->connection, clock_realtime_ms(clock_system()),
                                  look->breaker.window_ms, &figures->breaker, err);
    }
    return result;
}

void api_status_get(struct api_request *request)
{
    static const char *const names[] = {"devices", NULL};
    const char *devices = target_get(&request->target, "devices");
    struct daemon_status status;
    struct status_look *look;

    if (!api_check_parameters(request, names))
        return;
    if (devices != NULL && strcmp(devices, "no") != 0 && strcmp(devices, "yes") != 0) {
        api_problem(request, 400, "parameter 'devices': yes or no is wanted");
        return;
    }
    daemon_status(request->daemon, &status);
    look = calloc(1, sizeof(*look) + status.connection_count * sizeof(look->figures[0]));
    if (look == NULL) {
        api_problem(request, 503, "out of memory");
        return;
    }
    look->job.run = run_status;
    look->job.done = status_done;
    look->request = request;
    look->with_devices = devices == NULL || strcmp(devices, "yes") == 0;
    look->breaker = daemon_breaker_limits(daemon_settings(request->daemon));
    look->count = status.connection_count;
    for (size_t i = 0; i < look->count; i++) {
        struct connection_status connection;

        connection_status(daemon_connection(request->daemon, i), &connection);
        snprintf(look->figures[i].connection, sizeof(look->figures[i].connection), "%s", connection.name);
    }
    daemon_look(request->daemon, &look->job);
}
