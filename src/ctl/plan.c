/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <cjson/cJSON.h>
#include <sysexits.h>

#include "ctl/client.h"
#include "ctl/command.h"
#include "ctl/output.h"
#include "ctl/pages.h"
#include "ctl/say.h"
#include "ctl/table.h"

#define PLAN_PATH "/v1/plan?limit=5000"

static const struct table_column columns[] = {
    {"DEVICE", TABLE_FIXED},     {"CONNECTION", TABLE_CUT | TABLE_DROP(1)},
    {"FROM", TABLE_FIXED},       {"TO", TABLE_FIXED},
    {"PRIORITY", TABLE_DROP(2)}, {"HELD", TABLE_FIXED},
};

static const char *const keys[] = {"device_id",   "connection", "previous_azure_state",
                                   "azure_state", "priority",   "held"};

enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };

struct plan {
    FILE *out;
    struct table table;
    int64_t count, held;
};

static int print_page(void *ctx, const struct cJSON *array)
{
    struct plan *plan = ctx;
    const struct cJSON *entry;
    struct buf text;

    cJSON_ArrayForEach(entry, array)
    {
        const char *cells[COLUMNS];

        for (size_t i = 0; i < COLUMNS; i++) {
            cells[i] = client_text(entry, keys[i]);
            if (cells[i][0] == '\0' && i + 1 < COLUMNS)
                cells[i] = "-";
        }
        if (table_row(&plan->table, cells) != 0)
            return EX_OSERR;
        plan->count++;
        plan->held += cells[COLUMNS - 1][0] != '\0';
    }
    buf_init(&text, 0);
    if (plan->count > 0)
        table_flush(&plan->table, &text);
    fputs(buf_text(&text), plan->out);
    buf_deinit(&text);
    return ferror(plan->out) ? EX_IOERR : 0;
}

static int print_plan(struct client *client, FILE *out)
{
    struct plan plan = {.out = out};
    struct buf footer;
    int result;

    table_init(&plan.table, columns, COLUMNS, output_terminal_width(out));
    plan.table.colours = output_has_colours(out);
    result = pages_walk(client, PLAN_PATH, "plan", print_page, &plan);
    table_deinit(&plan.table);
    if (result != 0)
        return result;
    buf_init(&footer, 0);
    output_count(&footer, plan.count);
    buf_add_text(&footer, say(plan.count == 1 ? " report would be sent" : " reports would be sent"));
    if (plan.held > 0) {
        buf_add_text(&footer, say(", of which "));
        output_count(&footer, plan.held);
        buf_add_text(&footer, say(" only after what holds them is mended"));
    }
    fprintf(out, "%s.\n", buf_text(&footer));
    buf_deinit(&footer);
    return 0;
}

int plan_run(const struct invocation *invocation)
{
    struct client *client;
    int result;

    result = client_open(invocation, &client);
    if (result != 0)
        return result;
    if (command_has(invocation, OPTION_JSON))
        result = pages_print_json(client, PLAN_PATH, "plan", invocation->out);
    else
        result = print_plan(client, invocation->out);
    client_close(client);
    return result;
}
