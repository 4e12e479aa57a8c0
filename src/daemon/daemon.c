/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "daemon/daemon.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/log.h"
#include "daemon/activity_log.h"
#include "daemon/connection_run.h"
#include "daemon/figures.h"
#include "daemon/health.h"
#include "daemon/later.h"
#include "daemon/loop_meter.h"
#include "daemon/stats.h"
#include "daemon/watcher.h"
#include "daemon_internal.h"
#include "store/change.h"
#include "store/migrate.h"

enum {
    TEND_MS = 20 * 1000,  /* the timed look, and everything that wants to be looked after */
    OPEN_AGAIN_MS = 3000, /* the store could not be opened */
    HEALTH_MS = 1500,     /* the store failed: is it well again? */
    RECONNECT_DRAIN_MS = 5000,
    PURGE_EVERY = 180, /* tends: once an hour */
};

struct slot {
    struct daemon *daemon;
    struct generation *generation;
    struct connection *connection;
    struct slot *next; /* stopping ones */
};

struct daemon {
    struct uv_loop_s *loop;
    struct generation *generation; /* the one in force */
    struct generation *first;      /* of the start: store, socket and format of the log stay what it says */
    struct connection_context context;
    struct database_lock *lock;
    struct store_thread *writer, *reader;
    struct watcher *watcher;
    struct figures *figures;
    struct stats *stats; /* of all connections there ever were */
    struct loop_meter meter;
    struct activity_log *activity;
    bool activity_stopping, activity_stopped;
    struct change_look look;
    bool looking;
    enum daemon_state state;
    struct error store_error; /* why the store is not open */
    struct health health;     /* of the open store */
    int64_t started_at_ms;
    struct slot **slots; /* in the order of the configuration */
    size_t slot_count;
    struct slot *stopping;
    uv_timer_t tend_timer, open_timer, health_timer;
    unsigned tends;
    int64_t hold_over_ms; /* when the next hold is over; 0 = to be asked */
    struct purge *purge;
    unsigned handles;
    bool closing, store_closing;
    void (*stopped)(void *ctx);
    void *stopped_ctx;
};

const char *daemon_state_name(enum daemon_state state)
{
    static const char *const names[] = {
#define X(name, word) [name] = word,
        DAEMON_STATES(X)
#undef X
    };
    return names[state];
}

struct generation *daemon_generation(const struct daemon *daemon)
{
    return daemon->generation;
}

struct uv_loop_s *daemon_loop(const struct daemon *daemon)
{
    return daemon->loop;
}

/* ---- the activity log ---- */

static void note(struct daemon *daemon, enum activity_kind kind, const char *result, const char *detail)
{
    activity_log_add(daemon->activity,
                     &(struct activity_entry){.kind = activity_kind_name(kind), .result = result, .detail = detail});
}

struct activity_log *daemon_activity(struct daemon *daemon)
{
    return daemon->activity;
}

void daemon_reload_refused(struct daemon *daemon, const char *why)
{
    note(daemon, ACTIVITY_CONFIGURATION, "refused", why);
}

/* ---- connections ---- */

static void finish_if_done(struct daemon *daemon);
static void start_connections(struct daemon *daemon);

static void unlink_stopping(struct daemon *daemon, struct slot *slot)
{
    struct slot **place = &daemon->stopping;
    while (*place != slot)
        place = &(*place)->next;
    *place = slot->next;
}

static void slot_stopped(void *ctx)
{
    struct slot *slot = ctx;
    struct daemon *daemon = slot->daemon;
    unlink_stopping(daemon, slot);
    generation_release(slot->generation);
    free(slot);
    if (daemon->closing)
        finish_if_done(daemon);
    else if (!daemon->stopping)
        start_connections(daemon);
}

static void stop_slot(struct daemon *daemon, struct slot *slot, int64_t drain_ms)
{
    slot->next = daemon->stopping;
    daemon->stopping = slot;
    connection_stop(slot->connection, drain_ms, slot_stopped, slot);
}

