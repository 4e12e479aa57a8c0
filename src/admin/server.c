/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "admin/server.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "admin/api.h"
#include "admin/listener.h"
#include "admin/web.h"
#include "base/log.h"
#include "base/settings.h"
#include "daemon/daemon.h"
#include "httpd.h"

struct server {
    struct listener listener;
    struct uv_loop_s *loop;
    struct daemon *daemon;
    struct httpd *httpd;
    struct web *web;  /* the page; NULL = off */
    char *listen;     /* where the page is to be served; "" = nowhere */
    unsigned running; /* of httpd and pages: those that are not stopped yet */
    bool stopping;
    void (*stopped)(void *ctx);
    void *stopped_ctx;
};

static void part_stopped(void *ctx)
{
    struct server *server = ctx;
    void (*stopped)(void *) = server->stopped;
    void *stopped_ctx = server->stopped_ctx;

    if (--server->running > 0)
        return;
    free(server->listen);
    free(server);
    if (stopped != NULL)
        stopped(stopped_ctx);
}

static void begin(struct exchange_host *host, struct api_request *request, struct MHD_Connection *connection)
{
    const struct server *server = host->owner;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

    if (info == NULL || peer_read(info->connect_fd, server->listener.group, &request->peer) != 0)
        request->peer = (struct peer){.uid = (uid_t)-1};
    request->loop = server->loop;
    request->web = server->web;
    if (request->target.segment_count > 0 && !host->stopping)
        api_begin(request);
}

/* Without its page complyd does its work all the same: a page that cannot be served is a fault to log, not a reason
 * to end. */
static void open_page(struct server *server)
{
    struct error err = {0};

    if (server->listen[0] == '\0')
        return;
    if (web_start(server->loop, server->daemon, server->listen, &server->web, &err) != 0) {
        log_error(TAG_ADMIN, "no web page: %s; it is tried again at the next reload", error_text(&err));
        return;
    }
    server->running++;
    log_notice(TAG_ADMIN, "web page at http://%s/, sign-in links by \"complyctl page\"", server->listen);
}

void server_reload(struct server *server)
{
    char *listen = strdup(daemon_settings(server->daemon)->web_listen);
    bool same = listen != NULL && strcmp(listen, server->listen) == 0;

    if (listen == NULL || (same && (server->web != NULL || listen[0] == '\0'))) {
        free(listen);
        return;
    }
    if (server->web != NULL) {
        log_notice(TAG_ADMIN, "web page at http://%s/ closed", server->listen);
        web_stop(server->web, part_stopped, server);
        server->web = NULL;
    }
    free(server->listen);
    server->listen = listen;
    open_page(server);
}

int server_start(struct uv_loop_s *loop, struct daemon *daemon, const char *path, struct server **ret_server,
                 struct error *err)
{
    struct server *server = calloc(1, sizeof(*server));
    const struct exchange_host host = {
        .daemon = daemon, .owner = server, .body_max = API_BODY_MAX, .begin = begin, .handle = api_handle};
    int result;

    *ret_server = NULL;
    if (server == NULL || (server->listen = strdup(daemon_settings(daemon)->web_listen)) == NULL) {
        result = error_set(err, ERR_NOMEM, 0, "out of memory");
        goto fail;
    }
    server->loop = loop;
    server->daemon = daemon;
    result = listener_open(path, &server->listener, err);
    if (result != 0)
        goto fail;
    result = httpd_start(loop, server->listener.fd, &host, &server->httpd, err);
    if (result != 0)
        goto fail_listener;
    server->running = 1;
    open_page(server);
    *ret_server = server;
    return 0;

fail_listener:
    error_prefix(err, "the control API");
    listener_remove(&server->listener);
fail:
    if (server != NULL)
        free(server->listen);
    free(server);
    return result;
}

void server_stop(struct server *server, void (*stopped)(void *ctx), void *ctx)
{
    if (server->stopping)
        return;
    server->stopping = true;
    server->stopped = stopped;
    server->stopped_ctx = ctx;
    api_import_cancel();
    api_activity_cancel();
    api_doctor_cancel();
    listener_remove(&server->listener);
    if (server->web != NULL)
        web_stop(server->web, part_stopped, server);
    server->web = NULL;
    httpd_stop(server->httpd, part_stopped, server);
}
