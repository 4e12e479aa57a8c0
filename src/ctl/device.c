/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <cjson/cJSON.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "ctl/client.h"
#include "ctl/command.h"
#include "ctl/failure.h"
#include "ctl/output.h"
#include "ctl/pages.h"
#include "ctl/progress.h"
#include "ctl/say.h"
#include "ctl/table.h"
#include "model/phrase.h"
#include "model/reason.h"

/* Keys of the API's device object, in the order of the columns. */
static const char *const list_keys[] = {
    "device_id",         "name",   "platform", "azure_state", "azure_compliance_status", "azure_client_status",
    "azure_report_time", "reason",
};

static const struct table_column list_columns[] = {
    {"DEVICE", TABLE_FIXED},     {"NAME", TABLE_CUT},
    {"PLATFORM", TABLE_DROP(2)}, {"STATE", TABLE_FIXED},
    {"STATUS", TABLE_FIXED},     {"CLIENT CODE", TABLE_CUT | TABLE_DROP(3)},
    {"REPORTED", TABLE_DROP(4)}, {"REASON", TABLE_CUT | TABLE_DROP(1)},
};

enum { LIST_COLUMNS = sizeof(list_columns) / sizeof(list_columns[0]) };

struct list {
    FILE *out;
    struct table table;
    int64_t count;
};

static int print_rows(void *ctx, const struct cJSON *array)
{
    struct list *list = ctx;
    const struct cJSON *device;
    struct buf text;

    cJSON_ArrayForEach(device, array)
    {
        const char *cells[LIST_COLUMNS];

        for (size_t i = 0; i < LIST_COLUMNS; i++) {
            cells[i] = client_text(device, list_keys[i]);
            if (cells[i][0] == '\0' && i + 1 < LIST_COLUMNS)
                cells[i] = "-";
        }
        if (table_row(&list->table, cells) != 0)
            return EX_OSERR;
        list->count++;
    }
    buf_init(&text, 0);
    table_flush(&list->table, &text);
    fputs(buf_text(&text), list->out);
    buf_deinit(&text);
    return ferror(list->out) ? EX_IOERR : 0;
}

static int list_table(struct client *client, const char *path, FILE *out)
{
    struct list list = {.out = out};
    struct buf footer;
    int result;

    table_init(&list.table, list_columns, LIST_COLUMNS, output_terminal_width(out));
    list.table.colours = output_has_colours(out);
    result = pages_walk(client, path, "devices", print_rows, &list);
    table_deinit(&list.table);
    if (result != 0)
        return result;
    buf_init(&footer, 0);
    output_count(&footer, list.count);
    fprintf(out, "%s %s\n", buf_text(&footer), say(list.count == 1 ? "device" : "devices"));
    buf_deinit(&footer);
    return 0;
}

int device_list_run(const struct invocation *invocation)
{
    struct client *client;
    struct buf path;
    int result;

    result = client_open(invocation, &client);
    if (result != 0)
        return result;
    buf_init(&path, 0);
    buf_add_text(&path, "/v1/devices?limit=500");
    pages_add_parameter(&path, "state", invocation->option[OPTION_STATE]);
    pages_add_parameter(&path, "status", invocation->option[OPTION_STATUS]);
    pages_add_parameter(&path, "connection", invocation->option[OPTION_CONNECTION]);
    pages_add_parameter(&path, "search", invocation->option[OPTION_SEARCH]);
    if (command_has(invocation, OPTION_JSON))
        result = pages_print_json(client, buf_text(&path), "devices", invocation->out);
    else
        result = list_table(client, buf_text(&path), invocation->out);
    buf_deinit(&path);
    client_close(client);
    return result;
}

static const char *status_label(const char *word, enum language language)
{
    enum compliance_status status;

    return compliance_status_parse(word, &status) == 0 ? compliance_status_label(status, language) : word;
}

static void field_client_status(const struct cJSON *device, enum language language, FILE *out)
{
    const char *word = client_text(device, "azure_client_status");
    enum client_status status;
    struct buf text;

    buf_init(&text, 0);
    buf_add_text(&text, word);
    if (client_status_parse(word, &status) == 0 && client_status_user_can_mend(status))
        buf_addf(&text, " (%s)", phrase_text(PHRASE_USER_CAN_MEND, language));
    output_field(out, "Azure Client Status Code", buf_text(&text));
    buf_deinit(&text);
}

static void print_device(const struct cJSON *device, enum language language, FILE *out)
{
    output_field(out, "Device", client_text(device, "device_id"));
    output_field(out, "Name", client_text(device, "name"));
    output_field(out, "Platform", client_text(device, "platform"));
    output_field(out, "Connection", client_text(device, "connection"));
    output_field(out, "Azure Device Identifier", client_text(device, "azure_device_id"));
    output_field(out, "Azure Device Compliance Status",
                 status_label(client_text(device, "azure_compliance_status"), language));
    field_client_status(device, language, out);
    output_field(out, "Azure Device Compliance Report Time", client_text(device, "azure_report_time"));
    output_field(out, "State last told to Microsoft", client_text(device, "azure_state"));
    output_field(out, "Waits in the queue", say(client_flag(device, "queued") ? "yes" : "no"));
    if (client_text(device, "reason")[0] != '\0')
        output_field(out, "Reason", client_text(device, "reason"));
    if (client_text(device, "cure")[0] != '\0')
        output_field(out, "Cure", client_text(device, "cure"));
    if (client_text(device, "last_error")[0] != '\0')
        output_field(out, "Last error", client_text(device, "last_error"));
    if (client_text(device, "removed_until")[0] != '\0')
        output_field(out, "Removed; Microsoft forgets it", client_text(device, "removed_until"));
}

