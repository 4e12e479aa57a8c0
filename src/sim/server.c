/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "sim/server.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "sim/reply.h"
#include "sim/world.h"

struct server {
    struct world *world;
    struct replies replies, identity_replies;
    struct MHD_Daemon *daemon, *identity_daemon; /* the second may be missing */
    int listener, identity_listener;
    int signals;
};

enum { CONNECTION_LIMIT = 8192, CONNECTION_MEMORY = 64 * 1024, IDLE_TIMEOUT_S = 300, DRAIN_MS = 1000 };

static struct addrinfo *resolve(const char *listen_on, struct error *err)
{
    const char *colon = strrchr(listen_on, ':');
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                                   .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char host[64];

    bool bracketed = *listen_on == '[' && colon && colon[-1] == ']';
    if (!colon || (size_t)(colon - listen_on) >= sizeof(host) ||
        (!bracketed && memchr(listen_on, ':', (size_t)(colon - listen_on)))) {
        error_set(err, ERR_INVALID, 0, "listen on ADDR:PORT or [ADDR]:PORT, not '%.80s'", listen_on);
        return NULL;
    }
    snprintf(host, sizeof(host), "%.*s", (int)(colon - listen_on) - (bracketed ? 2 : 0),
             listen_on + (bracketed ? 1 : 0));
    if (getaddrinfo(host, colon + 1, &hints, &found) != 0)
        error_set(err, ERR_INVALID, 0, "'%.80s' is not a numeric address and port", listen_on);
    return found;
}

static int bind_listener(const struct addrinfo *address)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int one = 1;

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0)
        return fd;
    close(fd);
    return -1;
}

