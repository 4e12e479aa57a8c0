/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "admin/explain.h"

#include "base/clock.h"
#include "model/action.h"

static int add_violation(void *ctx, const struct fleet_violation *violation)
{
    struct buf *out = ctx;
    const char *gap = "";

    if (out->length > 0 && out->data[out->length - 1] == '}')
        buf_add_char(out, ',');
    buf_add_char(out, '{');
    view_text(out, "policy_id", violation->policy_id);
    view_text(out, "policy_name", violation->policy_name);
    view_bool(out, "known", violation->known);
    view_bool(out, "enabled", violation->enabled);
    view_key(out, "actions");
    buf_add_char(out, '[');
    for (int i = 0; i < ACTION_COUNT; i++) {
        if ((violation->actions & 1u << i) != 0) {
            buf_addf(out, "%s\"%s\"", gap, action_name((enum action)i));
            gap = ",";
        }
    }
    buf_add_char(out, ']');
    view_time_s(out, "since", violation->since_s);
    view_bool(out, "decisive", violation->decisive);
    buf_add_char(out, '}');
    return buf_error(out);
}

static const char *decision_word(enum decision_kind kind)
{
    static const char *const words[] = {
        [DECISION_NOTHING] = "nothing", [DECISION_WAIT] = "wait",     [DECISION_PARK] = "park",
        [DECISION_REPORT] = "report",   [DECISION_RETIRE] = "retire",
    };

    return words[kind];
}

/* Why the decision is what it is, in a sentence. */
static void decision_text(const struct fleet_device *device, struct buf *text)
{
    const struct decision *decision = &device->decision;

    if (decision->kind == DECISION_WAIT || decision->kind == DECISION_PARK)
        buf_add_text(text, reason_text(decision->reason, LANGUAGE_EN));
    else if (device->deleted)
        buf_add_text(text, "The MDM has deleted the device, so it is removed.");
    else if (decision->kind == DECISION_RETIRE)
        buf_addf(text, "The Azure device id reported before, %s, is no longer this device's: it is removed first.",
                 device->reported_azure_device_id);
    else if (!device->managed)
        buf_add_text(text, "The MDM no longer manages the device, so it is removed.");
    else if (decision->kind == DECISION_NOTHING)
        buf_add_text(text, "There is nothing to tell.");
    else if (decision->strictest < 0)
        buf_add_text(text, "It violates no enabled policy that has an action, so it is compliant.");
    else
        buf_addf(text, "The strictest action among its violations is %s, so it is %s.",
                 action_name((enum action)decision->strictest), azure_state_name(decision->state));
}

static void add_decision(const struct fleet_device *device, struct buf *out)
{
    const struct decision *decision = &device->decision;
    struct buf text;

    buf_init(&text, 0);
    decision_text(device, &text);
    view_key(out, "decision");
    buf_add_char(out, '{');
    view_text(out, "kind", decision_word(decision->kind));
    view_text(out, "azure_state", azure_state_name(decision->state));
    view_text(out, "action", decision->strictest < 0 ? "" : action_name((enum action)decision->strictest));
    view_text(out, "text", buf_text(&text));
    buf_add_char(out, '}');
    buf_deinit(&text);
}

static void add_last_report(const struct fleet_device *device, struct buf *out)
{
    view_key(out, "last_report");
    buf_add_char(out, '{');
    view_text(out, "azure_state", azure_state_name(device->reported_state));
    view_text(out, "azure_device_id", device->reported_azure_device_id);
    view_text(out, "connection", device->reported_connection);
    view_time_ms(out, "accepted", device->accepted_at_ms);
    view_time_ms(out, "last_update_time", device->last_update_ms > 0 ? device->last_update_ms : -1);
    view_text(out, "message_id", device->message_id);
    buf_add_char(out, '}');

    view_key(out, "answer");
    buf_add_char(out, '{');
    view_text(out, "status", compliance_status_name(device->status));
    view_text(out, "label", compliance_status_label(device->status, LANGUAGE_EN));
    view_text(out, "error", device->last_error);
    view_text(out, "request_id", device->request_id);
    buf_add_char(out, '}');
}

