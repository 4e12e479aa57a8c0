/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "web_internal.h"

enum { BACKLOG = 128, BODY_MAX = 16 * 1024 };

#define COOKIE_SESSION  "complyd_session"
#define COOKIE_LANGUAGE "complyd_language"

enum access {
    ACCESS_OPEN,   /* anybody at a loopback address */
    ACCESS_PAGE,   /* signed in; else the sign-in page */
    ACCESS_DATA,   /* signed in; else 401 */
    ACCESS_CHANGE, /* signed in, from our own page, meant */
};

static const struct {
    const char *method;
    const char *pattern;
    enum access access;
    void (*handle)(struct api_request *request);
} routes[] = {
    {"GET", "/", ACCESS_PAGE, page_show},
    {"GET", "/devices", ACCESS_PAGE, page_show},
    {"GET", "/devices/{id}", ACCESS_PAGE, page_show},
    {"GET", "/plan", ACCESS_PAGE, page_show},
    {"GET", "/holds", ACCESS_PAGE, page_show},
    {"GET", "/drift", ACCESS_PAGE, page_show},
    {"GET", "/account", ACCESS_PAGE, page_show},
    {"GET", "/activity", ACCESS_PAGE, page_show},
    {"GET", "/signin", ACCESS_OPEN, signin_get},
    {"POST", "/signout", ACCESS_CHANGE, signin_leave},
    {"GET", "/static/{file}", ACCESS_OPEN, page_static},
    {"GET", "/healthz", ACCESS_OPEN, api_probes_health},
    {"GET", "/readyz", ACCESS_OPEN, api_probes_ready},
    {"GET", "/metrics", ACCESS_OPEN, api_metrics_get},
    {"GET", "/events", ACCESS_DATA, events_get},
    {"GET", "/history", ACCESS_DATA, history_get},
    {"POST", "/v1/devices/{id}/report", ACCESS_CHANGE, api_handle},
    {"POST", "/v1/devices/{id}/retire", ACCESS_CHANGE, api_handle},
    {"POST", "/v1/devices/{id}/revive", ACCESS_CHANGE, api_handle},
    {"PUT", "/v1/holds/device/{id}", ACCESS_CHANGE, api_handle},
    {"DELETE", "/v1/holds/device/{id}", ACCESS_CHANGE, api_handle},
    {"PUT", "/v1/holds/policy/{id}", ACCESS_CHANGE, api_handle},
    {"DELETE", "/v1/holds/policy/{id}", ACCESS_CHANGE, api_handle},
    {"POST", "/v1/drift", ACCESS_CHANGE, api_handle},
    {"POST", "/v1/drift/repair", ACCESS_CHANGE, api_handle},
    {"POST", "/v1/resync", ACCESS_CHANGE, api_handle},
    {"POST", "/v1/breaker/release", ACCESS_CHANGE, api_handle},
    {"POST", "/v1/breaker/discard", ACCESS_CHANGE, api_handle},
    {"POST", "/v1/connections/{name}/connect", ACCESS_CHANGE, api_handle},
    {"POST", "/v1/connections/{name}/disconnect", ACCESS_CHANGE, api_handle},
};

enum { ROUTES = sizeof(routes) / sizeof(routes[0]) };

static int64_t now_ms(void)
{
    return clock_monotonic_ms(clock_system());
}

/* ---------------------------------------------------------------------------------------------- what a browser says */

