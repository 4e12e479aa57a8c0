/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "admin/server.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "admin/listener.h"
#include "base/log.h"
#include "exchange.h"

enum {
    CONNECTIONS_MAX = 64,
    IDLE_TIMEOUT_S = 30,
    CONNECTION_MEMORY = 24 * 1024, /* request line and headers */
};

struct server {
    struct exchange_host host; /* first: the callbacks of libmicrohttpd get it */
    struct listener listener;
    struct MHD_Daemon *http;
    uv_poll_t poll;   /* of libmicrohttpd's epoll descriptor */
    uv_timer_t timer; /* its time-outs; not armed while nobody is connected */
    unsigned open_handles;
    bool someone_left; /* in this run: there may be room for a connection that waits in the backlog */
    void (*stopped)(void *ctx);
    void *stopped_ctx;
};

static void run(struct server *server);

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    run(poll->data);
}

static void on_timer(uv_timer_t *timer)
{
    run(timer->data);
}

/* libmicrohttpd stops listening while it is full, and takes that up again only when it runs once more. */
static void run(struct server *server)
{
    MHD_UNSIGNED_LONG_LONG timeout_ms;

    do {
        server->someone_left = false;
        MHD_run(server->http);
    } while (server->someone_left);
    if (MHD_get_timeout(server->http, &timeout_ms) == MHD_YES)
        uv_timer_start(&server->timer, on_timer, timeout_ms, 0);
    else
        uv_timer_stop(&server->timer);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct server *server = handle->data;
    void (*stopped)(void *ctx) = server->stopped;
    void *ctx = server->stopped_ctx;

    if (--server->open_handles > 0)
        return;
    free(server);
    if (stopped != NULL)
        stopped(ctx);
}

static void finish(struct server *server)
{
    uv_close((uv_handle_t *)&server->poll, on_handle_closed);
    uv_close((uv_handle_t *)&server->timer, on_handle_closed);
    MHD_stop_daemon(server->http);
    assert(server->host.visitors.count == 0);
}

static void on_resumed(struct exchange_host *host)
{
    struct server *server = (struct server *)host;

    run(server);
    if (host->stopping && host->suspended == 0)
        finish(server);
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct server *server = cls;

    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

        *context = visitor_enter(&server->host.visitors, info->connect_fd);
    } else {
        visitor_leave(&server->host.visitors, *context);
        *context = NULL;
        server->someone_left = true;
    }
}

__attribute__((format(printf, 2, 0))) static void on_message(void *cls, const char *format, va_list args)
{
    char text[256];

    (void)cls;
    vsnprintf(text, sizeof(text), format, args);
    text[strcspn(text, "\n")] = '\0';
    log_debug(TAG_ADMIN, "libmicrohttpd: %s", text);
}

static int start_http(struct server *server, struct error *err)
{
    server->http = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL, exchange_on_request, server,
        MHD_OPTION_EXTERNAL_LOGGER, on_message, NULL, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_LISTEN_SOCKET,
        server->listener.fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)IDLE_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
        MHD_OPTION_URI_LOG_CALLBACK, exchange_on_uri, server, MHD_OPTION_NOTIFY_COMPLETED, exchange_on_completed,
        server, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_END);
    if (server->http == NULL)
        return error_set(err, ERR_NOMEM, 0, "the control API cannot be started");
    return 0;
}

static int join_loop(struct server *server, uv_loop_t *loop, struct error *err)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(server->http, MHD_DAEMON_INFO_EPOLL_FD);
    int result = info != NULL ? uv_poll_init(loop, &server->poll, info->epoll_fd) : UV_EINVAL;

    if (result != 0)
        return error_set(err, ERR_IO, -result, "the control API cannot join the loop: %s", uv_strerror(result));
    uv_timer_init(loop, &server->timer);
    server->poll.data = server;
    server->timer.data = server;
    server->open_handles = 2;
    uv_poll_start(&server->poll, UV_READABLE, on_readable);
    return 0;
}

int server_start(struct uv_loop_s *loop, struct daemon *daemon, const char *path, struct server **ret_server,
                 struct error *err)
{
    struct server *server = calloc(1, sizeof(*server));
    int result;

    *ret_server = NULL;
    if (server == NULL)
        return error_set(err, ERR_NOMEM, 0, "out of memory");
    result = listener_open(path, &server->listener, err);
    if (result != 0)
        goto fail;
    server->host = (struct exchange_host){.daemon = daemon, .group = server->listener.group, .resumed = on_resumed};
    result = start_http(server, err);
    if (result != 0) {
        close(server->listener.fd);
        goto fail_listener;
    }
    result = join_loop(server, loop, err);
    if (result != 0)
        goto fail_http;
    *ret_server = server;
    return 0;

fail_http:
    MHD_stop_daemon(server->http); /* closes the socket too */
fail_listener:
    listener_remove(&server->listener);
fail:
    free(server);
    return result;
}

void server_stop(struct server *server, void (*stopped)(void *ctx), void *ctx)
{
    int fd;

    if (server->host.stopping)
        return;
    server->host.stopping = true;
    server->stopped = stopped;
    server->stopped_ctx = ctx;
    listener_remove(&server->listener);
    fd = MHD_quiesce_daemon(server->http);
    if (fd >= 0)
        close(fd);
    if (server->host.suspended == 0)
        finish(server);
}
