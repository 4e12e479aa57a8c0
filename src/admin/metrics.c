/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "metrics.h"

#include <math.h>
#include <stdlib.h>

#include "admin/exposition.h"
#include "base/clock.h"
#include "base/error.h"
#include "daemon/stats.h"
#include "net/http.h"

/* One connection in it. */
struct subject {
    struct connection_status status;
    const struct stats *stats;
    const struct fleet_queue *queue; /* NULL: not known */
};

struct picture {
    struct daemon_status daemon;
    const struct figures *figures;
    struct metrics_process process;
    int64_t now_ms;
    size_t count;
    struct subject *subjects;
};

enum { WALK_WEEKLY, WALK_RESYNC, WALKS };

/* ---- dimensions: labels and their words ---- */

#define WORDS(function, expression)                                                                                    \
    static const char *function(const void *ctx, unsigned index)                                                       \
    {                                                                                                                  \
        (void)ctx;                                                                                                     \
        return (expression);                                                                                           \
    }

static unsigned count_connections(const void *ctx)
{
    return (unsigned)((const struct picture *)ctx)->count;
}

static const char *connection_word(const void *ctx, unsigned index)
{
    return ((const struct picture *)ctx)->subjects[index].status.name;
}

WORDS(channel_word, channel_name((enum channel)index))
WORDS(priority_word, priority_name((enum priority)index))
WORDS(outcome_word, stats_outcome_name((enum stats_outcome)index))
WORDS(class_word, stats_class_name((enum outcome_class)index))
WORDS(verdict_word, stats_verdict_name((enum message_verdict)(index + 1)))
WORDS(resource_word, stats_resource_name((enum stats_resource)index))
WORDS(result_word, index == 0 ? "obtained" : "failed")
WORDS(state_word, connection_state_name((enum connection_state)index))
WORDS(trouble_word, trouble_slug((enum trouble)(index + 1)))
WORDS(walk_word, index == WALK_WEEKLY ? "weekly" : "resync")
WORDS(daemon_state_word, daemon_state_name((enum daemon_state)index))
WORDS(thread_word, index == 0 ? "writer" : "reader")
WORDS(file_word, index == 0 ? "database" : "wal")
WORDS(version_word, index == 0 ? COMPLYD_VERSION : "")
WORDS(library_word, index == 0 ? http_version() : "")

static const struct exposition_dimension by_connection = {"connection", connection_word, .counted = count_connections};
static const struct exposition_dimension by_channel = {"channel", channel_word, .count = CHANNEL_COUNT};
static const struct exposition_dimension by_reason = {"reason", priority_word, .count = PRIORITY_COUNT};
static const struct exposition_dimension by_outcome = {"outcome", outcome_word, .count = STATS_OUTCOME_COUNT};
static const struct exposition_dimension by_class = {"outcome", class_word, .count = STATS_CLASS_COUNT};
static const struct exposition_dimension by_verdict = {"verdict", verdict_word, .count = STATS_VERDICT_COUNT - 1};
static const struct exposition_dimension by_resource = {"resource", resource_word, .count = STATS_RESOURCE_COUNT};
static const struct exposition_dimension by_result = {"result", result_word, .count = 2};
static const struct exposition_dimension by_state = {"state", state_word, .count = CONNECTION_DISCONNECTED + 1};
static const struct exposition_dimension by_trouble = {"trouble", trouble_word, .count = TROUBLE_COUNT - 1};
static const struct exposition_dimension by_walk = {"kind", walk_word, .count = WALKS};
static const struct exposition_dimension by_daemon_state = {"state", daemon_state_word, .count = DAEMON_STOPPING + 1};
static const struct exposition_dimension by_thread = {"thread", thread_word, .count = 2};
static const struct exposition_dimension by_file = {"file", file_word, .count = 2};
static const struct exposition_dimension by_version = {"version", version_word, .count = 1};
static const struct exposition_dimension by_library = {"libraries", library_word, .count = 1};

/* ---- values ---- */

