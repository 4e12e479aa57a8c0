/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * The activity log over the API: pages of it, waiting for what comes next, and what Microsoft had been told of a device
 * at a time.
 *
 *     looking ──nothing new, and asked to wait──► waiting ──commit──► looking ...
 *        └──entries, time is up, complyd stops──► answered
 */
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "admin/api.h"
#include "base/clock.h"
#include "base/duration.h"
#include "daemon/activity_log.h"
#include "daemon/daemon.h"
#include "store/activity_list.h"

enum { LIMIT_DEFAULT = 100, WAIT_MAX_S = 60, WAITING_MAX = 16 };

/* A list that is being read, or waited for. Its filter's strings are the request's. */
struct reading {
    struct store_job job; /* first */
    struct api_request *request;
    struct activity_filter filter;
    struct activity_page page;
    struct buf out;
    unsigned told;
    bool looking, again; /* a commit came while looking: what it brought may not have been seen */
    bool waits;          /* may wait, until the timer */
    struct activity_follower follower;
    uv_timer_t timer;
    struct reading *next; /* of those that wait */
};

static struct reading *waiting;

/* ---- entries ---- */

static void add_message_id(struct buf *out, const struct guid *message_id)
{
    char text[GUID_TEXT] = "";

    if (message_id != NULL)
        guid_format(message_id, text);
    view_text(out, "message_id", text);
}

static void add_hash(struct buf *out, const struct activity_entry *entry)
{
    char anchor[ACTIVITY_ANCHOR_TEXT];

    view_text(out, "hash", strchr(activity_anchor(entry->id, entry->hash, anchor), ':') + 1);
}

static int add_entry(void *ctx, const struct activity_entry *entry)
{
    struct reading *reading = ctx;
    struct buf *out = &reading->out;

    if (reading->told++ > 0)
        buf_add_char(out, ',');
    buf_add_char(out, '{');
    view_int(out, "id", entry->id);
    view_time_ms(out, "time", entry->at_ms);
    view_text(out, "kind", entry->kind);
    view_text(out, "result", entry->result);
    view_text(out, "connection", entry->connection);
    view_text(out, "device_id", entry->device_id);
    view_text(out, "priority", entry->priority);
    view_text(out, "cause", entry->cause);
    view_text(out, "reason", entry->reason);
    view_text(out, "azure_state", entry->azure_state);
    view_text(out, "azure_device_id", entry->azure_device_id);
    add_message_id(out, entry->message_id);
    view_text(out, "request_id", entry->request_id);
    view_text(out, "operator", entry->actor);
    view_text(out, "detail", entry->detail);
    add_hash(out, entry);
    buf_add_char(out, '}');
    return buf_error(out);
}

static int run_list(struct store_job *job, struct database *database, struct error *err)
{
    struct reading *reading = (struct reading *)job;
    int result;

    buf_clear(&reading->out);
    reading->told = 0;
    buf_add_text(&reading->out, "{\"activity\":[");
    result = activity_list(database, &reading->filter, add_entry, reading, &reading->page, err);
    buf_add_text(&reading->out, "],\"next\":\"");
    if (reading->filter.onwards || reading->page.place > 0)
        buf_add_int(&reading->out, reading->page.place);
    buf_add_text(&reading->out, "\",\"newest\":");
    buf_add_int(&reading->out, reading->page.newest);
    buf_add_char(&reading->out, '}');
    if (result == 0 && buf_error(&reading->out) != 0)
        result = error_set(err, buf_error(&reading->out), 0, "out of memory");
    return result;
}

/* ---- waiting ---- */

static void on_timer_closed(uv_handle_t *handle)
{
    struct reading *reading = handle->data;

    buf_deinit(&reading->out);
    free(reading);
}

static void end(struct reading *reading)
{
    struct reading **place = &waiting;

    activity_log_unfollow(daemon_activity(reading->request->daemon), &reading->follower);
    while (*place != NULL && *place != reading)
        place = &(*place)->next;
    if (*place != NULL)
        *place = reading->next;
    if (reading->job.result == 0)
        api_answer(reading->request, 200, &reading->out);
    else
        api_problem_error(reading->request, &reading->job.error);
    uv_close((uv_handle_t *)&reading->timer, on_timer_closed);
}

