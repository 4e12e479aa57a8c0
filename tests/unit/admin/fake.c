/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "fake.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/doctor.h"
#include "daemon/drift.h"
#include "daemon/figures.h"
#include "daemon/resync.h"
#include "daemon/stats.h"
#include "store/account.h"
#include "store/drift.h"
#include "store/import.h"
#include "store/migrate.h"
#include "store/thread.h"

struct fake fake;

struct act {
    daemon_done_fn *done;
    void *ctx;
};

static struct store_job *jobs, **jobs_end = &jobs;
static struct act acts[16];
static size_t act_count;

void fake_reset(void)
{
    static char name[] = "default", store[] = "/var/lib/complyd/complyd.db", nowhere[] = "";

    memset(&fake, 0, sizeof(fake));
    fake.connection_settings[0] = (struct connection_settings){.name = name, .enabled = true};
    fake.settings = (struct settings){.enabled = true,
                                      .store = store,
                                      .web_listen = nowhere,
                                      .result_deadline_ms = 15 * 60 * 1000,
                                      .connections = fake.connection_settings,
                                      .connection_count = 1};
    fake.connections[0] =
        (struct connection_status){.name = name,
                                   .tenant_id = "11111111-2222-3333-4444-555555555555",
                                   .state = CONNECTION_READY,
                                   .detail = "",
                                   .since_ms = 1770000000000,
                                   .next_try_ms = -1,
                                   .last_success_ms = -1,
                                   .credential = "client_secret_file",
                                   .credential_expires_ms = -1,
                                   .graph_token_expires_ms = -1,
                                   .intune_token_expires_ms = -1,
                                   .weekly = {.due_at_ms = 1770600000000, .started_at_ms = -1, .finished_at_ms = -1},
                                   .resync = {.started_at_ms = -1, .finished_at_ms = -1}};
    for (int i = 0; i < CHANNEL_COUNT; i++)
        fake.connections[0].channel[i] = (struct channel_status){.quota_share = 1, .retry_at_ms = -1};
    fake.status = (struct daemon_status){
        .started_at_ms = 1770000000000, .store_path = store, .store_error = "", .connection_count = 1};
}

struct fleet_device *fake_device(const char *device_id)
{
    static char blank[] = "", connection[] = "default", name[] = "Ada's iPhone", platform[] = "ios";
    static char azure_id[] = "aaaaaaaa-0000-4000-8000-000000000001",
                message_id[] = "bbbbbbbb-0000-4000-8000-000000000002";
    struct fleet_device *device = &fake.devices[fake.device_count++];

    assert(fake.device_count <= FAKE_DEVICES_MAX);
    snprintf(fake.device_ids[fake.device_count - 1], sizeof(fake.device_ids[0]), "%s", device_id);
    *device = (struct fleet_device){
        .device_id = fake.device_ids[fake.device_count - 1],
        .connection = connection,
        .name = name,
        .manufacturer = blank,
        .model = blank,
        .serial_number = blank,
        .os_version = blank,
        .user_principal_name = blank,
        .azure_device_id = azure_id,
        .platform = platform,
        .managed = true,
        .client_status = CLIENT_SUCCESS,
        .evaluated_at_s = 1770000000,
        .last_check_in_s = 1770000000,
        .decision = {.kind = DECISION_REPORT, .state = AZURE_STATE_COMPLIANT, .strictest = -1},
        .reported_state = AZURE_STATE_COMPLIANT,
        .reported_azure_device_id = azure_id,
        .reported_connection = connection,
        .user_id = blank,
        .status = STATUS_SUCCESS,
        .accepted_at_ms = 1770000001234,
        .last_update_ms = 1770000001000,
        .message_id = message_id,
        .request_id = blank,
        .last_error = blank,
        .removed_until_s = -1,
        .queued_at_ms = -1,
        .due_at_ms = -1,
    };
    return device;
}

struct daemon *fake_daemon(void)
{
    return (struct daemon *)&fake; /* nobody looks inside */
}

bool fake_work(void)
{
    struct store_job *job = jobs;

    if (job != NULL) {
        jobs = job->next;
        if (jobs == NULL)
            jobs_end = &jobs;
        fake.waiting--;
        fake.looks++;
        if (fake.on_look != NULL)
            fake.on_look();
        job->result = fake.store_result;
        if (job->result == 0)
            job->result = job->run(job, NULL, &job->error);
        else
            error_set(&job->error, job->result, 0, "the store says no");
        job->done(job);
        return true;
    }
    if (act_count > 0) {
        struct act act = acts[--act_count];
        struct error error = {0};

        fake.waiting--;
        error_set(&error, fake.act_result, 0, "the daemon says no");
        act.done(act.ctx, fake.act_result, &error);
        return true;
    }
    return false;
}