/* `at` has the indices of the family's dimensions, in its order; the first of most is the connection. */
#define VALUE(function, expression)                                                                                    \
    static double function(const void *ctx, const unsigned *at)                                                        \
    {                                                                                                                  \
        const struct picture *picture = ctx;                                                                           \
        (void)at;                                                                                                      \
        return (expression);                                                                                           \
    }

#define HISTOGRAM(function, expression)                                                                                \
    static const struct histogram *function(const void *ctx, const unsigned *at)                                       \
    {                                                                                                                  \
        const struct picture *picture = ctx;                                                                           \
        (void)at;                                                                                                      \
        return (expression);                                                                                           \
    }

static double known(double value)
{
    return value < 0 ? NAN : value;
}

/* Seconds since 1970 of milliseconds; none when it is not positive. */
static double instant(int64_t at_ms)
{
    return at_ms > 0 ? (double)at_ms / 1000 : NAN;
}

static const struct connection_status *status_of(const struct picture *picture, const unsigned *at)
{
    return &picture->subjects[at[0]].status;
}

static const struct channel_status *channel_of(const struct picture *picture, const unsigned *at)
{
    return &picture->subjects[at[0]].status.channel[at[1]];
}

static const struct stats_channel *counts_of(const struct picture *picture, const unsigned *at)
{
    return &picture->subjects[at[0]].stats->channel[at[1]];
}

static const struct full_report_state *walk_of(const struct picture *picture, const unsigned *at)
{
    const struct connection_status *status = status_of(picture, at);
    return at[1] == WALK_WEEKLY ? &status->weekly : &status->resync;
}

static const struct fleet_queue *queue_of(const struct picture *picture, const unsigned *at)
{
    return picture->subjects[at[0]].queue;
}

static double oldest_age(const struct picture *picture, const struct fleet_queue *queue)
{
    if (queue == NULL)
        return NAN;
    return queue->oldest_ms > 0 ? fmax(0, (double)(picture->now_ms - queue->oldest_ms) / 1000) : 0;
}

static double token_requests(const struct stats *stats, unsigned resource, unsigned result)
{
    return (double)(result == 0 ? stats->tokens[resource] : stats->token_failures[resource]);
}

static double build_info(const void *ctx, const unsigned *at)
{
    (void)ctx;
    (void)at;
    return 1;
}

VALUE(process_started, instant(picture->daemon.started_at_ms))
VALUE(process_cpu, known(picture->process.cpu_s))
VALUE(process_fds, known(picture->process.open_fds))
VALUE(process_max_fds, known(picture->process.max_fds))
VALUE(process_virtual, known(picture->process.virtual_bytes))
VALUE(process_resident, known(picture->process.resident_bytes))

VALUE(daemon_state, (unsigned)picture->daemon.state == at[0])
HISTOGRAM(loop_turns, picture->daemon.loop_turns)

VALUE(store_up, picture->daemon.store_result == 0)
VALUE(store_waiting, (double)picture->daemon.store.queued)
VALUE(store_jobs, (double)picture->daemon.store.jobs)
VALUE(store_failures, (double)picture->daemon.store.failures)
VALUE(store_longest, (double)picture->daemon.store.longest_us / 1e6)
VALUE(store_busy, (double)(at[0] == 0 ? picture->daemon.store : picture->daemon.reader).busy_us / 1e6)
VALUE(store_size, known((double)(at[0] == 0 ? figures_database_bytes : figures_wal_bytes)(picture->figures)))
HISTOGRAM(store_commit, picture->daemon.store.commit.bounds != NULL ? &picture->daemon.store.commit : NULL)

VALUE(queue_reports, queue_of(picture, at) != NULL ? (double)queue_of(picture, at)->queued[at[1]] : NAN)
VALUE(breaker_open, queue_of(picture, at) != NULL ? queue_of(picture, at)->breaker_open : NAN)
VALUE(breaker_held, queue_of(picture, at) != NULL ? (double)queue_of(picture, at)->held : NAN)
VALUE(queue_age, oldest_age(picture, queue_of(picture, at)))
VALUE(queue_others, known((double)figures_others(picture->figures)))
VALUE(holds, known((double)figures_holds(picture->figures)))
VALUE(queue_counted, instant(figures_counted_at_ms(picture->figures)))
VALUE(unanswered, queue_of(picture, at) != NULL ? (double)queue_of(picture, at)->unanswered : NAN)