static struct slot *start_slot(struct daemon *daemon, const struct connection_settings *settings)
{
    struct error err = {0};
    struct slot *slot = calloc(1, sizeof(*slot));
    if (!slot)
        return NULL;
    slot->daemon = daemon;
    slot->generation = generation_keep(daemon->generation);
    int rc = connection_start(&daemon->context, settings, &slot->connection, &err);
    if (rc == 0)
        return slot;
    log_error(TAG_CONNECTION, "connection %s cannot start: %s", settings->name, error_text(&err));
    if (slot->connection) {
        stop_slot(daemon, slot, 0);
    } else {
        generation_release(slot->generation);
        free(slot);
    }
    return NULL;
}

static struct slot *find_slot(const struct daemon *daemon, const char *name)
{
    for (size_t i = 0; i < daemon->slot_count; i++) {
        if (strcmp(connection_settings(daemon->slots[i]->connection)->name, name) == 0)
            return daemon->slots[i];
    }
    return NULL;
}

struct connection *daemon_find_connection(const struct daemon *daemon, const char *name)
{
    const struct slot *slot = find_slot(daemon, name);
    return slot ? slot->connection : NULL;
}

/* A connection's account wants another way of running. */
static void restart_connection(struct daemon *daemon, struct connection *connection)
{
    for (size_t i = 0; i < daemon->slot_count; i++) {
        struct slot *slot = daemon->slots[i];
        if (slot->connection != connection)
            continue;
        memmove(&daemon->slots[i], &daemon->slots[i + 1], (daemon->slot_count - i - 1) * sizeof(struct slot *));
        daemon->slot_count--;
        stop_slot(daemon, slot, RECONNECT_DRAIN_MS);
        return;
    }
}

/* Starts what the configuration names and does not run yet. A changed connection starts again when its old self has
 * stopped. */
static void start_connections(struct daemon *daemon)
{
    const struct settings *settings = daemon->generation->settings;
    if (!daemon->writer)
        return;
    for (size_t i = 0; i < settings->connection_count; i++) {
        const struct connection_settings *wanted = &settings->connections[i];
        bool waits = false;
        for (const struct slot *slot = daemon->stopping; slot; slot = slot->next)
            waits |= strcmp(connection_settings(slot->connection)->name, wanted->name) == 0;
        if (waits || find_slot(daemon, wanted->name))
            continue;
        struct slot **slots = realloc(daemon->slots, (daemon->slot_count + 1) * sizeof(struct slot *));
        struct slot *slot = slots ? (daemon->slots = slots, start_slot(daemon, wanted)) : NULL;
        if (slot)
            daemon->slots[daemon->slot_count++] = slot;
    }
}

static void for_each_connection(struct daemon *daemon, void (*each)(struct connection *connection))
{
    for (size_t i = 0; i < daemon->slot_count; i++)
        each(daemon->slots[i]->connection);
}

/* ---- the store ---- */

static void look_done(struct store_job *job)
{
    struct daemon *daemon = job->ctx;
    daemon->looking = false;
    if (daemon->closing) {
        finish_if_done(daemon);
        return;
    }
    watcher_looked(daemon->watcher, job->result < 0 ? false : daemon->look.changed);
}

static void look(void *ctx, int64_t patience_us)
{
    struct daemon *daemon = ctx;
    change_look_init(&daemon->look, patience_us, look_done);
    daemon->look.job.ctx = daemon;
    daemon->looking = true;
    store_thread_submit(daemon->writer, &daemon->look.job);
}

static void changed(void *ctx)
{
    const struct daemon *daemon = ctx;
    activity_log_committed(daemon->activity); /* somebody else's commit may be an entry */
    for_each_connection(ctx, connection_dirty);
}