static void add_job(struct store_job *job)
{
    job->next = NULL;
    *jobs_end = job;
    jobs_end = &job->next;
    fake.waiting++;
}

void daemon_look(struct daemon *daemon, struct store_job *job)
{
    (void)daemon;
    assert(!job->write);
    add_job(job);
}

void daemon_write(struct daemon *daemon, struct store_job *job)
{
    (void)daemon;
    assert(job->write);
    add_job(job);
}

void daemon_changed(struct daemon *daemon)
{
    (void)daemon;
    fake.changes++;
}

struct activity_log *daemon_activity(struct daemon *daemon)
{
    return (struct activity_log *)daemon;
}

void activity_log_add(struct activity_log *log, const struct activity_entry *entry)
{
    (void)log;
    snprintf(fake.acted, sizeof(fake.acted), "%s: %s", entry->actor, entry->detail);
}

void activity_log_follow(struct activity_log *log, struct activity_follower *follower)
{
    (void)log;
    assert(fake.follower == NULL);
    fake.follower = follower;
}

void activity_log_unfollow(struct activity_log *log, struct activity_follower *follower)
{
    (void)log;
    if (fake.follower == follower)
        fake.follower = NULL;
}

int activity_list(struct database *database, const struct activity_filter *filter,
                  int (*each)(void *ctx, const struct activity_entry *entry), void *ctx, struct activity_page *ret_page,
                  struct error *err)
{
    int result = 0;

    (void)database;
    (void)err;
    fake.activity_filter = *filter;
    *ret_page = (struct activity_page){.place = filter->place + 7, .newest = 99};
    for (size_t i = 0; i < fake.activity_count && result == 0; i++)
        result = each(ctx, &fake.activity[i]);
    return result;
}

int activity_told_at(struct database *database, const char *device_id, int64_t at_ms, struct activity_told *ret_told,
                     struct error *err)
{
    (void)database;
    (void)device_id;
    (void)at_ms;
    (void)err;
    *ret_told = fake.told;
    return 0;
}

struct store_thread {
    int nothing;
};

int store_thread_start(struct uv_loop_s *loop, const char *path, bool read_only, struct store_thread **ret_thread,
                       struct error *err)
{
    static struct store_thread thread;

    (void)loop;
    (void)path;
    if (fake.store_result != 0)
        return error_set(err, fake.store_result, 0, "the store says no");
    assert(!read_only);
    fake.threads++;
    *ret_thread = &thread;
    return 0;
}

void store_thread_submit(struct store_thread *thread, struct store_job *job)
{
    (void)thread;
    add_job(job);
}

struct stop {
    struct store_job job;
    void (*closed)(void *ctx);
    void *ctx;
};

static int run_stop(struct store_job *job, struct database *database, struct error *err)
{
    (void)job;
    (void)database;
    (void)err;
    return 0;
}

static void stop_done(struct store_job *job)
{
    struct stop *stop = (struct stop *)job;

    fake.threads--;
    stop->closed(stop->ctx);
    free(stop);
}

void store_thread_stop(struct store_thread *thread, void (*closed)(void *ctx), void *ctx)
{
    struct stop *stop = calloc(1, sizeof(*stop));

    (void)thread;
    assert(stop != NULL);
    *stop = (struct stop){.job = {.run = run_stop, .done = stop_done}, .closed = closed, .ctx = ctx};
    add_job(&stop->job);
}

int import_stream(struct database *database, FILE *in, const char *actor,
                  int (*progress)(void *ctx, const struct import_progress *progress), void *ctx,
                  struct import_progress *ret_done, struct import_error *ret_where, struct error *err)
{
    size_t length = fread(fake.imported, 1, sizeof(fake.imported) - 1, in);

    (void)database;
    (void)actor;
    fake.imported[length] = '\0';
    *ret_done = (struct import_progress){.lines = 1, .devices = 1};
    *ret_where = (struct import_error){.line = fake.import_refuses};
    if (fake.import_refuses > 0) {
        snprintf(ret_where->column, sizeof(ret_where->column), "platform");
        return error_set(err, ERR_INVALID, 0, "is none");
    }
    return progress(ctx, ret_done) == 0 ? 0 : error_set(err, ERR_CANCELED, 0, "canceled");
}