static void print_past(const struct cJSON *past, enum language language, FILE *out)
{
    char entry[32];

    snprintf(entry, sizeof(entry), "%lld", (long long)client_number(past, "entry"));
    output_field(out, "Device", client_text(past, "device_id"));
    output_field(out, "At", client_text(past, "at"));
    output_field(out, "State told to Microsoft by then", client_text(past, "azure_state"));
    output_field(out, "Azure Device Identifier", client_text(past, "azure_device_id"));
    output_field(out, "Azure Device Compliance Status",
                 status_label(client_text(past, "azure_compliance_status"), language));
    output_field(out, "Azure Device Compliance Report Time", client_text(past, "azure_report_time"));
    output_field(out, "Entry of the activity log", client_number(past, "entry") > 0 ? entry : "");
    if (client_number(past, "entry") == 0 && client_text(past, "log_begins")[0] != '\0')
        output_field(out, "Not known: the log begins only at", client_text(past, "log_begins"));
}

/* Of now, or of the time asked for. */
static int get_device(const struct invocation *invocation, struct client *client, struct cJSON **ret_device)
{
    struct buf query;
    int result;

    buf_init(&query, 0);
    if (command_has(invocation, OPTION_AT)) {
        buf_add_text(&query, "?at=");
        buf_add_url(&query, invocation->option[OPTION_AT]);
    }
    result = client_get_device(client, invocation->arguments[0], buf_text(&query), ret_device);
    buf_deinit(&query);
    return result;
}

int device_show_run(const struct invocation *invocation)
{
    struct cJSON *device;
    struct client *client;
    int result;

    result = client_open(invocation, &client);
    if (result != 0)
        return result;
    result = get_device(invocation, client, &device);
    if (result == 0 && command_has(invocation, OPTION_JSON))
        client_print(device, invocation->out);
    else if (result == 0 && command_has(invocation, OPTION_AT))
        print_past(device, client_language(invocation), invocation->out);
    else if (result == 0)
        print_device(device, client_language(invocation), invocation->out);
    cJSON_Delete(device);
    client_close(client);
    return result;
}

/* The device has got all that Microsoft says for now. */
static bool is_settled(const struct cJSON *device)
{
    return !client_flag(device, "queued") && strcmp(client_text(device, "azure_compliance_status"), "in_progress") != 0;
}

/* Nothing will be sent, however long one waits. */
static bool is_blocked(const struct cJSON *device, enum language language)
{
    const char *reason = client_text(device, "reason");

    return strcmp(reason, reason_text(REASON_REPORTING_OFF, language)) == 0 ||
           strcmp(reason, reason_text(REASON_DISCONNECTED, language)) == 0 ||
           strcmp(reason, reason_text(REASON_UNKNOWN_CONNECTION, language)) == 0;
}

/* Looks until it is settled, reporting is off, or time is up: 0 with the last look in *ret_device. */
static int wait_for_verdict(const struct invocation *invocation, struct client *client, struct cJSON **ret_device)
{
    int64_t begun_ms = clock_monotonic_ms(clock_system());
    struct progress progress;
    int result = 0;

    progress_start(&progress, invocation->err, "waiting for Microsoft", command_has(invocation, OPTION_JSON));
    for (unsigned look = 0;; look++) {
        int64_t waited_ms = clock_monotonic_ms(clock_system()) - begun_ms;

        cJSON_Delete(*ret_device);
        result = client_get_device(client, invocation->arguments[0], "", ret_device);
        if (result != 0 || is_settled(*ret_device) || is_blocked(*ret_device, client_language(invocation)) ||
            (invocation->timeout_ms >= 0 && waited_ms >= invocation->timeout_ms))
            break;
        progress_update(&progress, 0, 1, "reports");
        client_pause(look);
    }
    progress_end(&progress);
    return result;
}

static int tell_verdict(const struct invocation *invocation, const struct cJSON *device)
{
    const char *id = client_text(device, "device_id");
    const char *status = client_text(device, "azure_compliance_status");
    const char *reason = client_text(device, "reason");
    const char *cure = client_text(device, "cure");

    if (command_has(invocation, OPTION_JSON))
        client_print(device, invocation->out);
    if (!is_settled(device))
        return failure_say(invocation, EX_TEMPFAIL, say("%s: no verdict yet; %s %s"), id, reason, cure);
    if (strcmp(status, "error") == 0)
        return failure_say(invocation, EX_DATAERR, "%s: %s %s %s", id, reason, client_text(device, "last_error"), cure);
    if (reason[0] != '\0')
        return failure_say(invocation, EX_TEMPFAIL, "%s: %s %s", id, reason, cure);
    if (!command_has(invocation, OPTION_JSON)) {
        output_text(invocation->out, id);
        fprintf(invocation->out, say(": Microsoft has taken the report: %s.\n"), client_text(device, "azure_state"));
    }
    return EX_OK;
}

static int report(const struct invocation *invocation, struct client *client)
{
    struct cJSON *answer = NULL;
    int result = client_post_device(client, invocation->arguments[0], "/report", &answer);

    if (result == 0 && command_has(invocation, OPTION_WAIT)) {
        result = wait_for_verdict(invocation, client, &answer);
        if (result == 0)
            result = tell_verdict(invocation, answer);
    } else if (result == 0 && command_has(invocation, OPTION_JSON)) {
        client_print(answer, invocation->out);
    } else if (result == 0) {
        output_text(invocation->out, invocation->arguments[0]);
        fputs(say(": queued for reporting.\n"), invocation->out);
    }
    cJSON_Delete(answer);
    return result;
}

int device_report_run(const struct invocation *invocation)
{
    struct client *client;
    int result = client_open(invocation, &client);

    if (result == 0)
        result = report(invocation, client);
    client_close(client);
    return result;
}