static uint64_t reports(void *ctx)
{
    const struct daemon *daemon = ctx;
    struct connection_status status;
    uint64_t total = 0;
    for (size_t i = 0; i < daemon->slot_count; i++) {
        connection_status(daemon->slots[i]->connection, &status);
        for (int channel = 0; channel < CHANNEL_COUNT; channel++)
            total += status.channel[channel].accepted;
    }
    return total;
}

static const struct watcher_ops watcher_operations = {.look = look, .changed = changed, .reports = reports};

static int bring_up_to_date(const char *path, struct error *err)
{
    struct database *database;
    int from, rc = database_open(path, DATABASE_ANY_VERSION, &database, err);
    if (rc < 0)
        return rc;
    rc = migrate_run(database, &from, err);
    database_close(database);
    if (rc == 0 && from != migrate_latest())
        log_notice(TAG_STORE, "store %s migrated from version %d to %d", path, from, migrate_latest());
    return rc;
}

static void store_failed(void *ctx);

static int open_writer(struct daemon *daemon, const char *path, struct error *err)
{
    int rc = store_thread_start(daemon->loop, path, false, &daemon->writer, err);
    if (rc == 0)
        store_thread_on_failure(daemon->writer, store_failed, daemon);
    return rc;
}

static int open_store(struct daemon *daemon, struct error *err)
{
    const char *path = daemon->first->settings->store;
    int rc = daemon->lock ? 0 : database_lock(path, &daemon->lock, err);
    if (rc == 0)
        rc = bring_up_to_date(path, err);
    if (rc == 0 && !daemon->writer)
        rc = open_writer(daemon, path, err);
    if (rc == 0 && !daemon->reader)
        rc = store_thread_start(daemon->loop, path, true, &daemon->reader, err);
    if (rc == 0 && !daemon->watcher)
        rc = watcher_new(daemon->loop, path, &watcher_operations, daemon, &daemon->watcher, err);
    if (rc < 0)
        return rc;
    daemon->context.writer = daemon->writer;
    daemon->context.reader = daemon->reader;
    activity_log_open(daemon->activity, daemon->writer);
    daemon->hold_over_ms = 0;
    activity_log_tend(daemon->activity, daemon->generation->settings->activity_retention_ms);
    daemon->state = DAEMON_RUNNING;
    start_connections(daemon);
    return 0;
}

static void on_open_timer(uv_timer_t *timer)
{
    struct daemon *daemon = timer->data;
    struct error err = {0};
    int rc = open_store(daemon, &err);
    if (rc == 0) {
        log_notice(TAG_STORE, "store %s is open", daemon->first->settings->store);
        note(daemon, ACTIVITY_STORE, "works_again", daemon->store_error.message);
        memset(&daemon->store_error, 0, sizeof(daemon->store_error));
        return;
    }
    if (strcmp(err.message, daemon->store_error.message) != 0)
        log_error(TAG_STORE, "%s; trying again every %d s", error_text(&err), OPEN_AGAIN_MS / 1000);
    daemon->store_error = err;
    uv_timer_start(timer, on_open_timer, OPEN_AGAIN_MS, 0);
}

/* Another daemon's store, or one that this program must not touch: waiting would not help. */
static bool is_hopeless(int code)
{
    return code == ERR_EXISTS || code == ERR_STORE_NEWER || code == ERR_NOMEM;
}

static int64_t monotonic_ms(const struct daemon *daemon)
{
    return clock_monotonic_ms(daemon->context.clock);
}

static void on_health_timer(uv_timer_t *timer)
{
    struct daemon *daemon = timer->data;
    struct store_thread_stats stats;
    store_thread_stats(daemon->writer, &stats);
    if (health_mended(&daemon->health, stats.commits, monotonic_ms(daemon))) {
        daemon->state = DAEMON_RUNNING;
        note(daemon, ACTIVITY_STORE, "works_again", "");
        log_notice(TAG_STORE, "store %s works again", daemon->first->settings->store);
    }
    if (daemon->health.failing)
        daemon_purge(daemon->purge); /* something to try it with, should nothing else be wanted of it */
    else
        uv_timer_stop(timer);
}