int edit_apply(struct edit *edit, struct database *database, struct error *err)
{
    (void)database;
    fake.edit = *edit;
    snprintf(fake.edit_body, sizeof(fake.edit_body), "%s", edit->body != NULL ? edit->body : "");
    edit->created = fake.edit_gives.created;
    memcpy(edit->field, fake.edit_gives.field, sizeof(edit->field));
    return edit->field[0] != '\0' ? error_set(err, ERR_INVALID, 0, "is wrong") : 0;
}

int fleet_policy(struct database *database, const char *policy_id,
                 int (*each)(void *ctx, const struct fleet_policy *policy), void *ctx, struct error *err)
{
    (void)database;
    for (size_t i = 0; i < fake.policy_count; i++) {
        if (strcmp(fake.policies[i].policy_id, policy_id) == 0)
            return each(ctx, &fake.policies[i]);
    }
    return error_set(err, ERR_NOTFOUND, 0, "there is no policy '%s'", policy_id);
}

int fleet_policies(struct database *database, const char *after, unsigned limit,
                   int (*each)(void *ctx, const struct fleet_policy *policy), void *ctx, bool *ret_more,
                   struct error *err)
{
    unsigned told = 0;

    (void)database;
    (void)err;
    *ret_more = false;
    for (size_t i = 0; i < fake.policy_count && !*ret_more; i++) {
        if (strcmp(fake.policies[i].policy_id, after != NULL ? after : "") <= 0)
            continue;
        *ret_more = told++ == limit;
        if (!*ret_more && each(ctx, &fake.policies[i]) != 0)
            return ERR_NOMEM;
    }
    return 0;
}

static void add_act(daemon_done_fn *done, void *ctx)
{
    assert(act_count < sizeof(acts) / sizeof(acts[0]));
    acts[act_count++] = (struct act){done, ctx};
    fake.acts++;
    fake.waiting++;
}

void daemon_report_device(struct daemon *daemon, const char *device_id, daemon_done_fn *done, void *ctx)
{
    (void)daemon;
    snprintf(fake.reported, sizeof(fake.reported), "%s", device_id);
    add_act(done, ctx);
}

void resync_order(struct daemon *daemon, const char *connection, daemon_done_fn *done, void *ctx)
{
    (void)daemon;
    snprintf(fake.resynced, sizeof(fake.resynced), "%s", connection != NULL ? connection : "*");
    add_act(done, ctx);
}

int daemon_connect(struct daemon *daemon, const char *connection, daemon_done_fn *done, void *ctx, struct error *err)
{
    (void)daemon;
    (void)connection;
    if (fake.act_result != 0)
        return error_set(err, fake.act_result, 0, "the daemon says no");
    add_act(done, ctx);
    return 0;
}

int daemon_disconnect(struct daemon *daemon, const char *connection, const struct account_disconnect_options *options,
                      daemon_done_fn *done, void *ctx, struct error *err)
{
    (void)options;
    return daemon_connect(daemon, connection, done, ctx, err);
}

int doctor_start(struct daemon *daemon, const char *connection, enum language language, doctor_done_fn *done, void *ctx,
                 struct doctor **ret_doctor, struct error *err)
{
    (void)daemon;
    (void)connection;
    (void)language;
    (void)done;
    (void)ctx;
    *ret_doctor = NULL;
    return error_set(err, ERR_BUSY, 0, "the daemon says no");
}

void doctor_cancel(struct doctor *doctor)
{
    (void)doctor;
}

int daemon_check_drift(struct daemon *daemon, const char *connection, int64_t *ret_check, struct error *err)
{
    (void)daemon;
    (void)connection;
    *ret_check = 1;
    return fake.act_result == 0 ? 0 : error_set(err, fake.act_result, 0, "the daemon says no");
}

int daemon_repair_drift(struct daemon *daemon, const char *connection, struct error *err)
{
    int64_t check;

    return daemon_check_drift(daemon, connection, &check, err);
}

void drift_status(const struct drift *drift, struct drift_status *ret_status)
{
    (void)drift;
    *ret_status = (struct drift_status){.next_try_ms = -1};
}

void drift_record_init(struct drift_record *record, const char *connection, const char *tenant_id)
{
    (void)connection;
    (void)tenant_id;
    *record = (struct drift_record){0};
}