/* inet_pton() takes whole addresses in their usual form only: no "127.1", no "0127.0.0.1". */
static bool is_loopback_address(const char *host, size_t length)
{
    char address[INET6_ADDRSTRLEN];
    bool bracketed = length > 2 && host[0] == '[' && host[length - 1] == ']';
    struct in6_addr v6;
    struct in_addr v4;

    if (length >= sizeof(address))
        return false;
    snprintf(address, sizeof(address), "%.*s", (int)(bracketed ? length - 2 : length), bracketed ? host + 1 : host);
    if (bracketed)
        return inet_pton(AF_INET6, address, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
    return inet_pton(AF_INET, address, &v4) == 1 && ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET;
}

/* An address that [web] listen may be, which nobody can have rebound, or "localhost"; with any port: a tunnel ends at a
 * port of its own. */
static bool is_loopback(const char *host)
{
    static const char name[] = "localhost";
    size_t length = host == NULL ? 0 : host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");

    if (length == 0 || length > strlen(host))
        return false;
    const char *port = host + length;
    if (port[0] != '\0' && (port[0] != ':' || port[1 + strspn(port + 1, "0123456789")] != '\0'))
        return false;
    return is_loopback_address(host, length) ||
           (length == sizeof(name) - 1 && strncasecmp(host, name, sizeof(name) - 1) == 0);
}

/* From a page at the address that the browser asks. It leaves the origin of a form away ("null") because our pages
 * forbid referrers, but says by itself, out of any page's reach, where a request comes from. */
static bool is_our_origin(const struct visit *visit)
{
    static const char scheme[] = "http://";

    if (visit->origin == NULL || strcmp(visit->origin, "null") == 0)
        return visit->fetch_site != NULL && strcmp(visit->fetch_site, "same-origin") == 0;
    return strncmp(visit->origin, scheme, sizeof(scheme) - 1) == 0 &&
           strcasecmp(visit->origin + sizeof(scheme) - 1, visit->host) == 0;
}

static const char *header(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* The language asked for in the address or chosen before goes before the browser's. */
static void choose_language(struct api_request *request, struct MHD_Connection *connection)
{
    struct visit *visit = request->carrier;
    const char *asked = request->target.text != NULL ? target_get(&request->target, "lang") : NULL;
    const char *cookie = MHD_lookup_connection_value(connection, MHD_COOKIE_KIND, COOKIE_LANGUAGE);

    if (asked != NULL && language_parse(asked, &request->language) == 0)
        snprintf(visit->language, sizeof(visit->language), "%s", language_tag(request->language));
    else if (cookie != NULL)
        language_parse(cookie, &request->language);
}

static void find_session(struct api_request *request, struct MHD_Connection *connection)
{
    struct visit *visit = request->carrier;
    const char *cookie = MHD_lookup_connection_value(connection, MHD_COOKIE_KIND, COOKIE_SESSION);
    bool background = header(connection, "X-Background") != NULL;
    const struct session *session =
        cookie != NULL ? sessions_find(visit->web->sessions, cookie, now_ms(), !background) : NULL;

    visit->signed_in = session != NULL;
    /* Who is not signed in has no rights, whatever handler it comes to. */
    request->peer = (struct peer){.uid = (uid_t)-1};
    if (session != NULL) {
        visit->session = *session;
        request->peer = session->peer;
    }
}

static void begin(struct exchange_host *host, struct api_request *request, struct MHD_Connection *connection)
{
    struct visit *visit = calloc(1, sizeof(*visit));

    if (visit == NULL) {
        api_problem(request, 503, "out of memory");
        return;
    }
    request->loop = ((const struct web *)host->owner)->loop;
    *visit = (struct visit){.web = host->owner,
                            .host = header(connection, "Host"),
                            .origin = header(connection, "Origin"),
                            .fetch_site = header(connection, "Sec-Fetch-Site"),
                            .purpose = header(connection, "Sec-Purpose"),
                            .csrf = header(connection, "X-CSRF-Token"),
                            .head = exchange_is_head(request)};
    request->carrier = visit;
    request->web = host->owner;
    request->loop = visit->web->loop;
    find_session(request, connection);
    choose_language(request, connection);
}

static void end(struct api_request *request)
{
    struct visit *visit = request->carrier;

    if (visit != NULL)
        explicit_bzero(visit, sizeof(*visit));
    free(visit);
}

/* ---------------------------------------------------------------------------------------------------- where it goes */

/* A script reads a problem, a person a page. */
static void refuse(struct api_request *request, enum access access, int status, const char *word, const char *detail)
{
    if (access == ACCESS_DATA || access == ACCESS_CHANGE)
        api_problem(request, status, "%s", detail);
    else
        page_message(request, status, word);
}

/* A form sends the session's word in its body: it cannot set headers. */
static bool is_meant(const struct api_request *request)
{
    static const char field[] = "csrf=";
    const struct visit *visit = visit_of(request);
    const char *word = visit->csrf;

    if (word == NULL && strncmp(buf_text(&request->body), field, sizeof(field) - 1) == 0)
        word = buf_text(&request->body) + sizeof(field) - 1;
    return is_our_origin(visit) && session_csrf_is(&visit->session, word);
}

static void admit(struct api_request *request, enum access access, void (*handle)(struct api_request *request))
{
    if (access != ACCESS_OPEN && !visit_of(request)->signed_in)
        refuse(request, access, 401, "signin", "not signed in, or the session has ended: run complyctl page");
    else if (access == ACCESS_CHANGE && !is_meant(request))
        refuse(request, access, 403, "forbidden",
               "refused: a change must come from a page of this session (Origin and CSRF token)");
    else
        handle(request);
    /* api_handle() says so by itself */
    request->waiting = true;
}

static bool is_data(const struct api_request *request)
{
    return strcmp(request->target.segments[0], "v1") == 0;
}

/* Every answer of the API may be read; of its changes only those in the table are the page's. */
static void route(struct api_request *request)
{
    const char *ids[TARGET_IDS_MAX] = {NULL};
    bool known = false;

    for (size_t i = 0; i < ROUTES; i++) {
        if (!target_matches(&request->target, routes[i].pattern, ids))
            continue;
        known = true;
        if (strcmp(routes[i].method, request->method) == 0) {
            request->id = ids[0];
            admit(request, routes[i].access, routes[i].handle);
            return;
        }
    }
    if (is_data(request) && strcmp(request->method, "GET") == 0)
        admit(request, ACCESS_DATA, api_handle);
    else if (known || is_data(request))
        refuse(request, ACCESS_DATA, 405, "", "this method is not for this path of the web page");
    else
        refuse(request, ACCESS_PAGE, 404, "notfound", "");
    request->waiting = true;
}

static void handle(struct api_request *request)
{
    if (!is_loopback(visit_of(request)->host)) {
        api_problem(request, 403, "this page is served as 127.x.y.z, [::1] or localhost only");
        request->waiting = true;
    } else {
        route(request);
    }
}

void web_get(struct api_request *request)
{
    const char *ids[TARGET_IDS_MAX];

    if (target_matches(&request->target, "/history", ids)) {
        history_get(request);
        request->waiting = true;
    } else {
        api_handle(request);
    }
}

/* --------------------------------------------------------------------------------------------------- what goes back */

static void add_cookie(struct MHD_Response *response, const char *name, const char *value, const char *rest)
{
    char text[256];

    snprintf(text, sizeof(text), "%s=%s; Path=/; SameSite=Strict; %s", name, value, rest);
    MHD_add_response_header(response, MHD_HTTP_HEADER_SET_COOKIE, text);
    explicit_bzero(text, sizeof(text));
}

static void add_cookies(const struct visit *visit, struct MHD_Response *response)
{
    char age[48];

    if (visit->leaves)
        add_cookie(response, COOKIE_SESSION, "", "HttpOnly; Max-Age=0");
    else if (visit->cookie[0] != '\0') {
        snprintf(age, sizeof(age), "HttpOnly; Max-Age=%d", SESSION_LIFE_MS / 1000);
        add_cookie(response, COOKIE_SESSION, visit->cookie, age);
    }
    if (visit->language[0] != '\0')
        add_cookie(response, COOKIE_LANGUAGE, visit->language, "Max-Age=31536000");
}

static void dress(struct api_request *request, struct MHD_Response *response)
{
    static const char *const headers[][2] = {
        {"Content-Security-Policy",
         "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
         "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"},
        {"X-Content-Type-Options", "nosniff"},
        {"X-Frame-Options", "DENY"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"Permissions-Policy", "camera=(), geolocation=(), microphone=()"},
        {"Vary", "Accept-Language, Cookie"},
    };
    const struct visit *visit = request->carrier;

    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
        MHD_add_response_header(response, headers[i][0], headers[i][1]);
    if (visit == NULL)
        return;
    add_cookies(visit, response);
    if (visit->location != NULL)
        MHD_add_response_header(response, MHD_HTTP_HEADER_LOCATION, visit->location);
    if (visit->refresh != NULL)
        MHD_add_response_header(response, "Refresh", visit->refresh);
}

/* --------------------------------------------------------------------------------------------------- start and stop */

static int listen_at(const char *text, int *ret_fd, struct error *err)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    struct sockaddr_in four = {.sin_family = AF_INET};
    const char *colon = strrchr(text, ':');
    char address[64];
    bool is_six = text[0] == '[';
    const struct sockaddr *where = is_six ? (const struct sockaddr *)&six : (const struct sockaddr *)&four;
    int fd, on = 1;

    snprintf(address, sizeof(address), "%.*s", (int)(colon - text) - 2 * is_six, text + is_six);
    four.sin_port = six.sin6_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    if (inet_pton(where->sa_family, address, is_six ? (void *)&six.sin6_addr : (void *)&four.sin_addr) != 1)
        return error_set(err, ERR_INVALID, 0, "%s is no address", text);
    fd = socket(where->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return error_set(err, ERR_IO, errno, "socket: %s", strerror(errno));
    /* A restart need not wait for the connections of the last run to fade. */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, where, is_six ? sizeof(six) : sizeof(four)) != 0 || listen(fd, BACKLOG) != 0) {
        error_set(err, errno == EADDRINUSE ? ERR_EXISTS : ERR_IO, errno, "%s: %s", text, strerror(errno));
        close(fd);
        return err != NULL ? err->code : ERR_IO;
    }
    *ret_fd = fd;
    return 0;
}

