/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "admin/explain.h"

#include "base/clock.h"
#include "model/action.h"
#include "model/phrase.h"

static const char *decision_word(enum decision_kind kind)
{
    static const char *const words[] = {
        [DECISION_NOTHING] = "nothing", [DECISION_WAIT] = "wait",     [DECISION_PARK] = "park",
        [DECISION_REPORT] = "report",   [DECISION_RETIRE] = "retire",
    };

    return words[kind];
}

/* Why the decision is what it is, in a sentence; in the order in which decision_make() looks. */
static void decision_text(const struct fleet_device *device, enum language language, struct buf *text)
{
    const struct decision *decision = &device->decision;

    if (decision->kind == DECISION_WAIT || decision->kind == DECISION_PARK)
        buf_add_text(text, reason_text(decision->reason, language));
    else if (device->deleted)
        phrase_add(text, PHRASE_DELETED, language, "", "");
    else if (decision->kind == DECISION_RETIRE)
        phrase_add(text, PHRASE_OLD_ID, language, device->reported_azure_device_id, "");
    else if (device->leaving)
        phrase_add(text, PHRASE_LEAVING, language, "", "");
    else if (device->kept && decision->kind == DECISION_REPORT)
        phrase_add(text, PHRASE_KEPT, language, azure_state_name(decision->state), "");
    else if (!device->managed)
        phrase_add(text, PHRASE_UNMANAGED, language, "", "");
    else if (device->retired)
        phrase_add(text, PHRASE_RETIRED, language, "", "");
    else if (decision->kind == DECISION_NOTHING)
        phrase_add(text, PHRASE_NOTHING_TO_TELL, language, "", "");
    else if (decision->strictest < 0)
        phrase_add(text, PHRASE_NO_ACTION, language, "", "");
    else
        phrase_add(text, PHRASE_STRICTEST, language, action_name((enum action)decision->strictest),
                   azure_state_name(decision->state));
}

static void add_decision(const struct fleet_device *device, enum language language, struct buf *out)
{
    const struct decision *decision = &device->decision;
    struct buf text;

    buf_init(&text, 0);
    decision_text(device, language, &text);
    view_key(out, "decision");
    buf_add_char(out, '{');
    view_text(out, "kind", decision_word(decision->kind));
    view_text(out, "azure_state", azure_state_name(decision->state));
    view_text(out, "action", decision->strictest < 0 ? "" : action_name((enum action)decision->strictest));
    view_text(out, "text", buf_text(&text));
    buf_add_char(out, '}');
    buf_deinit(&text);
}

/* What operators have decided about it, up to the list of its holds. */
static void add_override(const struct fleet_device *device, struct buf *out)
{
    view_bool(out, "deleted", device->deleted);
    view_bool(out, "retired", device->retired);
    view_key(out, "holds");
    buf_add_char(out, '[');
}

static void add_last_report(const struct fleet_device *device, enum language language, struct buf *out)
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
    view_text(out, "label", compliance_status_label(device->status, language));
    view_text(out, "error", device->last_error);
    view_text(out, "request_id", device->request_id);
    buf_add_char(out, '}');
}

struct next {
    enum phrase phrase;
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
        return (struct next){PHRASE_IN_FLIGHT, -1};
    if (connection->state == CONNECTION_BROKEN)
        return (struct next){PHRASE_UNTIL_HEALED, connection->next_try_ms};
    if (device->due_at_ms > view->now_ms)
        return (struct next){PHRASE_AGAIN, device->due_at_ms};
    if (retry_ms > view->now_ms)
        return (struct next){PHRASE_THROTTLED, retry_ms};
    if (device->priority == PRIORITY_WORSENING)
        return (struct next){PHRASE_WORST_FIRST, -1};
    if (device->priority == PRIORITY_WEEKLY || device->priority == PRIORITY_OPERATOR)
        return (struct next){PHRASE_WHEN_ROOM, -1};
    return (struct next){PHRASE_IN_TURN, -1};
}

static struct next next_weekly(const struct view_connection *connection)
{
    if (connection->weekly_running)
        return (struct next){PHRASE_WEEKLY_RUNNING, -1};
    return (struct next){PHRASE_WEEKLY, connection->weekly_due_ms};
}

static struct next find_next(const struct view *view, const struct fleet_device *device)
{
    const struct view_connection *connection = view_find(view, device->connection);

    if (device->reported_state == AZURE_STATE_REMOVED && !device->queued)
        return (struct next){PHRASE_FORGOTTEN, device->removed_until_s >= 0 ? device->removed_until_s * 1000 : -1};
    if (connection == NULL)
        return (struct next){PHRASE_NO_CONNECTION, -1};
    if (view_blocked(view, device->connection) != REASON_NONE)
        return (struct next){PHRASE_OFF, -1};
    if (device->queued)
        return next_of_queued(view, connection, device);
    if (device->decision.kind == DECISION_WAIT)
        return (struct next){PHRASE_DATA_MISSING, -1};
    if (device->decision.kind == DECISION_PARK)
        return (struct next){PHRASE_DATA_WRONG, -1};
    if (device->status == STATUS_IN_PROGRESS)
        return (struct next){PHRASE_VERDICT_DUE, -1};
    if (device->status == STATUS_ERROR)
        return (struct next){PHRASE_PARKED, connection->weekly_due_ms};
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
    view_bool(out, "user_can_mend", client_status_user_can_mend(device->client_status));
    view_key(out, "violations");
    buf_add_char(out, '[');
    result = fleet_violations(database, device->device_id, view_violation, out, err);
    buf_add_char(out, ']');
    add_override(device, out);
    if (result == 0)
        result = hold_list_of(database, device->device_id, view_hold, out, err);
    buf_add_char(out, ']');
    add_decision(device, view->language, out);
    add_last_report(device, view->language, out);
    view_key(out, "next");
    buf_add_char(out, '{');
    view_text(out, "text", phrase_text(next.phrase, view->language));
    view_time_ms(out, "at", next.at_ms);
    buf_add_text(out, "}}");
    return result;
}