int drift_list(struct database *database, const struct drift_filter *filter,
               int (*each)(void *ctx, const struct drift_entry *entry), void *ctx, bool *ret_more, struct error *err)
{
    (void)database;
    (void)filter;
    (void)each;
    (void)ctx;
    (void)err;
    *ret_more = false;
    return 0;
}

int account_read(struct database *database, const char *connection, struct account_record *ret_record,
                 struct error *err)
{
    (void)database;
    (void)connection;
    (void)err;
    *ret_record = (struct account_record){0};
    return 0;
}

int account_read_counts(struct database *database, const char *connection, int64_t now_ms,
                        struct account_counts *ret_counts, struct error *err)
{
    (void)database;
    (void)connection;
    (void)now_ms;
    (void)err;
    *ret_counts = (struct account_counts){0};
    return 0;
}

int account_read_left(struct database *database, const char *connection, int64_t now_ms, unsigned limit,
                      int (*each)(void *ctx, const char *device_id, const char *reason, const char *detail), void *ctx,
                      struct error *err)
{
    (void)database;
    (void)connection;
    (void)now_ms;
    (void)limit;
    (void)each;
    (void)ctx;
    (void)err;
    return 0;
}

struct breaker_limits daemon_breaker_limits(const struct settings *settings)
{
    return (struct breaker_limits){.max_count = settings->breaker_max_count};
}

int daemon_breaker_close(struct daemon *daemon, const char *connection, bool discard, daemon_breaker_fn *done,
                         void *ctx)
{
    (void)daemon;
    snprintf(fake.breaker_closed, sizeof(fake.breaker_closed), "%s %s", discard ? "discard" : "release", connection);
    done(ctx, 0, NULL, 7);
    return 0;
}

int breaker_read(struct database *database, const char *connection, int64_t now_ms, int64_t window_ms,
                 struct breaker_status *ret_status, struct error *err)
{
    (void)database;
    (void)now_ms;
    (void)window_ms;
    (void)err;
    *ret_status = (struct breaker_status){.changed_at_ms = -1};
    snprintf(ret_status->connection, sizeof(ret_status->connection), "%s", connection);
    return 0;
}

const struct settings *daemon_settings(const struct daemon *daemon)
{
    (void)daemon;
    return &fake.settings;
}

const char *daemon_state_name(enum daemon_state state)
{
    static const char *const names[] = {
#define X(name, word) [name] = word,
        DAEMON_STATES(X)
#undef X
    };

    return names[state];
}

void daemon_status(const struct daemon *daemon, struct daemon_status *ret_status)
{
    (void)daemon;
    *ret_status = fake.status;
}

struct figures *daemon_figures(struct daemon *daemon)
{
    static struct figures *figures;

    if (figures == NULL)
        figures = figures_new(daemon, "/nowhere");
    return figures;
}

int fleet_queues(struct database *database, int64_t now_ms, struct fleet_queue *queues, size_t count,
                 int64_t *ret_others, struct error *err)
{
    (void)database;
    (void)now_ms;
    (void)err;
    for (size_t i = 0; i < count; i++) {
        memcpy(queues[i].queued, fake.counts.queued, sizeof(queues[i].queued));
        queues[i].oldest_ms = fake.counts.queue_oldest_ms;
        queues[i].unanswered = fake.counts.awaiting_verdict;
    }
    *ret_others = 0;
    return 0;
}

const struct stats *connection_stats(const struct connection *connection)
{
    static struct stats *list;

    (void)connection;
    return stats_of(&list, "default");
}

const struct connection *daemon_connection(const struct daemon *daemon, size_t index)
{
    (void)daemon;
    return (const struct connection *)&fake.connections[index];
}

const char *connection_state_name(enum connection_state state)
{
    static const char *const names[] = {
#define X(name, word) [name] = word,
        CONNECTION_STATES(X)
#undef X
    };

    return names[state];
}

void connection_status(const struct connection *connection, struct connection_status *ret_status)
{
    *ret_status = *(const struct connection_status *)connection;
}

/* Weak: a program that also links the real store has its own. */
__attribute__((weak)) int migrate_latest(void)
{
    return 1;
}

int fleet_get(struct database *database, const char *device_id, struct fleet_device *ret_device, struct error *err)
{
    (void)database;
    for (size_t i = 0; i < fake.device_count; i++) {
        if (strcmp(fake.devices[i].device_id, device_id) == 0) {
            *ret_device = fake.devices[i];
            return 0;
        }
    }
    return error_set(err, ERR_NOTFOUND, 0, "unknown");
}