struct next {
    const char *text;
    int64_t at_ms; /* -1 = no date */
};

static int64_t retry_at_ms(const struct view_connection *connection, const struct fleet_device *device)
{
    enum platform platform;

    if (platform_parse(device->platform, &platform) != 0)
        return -1;
    return connection->retry_at_ms[platform_channel(platform)];
}

static struct next next_of_queued(const struct view *view, const struct view_connection *connection,
                                  const struct fleet_device *device)
{
    int64_t retry_ms = retry_at_ms(connection, device);

    if (device->in_flight)
        return (struct next){"Its report is with Microsoft right now.", -1};
    if (connection->state == CONNECTION_BROKEN)
        return (struct next){"It waits until its connection works again; the next attempt:", connection->next_try_ms};
    if (device->due_at_ms > view->now_ms)
        return (struct next){"The last attempt failed; it is sent again:", device->due_at_ms};
    if (retry_ms > view->now_ms)
        return (struct next){"Microsoft asked us to wait; sending goes on:", retry_ms};
    if (device->priority == PRIORITY_WORSENING)
        return (struct next){"It is sent next, ahead of everything that takes no access away.", -1};
    if (device->priority == PRIORITY_WEEKLY || device->priority == PRIORITY_OPERATOR)
        return (struct next){"It is sent when changes and quotas leave room.", -1};
    return (struct next){"It is sent in its turn, at once if the quota allows.", -1};
}

static struct next next_weekly(const struct view_connection *connection)
{
    if (connection->weekly_running)
        return (struct next){"The weekly report, now running, tells it again if it has not yet.", -1};
    return (struct next){"Nothing until it changes; the weekly report tells it again:", connection->weekly_due_ms};
}

static struct next find_next(const struct view *view, const struct fleet_device *device)
{
    const struct view_connection *connection = view_find(view, device->connection);

    if (device->reported_state == AZURE_STATE_REMOVED && !device->queued)
        return (struct next){"Nothing is sent for a removed device; Microsoft drops its entry:",
                             device->removed_until_s >= 0 ? device->removed_until_s * 1000 : -1};
    if (connection == NULL)
        return (struct next){"Nothing is sent until its connection is in the configuration.", -1};
    if (view_blocked(view, device->connection) != REASON_NONE)
        return (struct next){"Nothing is sent until reporting is switched on; its change stays queued.", -1};
    if (device->queued)
        return next_of_queued(view, connection, device);
    if (device->decision.kind == DECISION_WAIT)
        return (struct next){"It is sent as soon as the MDM stores what is missing.", -1};
    if (device->decision.kind == DECISION_PARK)
        return (struct next){"It is sent as soon as the MDM corrects its data.", -1};
    if (device->status == STATUS_IN_PROGRESS)
        return (struct next){"Microsoft took the report and is asked for its verdict.", -1};
    if (device->status == STATUS_ERROR)
        return (struct next){"No new attempt until its data changes, someone asks (complyctl device report), or the "
                             "weekly report:",
                             connection->weekly_due_ms};
    return next_weekly(connection);
}

int explain_device(const struct view *view, struct database *database, const struct fleet_device *device,
                   struct buf *out, struct error *err)
{
    const struct next next = find_next(view, device);
    int result;

    buf_add_char(out, '{');
    view_key(out, "device");
    view_device(view, device, out);
    view_key(out, "violations");
    buf_add_char(out, '[');
    result = fleet_violations(database, device->device_id, add_violation, out, err);
    buf_add_char(out, ']');
    add_decision(device, out);
    add_last_report(device, out);
    view_key(out, "next");
    buf_add_char(out, '{');
    view_text(out, "text", next.text);
    view_time_ms(out, "at", next.at_ms);
    buf_add_text(out, "}}");
    return result;
}
