/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "admin/account_view.h"

#include <stdio.h>
#include <string.h>

#include "admin/view.h"
#include "daemon/daemon.h"

/* ---- taking ---- */

static const struct connection *find(const struct daemon *daemon, const char *name)
{
    struct daemon_status status;
    struct connection_status connection;

    daemon_status(daemon, &status);
    for (size_t i = 0; i < status.connection_count; i++) {
        connection_status(daemon_connection(daemon, i), &connection);
        if (strcmp(connection.name, name) == 0)
            return daemon_connection(daemon, i);
    }
    return NULL;
}

int account_view_take(const struct daemon *daemon, const char *name, struct account_view *ret_view, struct error *err)
{
    const struct settings *settings = daemon_settings(daemon);
    const struct connection_settings *found;
    const struct connection *connection = find(daemon, name);
    struct connection_status status;

    if (settings_find_connection(settings, name, &found, err) != 0)
        return ERR_NOTFOUND;
    *ret_view = (struct account_view){.enabled = settings->enabled && found->enabled, .running = connection != NULL};
    snprintf(ret_view->name, sizeof(ret_view->name), "%s", name);
    snprintf(ret_view->tenant_id, sizeof(ret_view->tenant_id), "%s", found->tenant_id);
    if (connection == NULL)
        return 0;
    connection_status(connection, &status);
    ret_view->ready = status.begun;
    ret_view->state = status.state;
    ret_view->trouble = status.trouble;
    ret_view->progress = status.account_counts;
    snprintf(ret_view->detail, sizeof(ret_view->detail), "%s", status.detail);
    return 0;
}

/* ---- steps ---- */

/* A problem of the account's own, or a trouble that any connection may have. */
static void add_problem(const char *word, enum language language, struct buf *out)
{
    enum account_problem problem = account_problem_parse(word);
    const char *text = account_problem_text(problem, language), *cure = account_problem_cure(problem, language);

    if (problem == PROBLEM_NONE) {
        text = trouble_text(trouble_parse(word), language);
        cure = trouble_cure(trouble_parse(word), language);
    }
    view_text(out, "problem", word);
    view_text(out, "problem_text", text);
    view_text(out, "cure", cure);
}

static void add_step(const struct account_record *record, enum account_step step, enum language language,
                     struct buf *out)
{
    const struct account_progress *progress = &record->steps[step];

    buf_add_char(out, '{');
    view_text(out, "step", account_step_name(step));
    view_text(out, "text", account_step_text(step, language));
    view_text(out, "state", account_step_state_name(progress->state));
    add_problem(progress->problem, language, out);
    view_text(out, "detail", account_detail_text(progress->detail, language));
    view_time_ms(out, "at", progress->at_ms);
    buf_add_char(out, '}');
}

static bool any_begun(const struct account_record *record, enum account_step first, enum account_step last)
{
    for (int step = (int)first; step <= (int)last; step++) {
        if (record->steps[step].state != STEP_WAITING)
            return true;
    }
    return false;
}

/* Those of the last thing that was asked for: connecting forgets those of disconnecting. */
static void add_steps(const struct account_record *record, enum language language, struct buf *out)
{
    bool disconnect = record->state == ACCOUNT_DISCONNECTING || record->state == ACCOUNT_DEPROVISIONING ||
                      any_begun(record, ACCOUNT_RETIRE, ACCOUNT_DEPROVISION);
    bool connect = record->state == ACCOUNT_CONNECTING || record->state == ACCOUNT_RECONNECTING ||
                   any_begun(record, ACCOUNT_CREDENTIAL, ACCOUNT_ASSIGN_MACOS);
    int first = disconnect ? ACCOUNT_RETIRE : ACCOUNT_CREDENTIAL;
    int last = disconnect ? ACCOUNT_DEPROVISION : connect ? ACCOUNT_ASSIGN_MACOS : -1;

    view_key(out, "steps");
    buf_add_char(out, '[');
    for (int step = first; step <= last; step++) {
        if (step > first)
            buf_add_char(out, ',');
        add_step(record, (enum account_step)step, language, out);
    }
    buf_add_char(out, ']');
}

/* ---- the account ---- */

static void add_progress(const struct account_view *view, struct buf *out)
{
    const struct account_counts *counts = &view->progress;
    int64_t total = view->record.total;
    int64_t left = counts->managed < total ? counts->managed : total;

    view_key(out, "progress");
    if (view->record.state != ACCOUNT_DISCONNECTING) {
        buf_add_text(out, "null");
        return;
    }
    buf_add_char(out, '{');
    view_int(out, "total", total);
    view_int(out, "removed", total - left);
    view_int(out, "queued", counts->queued);
    view_int(out, "awaiting_verdict", counts->awaiting);
    view_int(out, "refused", counts->left);
    buf_add_char(out, '}');
}