VALUE(connection_is, (unsigned)status_of(picture, at)->state == at[1])
VALUE(connection_trouble, (unsigned)status_of(picture, at)->trouble == at[1] + 1 ? 1 : NAN)
VALUE(last_success, instant(status_of(picture, at)->last_success_ms))
VALUE(next_try, instant(status_of(picture, at)->next_try_ms))

VALUE(reports, (double)counts_of(picture, at)->reports[at[2]][at[3]])
VALUE(requests, (double)counts_of(picture, at)->requests[at[2]])
VALUE(in_flight, channel_of(picture, at)->in_flight)
VALUE(staged, channel_of(picture, at)->staged)
HISTOGRAM(to_accepted, &counts_of(picture, at)->accepted[at[2]])
HISTOGRAM(to_verdict, &counts_of(picture, at)->verdict[at[2]])
VALUE(verdicts, (double)picture->subjects[at[0]].stats->verdicts[at[1] + 1])

VALUE(throttled, (double)counts_of(picture, at)->throttled)
VALUE(quota, channel_of(picture, at)->quota_share)
VALUE(blocked_until, instant(channel_of(picture, at)->retry_at_ms))

VALUE(tokens, token_requests(picture->subjects[at[0]].stats, at[1], at[2]))
VALUE(token_expiry, instant(at[1] == STATS_GRAPH ? status_of(picture, at)->graph_token_expires_ms
                                                 : status_of(picture, at)->intune_token_expires_ms))

VALUE(credential_expiry, instant(status_of(picture, at)->credential_expires_ms))

VALUE(walk_running, walk_of(picture, at)->started_at_ms > 0)
VALUE(walk_devices, (double)walk_of(picture, at)->total)
VALUE(walk_fed, (double)walk_of(picture, at)->fed)
VALUE(walk_waiting, (double)walk_of(picture, at)->waiting)
VALUE(walk_due, instant(walk_of(picture, at)->due_at_ms))
VALUE(walk_finished, instant(walk_of(picture, at)->finished_at_ms))

/* ---- families: docs/metrics.md says more of each ---- */