static void ending(struct exchange_host *host)
{
    struct web *web = host->owner;

    events_end(web->events);
}

static void free_web(struct web *web)
{
    pages_free(web->pages);
    sessions_free(web->sessions);
    free(web->listen);
    free(web);
}

static void part_closed(struct web *web)
{
    void (*stopped)(void *ctx) = web->stopped;
    void *ctx = web->stopped_ctx;

    if (--web->open > 0)
        return;
    free_web(web);
    if (stopped != NULL)
        stopped(ctx);
}

static void on_handle_closed(uv_handle_t *handle)
{
    part_closed(handle->data);
}

static void httpd_stopped(void *ctx)
{
    struct web *web = ctx;

    events_close(web->events, on_handle_closed);
    history_close(web->history, on_handle_closed);
    part_closed(web);
}

static int start_httpd(struct web *web, struct error *err)
{
    const struct exchange_host host = {.daemon = web->daemon,
                                       .owner = web,
                                       .body_max = BODY_MAX,
                                       .begin = begin,
                                       .handle = handle,
                                       .respond = events_respond,
                                       .dress = dress,
                                       .end = end,
                                       .ending = ending};
    int fd = -1, result = listen_at(web->listen, &fd, err);

    return result != 0 ? result : httpd_start(web->loop, fd, &host, &web->httpd, err);
}

