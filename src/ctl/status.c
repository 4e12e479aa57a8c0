/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <cjson/cJSON.h>
#include <string.h>

#include "base/clock.h"
#include "ctl/client.h"
#include "ctl/command.h"
#include "ctl/output.h"
#include "ctl/say.h"

static const struct cJSON *member(const struct cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

static void field_time(FILE *out, const char *label, const char *time, int64_t now_ms)
{
    struct buf text;

    buf_init(&text, 0);
    output_time(&text, time, now_ms);
    output_field(out, label, buf_text(&text));
    buf_deinit(&text);
}

/* One figure of a sentence: "1,234 compliant"; `gap` goes before all but the first. */
static void add_figure(struct buf *text, const struct cJSON *figures, const char *key, const char *word)
{
    if (text->length > 0)
        buf_add_text(text, ", ");
    output_count(text, client_number(figures, key));
    buf_addf(text, " %s", say(word));
}

static void field_figures(FILE *out, const char *label, struct buf *text)
{
    output_field(out, label, buf_text(text));
    buf_deinit(text);
}

static void print_daemon(const struct cJSON *status, int64_t now_ms, FILE *out)
{
    const struct cJSON *daemon = member(status, "daemon");
    const struct cJSON *store = member(status, "store");
    struct buf text;

    buf_init(&text, 0);
    buf_addf(&text, say("%s, version %s, pid %lld"), client_text(daemon, "state"), client_text(daemon, "version"),
             (long long)client_number(daemon, "pid"));
    output_field_styled(out, "complyd", buf_text(&text), output_style_of(client_text(daemon, "state")));
    buf_deinit(&text);
    field_time(out, "Started", client_text(daemon, "started"), now_ms);
    buf_init(&text, 0);
    buf_addf(&text, "%s, %s", client_text(store, "path"),
             say(client_flag(store, "healthy") ? "healthy" : "IN TROUBLE"));
    output_field_styled(out, "Store", buf_text(&text), client_flag(store, "healthy") ? OUTPUT_PLAIN : OUTPUT_BAD);
    buf_deinit(&text);
    if (!client_flag(store, "healthy")) {
        output_field(out, "  Error", client_text(store, "error"));
        output_field(out, "  Cure", client_text(store, "cure"));
    }
    if (!client_flag(member(status, "reporting"), "enabled"))
        output_field_styled(out, "Reporting", say("OFF ([reporting] enabled = no): nothing is sent, changes queue up"),
                            OUTPUT_WARN);
}

static void print_queue(const struct cJSON *queue, int64_t now_ms, FILE *out, const char *label)
{
    struct buf text;

    buf_init(&text, 0);
    add_figure(&text, queue, "total", "waiting");
    if (client_number(queue, "total") > 0) {
        buf_add_text(&text, ": ");
        output_count(&text, client_number(queue, "worsening"));
        buf_addf(&text, " %s", say("worsening"));
        add_figure(&text, queue, "change", "other changes");
        add_figure(&text, queue, "operator", "asked for");
        add_figure(&text, queue, "weekly", "weekly");
        buf_add_text(&text, say("; the oldest since "));
        output_time(&text, client_text(queue, "oldest"), now_ms);
    }
    field_figures(out, label, &text);
}

static void print_devices(const struct cJSON *devices, FILE *out)
{
    const struct cJSON *states = member(devices, "by_state");
    const struct cJSON *statuses = member(devices, "by_status");
    struct buf text;

    buf_init(&text, 0);
    add_figure(&text, devices, "total", "known");
    add_figure(&text, devices, "parked", "parked");
    field_figures(out, "Devices", &text);
    buf_init(&text, 0);
    add_figure(&text, states, "compliant", "compliant");
    add_figure(&text, states, "non_compliant", "non_compliant");
    add_figure(&text, states, "removed", "removed");
    add_figure(&text, states, "none", "never told");
    field_figures(out, "State last told to Microsoft", &text);
    buf_init(&text, 0);
    add_figure(&text, statuses, "success", "success");
    add_figure(&text, statuses, "in_progress", "in progress");
    add_figure(&text, statuses, "error", "error");
    add_figure(&text, statuses, "none", "blank");
    field_figures(out, "Azure Device Compliance Status", &text);
}

static void print_holds(int64_t holds, FILE *out)
{
    struct buf text;

    if (holds == 0)
        return;
    buf_init(&text, 0);
    output_count(&text, holds);
    buf_add_text(&text, say(" in force: complyctl holds says what stays as Microsoft was told, until when and why"));
    output_field_styled(out, "Holds", buf_text(&text), OUTPUT_WARN);
    buf_deinit(&text);
}

static void print_figures(const struct cJSON *status, int64_t now_ms, FILE *out)
{
    if (!cJSON_IsObject(member(status, "devices"))) {
        output_field(out, "Devices", client_text(status, "figures_error"));
        return;
    }
    print_devices(member(status, "devices"), out);
    print_queue(member(status, "queue"), now_ms, out, "Queue");
    print_holds(client_number(status, "holds"), out);
}

static void print_walk(const struct cJSON *walk, const char *label, int64_t now_ms, FILE *out)
{
    struct buf text;

    buf_init(&text, 0);
    if (client_flag(walk, "running")) {
        output_count(&text, client_number(walk, "fed") - client_number(walk, "waiting"));
        buf_addf(&text, " %s ", say("of"));
        output_count(&text, client_number(walk, "total"));
        buf_add_text(&text, say(" devices, begun "));
        output_time(&text, client_text(walk, "started"), now_ms);
    } else if (client_text(walk, "due")[0] != '\0') {
        buf_add_text(&text, say("due "));
        output_time(&text, client_text(walk, "due"), now_ms);
    } else if (client_text(walk, "finished")[0] != '\0') {
        buf_add_text(&text, say("finished "));
        output_time(&text, client_text(walk, "finished"), now_ms);
    }
    if (text.length > 0)
        output_field(out, label, buf_text(&text));
    buf_deinit(&text);
}

static void print_breaker(const struct cJSON *breaker, FILE *out)
{
    struct buf text;

    if (strcmp(client_text(breaker, "state"), "open") != 0)
        return;
    buf_init(&text, 0);
    buf_add_text(&text, say("OPEN: "));
    output_count(&text, client_number(breaker, "held"));
    buf_add_text(&text, say(" reports that take access away are held; see \"complyctl breaker show\""));
    output_field_styled(out, "  BREAKER", buf_text(&text), OUTPUT_BAD);
    buf_deinit(&text);
}

/* Only what is to be seen to. */
static void print_drift(const struct cJSON *drift, FILE *out)
{
    const struct cJSON *cause;
    const char *gap = " (";
    struct buf text;

    buf_init(&text, 0);
    if (client_number(drift, "differences") > 0) {
        output_count(&text, client_number(drift, "differences"));
        buf_addf(&text, " %s", say("devices differ"));
        cJSON_ArrayForEach(cause, cJSON_GetObjectItemCaseSensitive(drift, "by_cause"))
        {
            if (cJSON_GetNumberValue(cause) <= 0)
                continue;
            buf_addf(&text, "%s%s ", gap, cause->string);
            output_count(&text, (int64_t)cJSON_GetNumberValue(cause));
            gap = ", ";
        }
        buf_add_text(&text, say("); see \"complyctl drift\""));
    } else if (client_text(drift, "problem")[0] != '\0') {
        buf_addf(&text, say("not compared: %s %s"), client_text(drift, "problem_text"), client_text(drift, "cure"));
    }
    if (text.length > 0)
        output_field_styled(out, "  At Microsoft", buf_text(&text), OUTPUT_WARN);
    buf_deinit(&text);
}

static void print_trouble(const struct cJSON *connection, int64_t now_ms, FILE *out)
{
    if (client_text(connection, "trouble")[0] == '\0')
        return;
    output_field_styled(out, "  TROUBLE", client_text(connection, "trouble_text"), OUTPUT_BAD);
    if (client_text(connection, "detail")[0] != '\0')
        output_field(out, "  Said", client_text(connection, "detail"));
    output_field(out, "  Cure", client_text(connection, "cure"));
    if (client_text(connection, "next_try")[0] != '\0')
        field_time(out, "  Next try", client_text(connection, "next_try"), now_ms);
}

static void print_channels(const struct cJSON *connection, int64_t now_ms, FILE *out)
{
    const struct cJSON *channel;

    cJSON_ArrayForEach(channel, member(connection, "channels"))
    {
        const char *retry_at = client_text(channel, "retry_at");
        int64_t percent = client_number(channel, "quota_percent");
        struct buf text;

        if (retry_at[0] == '\0' && percent >= 100)
            continue;
        buf_init(&text, 0);
        buf_addf(&text, say("%s channel at %lld %% of its quota"), channel->string, (long long)percent);
        if (retry_at[0] != '\0') {
            buf_add_text(&text, say(", waits until "));
            output_time(&text, retry_at, now_ms);
        }
        field_figures(out, "  Throttled", &text);
    }
}

static void print_connection(const struct cJSON *connection, int64_t now_ms, FILE *out)
{
    bool counted = cJSON_IsObject(member(connection, "queue"));
    struct buf text;

    output_field_styled(out, "Connection", client_text(connection, "name"), OUTPUT_STRONG);
    buf_init(&text, 0);
    buf_addf(&text, say("%s since "), client_text(connection, "state"));
    output_time(&text, client_text(connection, "since"), now_ms);
    output_field_styled(out, "  State", buf_text(&text), output_style_of(client_text(connection, "state")));
    buf_deinit(&text);
    print_trouble(connection, now_ms, out);
    print_breaker(member(connection, "breaker"), out);
    print_drift(member(connection, "drift"), out);
    print_channels(connection, now_ms, out);
    output_field(out, "  Tenant", client_text(connection, "tenant_id"));
    if (counted)
        print_queue(member(connection, "queue"), now_ms, out, "  Queue");
    buf_init(&text, 0);
    add_figure(&text, connection, "in_flight", "in flight");
    if (counted)
        add_figure(&text, connection, "awaiting_verdict", "waiting for Microsoft's verdict");
    field_figures(out, "  Requests", &text);
    field_time(out, "  Last success", client_text(connection, "last_success"), now_ms);
    output_field(out, "  Credential in use", client_text(connection, "credential"));
    field_time(out, "  Credential valid until", client_text(connection, "credential_expires"), now_ms);
    field_time(out, "  Graph token valid until", client_text(connection, "graph_token_expires"), now_ms);
    field_time(out, "  Intune token valid until", client_text(connection, "intune_token_expires"), now_ms);
    print_walk(member(connection, "weekly"), "  Weekly report", now_ms, out);
    print_walk(member(connection, "resync"), "  Resync", now_ms, out);
}

static void print_status(const struct cJSON *status, FILE *out)
{
    int64_t now_ms = clock_realtime_ms(clock_system());
    const struct cJSON *connection;

    print_daemon(status, now_ms, out);
    print_figures(status, now_ms, out);
    cJSON_ArrayForEach(connection, member(status, "connections"))
    {
        fputc('\n', out);
        print_connection(connection, now_ms, out);
    }
}

int status_run(const struct invocation *invocation)
{
    struct cJSON *status;
    struct client *client;
    int result;

    result = client_open(invocation, &client);
    if (result != 0)
        return result;
    result = client_get(client, "/v1/status", &status);
    if (result == 0 && command_has(invocation, OPTION_JSON))
        client_print(status, invocation->out);
    else if (result == 0)
        print_status(status, invocation->out);
    cJSON_Delete(status);
    client_close(client);
    return result;
}