static void tell_trouble(struct daemon *daemon, const struct error *error)
{
    log_error(TAG_STORE, "%s; reports wait, nothing is lost, trying again", error_text(error));
    note(daemon, ACTIVITY_STORE, "trouble", error_text(error));
}

static void store_failed(void *ctx)
{
    struct daemon *daemon = ctx;
    struct store_thread_stats stats;
    if (daemon->closing)
        return;
    store_thread_stats(daemon->writer, &stats);
    if (health_failed(&daemon->health, &stats.last_error, stats.commits, monotonic_ms(daemon)))
        tell_trouble(daemon, &stats.last_error);
    if (daemon->health.trouble)
        daemon->state = DAEMON_STORE_TROUBLE;
    if (!uv_is_active((uv_handle_t *)&daemon->health_timer))
        uv_timer_start(&daemon->health_timer, on_health_timer, HEALTH_MS, HEALTH_MS);
}

static void on_tend(uv_timer_t *timer)
{
    struct daemon *daemon = timer->data;
    if (!daemon->writer)
        return;
    watcher_look(daemon->watcher);
    activity_log_tend(daemon->activity, daemon->generation->settings->activity_retention_ms);
    for_each_connection(daemon, connection_tend);
    if (clock_realtime_ms(daemon->context.clock) >= daemon->hold_over_ms)
        daemon_expire_holds(daemon);
    if (daemon->tends++ % PURGE_EVERY == 0)
        daemon_purge(daemon->purge);
}

/* ---- lifetime ---- */

static void init_timer(struct daemon *daemon, uv_timer_t *timer)
{
    uv_timer_init(daemon->loop, timer);
    timer->data = daemon;
    daemon->handles++;
}

static void start_meter(struct daemon *daemon)
{
    loop_meter_start(&daemon->meter, daemon->loop);
    daemon->meter.prepare.data = daemon;
    daemon->handles++;
}

/* All but what must be closed first. */
static void free_daemon(struct daemon *daemon)
{
    database_unlock(daemon->lock);
    generation_release(daemon->first);
    generation_release(daemon->generation);
    activity_log_free(daemon->activity);
    figures_free(daemon->figures);
    daemon_purge_free(daemon->purge);
    stats_free(daemon->stats);
    free(daemon->slots);
    free(daemon);
}

int daemon_start(struct uv_loop_s *loop, struct settings *settings, struct daemon **ret_daemon, struct error *err)
{
    struct error reason = {0};
    struct daemon *daemon = calloc(1, sizeof(*daemon));
    if (!daemon || !(daemon->activity = activity_log_new(clock_system())) ||
        !(daemon->generation = generation_new(settings))) {
        activity_log_free(daemon ? daemon->activity : NULL);
        free(daemon);
        settings_free(settings);
        return error_set(err, ERR_NOMEM, 0, "daemon");
    }
    daemon->first = generation_keep(daemon->generation);
    if (!(daemon->figures = figures_new(daemon, settings->store)) || !(daemon->purge = daemon_purge_new(daemon))) {
        free_daemon(daemon);
        return error_set(err, ERR_NOMEM, 0, "daemon");
    }
    daemon->loop = loop;
    daemon->context = (struct connection_context){.loop = loop,
                                                  .clock = clock_system(),
                                                  .settings = settings,
                                                  .activity = daemon->activity,
                                                  .stats = &daemon->stats,
                                                  .daemon = daemon,
                                                  .restart = restart_connection};
    daemon->started_at_ms = clock_realtime_ms(daemon->context.clock);
    note(daemon, ACTIVITY_DAEMON, "started", "complyd " COMPLYD_VERSION);
    int rc = open_store(daemon, &reason);
    if (rc < 0 && is_hopeless(rc)) {
        assert(!daemon->writer);
        if (err)
            *err = reason;
        free_daemon(daemon);
        return rc;
    }
    init_timer(daemon, &daemon->tend_timer);
    init_timer(daemon, &daemon->open_timer);
    init_timer(daemon, &daemon->health_timer);
    start_meter(daemon);
    uv_timer_start(&daemon->tend_timer, on_tend, TEND_MS, TEND_MS);
    if (rc < 0) {
        log_error(TAG_STORE, "%s; trying again every %d s", error_text(&reason), OPEN_AGAIN_MS / 1000);
        daemon->state = DAEMON_STORE_TROUBLE;
        daemon->store_error = reason;
        uv_timer_start(&daemon->open_timer, on_open_timer, OPEN_AGAIN_MS, 0);
    }
    *ret_daemon = daemon;
    return 0;
}