static char *url_of(int listener, const char *scheme)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);
    char host[NI_MAXHOST];
    char port[NI_MAXSERV];
    char *url = NULL;

    if (getsockname(listener, (struct sockaddr *)&address, &length) != 0 ||
        getnameinfo((struct sockaddr *)&address, length, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return NULL;
    bool brackets = strchr(host, ':') != NULL;
    return asprintf(&url, "%s://%s%s%s:%s", scheme, brackets ? "[" : "", host, brackets ? "]" : "", port) < 0 ? NULL
                                                                                                              : url;
}

static int open_listener(const char *listen_on, const char *scheme, int *ret_listener, char **ret_url,
                         struct error *err)
{
    struct addrinfo *address = resolve(listen_on, err);
    int listener;

    *ret_url = NULL;
    if (!address)
        return ERR_INVALID;
    listener = bind_listener(address);
    freeaddrinfo(address);
    if (listener < 0)
        return error_set(err, ERR_IO, errno, "cannot listen on %s: %s", listen_on, strerror(errno));
    *ret_url = url_of(listener, scheme);
    if (!*ret_url) {
        close(listener);
        return error_set(err, ERR_NOMEM, 0, "listener");
    }
    *ret_listener = listener;
    return 0;
}

int server_open(struct world *world, const char *listen_on, struct server **ret_server, char **ret_url,
                struct error *err)
{
    struct server *server = calloc(1, sizeof(*server));
    int rc;

    if (!server)
        return error_set(err, ERR_NOMEM, 0, "server");
    server->world = world;
    server->signals = server->identity_listener = -1;
    rc = open_listener(listen_on, "https", &server->listener, ret_url, err);
    if (rc != 0) {
        free(server);
        return rc;
    }
    replies_init(&server->replies, world);
    replies_init(&server->identity_replies, world);
    server->identity_replies.identity = true;
    *ret_server = server;
    return 0;
}

int server_open_identity(struct server *server, const char *listen_on, char **ret_url, struct error *err)
{
    return open_listener(listen_on, "http", &server->identity_listener, ret_url, err);
}

static void __attribute__((format(printf, 2, 0))) on_log(void *ctx, const char *format, va_list args)
{
    char line[512];

    (void)ctx;
    vsnprintf(line, sizeof(line), format, args);
    line[strcspn(line, "\n")] = '\0';
    log_debug(TAG_SIM, "%s", line);
}

static void on_connection(void *ctx, struct MHD_Connection *connection, void **socket_ctx,
                          enum MHD_ConnectionNotificationCode code)
{
    struct server *server = ctx;

    (void)connection;
    (void)socket_ctx;
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        server->world->stats.connections++;
}

static void raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int open_signals(void)
{
    sigset_t set;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static int start_identity(struct server *server, struct error *err)
{
    server->identity_daemon =
        MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, replies_on_request,
                         &server->identity_replies, MHD_OPTION_LISTEN_SOCKET, server->identity_listener,
                         MHD_OPTION_URI_LOG_CALLBACK, replies_on_uri, &server->identity_replies,
                         MHD_OPTION_NOTIFY_COMPLETED, replies_on_completed, &server->identity_replies, MHD_OPTION_END);
    if (!server->identity_daemon)
        return error_set(err, ERR_IO, 0, "cannot start the identity service");
    server->identity_listener = -1;
    return 0;
}

int server_start(struct server *server, const char *certificate, const char *key, struct error *err)
{
    raise_file_limit();
    server->signals = open_signals();
    server->daemon = MHD_start_daemon(
        MHD_USE_TLS | MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_TURBO | MHD_USE_ERROR_LOG, 0, NULL, NULL,
        replies_on_request, &server->replies, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL, MHD_OPTION_LISTEN_SOCKET,
        server->listener, MHD_OPTION_HTTPS_MEM_CERT, certificate, MHD_OPTION_HTTPS_MEM_KEY, key,
        MHD_OPTION_URI_LOG_CALLBACK, replies_on_uri, &server->replies, MHD_OPTION_NOTIFY_COMPLETED,
        replies_on_completed, &server->replies, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTION_LIMIT, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_TIMEOUT_S, MHD_OPTION_END);
    if (server->signals < 0 || !server->daemon)
        return error_set(err, ERR_TLS, 0, "cannot start the TLS server: are certificate and key good?");
    server->listener = -1; /* the daemon closes it */
    return server->identity_listener >= 0 ? start_identity(server, err) : 0;
}

static int library_wait(struct MHD_Daemon *daemon, int64_t wait)
{
    MHD_UNSIGNED_LONG_LONG library_ms;

    if (daemon && MHD_get_timeout(daemon, &library_ms) == MHD_YES && (wait < 0 || (int64_t)library_ms < wait))
        wait = (int64_t)library_ms;
    return wait > 60000 ? 60000 : (int)wait;
}

/* Milliseconds until something is due; -1 = nothing is. */
static int wait_ms(struct server *server, int64_t now_ms)
{
    int64_t due_ms = timers_next(&server->world->timers);
    int64_t wait = due_ms < 0 ? -1 : due_ms > now_ms ? due_ms - now_ms : 0;

    return library_wait(server->identity_daemon, library_wait(server->daemon, wait));
}

static struct pollfd watch(struct MHD_Daemon *daemon)
{
    int fd = daemon ? MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd : -1;

    return (struct pollfd){.fd = fd, .events = POLLIN}; /* a negative one is passed over */
}

static int turn(struct server *server, int limit_ms, struct error *err)
{
    struct pollfd fds[] = {
        watch(server->daemon), {.fd = server->signals, .events = POLLIN}, watch(server->identity_daemon)};
    int wait = wait_ms(server, world_monotonic_ms(server->world));
    struct signalfd_siginfo signal_info;

    if (limit_ms >= 0 && (wait < 0 || wait > limit_ms))
        wait = limit_ms;
    if (poll(fds, 3, wait) < 0 && errno != EINTR)
        return error_set(err, ERR_IO, errno, "poll: %s", strerror(errno));
    if (fds[1].revents && read(server->signals, &signal_info, sizeof(signal_info)) > 0) {
        log_info(TAG_SIM, "ending on %s", strsignal((int)signal_info.ssi_signo));
        server->world->quit = true;
    }
    timers_run(&server->world->timers, world_monotonic_ms(server->world));
    if (MHD_run(server->daemon) != MHD_YES || (server->identity_daemon && MHD_run(server->identity_daemon) != MHD_YES))
        return error_set(err, ERR_IO, 0, "the HTTP library gave up");
    return 0;
}

int server_run(struct server *server, struct error *err)
{
    int rc = 0;

    while (rc == 0 && !server->world->quit)
        rc = turn(server, -1, err);
    int64_t end_ms = world_monotonic_ms(server->world) + DRAIN_MS;
    replies_resume_all(&server->replies);
    replies_resume_all(&server->identity_replies);
    while (rc == 0 && server->world->stats.in_flight > 0 && world_monotonic_ms(server->world) < end_ms)
        rc = turn(server, 20, err);
    return rc;
}

void server_close(struct server *server)
{
    if (!server)
        return;
    replies_resume_all(&server->replies);
    replies_resume_all(&server->identity_replies);
    if (server->daemon)
        MHD_stop_daemon(server->daemon);
    if (server->identity_daemon)
        MHD_stop_daemon(server->identity_daemon);
    if (server->identity_listener >= 0)
        close(server->identity_listener);
    if (server->listener >= 0)
        close(server->listener);
    if (server->signals >= 0)
        close(server->signals);
    free(server);
}
