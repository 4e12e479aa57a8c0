/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "admin/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "model/action.h"

static void take_connection(const struct daemon *daemon, size_t index, struct view_connection *ret_connection)
{
    const struct connection_settings *settings;
    struct connection_status status;

    connection_status(daemon_connection(daemon, index), &status);
    settings = settings_connection(daemon_settings(daemon), status.name);
    *ret_connection = (struct view_connection){
        .configured = settings != NULL,
        .enabled = settings != NULL && settings->enabled,
        .state = status.state,
        .trouble = status.trouble,
        .next_try_ms = status.next_try_ms,
        .weekly_due_ms = status.weekly.due_at_ms,
        .weekly_running = status.weekly.started_at_ms >= 0,
    };
    snprintf(ret_connection->name, sizeof(ret_connection->name), "%s", status.name);
    for (int i = 0; i < CHANNEL_COUNT; i++)
        ret_connection->retry_at_ms[i] = status.channel[i].retry_at_ms;
}

int view_take(const struct daemon *daemon, struct view *ret_view)
{
    struct daemon_status status;

    daemon_status(daemon, &status);
    *ret_view =
        (struct view){.reporting = daemon_settings(daemon)->enabled, .now_ms = clock_realtime_ms(clock_system())};
    if (status.connection_count == 0)
        return 0;
    ret_view->connections = calloc(status.connection_count, sizeof(*ret_view->connections));
    if (ret_view->connections == NULL)
        return ERR_NOMEM;
    ret_view->connection_count = status.connection_count;
    for (size_t i = 0; i < status.connection_count; i++)
        take_connection(daemon, i, &ret_view->connections[i]);
    return 0;
}

void view_deinit(struct view *view)
{
    free(view->connections);
    *view = (struct view){0};
}

const struct view_connection *view_find(const struct view *view, const char *connection)
{
    for (size_t i = 0; i < view->connection_count; i++) {
        if (view->connections[i].configured && strcmp(view->connections[i].name, connection) == 0)
            return &view->connections[i];
    }
    return NULL;
}

enum reason view_blocked(const struct view *view, const char *connection)
{
    const struct view_connection *found = view_find(view, connection);

    if (found == NULL)
        return REASON_UNKNOWN_CONNECTION;
    if (!view->reporting || !found->enabled)
        return REASON_REPORTING_OFF;
    return found->state == CONNECTION_DISCONNECTED ? REASON_DISCONNECTED : REASON_NONE;
}

/* Reasons that only say how the queue stands, not what is wrong with the device. */
static bool is_passing(enum reason reason)
{
    return reason == REASON_NONE || reason == REASON_QUEUED || reason == REASON_RETRYING ||
           reason == REASON_CONNECTION_TROUBLE;
}

static enum reason queue_reason(const struct view *view, const struct fleet_device *device)
{
    const struct view_connection *connection = view_find(view, device->connection);

    if (connection != NULL && connection->state == CONNECTION_BROKEN)
        return REASON_CONNECTION_TROUBLE;
    return device->attempts > 0 ? REASON_RETRYING : REASON_QUEUED;
}

/* What is in the way of this device's report, or was wrong with it. REASON_NONE: all is well. */
static enum reason reason_of(const struct view *view, const struct fleet_device *device)
{
    enum reason blocked = view_blocked(view, device->connection);
    /* The old connection has to take the device back before the new one may report it. */
    if (blocked == REASON_NONE && device->decision.kind == DECISION_RETIRE)
        blocked = view_blocked(view, device->reported_connection);
    bool over = device->reported_state == AZURE_STATE_REMOVED && !device->queued;

    /* A removed device has nothing left to tell: no section is missing for it. */
    if (blocked != REASON_NONE && !over)
        return blocked;
    if (!is_passing(device->reason))
        return device->reason;
    if (device->decision.kind == DECISION_WAIT || device->decision.kind == DECISION_PARK)
        return device->decision.reason;
    if (device->kept)
        return REASON_HELD;
    if (device->retired)
        return REASON_RETIRED;
    if (device->held)
        return REASON_BREAKER_HOLDS;
    return device->queued ? queue_reason(view, device) : REASON_NONE;
}

/* The client code is why there is no Azure id; and when all else is well it is what is left to mend. */
static bool client_code_matters(const struct fleet_device *device, enum reason reason)
{
    return client_status_is_error(device->client_status) &&
           (reason == REASON_NONE || reason == REASON_QUEUED || reason == REASON_NOT_REGISTERED);
}