static void keep_fixed(const char *key, const char *running, const char *wanted)
{
    if (strcmp(running, wanted) != 0)
        log_warn(TAG_CONFIG, "%s stays %s until a restart", key, running);
}

static bool is_unchanged(const struct daemon *daemon, const struct slot *slot, const struct settings *settings)
{
    const struct connection_settings *running = connection_settings(slot->connection);
    const struct connection_settings *wanted = settings_connection(settings, running->name);
    return wanted && settings->enabled == slot->generation->settings->enabled &&
           settings_connection_equal(running, wanted) && daemon->writer;
}

void daemon_reload(struct daemon *daemon, struct settings *settings)
{
    struct generation *generation = generation_new(settings), *old = daemon->generation;
    if (!generation) {
        log_error(TAG_CONFIG, "configuration not taken over: out of memory");
        settings_free(settings);
        return;
    }
    keep_fixed("[daemon] store", daemon->first->settings->store, settings->store);
    keep_fixed("[daemon] control_socket", daemon->first->settings->control_socket, settings->control_socket);
    keep_fixed("[daemon] log_format", log_format_name(daemon->first->settings->log_format),
               log_format_name(settings->log_format));
    daemon->generation = generation;
    daemon->context.settings = settings;
    note(daemon, ACTIVITY_CONFIGURATION, "loaded", "");
    size_t kept = 0;
    for (size_t i = 0; i < daemon->slot_count; i++) {
        struct slot *slot = daemon->slots[i];
        if (is_unchanged(daemon, slot, settings)) {
            daemon->slots[kept++] = slot;
            connection_retry(slot->connection);
        } else {
            stop_slot(daemon, slot, RECONNECT_DRAIN_MS);
        }
    }
    daemon->slot_count = kept;
    generation_release(old);
    start_connections(daemon);
}

static void on_writer_closed(void *ctx)
{
    struct daemon *daemon = ctx;
    daemon->writer = NULL;
    finish_if_done(daemon);
}

static void on_reader_closed(void *ctx)
{
    struct daemon *daemon = ctx;
    daemon->reader = NULL;
    finish_if_done(daemon);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct daemon *daemon = handle->data;
    if (--daemon->handles > 0)
        return;
    void (*stopped)(void *ctx) = daemon->stopped;
    void *ctx = daemon->stopped_ctx;
    free_daemon(daemon);
    stopped(ctx);
}

static void activity_stopped(void *ctx)
{
    struct daemon *daemon = ctx;
    daemon->activity_stopped = true;
    finish_if_done(daemon);
}

/* Once only: the last entries may be on their way already. */
static void stop_activity(struct daemon *daemon)
{
    if (daemon->activity_stopping)
        return;
    daemon->activity_stopping = true;
    note(daemon, ACTIVITY_DAEMON, "stopped", "");
    activity_log_stop(daemon->activity, activity_stopped, daemon);
}