static void look(struct reading *reading);

static void looked(struct store_job *job)
{
    struct reading *reading = (struct reading *)job;

    reading->looking = false;
    job->error.code = job->result;
    /* A place beyond the log's end is of another store: whoever has it should know. */
    if (job->result != 0 || reading->told > 0 || !reading->waits || reading->filter.place > reading->page.newest) {
        end(reading);
        return;
    }
    reading->filter.place = reading->page.place;
    if (reading->again)
        look(reading);
}

/* Follows from before it looks, so that no commit falls in between. */
static void look(struct reading *reading)
{
    reading->looking = true;
    reading->again = false;
    if (reading->waits) {
        activity_log_unfollow(daemon_activity(reading->request->daemon), &reading->follower);
        activity_log_follow(daemon_activity(reading->request->daemon), &reading->follower);
    }
    reading->job.run = run_list;
    reading->job.done = looked;
    daemon_look(reading->request->daemon, &reading->job);
}

static void on_commit(struct activity_follower *follower)
{
    struct reading *reading = (struct reading *)((char *)follower - offsetof(struct reading, follower));

    reading->again = true;
    if (!reading->looking)
        look(reading);
}

static void stop_waiting(struct reading *reading)
{
    reading->waits = false;
    if (!reading->looking)
        end(reading);
}

static void on_time_up(uv_timer_t *timer)
{
    stop_waiting(timer->data);
}

void api_activity_cancel(void)
{
    struct reading *reading = waiting;

    while (reading != NULL) {
        struct reading *next = reading->next;

        stop_waiting(reading);
        reading = next;
    }
}

/* False after answering that too many wait already. */
static bool may_wait(struct reading *reading, unsigned wait_s)
{
    unsigned count = 0;

    for (const struct reading *other = waiting; other != NULL; other = other->next)
        count++;
    if (count >= WAITING_MAX) {
        api_problem(reading->request, 503, "%d others wait for the activity log already", (int)WAITING_MAX);
        return false;
    }
    reading->waits = true;
    reading->next = waiting;
    waiting = reading;
    uv_timer_start(&reading->timer, on_time_up, (uint64_t)wait_s * 1000, 0);
    return true;
}

/* ---- parameters ---- */

/* A time, or how long ago: false after answering what is wrong. */
static bool take_time(struct api_request *request, const char *name, int64_t *ret_ms)
{
    const char *text = target_get(&request->target, name);
    int64_t ago_ms;

    if (text == NULL || clock_parse(text, ret_ms) == 0)
        return true;
    if (duration_parse(text, &ago_ms) == 0) {
        *ret_ms = clock_realtime_ms(clock_system()) - ago_ms;
        return true;
    }
    api_problem(request, 400, "parameter '%s': a time (2026-02-03T04:05:06Z) or how long ago (90s, 2h, 7d) is wanted",
                name);
    return false;
}

static bool take_place(struct api_request *request, const char *name, int64_t *ret_place)
{
    const char *text = target_get(&request->target, name);
    size_t digits = text != NULL ? strspn(text, "0123456789") : 0;

    if (text == NULL || (*text == '\0' && strcmp(name, "after") == 0))
        return true;
    if (digits == 0 || digits > 18 || text[digits] != '\0') {
        api_problem(request, 400, "parameter '%s': the id of an entry is wanted", name);
        return false;
    }
    *ret_place = strtoll(text, NULL, 10);
    return true;
}

static void add_kinds(struct buf *text)
{
    for (int i = 0; i < ACTIVITY_KIND_COUNT; i++)
        buf_addf(text, "%s%s", i > 0 ? ", " : "", activity_kind_name((enum activity_kind)i));
}

static bool take_kind(struct api_request *request, const char **ret_kind)
{
    enum activity_kind kind;
    struct buf kinds;

    *ret_kind = target_get(&request->target, "kind");
    if (*ret_kind == NULL || activity_kind_parse(*ret_kind, &kind) == 0)
        return true;
    buf_init(&kinds, 0);
    add_kinds(&kinds);
    api_problem(request, 400, "parameter 'kind': one of %s is wanted", buf_text(&kinds));
    buf_deinit(&kinds);
    return false;
}

