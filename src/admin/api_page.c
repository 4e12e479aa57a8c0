/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "admin/api.h"
#include "admin/session.h"
#include "admin/web.h"
#include "base/settings.h"
#include "daemon/daemon.h"

void api_page_link(struct api_request *request)
{
    static const char *const none[] = {NULL};
    const struct settings *settings = daemon_settings(request->daemon);
    struct buf url, body;
    int result;

    if (!api_check_parameters(request, none))
        return;
    if (request->web == NULL && settings->web_listen[0] == '\0') {
        api_problem(request, 409, "the web page is off: set listen = 127.0.0.1:8080 in [web] of %s and reload complyd",
                    settings->path);
        return;
    }
    if (request->web == NULL) {
        api_problem(request, 503,
                    "the web page could not be opened at %s: see the log, free the port and reload complyd",
                    settings->web_listen);
        return;
    }
    buf_init(&url, 0);
    result = web_link(request->web, &request->peer, &url);
    if (result == 0 && buf_error(&url) == 0) {
        api_log_change(request, "a sign-in link to the web page", NULL, NULL);
        buf_init(&body, 0);
        buf_add_char(&body, '{');
        view_text(&body, "url", buf_text(&url));
        view_int(&body, "valid_seconds", SESSION_LINK_MS / 1000);
        buf_add_char(&body, '}');
        api_answer(request, 201, &body);
    } else {
        api_problem(request, 503, "no link can be made now");
    }
    buf_wipe(&url);
}