static void add_reason(const struct view *view, const struct fleet_device *device, struct buf *out)
{
    enum reason reason = reason_of(view, device);
    const char *text = reason_text(reason, view->language);
    const char *cure = reason_cure(reason, view->language);

    if (reason == REASON_CONNECTION_TROUBLE) {
        const struct view_connection *connection = view_find(view, device->connection);

        if (connection != NULL && connection->trouble != TROUBLE_NONE) {
            text = trouble_text(connection->trouble, view->language);
            cure = trouble_cure(connection->trouble, view->language);
        }
    }
    if (reason == REASON_NONE && device->drift != DRIFT_NONE) {
        text = drift_cause_text(device->drift, view->language);
        cure = drift_cause_cure(device->drift, view->language);
    } else if (client_code_matters(device, reason))
        cure = client_status_cure(device->client_status, view->language);
    view_text(out, "reason", text);
    view_text(out, "cure", cure);
}

/* Blank if reporting is off, before the first accepted report, and while the client code is an error. */
static int64_t report_time(const struct view *view, const struct fleet_device *device)
{
    if (view_blocked(view, device->connection) != REASON_NONE || client_status_is_error(device->client_status))
        return -1;
    return device->accepted_at_ms;
}

void view_device(const struct view *view, const struct fleet_device *device, struct buf *out)
{
    buf_add_char(out, '{');
    view_text(out, "device_id", device->device_id);
    view_text(out, "connection", device->connection);
    view_text(out, "platform", device->platform);
    view_text(out, "name", device->name);
    view_text(out, "azure_device_id", device->azure_device_id);
    view_text(out, "azure_compliance_status", compliance_status_name(device->status));
    view_text(out, "azure_client_status", client_status_name(device->client_status));
    view_time_ms(out, "azure_report_time", report_time(view, device));
    view_text(out, "azure_state", azure_state_name(device->reported_state));
    view_bool(out, "queued", device->queued);
    add_reason(view, device, out);
    view_text(out, "last_error", device->last_error);
    view_time_s(out, "removed_until", device->removed_until_s);
    buf_add_char(out, '}');
}

static void add_actions(struct buf *out, unsigned actions)
{
    const char *gap = "";

    view_key(out, "actions");
    buf_add_char(out, '[');
    for (int i = 0; i < ACTION_COUNT; i++) {
        if ((actions & 1u << i) != 0) {
            buf_addf(out, "%s\"%s\"", gap, action_name((enum action)i));
            gap = ",";
        }
    }
    buf_add_char(out, ']');
}

static void begin_entry(struct buf *out)
{
    if (out->length > 0 && out->data[out->length - 1] == '}')
        buf_add_char(out, ',');
    buf_add_char(out, '{');
}

int view_violation(void *ctx, const struct fleet_violation *violation)
{
    struct buf *out = ctx;

    begin_entry(out);
    view_text(out, "policy_id", violation->policy_id);
    view_text(out, "policy_name", violation->policy_name);
    view_bool(out, "known", violation->known);
    view_bool(out, "enabled", violation->enabled);
    add_actions(out, violation->actions);
    view_time_s(out, "since", violation->since_s);
    view_bool(out, "decisive", violation->decisive);
    buf_add_char(out, '}');
    return buf_error(out);
}

int view_policy(void *ctx, const struct fleet_policy *policy)
{
    struct buf *out = ctx;

    begin_entry(out);
    view_text(out, "policy_id", policy->policy_id);
    view_text(out, "name", policy->name);
    view_bool(out, "enabled", policy->enabled);
    add_actions(out, policy->actions);
    buf_add_char(out, '}');
    return buf_error(out);
}

int view_hold(void *ctx, const struct hold *hold)
{
    struct buf *out = ctx;

    begin_entry(out);
    view_text(out, "scope", hold_scope_name(hold->scope));
    view_text(out, "id", hold->id);
    view_time_ms(out, "since", hold->since_ms);
    view_time_ms(out, "until", hold->until_ms);
    view_text(out, "reason", hold->reason);
    view_text(out, "actor", hold->actor);
    buf_add_char(out, '}');
    return buf_error(out);
}

void view_key(struct buf *out, const char *name)
{
    if (out->length > 0 && out->data[out->length - 1] != '{')
        buf_add_char(out, ',');
    buf_addf(out, "\"%s\":", name);
}

void view_text(struct buf *out, const char *name, const char *value)
{
    view_key(out, name);
    buf_add_json_string(out, value);
}

void view_int(struct buf *out, const char *name, int64_t value)
{
    view_key(out, name);
    buf_add_int(out, value);
}

void view_bool(struct buf *out, const char *name, bool value)
{
    view_key(out, name);
    buf_add_text(out, value ? "true" : "false");
}

void view_time_ms(struct buf *out, const char *name, int64_t time_ms)
{
    char text[CLOCK_TEXT];

    view_text(out, name, clock_format_ms(time_ms, text));
}

void view_time_s(struct buf *out, const char *name, int64_t time_s)
{
    char text[CLOCK_TEXT];

    view_text(out, name, clock_format_s(time_s, text));
}