int web_start(struct uv_loop_s *loop, struct daemon *daemon, const char *listen, struct web **ret_web,
              struct error *err)
{
    struct web *web = calloc(1, sizeof(*web));
    int result;

    *ret_web = NULL;
    if (web == NULL)
        return error_set(err, ERR_NOMEM, 0, "out of memory");
    *web =
        (struct web){.loop = loop, .daemon = daemon, .listen = strdup(listen), .sessions = sessions_new(), .open = 3};
    web->pages = pages_new();
    web->events = events_new(web);
    web->history = history_new(web);
    if (web->listen == NULL || web->sessions == NULL || web->pages == NULL || web->events == NULL ||
        web->history == NULL)
        result = error_set(err, ERR_NOMEM, 0, "out of memory");
    else
        result = start_httpd(web, err);
    if (result != 0)
        goto fail;
    events_start(web->events);
    history_start(web->history);
    *ret_web = web;
    return 0;

fail:
    free(web->events);
    free(web->history);
    free_web(web);
    return result;
}

void web_stop(struct web *web, void (*stopped)(void *ctx), void *ctx)
{
    web->stopped = stopped;
    web->stopped_ctx = ctx;
    httpd_stop(web->httpd, httpd_stopped, web);
}

int web_link(struct web *web, const struct peer *peer, struct buf *out)
{
    char link[TOKEN_TEXT];
    int result = sessions_issue(web->sessions, peer, now_ms(), link);

    if (result == 0)
        buf_addf(out, "http://%s/signin?token=%s", web->listen, link);
    explicit_bzero(link, sizeof(link));
    return result;
}