static const struct exposition_family families[] = {
    {"complyd_build_info",
     "Always 1; the labels tell what is running.",
     EXPOSITION_GAUGE,
     {&by_version, &by_library},
     .value = build_info},
    {"process_start_time_seconds",
     "When the process began, in seconds since 1970.",
     EXPOSITION_GAUGE,
     {NULL},
     .value = process_started},
    {"process_cpu_seconds_total",
     "Processor time used, of the user and the system.",
     EXPOSITION_COUNTER,
     {NULL},
     .value = process_cpu},
    {"process_open_fds", "Open file descriptors.", EXPOSITION_GAUGE, {NULL}, .value = process_fds},
    {"process_max_fds", "Most file descriptors that may be open.", EXPOSITION_GAUGE, {NULL}, .value = process_max_fds},
    {"process_virtual_memory_bytes", "Virtual memory.", EXPOSITION_GAUGE, {NULL}, .value = process_virtual},
    {"process_resident_memory_bytes", "Resident memory.", EXPOSITION_GAUGE, {NULL}, .value = process_resident},
    {"complyd_daemon_state",
     "1 for the state that the daemon is in.",
     EXPOSITION_GAUGE,
     {&by_daemon_state},
     .value = daemon_state},
    {"complyd_loop_turn_duration_seconds",
     "How long the event loop worked before it looked for news again: what an event may wait for.",
     EXPOSITION_HISTOGRAM,
     {NULL},
     .histogram = loop_turns},
    {"complyd_store_up", "1 while the store can be worked with.", EXPOSITION_GAUGE, {NULL}, .value = store_up},
    {"complyd_store_jobs_waiting",
     "Jobs that wait for the store's write thread or are run by it.",
     EXPOSITION_GAUGE,
     {NULL},
     .value = store_waiting},
    {"complyd_store_jobs_total",
     "Jobs done by the store's write thread.",
     EXPOSITION_COUNTER,
     {NULL},
     .value = store_jobs},
    {"complyd_store_failures_total",
     "Transactions and jobs that failed by the store's fault.",
     EXPOSITION_COUNTER,
     {NULL},
     .value = store_failures},
    {"complyd_store_commit_duration_seconds",
     "How long a durable commit took.",
     EXPOSITION_HISTOGRAM,
     {NULL},
     .histogram = store_commit},
    {"complyd_store_longest_transaction_seconds",
     "The longest transaction of our own since the process began.",
     EXPOSITION_GAUGE,
     {NULL},
     .value = store_longest},
    {"complyd_store_busy_seconds",
     "How long a store thread has been at what it does now; 0 while it is idle.",
     EXPOSITION_GAUGE,
     {&by_thread},
     .value = store_busy},
    {"complyd_store_size_bytes", "Size of the store's files.", EXPOSITION_GAUGE, {&by_file}, .value = store_size},
    {"complyd_queue_reports",
     "Reports that wait or are on their way.",
     EXPOSITION_GAUGE,
     {&by_connection, &by_reason},
     .value = queue_reports},
    {"complyd_queue_oldest_age_seconds",
     "How long ago the report that has waited longest could have been told; 0 when none waits.",
     EXPOSITION_GAUGE,
     {&by_connection},
     .value = queue_age},
    {"complyd_queue_unassigned_reports",
     "Reports of devices whose connection the configuration does not name.",
     EXPOSITION_GAUGE,
     {NULL},
     .value = queue_others},
    {"complyd_queue_counted_timestamp_seconds",
     "When the queue was counted: some seconds ago at most, more when it is very long.",
     EXPOSITION_GAUGE,
     {NULL},
     .value = queue_counted},
    {"complyd_holds",
     "Devices and policies that operators hold as Microsoft was told.",
     EXPOSITION_GAUGE,
     {NULL},
     .value = holds},
    {"complyd_breaker_open",
     "1 while the circuit breaker holds reports that take access away.",
     EXPOSITION_GAUGE,
     {&by_connection},
     .value = breaker_open},
    {"complyd_breaker_held_reports",
     "Reports that the circuit breaker holds.",
     EXPOSITION_GAUGE,
     {&by_connection},
     .value = breaker_held},
    {"complyd_messages_awaiting_verdict",
     "Accepted messages whose verdict Microsoft still owes.",
     EXPOSITION_GAUGE,
     {&by_connection},
     .value = unanswered},
    {"complyd_connection_state",
     "1 for the state that the connection is in.",
     EXPOSITION_GAUGE,
     {&by_connection, &by_state},
     .value = connection_is},
    {"complyd_connection_trouble",
     "1 for the trouble that the connection has; no sample while it has none.",
     EXPOSITION_GAUGE,
     {&by_connection, &by_trouble},
     .value = connection_trouble},
    {"complyd_connection_last_success_timestamp_seconds",
     "When Microsoft last gave a good answer; no sample before the first.",
     EXPOSITION_GAUGE,
     {&by_connection},
     .value = last_success},
    {"complyd_connection_next_try_timestamp_seconds",
     "When a connection in trouble is tried again; no sample while none waits.",
     EXPOSITION_GAUGE,
     {&by_connection},
     .value = next_try},
    {"complyd_reports_total",
     "Reports sent, by what came of each sending.",
     EXPOSITION_COUNTER,
     {&by_connection, &by_channel, &by_reason, &by_outcome},
     .value = reports},
    {"complyd_requests_total",
     "Requests that carried reports, asked for verdicts or looked up users, by what the answer meant as a whole.",
     EXPOSITION_COUNTER,
     {&by_connection, &by_channel, &by_class},
     .value = requests},
    {"complyd_requests_in_flight",
     "Requests at Microsoft now.",
     EXPOSITION_GAUGE,
     {&by_connection, &by_channel},
     .value = in_flight},
    {"complyd_reports_staged",
     "Reports that are ready and wait for their turn.",
     EXPOSITION_GAUGE,
     {&by_connection, &by_channel},
     .value = staged},
    {"complyd_commit_to_accepted_seconds",
     "From the commit of a change to Microsoft's acceptance of its report.",
     EXPOSITION_HISTOGRAM,
     {&by_connection, &by_channel, &by_reason},
     .histogram = to_accepted},
    {"complyd_commit_to_verdict_seconds",
     "From the commit of a change to Microsoft's verdict on its report.",
     EXPOSITION_HISTOGRAM,
     {&by_connection, &by_channel, &by_reason},
     .histogram = to_verdict},
    {"complyd_verdicts_total",
     "Verdicts on accepted messages; expired: none came in time, and the report is sent again.",
     EXPOSITION_COUNTER,
     {&by_connection, &by_verdict},
     .value = verdicts},
    {"complyd_throttled_total",
     "Answers by which Microsoft asked to be asked less.",
     EXPOSITION_COUNTER,
     {&by_connection, &by_channel},
     .value = throttled},
    {"complyd_quota_ratio",
     "Part of the full rate that is used: 1, or less after throttling.",
     EXPOSITION_GAUGE,
     {&by_connection, &by_channel},
     .value = quota},
    {"complyd_throttled_until_timestamp_seconds",
     "Nothing is sent before; no sample while nothing is held back.",
     EXPOSITION_GAUGE,
     {&by_connection, &by_channel},
     .value = blocked_until},
    {"complyd_token_requests_total",
     "Requests for access tokens.",
     EXPOSITION_COUNTER,
     {&by_connection, &by_resource, &by_result},
     .value = tokens},
    {"complyd_token_expiry_timestamp_seconds",
     "When the access token in use expires; no sample without one.",
     EXPOSITION_GAUGE,
     {&by_connection, &by_resource},
     .value = token_expiry},
    {"complyd_credential_expiry_timestamp_seconds",
     "When the credential in use expires; no sample while that is not known.",
     EXPOSITION_GAUGE,
     {&by_connection},
     .value = credential_expiry},
    {"complyd_full_report_running",
     "1 while all devices of the connection are being reported.",
     EXPOSITION_GAUGE,
     {&by_connection, &by_walk},
     .value = walk_running},
    {"complyd_full_report_devices",
     "Devices that the full report has to tell, or had the last time.",
     EXPOSITION_GAUGE,
     {&by_connection, &by_walk},
     .value = walk_devices},
    {"complyd_full_report_fed_devices",
     "Devices of the full report put into the queue so far.",
     EXPOSITION_GAUGE,
     {&by_connection, &by_walk},
     .value = walk_fed},
    {"complyd_full_report_waiting_devices",
     "Devices of the full report that wait in the queue; counted up to 10,000.",
     EXPOSITION_GAUGE,
     {&by_connection, &by_walk},
     .value = walk_waiting},
    {"complyd_full_report_due_timestamp_seconds",
     "When the next full report begins.",
     EXPOSITION_GAUGE,
     {&by_connection, &by_walk},
     .value = walk_due},
    {"complyd_full_report_finished_timestamp_seconds",
     "When the last full report ended; no sample before the first.",
     EXPOSITION_GAUGE,
     {&by_connection, &by_walk},
     .value = walk_finished},
};

static void take_subjects(struct picture *picture, struct daemon *daemon)
{
    for (size_t i = 0; i < picture->count; i++) {
        const struct connection *connection = daemon_connection(daemon, i);
        struct subject *subject = &picture->subjects[i];

        connection_status(connection, &subject->status);
        subject->stats = connection_stats(connection);
        subject->queue = figures_queue(picture->figures, subject->status.name);
    }
}

int metrics_add(struct daemon *daemon, struct buf *out)
{
    struct picture picture = {.figures = daemon_figures(daemon), .now_ms = clock_realtime_ms(clock_system())};

    daemon_status(daemon, &picture.daemon);
    metrics_read_process(&picture.process);
    picture.count = picture.daemon.connection_count;
    picture.subjects = calloc(picture.count + 1, sizeof(picture.subjects[0]));
    if (picture.subjects == NULL)
        return ERR_NOMEM;
    take_subjects(&picture, daemon);
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
        exposition_add(out, &families[i], &picture);
    free(picture.subjects);
    return buf_error(out);
}