void account_view_account(const struct account_view *view, enum language language, struct buf *out)
{
    view_text(out, "name", view->name);
    view_text(out, "tenant_id", view->tenant_id);
    view_bool(out, "enabled", view->enabled);
    view_text(out, "account", account_state_name(view->record.state));
    view_time_ms(out, "since", view->record.since_ms);
    view_time_ms(out, "connected_at", view->record.connected_at_ms);
    view_bool(out, "force", view->record.force);
    view_bool(out, "ready", view->ready);
    view_text(out, "state", connection_state_name(view->running ? view->state : CONNECTION_CONNECTING));
    view_text(out, "trouble", trouble_slug(view->trouble));
    view_text(out, "trouble_text", trouble_text(view->trouble, language));
    view_text(out, "cure", trouble_cure(view->trouble, language));
    view_text(out, "detail", view->detail);
    add_steps(&view->record, language, out);
    add_progress(view, out);
}

/* ---- what stands in the way of disconnecting ---- */

static void add_obstacle(struct buf *out, bool first, const char *what, const char *text)
{
    buf_add_text(out, first ? "{" : ",{");
    view_text(out, "what", what);
    view_text(out, "text", text);
    buf_add_char(out, '}');
}

static void add_obstacles(const struct account_counts *counts, enum language language, struct buf *out)
{
    static const char *const policy[LANGUAGE_COUNT] = {
        "complyd cannot see Conditional Access policies. If one requires compliant devices, switch it off in Entra "
        "first: "
        "else every user of these devices is locked out.",
        "complyd no ve las directivas de acceso condicional. Si alguna exige dispositivos conformes, desactívela antes "
        "en "
        "Entra: si no, todos los usuarios de estos dispositivos quedarán sin acceso."};
    char text[256];

    view_key(out, "obstacles");
    buf_add_char(out, '[');
    add_obstacle(out, true, "conditional_access", policy[language]);
    if (counts->managed > 0) {
        if (language == LANGUAGE_ES)
            snprintf(text, sizeof(text),
                     "%lld dispositivos figuran en Microsoft como administrados, %lld de ellos conformes: todos se "
                     "comunicarán como retirados.",
                     (long long)counts->managed, (long long)counts->compliant);
        else
            snprintf(text, sizeof(text),
                     "%lld devices are managed at Microsoft, %lld of them compliant: all will be reported as removed.",
                     (long long)counts->managed, (long long)counts->compliant);
        add_obstacle(out, false, "devices", text);
    }
    buf_add_char(out, ']');
}

/* Platforms whose devices are reported although no policy was ensured for them. */
static void add_missing(const struct account_view *view, const struct account_counts *counts, struct buf *out)
{
    static const enum account_step policies[] = {[PLATFORM_IOS] = ACCOUNT_POLICY_IOS,
                                                 [PLATFORM_ANDROID] = ACCOUNT_POLICY_ANDROID,
                                                 [PLATFORM_MACOS] = ACCOUNT_POLICY_MACOS};
    const char *comma = "";

    view_key(out, "platforms_without_policy");
    buf_add_char(out, '[');
    for (int platform = 0; platform <= PLATFORM_MACOS && view->record.state == ACCOUNT_CONNECTED; platform++) {
        if ((counts->platforms & 1u << platform) == 0 || view->record.steps[policies[platform]].state == STEP_DONE)
            continue;
        buf_addf(out, "%s\"%s\"", comma, platform_name((enum platform)platform));
        comma = ",";
    }
    buf_add_char(out, ']');
}

void account_view_devices(const struct account_view *view, const struct account_counts *counts, enum language language,
                          struct buf *out)
{
    const bool disconnected = view->record.state == ACCOUNT_DISCONNECTED;

    if (!disconnected)
        add_obstacles(counts, language, out);
    else
        buf_add_text(out, ",\"obstacles\":[]");
    add_missing(view, counts, out);
    view_key(out, "devices");
    buf_add_char(out, '{');
    view_int(out, "total", counts->devices);
    view_int(out, "managed", counts->managed);
    view_int(out, "compliant", counts->compliant);
    view_int(out, "queued", counts->queued);
    view_int(out, "awaiting_verdict", counts->awaiting);
}