void fleet_device_deinit(struct fleet_device *device)
{
    (void)device;
}

int fleet_list(struct database *database, const struct fleet_filter *filter,
               int (*each)(void *ctx, const struct fleet_device *device), void *ctx, bool *ret_more, struct error *err)
{
    unsigned told = 0;

    (void)database;
    (void)err;
    fake.filter = *filter;
    snprintf(fake.filter_after, sizeof(fake.filter_after), "%s", filter->after != NULL ? filter->after : "");
    snprintf(fake.filter_search, sizeof(fake.filter_search), "%s", filter->search != NULL ? filter->search : "");
    *ret_more = false;
    for (size_t i = 0; i < fake.device_count; i++) {
        if (strcmp(fake.devices[i].device_id, fake.filter_after) <= 0)
            continue;
        if (told++ == filter->limit) {
            *ret_more = true;
            return 0;
        }
        if (each(ctx, &fake.devices[i]) != 0)
            return ERR_NOMEM;
    }
    return 0;
}

int fleet_violations(struct database *database, const char *device_id,
                     int (*each)(void *ctx, const struct fleet_violation *violation), void *ctx, struct error *err)
{
    (void)database;
    (void)device_id;
    (void)err;
    for (size_t i = 0; i < fake.violation_count; i++)
        each(ctx, &fake.violations[i]);
    return 0;
}

int fleet_counts(struct database *database, const char *connection, struct fleet_counts *ret_counts, struct error *err)
{
    (void)database;
    (void)connection;
    (void)err;
    *ret_counts = fake.counts;
    return 0;
}

int fleet_count_queue(struct database *database, const char *connection, struct fleet_counts *ret_counts,
                      struct error *err)
{
    int result = fleet_counts(database, connection, ret_counts, err);

    ret_counts->devices = 0;
    return result;
}

const char *hold_scope_name(enum hold_scope scope)
{
    return scope == HOLD_DEVICE ? "device" : "policy";
}

int hold_list(struct database *database, int (*each)(void *ctx, const struct hold *hold), void *ctx, struct error *err)
{
    (void)database;
    (void)err;
    for (size_t i = 0; i < fake.hold_count; i++)
        each(ctx, &fake.holds[i]);
    return 0;
}

int hold_list_of(struct database *database, const char *device_id, int (*each)(void *ctx, const struct hold *hold),
                 void *ctx, struct error *err)
{
    (void)device_id;
    return hold_list(database, each, ctx, err);
}

int hold_count(struct database *database, int64_t *ret_count, struct error *err)
{
    (void)database;
    (void)err;
    *ret_count = (int64_t)fake.hold_count;
    return 0;
}

/* No test of these programs holds anything. */
void hold_put_init(struct hold_put *put, const struct hold *hold, void (*done)(struct store_job *job))
{
    *put = (struct hold_put){.job = {.write = true, .done = done}, .hold = *hold};
}

void hold_end_init(struct hold_end *end, enum hold_scope scope, const char *id, void (*done)(struct store_job *job))
{
    (void)id;
    *end = (struct hold_end){.job = {.write = true, .done = done}, .scope = scope};
}

void fleet_plan_place_deinit(struct fleet_plan_place *place)
{
    free(place->connection);
    free(place->device_id);
    *place = (struct fleet_plan_place){0};
}

/* The place is the device's id alone. */
int fleet_plan_page(struct database *database, const struct breaker_limits *breaker, struct fleet_plan_place *place,
                    unsigned limit, int (*each)(void *ctx, const struct fleet_plan_entry *entry), void *ctx,
                    bool *ret_more, struct error *err)
{
    size_t begin = 0;

    (void)breaker;
    (void)database;
    (void)err;
    while (place->device_id != NULL && begin < fake.plan_count &&
           strcmp(fake.plan[begin].device_id, place->device_id) <= 0)
        begin++;
    size_t end = begin;
    for (; end < fake.plan_count && limit > 0; end++, limit--) {
        if (each(ctx, &fake.plan[end]) != 0)
            return ERR_NOMEM;
    }
    if (end > begin) {
        fleet_plan_place_deinit(place);
        *place = (struct fleet_plan_place){.priority = PRIORITY_WEEKLY,
                                           .channel = 1,
                                           .due_at = INT64_MIN,
                                           .minute = 7,
                                           .connection = strdup("a:b/c"),
                                           .device_id = strdup(fake.plan[end - 1].device_id)};
    }
    *ret_more = limit == 0;
    return 0;
}
