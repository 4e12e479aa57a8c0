/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <cjson/cJSON.h>
#include <sysexits.h>

#include "base/buf.h"
#include "ctl/client.h"
#include "ctl/command.h"
#include "ctl/failure.h"
#include "ctl/output.h"
#include "ctl/say.h"
#include "ctl/table.h"

static const struct table_column columns[] = {
    {"SCOPE", TABLE_FIXED}, {"ID", TABLE_FIXED}, {"UNTIL", TABLE_FIXED}, {"REASON", TABLE_CUT}, {"BY", TABLE_DROP(1)},
};

static const char *const keys[] = {"scope", "id", "until", "reason", "actor"};

enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };

/* ---- what is meant: one device, or a policy ---- */

static int check_subject(const struct invocation *invocation)
{
    bool policy = command_has(invocation, OPTION_POLICY);

    if (policy == (invocation->argument_count > 0))
        return failure_say(invocation, EX_USAGE,
                           policy ? "a device or --policy is wanted, not both"
                                  : "which? The id of a device, or --policy with that of a policy");
    return 0;
}

static void add_path(const struct invocation *invocation, struct buf *path)
{
    bool policy = command_has(invocation, OPTION_POLICY);

    buf_add_text(path, policy ? "/v1/holds/policy/" : "/v1/holds/device/");
    buf_add_url(path, policy ? invocation->option[OPTION_POLICY] : invocation->arguments[0]);
}

/* ---- hold ---- */

static int put_hold(const struct invocation *invocation, struct client *client, const char *path)
{
    struct cJSON *body = cJSON_CreateObject(), *answer = NULL;
    char *text;
    int result;

    cJSON_AddStringToObject(body, "until", invocation->option[OPTION_UNTIL]);
    cJSON_AddStringToObject(body, "reason", invocation->option[OPTION_REASON]);
    text = cJSON_PrintUnformatted(body);
    cJSON_Delete(body);
    result =
        text != NULL ? client_put(client, path, text, &answer) : failure_say(invocation, EX_OSERR, "out of memory");
    if (result == 0 && command_has(invocation, OPTION_JSON)) {
        client_print(answer, invocation->out);
    } else if (result == 0) {
        fprintf(invocation->out, "%s ", say(client_text(answer, "scope")));
        output_text(invocation->out, client_text(answer, "id"));
        fprintf(invocation->out, say(" stays as Microsoft was told until %s.\n"), client_text(answer, "until"));
    }
    cJSON_free(text);
    cJSON_Delete(answer);
    return result;
}

int hold_run(const struct invocation *invocation)
{
    struct client *client;
    struct buf path;
    int result = check_subject(invocation);

    if (result == 0 && (!command_has(invocation, OPTION_UNTIL) || !command_has(invocation, OPTION_REASON)))
        result = failure_say(invocation, EX_USAGE, "--until and --reason are wanted");
    if (result == 0)
        result = client_open(invocation, &client);
    if (result != 0)
        return result;
    buf_init(&path, 0);
    add_path(invocation, &path);
    result = put_hold(invocation, client, buf_text(&path));
    buf_deinit(&path);
    client_close(client);
    return result;
}

int unhold_run(const struct invocation *invocation)
{
    struct client *client;
    struct buf path;
    int result = check_subject(invocation);

    if (result == 0)
        result = client_open(invocation, &client);
    if (result != 0)
        return result;
    buf_init(&path, 0);
    add_path(invocation, &path);
    result = client_delete(client, buf_text(&path));
    if (result == 0 && !command_has(invocation, OPTION_JSON))
        fputs(say("The hold ends within seconds; what changed meanwhile is told then.\n"), invocation->out);
    buf_deinit(&path);
    client_close(client);
    return result;
}

/* ---- holds ---- */

static int print_holds(const struct cJSON *holds, FILE *out)
{
    const struct cJSON *hold;
    struct table table;
    struct buf text;
    int result = 0;

    table_init(&table, columns, COLUMNS, output_terminal_width(out));
    table.colours = output_has_colours(out);
    cJSON_ArrayForEach(hold, holds)
    {
        const char *cells[COLUMNS];

        for (size_t i = 0; i < COLUMNS; i++)
            cells[i] = client_text(hold, keys[i]);
        if (table_row(&table, cells) != 0)
            result = EX_OSERR;
    }
    buf_init(&text, 0);
    if (cJSON_GetArraySize(holds) > 0)
        table_flush(&table, &text);
    else
        buf_add_text(&text, say("Nothing is held.\n"));
    fputs(buf_text(&text), out);
    buf_deinit(&text);
    table_deinit(&table);
    return result;
}

int holds_run(const struct invocation *invocation)
{
    struct cJSON *answer = NULL;
    struct client *client;
    int result = client_open(invocation, &client);

    if (result != 0)
        return result;
    result = client_get(client, "/v1/holds", &answer);
    if (result == 0 && command_has(invocation, OPTION_JSON))
        client_print(cJSON_GetObjectItemCaseSensitive(answer, "holds"), invocation->out);
    else if (result == 0)
        result = print_holds(cJSON_GetObjectItemCaseSensitive(answer, "holds"), invocation->out);
    cJSON_Delete(answer);
    client_close(client);
    return result;
}
