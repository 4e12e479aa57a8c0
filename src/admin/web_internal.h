/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * web_internal - what the files of the web page share: web.c (rules and routes), signin.c, page.c (HTML), events.c
 * (live data), history.c (the figures of the last day). Private to src/admin.
 */
#ifndef COMPLYD_ADMIN_WEB_INTERNAL_H
#define COMPLYD_ADMIN_WEB_INTERNAL_H

#include <microhttpd.h>
#include <uv.h>

#include "admin/api.h"
#include "admin/session.h"
#include "admin/web.h"
#include "httpd.h"

struct events;
struct history;
struct pages;
struct stream;

struct web {
    uv_loop_t *loop;
    struct daemon *daemon;
    char *listen;
    struct httpd *httpd;
    struct sessions *sessions;
    struct pages *pages;
    struct events *events;
    struct history *history;
    unsigned open; /* parts that are not stopped yet */
    void (*stopped)(void *ctx);
    void *stopped_ctx;
};

/* What a request of a browser has beside the API's: request->carrier. Strings are libmicrohttpd's, valid until the
 * answer is sent. */
struct visit {
    struct web *web;
    const char *host, *origin, *fetch_site, *purpose, *csrf;
    bool head;      /* HEAD: nothing may happen by it */
    bool signed_in; /* then: */
    struct session session;
    char cookie[TOKEN_TEXT]; /* to be set: a new session */
    bool leaves;             /* the cookie is to be forgotten */
    char language[8];        /* to be set: the language chosen */
    const char *location;    /* of a redirect */
    const char *refresh;     /* where to go by itself */
    struct stream *stream;   /* the answer is this, not a body */
};

static inline struct visit *visit_of(const struct api_request *request)
{
    return request->carrier;
}

/* A GET of data: the history or the API. As api_handle(). */
void web_get(struct api_request *request);

/* signin.c: handlers. */
void signin_get(struct api_request *request);
void signin_leave(struct api_request *request);

/* page.c */
struct pages *pages_new(void); /* NULL: no memory */
void pages_free(struct pages *pages);
void page_show(struct api_request *request);   /* the shell of the page that the path names */
void page_static(struct api_request *request); /* a file that is part of the program */
/* A page with one message: `about` names its title, text and hint in the catalogue. */
void page_message(struct api_request *request, int status, const char *about);

/* events.c: a GET of data that is told again whenever it has changed. One that was not started yet is freed by
 * free(). */
struct events *events_new(struct web *web);
void events_start(struct events *events);
void events_get(struct api_request *request);
struct MHD_Response *events_respond(struct api_request *request, struct MHD_Connection *connection);
void events_end(struct events *events); /* ends all streams: libmicrohttpd is about to be stopped */
void events_close(struct events *events, uv_close_cb closed); /* then frees it; handle->data is the web */

/* history.c: reports and queue, sampled. As above. */
struct history *history_new(struct web *web);
void history_start(struct history *history);
void history_get(struct api_request *request);
void history_close(struct history *history, uv_close_cb closed);

#endif
