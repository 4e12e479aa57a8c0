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

static void print_actions(const struct cJSON *violation, struct buf *line)
{
    const struct cJSON *action;
    const char *gap = "";

    cJSON_ArrayForEach(action, member(violation, "actions"))
    {
        buf_addf(line, "%s%s", gap, cJSON_IsString(action) ? action->valuestring : "");
        gap = ", ";
    }
    if (gap[0] == '\0')
        buf_add_text(line, say("no action"));
}

static void print_violation(const struct cJSON *violation, FILE *out)
{
    const char *name = client_text(violation, "policy_name");
    struct buf line;

    buf_init(&line, 0);
    buf_add_text(&line, client_flag(violation, "decisive") ? "  * " : "    ");
    buf_add_text(&line, client_text(violation, "policy_id"));
    if (name[0] != '\0')
        buf_addf(&line, " \"%s\"", name);
    buf_add_text(&line, ": ");
    print_actions(violation, &line);
    if (client_text(violation, "since")[0] != '\0')
        buf_addf(&line, say(", since %s"), client_text(violation, "since"));
    if (!client_flag(violation, "known"))
        buf_add_text(&line, say(" (the store has no such policy: the device waits)"));
    else if (!client_flag(violation, "enabled"))
        buf_add_text(&line, say(" (the policy is not enabled: it does not count)"));
    output_text(out, buf_text(&line));
    fputc('\n', out);
    buf_deinit(&line);
}

static void print_violations(const struct cJSON *answer, FILE *out)
{
    const struct cJSON *violations = member(answer, "violations");
    const struct cJSON *violation;

    fputc('\n', out);
    output_heading(out, cJSON_GetArraySize(violations) > 0 ? "Violations (* decides)" : "Violations: none");
    cJSON_ArrayForEach(violation, violations)
    {
        print_violation(violation, out);
    }
}

static void print_hold(const struct cJSON *hold, FILE *out)
{
    struct buf line;

    buf_init(&line, 0);
    buf_addf(&line, say("    Held until %s"), client_text(hold, "until"));
    if (strcmp(client_text(hold, "scope"), "policy") == 0)
        buf_addf(&line, say(" with the policy %s"), client_text(hold, "id"));
    buf_addf(&line, say(" by %s: %s"), client_text(hold, "actor"), client_text(hold, "reason"));
    output_text(out, buf_text(&line));
    fputc('\n', out);
    buf_deinit(&line);
}

static void print_decision(const struct cJSON *answer, FILE *out)
{
    const struct cJSON *decision = member(answer, "decision");
    const struct cJSON *hold;

    fputc('\n', out);
    output_heading(out, "Decision");
    fputs("    ", out);
    output_text(out, client_text(decision, "text"));
    fputc('\n', out);
    cJSON_ArrayForEach(hold, member(answer, "holds"))
    {
        print_hold(hold, out);
    }
}

static void print_last_report(const struct cJSON *answer, int64_t now_ms, FILE *out)
{
    const struct cJSON *report = member(answer, "last_report");
    struct buf time;

    if (client_text(report, "azure_state")[0] == '\0') {
        fprintf(out, "\n%s\n", say("Last told to Microsoft: nothing yet"));
        return;
    }
    buf_init(&time, 0);
    output_time(&time, client_text(report, "accepted"), now_ms);
    fputc('\n', out);
    output_heading(out, "Last told to Microsoft");
    output_field(out, "    State", client_text(report, "azure_state"));
    output_field(out, "    Azure device id", client_text(report, "azure_device_id"));
    output_field(out, "    Connection", client_text(report, "connection"));
    output_field(out, "    Accepted", buf_text(&time));
    output_field(out, "    LastUpdateTime", client_text(report, "last_update_time"));
    output_field(out, "    Message", client_text(report, "message_id"));
    buf_deinit(&time);
}

static void print_answer(const struct cJSON *answer, FILE *out)
{
    const struct cJSON *reply = member(answer, "answer");

    if (client_text(reply, "status")[0] == '\0')
        return;
    fputc('\n', out);
    output_heading(out, "Microsoft's answer");
    output_field(out, "    Status", client_text(reply, "label"));
    if (client_text(reply, "error")[0] != '\0')
        output_field(out, "    Error", client_text(reply, "error"));
    output_field(out, "    Request id", client_text(reply, "request_id"));
}

static void print_next(const struct cJSON *answer, int64_t now_ms, FILE *out)
{
    const struct cJSON *device = member(answer, "device");
    const struct cJSON *next = member(answer, "next");
    struct buf text;

    buf_init(&text, 0);
    buf_add_text(&text, client_text(next, "text"));
    if (client_text(next, "at")[0] != '\0') {
        buf_add_char(&text, ' ');
        output_time(&text, client_text(next, "at"), now_ms);
    }
    fputc('\n', out);
    output_heading(out, "Next");
    if (client_text(device, "reason")[0] != '\0')
        output_field(out, "    Reason", client_text(device, "reason"));
    if (client_text(device, "cure")[0] != '\0')
        output_field(out, "    Cure", client_text(device, "cure"));
    output_field(out, "    Then", buf_text(&text));
    buf_deinit(&text);
}

static void print_explanation(const struct cJSON *answer, FILE *out)
{
    const struct cJSON *device = member(answer, "device");
    int64_t now_ms = clock_realtime_ms(clock_system());

    output_field(out, "Device", client_text(device, "device_id"));
    output_field(out, "Name", client_text(device, "name"));
    output_field(out, "Platform", client_text(device, "platform"));
    output_field(out, "Connection", client_text(device, "connection"));
    output_field(out, "Azure Device Identifier", client_text(device, "azure_device_id"));
    output_field(out, "Azure Client Status Code", client_text(device, "azure_client_status"));
    print_violations(answer, out);
    print_decision(answer, out);
    print_last_report(answer, now_ms, out);
    print_answer(answer, out);
    print_next(answer, now_ms, out);
}

int explain_run(const struct invocation *invocation)
{
    struct cJSON *answer;
    struct client *client;
    int result;

    result = client_open(invocation, &client);
    if (result != 0)
        return result;
    result = client_get_device(client, invocation->arguments[0], "/explain", &answer);
    if (result == 0 && command_has(invocation, OPTION_JSON))
        client_print(answer, invocation->out);
    else if (result == 0)
        print_explanation(answer, invocation->out);
    cJSON_Delete(answer);
    client_close(client);
    return result;
}
