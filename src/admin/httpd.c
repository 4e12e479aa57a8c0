/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "httpd.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "base/log.h"

enum {
    CONNECTIONS_MAX = 64,
    IDLE_TIMEOUT_S = 30,
    CONNECTION_MEMORY = 24 * 1024, /* request line and headers */
};

struct httpd {
    struct exchange_host host; /* first: the callbacks of libmicrohttpd get it */
    struct MHD_Daemon *http;
    uv_poll_t poll;   /* of libmicrohttpd's epoll descriptor */
    uv_timer_t timer; /* its time-outs; not armed while nobody is connected */
    unsigned open_handles;
    bool someone_left; /* in this run: there may be room for a connection that waits in the backlog */
    void (*stopped)(void *ctx);
    void *stopped_ctx;
};

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    httpd_run(poll->data);
}

static void on_timer(uv_timer_t *timer)
{
    httpd_run(timer->data);
}

/* libmicrohttpd stops listening while it is full, and takes that up again only when it runs once more. */
void httpd_run(struct httpd *httpd)
{
    MHD_UNSIGNED_LONG_LONG timeout_ms;

    do {
        httpd->someone_left = false;
        MHD_run(httpd->http);
    } while (httpd->someone_left);
    if (MHD_get_timeout(httpd->http, &timeout_ms) == MHD_YES)
        uv_timer_start(&httpd->timer, on_timer, timeout_ms, 0);
    else
        uv_timer_stop(&httpd->timer);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct httpd *httpd = handle->data;
    void (*stopped)(void *ctx) = httpd->stopped;
    void *ctx = httpd->stopped_ctx;

    if (--httpd->open_handles > 0)
        return;
    free(httpd);
    if (stopped != NULL)
        stopped(ctx);
}

static void finish(struct httpd *httpd)
{
    if (httpd->host.ending != NULL)
        httpd->host.ending(&httpd->host);
    uv_close((uv_handle_t *)&httpd->poll, on_handle_closed);
    uv_close((uv_handle_t *)&httpd->timer, on_handle_closed);
    MHD_stop_daemon(httpd->http);
    assert(httpd->host.visitors.count == 0);
}

static void on_resumed(struct exchange_host *host)
{
    struct httpd *httpd = (struct httpd *)host;

    httpd_run(httpd);
    if (host->stopping && host->suspended == 0)
        finish(httpd);
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct httpd *httpd = cls;

    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

        *context = visitor_enter(&httpd->host.visitors, info->connect_fd);
    } else {
        visitor_leave(&httpd->host.visitors, *context);
        *context = NULL;
        httpd->someone_left = true;
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

static int start_http(struct httpd *httpd, int fd, struct error *err)
{
    httpd->http = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL, exchange_on_request, httpd,
        MHD_OPTION_EXTERNAL_LOGGER, on_message, NULL, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_TIMEOUT_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_URI_LOG_CALLBACK, exchange_on_uri,
        httpd, MHD_OPTION_NOTIFY_COMPLETED, exchange_on_completed, httpd, MHD_OPTION_NOTIFY_CONNECTION, on_connection,
        httpd, MHD_OPTION_END);
    if (httpd->http == NULL)
        return error_set(err, ERR_NOMEM, 0, "libmicrohttpd cannot be started");
    return 0;
}

static int join_loop(struct httpd *httpd, uv_loop_t *loop, struct error *err)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(httpd->http, MHD_DAEMON_INFO_EPOLL_FD);
    int result = info != NULL ? uv_poll_init(loop, &httpd->poll, info->epoll_fd) : UV_EINVAL;

    if (result != 0)
        return error_set(err, ERR_IO, -result, "libmicrohttpd cannot join the loop: %s", uv_strerror(result));
    uv_timer_init(loop, &httpd->timer);
    httpd->poll.data = httpd;
    httpd->timer.data = httpd;
    httpd->open_handles = 2;
    uv_poll_start(&httpd->poll, UV_READABLE, on_readable);
    return 0;
}

int httpd_start(struct uv_loop_s *loop, int fd, const struct exchange_host *host, struct httpd **ret_httpd,
                struct error *err)
{
    struct httpd *httpd = calloc(1, sizeof(*httpd));
    int result;

    *ret_httpd = NULL;
    if (httpd == NULL) {
        close(fd);
        return error_set(err, ERR_NOMEM, 0, "out of memory");
    }
    httpd->host = *host;
    httpd->host.resumed = on_resumed;
    result = start_http(httpd, fd, err);
    if (result != 0) {
        close(fd);
        goto fail;
    }
    result = join_loop(httpd, loop, err);
    if (result != 0)
        goto fail_http;
    *ret_httpd = httpd;
    return 0;

fail_http:
    MHD_stop_daemon(httpd->http); /* closes the socket too */
fail:
    free(httpd);
    return result;
}

struct exchange_host *httpd_host(struct httpd *httpd)
{
    return &httpd->host;
}

void httpd_stop(struct httpd *httpd, void (*stopped)(void *ctx), void *ctx)
{
    int fd;

    if (httpd->host.stopping)
        return;
    httpd->host.stopping = true;
    httpd->stopped = stopped;
    httpd->stopped_ctx = ctx;
    fd = MHD_quiesce_daemon(httpd->http);
    if (fd >= 0)
        close(fd);
    if (httpd->host.suspended == 0)
        finish(httpd);
}