/* False after answering what is wrong. */
static bool take_filter(struct api_request *request, struct activity_filter *filter, unsigned *ret_wait_s)
{
    static const char *const names[] = {"device", "connection", "kind", "since", "limit",
                                        "after",  "follow",     "wait", NULL};
    bool follows = target_get(&request->target, "follow") != NULL;

    *filter = (struct activity_filter){
        .device = target_get(&request->target, "device"),
        .connection = target_get(&request->target, "connection"),
        .since_ms = INT64_MIN,
        .onwards = follows,
    };
    if (!api_check_parameters(request, names) || !take_kind(request, &filter->kind) ||
        !take_time(request, "since", &filter->since_ms) ||
        !take_place(request, follows ? "follow" : "after", &filter->place) ||
        !api_number(request, "limit", 1, ACTIVITY_LIST_MAX, LIMIT_DEFAULT, &filter->limit) ||
        !api_number(request, "wait", 0, WAIT_MAX_S, 0, ret_wait_s))
        return false;
    if (follows && target_get(&request->target, "after") != NULL)
        api_problem(request, 400, "parameters 'follow' and 'after' go in opposite directions: give one of them");
    else if (!follows && *ret_wait_s > 0)
        api_problem(request, 400, "parameter 'wait' needs 'follow'");
    return !request->answered;
}

void api_activity_list(struct api_request *request)
{
    struct activity_filter filter;
    struct reading *reading;
    unsigned wait_s;

    if (!take_filter(request, &filter, &wait_s))
        return;
    reading = calloc(1, sizeof(*reading));
    if (reading == NULL) {
        api_problem(request, 503, "out of memory");
        return;
    }
    reading->request = request;
    reading->filter = filter;
    reading->follower.wake = on_commit;
    buf_init(&reading->out, 0);
    uv_timer_init(request->loop, &reading->timer);
    reading->timer.data = reading;
    if (wait_s == 0 || may_wait(reading, wait_s))
        look(reading);
    else
        uv_close((uv_handle_t *)&reading->timer, on_timer_closed);
}

/* ---- a device at a time ---- */

struct past_look {
    struct api_look look;
    int64_t at_ms;
};

static int run_past(struct api_look *look, struct database *database, struct error *err)
{
    const struct past_look *past = (const struct past_look *)look;
    const char *device_id = look->request->id;
    struct fleet_device device;
    struct activity_told told;
    int result = activity_told_at(database, device_id, past->at_ms, &told, err);

    if (result == 0 && told.entry == 0 && told.status == STATUS_NONE) {
        result = fleet_get(database, device_id, &device, err);
        if (result == ERR_NOTFOUND)
            error_set(err, ERR_NOTFOUND, 0, "there is no device '%s'", device_id);
        else if (result == 0)
            fleet_device_deinit(&device);
    }
    if (result != 0)
        return result;
    buf_add_char(&look->out, '{');
    view_text(&look->out, "device_id", device_id);
    view_time_ms(&look->out, "at", past->at_ms);
    view_text(&look->out, "azure_state", azure_state_name(told.state));
    view_text(&look->out, "azure_device_id", told.azure_device_id);
    view_text(&look->out, "azure_compliance_status", compliance_status_name(told.status));
    view_time_ms(&look->out, "azure_report_time", told.accepted_at_ms);
    view_int(&look->out, "entry", told.entry);
    view_time_ms(&look->out, "log_begins", told.log_begins_ms);
    buf_add_char(&look->out, '}');
    return 0;
}

void api_activity_device_at(struct api_request *request)
{
    static const char *const names[] = {"at", NULL};
    struct past_look *past;
    int64_t at_ms = 0;

    if (!api_check_parameters(request, names) || !take_time(request, "at", &at_ms))
        return;
    past = api_look_new(request, sizeof(*past), run_past);
    if (past == NULL)
        return;
    past->at_ms = at_ms;
    api_look_start(&past->look);
}
