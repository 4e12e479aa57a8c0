/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>
#include <uv.h>

#include "admin/server.h"
#include "base/clock.h"
#include "base/duration.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/settings.h"
#include "daemon/daemon.h"
#include "daemon/dump.h"
#include "daemon/notify.h"
#include "daemon/plan.h"
#include "microsoft/credential.h"
#include "net/http.h"
#include "store/database.h"

enum { DRAIN_MS = 10 * 1000, STATUS_MS = 30 * 1000 };

struct options {
    const char *config;
    bool check, dry_run, foreground;
};

struct program {
    uv_loop_t loop;
    struct options options;
    struct daemon *daemon;
    struct server *server;
    uv_signal_t signals[4];
    uv_timer_t watchdog;
    bool stopping;
};

static const char usage[] =
    "Usage: complyd [OPTION]...\n"
    "Report the compliance of an MDM's devices to Microsoft Entra and Intune.\n"
    "\n"
    "  --config FILE   configuration; default " SETTINGS_DEFAULT_PATH "\n"
    "  --check         check the configuration and exit: 0, or 78 with file:line, key and reason\n"
    "  --dry-run       print what would be sent now, one line a device, send nothing, and exit\n"
    "  --foreground    log to standard error as text with times, whatever log_format says\n"
    "  --version       print the version and exit\n"
    "  --help          print this help and exit\n"
    "\n"
    "Signals: HUP reloads the configuration, TERM and INT finish what is in flight and stop (a second one stops at\n"
    "once), USR1 writes the state of everything to the log.\n"
    "Exit codes are those of sysexits(3): 64 wrong usage, 65 the store is from a newer version, 69 another complyd "
    "uses\n"
    "the store, 73 the control socket cannot be made, 78 the configuration is wrong.\n";

static int parse_options(int argc, char **argv, struct options *options)
{
    static const struct option known[] = {
        {"config", required_argument, NULL, 'c'},
        {"check", no_argument, NULL, 'k'},
        {"dry-run", no_argument, NULL, 'n'},
        {"foreground", no_argument, NULL, 'f'},
        {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int c;
    *options = (struct options){.config = SETTINGS_DEFAULT_PATH};
    while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (c) {
        case 'c':
            options->config = optarg;
            break;
        case 'k':
            options->check = true;
            break;
        case 'n':
            options->dry_run = true;
            break;
        case 'f':
            options->foreground = true;
            break;
        case 'V':
            printf("complyd %s\n", COMPLYD_VERSION);
            exit(EX_OK);
        case 'h':
            fputs(usage, stdout);
            exit(EX_OK);
        default:
            fputs("Try: complyd --help\n", stderr);
            return EX_USAGE;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "complyd: unexpected argument \"%s\"\nTry: complyd --help\n", argv[optind]);
        return EX_USAGE;
    }
    return EX_OK;
}

/* Tokens and keys must not land in a core file, nor be read by another process of the same user. */
static void forbid_core_dumps(void)
{
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0);
}

/* Three threads that seldom allocate at once share one arena, and what was needed for a moment goes back to the kernel:
 * glibc would raise both limits by itself otherwise. */
static void keep_memory_small(void)
{
    mallopt(M_ARENA_MAX, 2);
    mallopt(M_MMAP_THRESHOLD, 128 * 1024);
    mallopt(M_TRIM_THRESHOLD, 512 * 1024);
}

static void start_log(const struct options *options, const struct settings *settings)
{
    enum log_format format = options->foreground ? LOG_FORMAT_TEXT : settings->log_format;
    bool journal = format == LOG_FORMAT_JOURNAL;
    log_init(settings->log_level, journal ? LOG_FORMAT_TEXT : format, true);
    if (journal)
        log_set_sink(notify_journal, NULL);
}

/* A tag and a reason per line, to the log: the running configuration stays. */
static void log_problems(struct buf *problems)
{
    char *line, *rest = problems->data;
    while (rest && (line = strsep(&rest, "\n")) != NULL) {
        if (line[0])
            log_error(TAG_CONFIG, "%s", line);
    }
}

