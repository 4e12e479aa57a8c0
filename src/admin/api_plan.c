/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "admin/api.h"

enum { LIMIT_DEFAULT = 1000, LIMIT_MAX = 10000 };

/* A page of the plan. The store keeps no place in it, so a cursor is a number of entries to pass over. */
struct plan_look {
    struct api_look look;
    unsigned after, limit;
    unsigned seen; /* entries that would be sent so far */
};

static bool is_sent(const struct fleet_plan_entry *entry)
{
    return !entry->needless && (entry->decision.kind == DECISION_REPORT || entry->decision.kind == DECISION_RETIRE);
}

static int add_entry(void *ctx, const struct fleet_plan_entry *entry)
{
    struct plan_look *plan = ctx;
    struct buf *out = &plan->look.out;

    if (!is_sent(entry) || plan->seen++ < plan->after)
        return 0;
    if (plan->seen > plan->after + plan->limit)
        return 1; /* there is another page */
    if (plan->seen > plan->after + 1)
        buf_add_char(out, ',');
    buf_add_char(out, '{');
    view_text(out, "device_id", entry->device_id);
    view_text(out, "connection", entry->connection);
    view_text(out, "azure_device_id", entry->azure_device_id);
    view_text(out, "azure_state", azure_state_name(entry->decision.state));
    view_text(out, "previous_azure_state", azure_state_name(entry->previous));
    view_text(out, "priority", priority_name(entry->priority));
    view_text(out, "held", reason_slug(view_blocked(&plan->look.view, entry->connection)));
    buf_add_char(out, '}');
    return buf_error(out);
}

static int run_plan(struct api_look *look, struct database *database, struct error *err)
{
    struct plan_look *plan = (struct plan_look *)look;
    int result;

    buf_add_text(&look->out, "{\"plan\":[");
    result = fleet_plan(database, add_entry, plan, err);
    buf_add_text(&look->out, "],\"next\":\"");
    if (plan->seen > plan->after + plan->limit)
        buf_add_int(&look->out, plan->after + plan->limit);
    buf_add_text(&look->out, "\"}");
    return result;
}

void api_plan_get(struct api_request *request)
{
    static const char *const names[] = {"after", "limit", NULL};
    struct plan_look *plan;
    unsigned after, limit;

    if (!api_check_parameters(request, names) || !api_number(request, "after", 0, 100000000, 0, &after) ||
        !api_number(request, "limit", 1, LIMIT_MAX, LIMIT_DEFAULT, &limit))
        return;
    plan = api_look_new(request, sizeof(*plan), run_plan);
    if (plan == NULL)
        return;
    plan->after = after;
    plan->limit = limit;
    api_look_start(&plan->look);
}
