/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "admin/api.h"

enum { LIMIT_DEFAULT = 1000, LIMIT_MAX = 10000 };

/* A page of the plan. */
struct plan_look {
    struct api_look look;
    struct fleet_plan_place place;
    struct breaker_limits breaker;
    unsigned limit; /* rows of the queue looked at; those with nothing to tell are not shown */
};

static void free_place(struct api_look *look)
{
    fleet_plan_place_deinit(&((struct plan_look *)look)->place);
}

static bool is_sent(const struct fleet_plan_entry *entry)
{
    return !entry->needless && (entry->decision.kind == DECISION_REPORT || entry->decision.kind == DECISION_RETIRE);
}

static enum reason held_by(const struct plan_look *plan, const struct fleet_plan_entry *entry)
{
    enum reason blocked = view_blocked(&plan->look.view, entry->connection);

    return blocked == REASON_NONE && entry->held ? REASON_BREAKER_HOLDS : blocked;
}

static int add_entry(void *ctx, const struct fleet_plan_entry *entry)
{
    struct plan_look *plan = ctx;
    struct buf *out = &plan->look.out;

    if (!is_sent(entry))
        return 0;
    if (out->length > 0 && out->data[out->length - 1] == '}')
        buf_add_char(out, ',');
    buf_add_char(out, '{');
    view_text(out, "device_id", entry->device_id);
    view_text(out, "connection", entry->connection);
    view_text(out, "azure_device_id", entry->azure_device_id);
    view_text(out, "azure_state", azure_state_name(entry->decision.state));
    view_text(out, "previous_azure_state", azure_state_name(entry->previous));
    view_text(out, "priority", priority_name(entry->priority));
    view_text(out, "held", reason_slug(held_by(plan, entry)));
    buf_add_char(out, '}');
    return buf_error(out);
}

/* "priority:claimed:channel:due:minute:connection:device": texts percent-encoded, so that ':' parts them. */
static void add_cursor(const struct fleet_plan_place *place, struct buf *out)
{
    buf_addf(out, "%d:%d:%d:%lld:%lld:", (int)place->priority, place->claimed, place->channel, (long long)place->due_at,
             (long long)place->minute);
    buf_add_url(out, place->connection != NULL ? place->connection : "");
    buf_add_char(out, ':');
    buf_add_url(out, place->device_id != NULL ? place->device_id : "");
}

static bool read_number(char **rest, long long min, long long max, int64_t *ret_value)
{
    char *end;

    errno = 0;
    *ret_value = strtoll(*rest, &end, 10);
    if (errno != 0 || end == *rest || *end != ':' || *ret_value < min || *ret_value > max)
        return false;
    *rest = end + 1;
    return true;
}

static bool read_place(char *cursor, struct fleet_plan_place *place)
{
    int64_t priority, claimed, channel;
    char *device_id;

    if (!read_number(&cursor, 0, PRIORITY_COUNT - 1, &priority) || !read_number(&cursor, 0, 1, &claimed) ||
        !read_number(&cursor, -1, CHANNEL_COUNT, &channel) ||
        !read_number(&cursor, INT64_MIN, INT64_MAX, &place->due_at) ||
        !read_number(&cursor, INT64_MIN, INT64_MAX, &place->minute))
        return false;
    device_id = strchr(cursor, ':');
    if (device_id == NULL)
        return false;
    *device_id++ = '\0';
    if (target_decode(cursor) != 0 || target_decode(device_id) != 0 || *device_id == '\0' ||
        (claimed == 0 && *cursor == '\0'))
        return false;
    place->priority = (enum priority)priority;
    place->claimed = claimed != 0;
    place->channel = (int)channel;
    place->connection = claimed != 0 ? NULL : strdup(cursor);
    place->device_id = strdup(device_id);
    return place->device_id != NULL && (claimed != 0 || place->connection != NULL);
}

/* False after answering what is wrong with the cursor. */
static bool take_cursor(struct api_request *request, struct fleet_plan_place *place)
{
    const char *after = target_get(&request->target, "after");
    char *cursor;

    if (after == NULL || *after == '\0')
        return true;
    cursor = strdup(after);
    if (cursor == NULL || !read_place(cursor, place))
        api_problem(request, 400, "parameter 'after': no cursor of ours (the 'next' of the page before is wanted)");
    free(cursor);
    return !request->answered;
}

static int run_plan(struct api_look *look, struct database *database, struct error *err)
{
    struct plan_look *plan = (struct plan_look *)look;
    bool more = false;
    int result;

    buf_add_text(&look->out, "{\"plan\":[");
    result = fleet_plan_page(database, &plan->breaker, &plan->place, plan->limit, add_entry, plan, &more, err);
    buf_add_text(&look->out, "],\"next\":\"");
    if (more)
        add_cursor(&plan->place, &look->out);
    buf_add_text(&look->out, "\"}");
    return result;
}

void api_plan_get(struct api_request *request)
{
    static const char *const names[] = {"after", "limit", NULL};
    struct plan_look *plan;
    unsigned limit;

    if (!api_check_parameters(request, names) || !api_number(request, "limit", 1, LIMIT_MAX, LIMIT_DEFAULT, &limit))
        return;
    plan = api_look_new(request, sizeof(*plan), run_plan);
    if (plan == NULL)
        return;
    plan->breaker = daemon_breaker_limits(daemon_settings(request->daemon));
    plan->limit = limit;
    plan->look.deinit = free_place;
    if (take_cursor(request, &plan->place))
        api_look_start(&plan->look);
    else
        api_look_free(&plan->look);
}