static void tell_status(struct program *program)
{
    struct daemon_status status;
    char text[200];
    size_t broken = 0;
    daemon_status(program->daemon, &status);
    for (size_t i = 0; i < status.connection_count; i++) {
        struct connection_status connection;
        connection_status(daemon_connection(program->daemon, i), &connection);
        broken += connection.state == CONNECTION_BROKEN;
    }
    if (status.store_result < 0)
        snprintf(text, sizeof(text), "Store trouble: %.150s", status.store_error);
    else
        snprintf(text, sizeof(text), "%zu connection%s, %zu broken", status.connection_count,
                 status.connection_count == 1 ? "" : "s", broken);
    notify_status(text);
}

static void reload(struct program *program)
{
    struct settings *settings;
    struct buf problems;
    buf_init(&problems, 64 * 1024);
    notify_reloading();
    if (settings_load(program->options.config, &settings, &problems) < 0) {
        log_problems(&problems);
        daemon_reload_refused(program->daemon, buf_text(&problems)); /* the first of them */
        log_error(TAG_CONFIG, "%s not taken over; the running configuration stays", program->options.config);
    } else {
        log_set_level(settings->log_level);
        daemon_reload(program->daemon, settings);
        server_reload(program->server);
        log_notice(TAG_CONFIG, "%s taken over", program->options.config);
    }
    buf_deinit(&problems);
    notify_ready();
    tell_status(program);
}

static void on_stopped(void *ctx)
{
    struct program *program = ctx;
    for (size_t i = 0; i < sizeof(program->signals) / sizeof(program->signals[0]); i++)
        uv_close((uv_handle_t *)&program->signals[i], NULL);
    uv_close((uv_handle_t *)&program->watchdog, NULL);
}

static void on_server_stopped(void *ctx)
{
    struct program *program = ctx;
    daemon_stop(program->daemon, DRAIN_MS, on_stopped, program);
}

static void stop(struct program *program, int signal_number)
{
    if (program->stopping) {
        log_warn(TAG_DAEMON, "second %s: stopping at once; what is in flight is sent again at the next start",
                 strsignal(signal_number));
        _exit(EX_OK);
    }
    program->stopping = true;
    char limit[DURATION_TEXT];
    log_notice(TAG_DAEMON, "stopping: finishing what is in flight within %s", duration_format(DRAIN_MS, limit));
    notify_stopping();
    server_stop(program->server, on_server_stopped, program);
}

static void on_signal(uv_signal_t *handle, int signal_number)
{
    struct program *program = handle->data;
    switch (signal_number) {
    case SIGHUP:
        if (!program->stopping)
            reload(program);
        break;
    case SIGUSR1:
        if (!program->stopping)
            dump_log(program->daemon);
        break;
    default:
        stop(program, signal_number);
    }
}

static void watch_signals(struct program *program)
{
    static const int numbers[] = {SIGHUP, SIGUSR1, SIGTERM, SIGINT};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        uv_signal_init(&program->loop, &program->signals[i]);
        program->signals[i].data = program;
        uv_signal_start(&program->signals[i], on_signal, numbers[i]);
    }
    signal(SIGPIPE, SIG_IGN);
}

static void on_watchdog(uv_timer_t *timer)
{
    notify_watchdog();
    tell_status(timer->data);
}

static void start_watchdog(struct program *program)
{
    int64_t limit = notify_watchdog_ms();
    uint64_t period = limit > 0 && limit / 2 < STATUS_MS ? (uint64_t)limit / 2 : STATUS_MS;
    uv_timer_init(&program->loop, &program->watchdog);
    program->watchdog.data = program;
    uv_timer_start(&program->watchdog, on_watchdog, period, period);
}

static int exit_code(int code)
{
    switch (code) {
    case ERR_EXISTS:
        return EX_UNAVAILABLE;
    case ERR_STORE_NEWER:
        return EX_DATAERR;
    case ERR_PERMISSION:
        return EX_NOPERM;
    case ERR_NOTFOUND:
        return EX_NOINPUT;
    default:
        return EX_OSERR;
    }
}