/* Connections first, then the look under way, then the activity log, then the store, then the handles. */
static void finish_if_done(struct daemon *daemon)
{
    if (daemon->stopping || daemon->looking)
        return;
    if (!daemon->activity_stopped) {
        stop_activity(daemon);
        return;
    }
    if (!daemon->store_closing) {
        daemon->store_closing = true;
        watcher_close(daemon->watcher);
        if (daemon->writer)
            store_thread_stop(daemon->writer, on_writer_closed, daemon);
        if (daemon->reader)
            store_thread_stop(daemon->reader, on_reader_closed, daemon);
    }
    if (daemon->writer || daemon->reader || uv_is_closing((uv_handle_t *)&daemon->tend_timer))
        return;
    uv_close((uv_handle_t *)&daemon->tend_timer, on_handle_closed);
    uv_close((uv_handle_t *)&daemon->open_timer, on_handle_closed);
    uv_close((uv_handle_t *)&daemon->health_timer, on_handle_closed);
    loop_meter_close(&daemon->meter, on_handle_closed);
}

void daemon_stop(struct daemon *daemon, int64_t drain_ms, void (*stopped)(void *ctx), void *ctx)
{
    daemon->state = DAEMON_STOPPING;
    daemon->closing = true;
    daemon->stopped = stopped;
    daemon->stopped_ctx = ctx;
    uv_timer_stop(&daemon->tend_timer);
    uv_timer_stop(&daemon->open_timer);
    uv_timer_stop(&daemon->health_timer);
    for (size_t i = 0; i < daemon->slot_count; i++)
        stop_slot(daemon, daemon->slots[i], drain_ms);
    daemon->slot_count = 0;
    finish_if_done(daemon);
}

/* ---- lookers and operators ---- */

struct figures *daemon_figures(struct daemon *daemon)
{
    return daemon->figures;
}

const struct settings *daemon_settings(const struct daemon *daemon)
{
    return daemon->generation->settings;
}

void daemon_status(const struct daemon *daemon, struct daemon_status *ret_status)
{
    *ret_status = (struct daemon_status){
        .state = daemon->state,
        .started_at_ms = daemon->started_at_ms,
        .store_path = daemon->first->settings->store,
        .store_result = daemon->store_error.code,
        .store_error = daemon->store_error.message,
        .loop_turns = &daemon->meter.turns,
        .connection_count = daemon->slot_count,
    };
    if (!daemon->writer)
        return;
    store_thread_stats(daemon->writer, &ret_status->store);
    if (daemon->reader)
        store_thread_stats(daemon->reader, &ret_status->reader);
    if (daemon->health.trouble) {
        ret_status->store_result = daemon->health.error.code;
        ret_status->store_error = daemon->health.error.message;
    }
}

const struct connection *daemon_connection(const struct daemon *daemon, size_t index)
{
    return daemon->slots[index]->connection;
}

static bool store_is_open(const struct daemon *daemon, struct error *err)
{
    if (daemon->writer && daemon->reader && !daemon->closing)
        return true;
    error_set(err, ERR_STORE, 0, "the store is not open: %s", daemon->store_error.message);
    return false;
}

void daemon_look(struct daemon *daemon, struct store_job *job)
{
    struct error err = {0};
    if (store_is_open(daemon, &err))
        store_thread_submit(daemon->reader, job);
    else
        later_fail(daemon->loop, job, &err);
}

void daemon_write(struct daemon *daemon, struct store_job *job)
{
    struct error err = {0};
    if (store_is_open(daemon, &err))
        store_thread_submit(daemon->writer, job);
    else
        later_fail(daemon->loop, job, &err);
}

void daemon_expect_hold(struct daemon *daemon, int64_t over_ms)
{
    daemon->hold_over_ms = over_ms;
}

void daemon_changed(struct daemon *daemon)
{
    daemon->hold_over_ms = 0; /* what changed may be a hold */
    if (!daemon->closing)
        changed(daemon);
}

void daemon_resynced(struct daemon *daemon, const char *connection, const struct full_report_state *state)
{
    const struct slot *slot = find_slot(daemon, connection);
    if (slot && !daemon->closing) /* else it finds the order in the store when it starts */
        connection_resync(slot->connection, state);
}