/* What the reader of the log wants to know first. */
static void tell_start(const struct options *options, const struct settings *settings)
{
    log_notice(TAG_DAEMON, "complyd %s starting: configuration %s, store %s, %zu connection%s, log level %s",
               COMPLYD_VERSION, options->config, settings->store, settings->connection_count,
               settings->connection_count == 1 ? "" : "s", log_level_name(log_get_level()));
    log_info(TAG_DAEMON, "with %s %s libuv/%s", http_version(), database_library(), uv_version_string());
    if (!settings->enabled)
        log_notice(TAG_CONFIG, "reporting is switched off ([reporting] enabled = no): changes queue, nothing is sent");
    if (settings->connection_count == 0)
        log_warn(TAG_CONFIG, "no [connection NAME] in %s: nothing can be reported yet", options->config);
}

static int run(struct program *program, struct settings *settings)
{
    struct error err = {0};
    tell_start(&program->options, settings);
    uv_loop_init(&program->loop);
    int rc = daemon_start(&program->loop, settings, &program->daemon, &err);
    if (rc < 0) {
        log_error(TAG_DAEMON, "cannot start: %s", error_text(&err));
        return exit_code(rc);
    }
    rc = server_start(&program->loop, program->daemon, daemon_settings(program->daemon)->control_socket,
                      &program->server, &err);
    if (rc < 0) {
        log_error(TAG_DAEMON, "cannot start: %s", error_text(&err));
        return EX_CANTCREAT; /* nothing is in flight yet: leaving at once loses nothing */
    }
    watch_signals(program);
    start_watchdog(program);
    notify_ready();
    tell_status(program);
    uv_run(&program->loop, UV_RUN_DEFAULT);
    uv_loop_close(&program->loop);
    log_notice(TAG_DAEMON, "stopped");
    return EX_OK;
}

/* What settings_load() cannot see: certificates, keys, dates. The daemon itself starts all the same, and says so at
 * run time. */
/* Nothing but files that only the unit sees: whoever checks the configuration by hand, or at a reload, is not it. */
static bool are_absences(const char *problems)
{
    char line[1024];
    bool all = *problems != '\0';
    for (; all && *problems != '\0'; problems += strcspn(problems, "\n"), problems += *problems == '\n') {
        snprintf(line, sizeof(line), "%.*s", (int)strcspn(problems, "\n"), problems);
        all = secret_is_absence(line);
    }
    return all;
}

static int check_credentials(const struct settings *settings)
{
    const int64_t now_s = clock_realtime_ms(clock_system()) / 1000;
    bool good = true;
    for (size_t i = 0; i < settings->connection_count; i++) {
        const struct connection_settings *connection = &settings->connections[i];
        enum credential_kind kinds[CREDENTIALS_MAX];
        const size_t count = connection->enabled ? credential_list(connection, kinds) : 0;
        for (size_t k = 0; k < count; k++) {
            struct error err = {0};
            if (credential_check(connection, kinds[k], now_s, &err) == 0)
                continue;
            fprintf(stderr, "%s:%d: [connection %s] %s: %s\n", settings->path, connection->line, connection->name,
                    credential_name(kinds[k]), error_text(&err));
            good = false;
        }
    }
    if (good)
        printf("%s: no problem found\n", settings->path);
    return good ? EX_OK : EX_CONFIG;
}

int main(int argc, char **argv)
{
    static struct program program;
    struct settings *settings;
    struct buf problems;
    int rc = parse_options(argc, argv, &program.options);
    if (rc != EX_OK)
        return rc;
    forbid_core_dumps();
    keep_memory_small();
    buf_init(&problems, 256 * 1024);
    rc = settings_load(program.options.config, &settings, &problems);
    if (rc < 0) {
        fputs(buf_text(&problems), stderr);
        bool well = program.options.check && are_absences(buf_text(&problems));
        if (well)
            printf("%s: no other problem found\n", program.options.config);
        buf_deinit(&problems);
        return well ? EX_OK : EX_CONFIG;
    }
    buf_deinit(&problems);
    if (program.options.check) {
        rc = check_credentials(settings);
        settings_free(settings);
        return rc;
    }
    if (program.options.dry_run) {
        rc = plan_print(settings, stdout);
        settings_free(settings);
        return rc < 0 ? exit_code(rc) : EX_OK;
    }
    start_log(&program.options, settings);
    return run(&program, settings);
}
