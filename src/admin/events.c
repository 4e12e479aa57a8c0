/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "web_internal.h"

/*
 * A stream repeats one GET of data and tells the answer when it differs from the one before. The next look comes after
 * a pause of ten times what the last one took, and never before the browser has read what it was told: neither a large
 * store nor a slow client makes it costly.
 *
 *     paused ──tick──► looking ──same──► paused
 *       ▲                 └──other──► telling ──read by the client──┐
 *       └───────────────────────────────────────────────────────────┘
 */
enum {
    STREAMS_MAX = 24,
    TICK_MS = 1000,
    PAUSE_MS = 2000,
    ALIVE_MS = 5000, /* a word now and then finds clients that are gone */
    BLOCK = 16 * 1024,
};

struct stream {
    struct api_request request; /* of the look; first */
    struct stream *next;
    struct events *events;
    struct MHD_Connection *connection;
    uint64_t session; /* serial */
    char *path;
    char *last; /* the answer told last */
    struct buf out;
    size_t sent; /* of out */
    int64_t next_ms, began_ms, told_ms;
    bool looking;
    bool asleep; /* libmicrohttpd has suspended the connection: there is nothing to send */
    bool over;   /* ends when all is sent */
    bool gone;   /* the connection is closed */
};

struct events {
    struct web *web;
    uv_timer_t timer; /* runs while there are streams */
    struct stream *first;
    size_t count;
    uv_close_cb closed;
};

static int64_t now_ms(void)
{
    return clock_monotonic_ms(clock_system());
}

static void free_stream(struct stream *stream)
{
    struct stream **place = &stream->events->first;

    while (*place != stream)
        place = &(*place)->next;
    *place = stream->next;
    if (--stream->events->count == 0)
        uv_timer_stop(&stream->events->timer);
    target_deinit(&stream->request.target);
    buf_deinit(&stream->request.answer);
    buf_deinit(&stream->out);
    free(stream->last);
    free(stream->path);
    free(stream);
}

/* There is something to send. libmicrohttpd must run afterwards: not here, for it may free other streams. */
static void wake_client(struct stream *stream)
{
    if (stream->asleep)
        MHD_resume_connection(stream->connection);
    stream->asleep = false;
}

static void tell(struct stream *stream, const char *event, const char *data)
{
    buf_addf(&stream->out, "event: %s\ndata: ", event);
    buf_add_text(&stream->out, data);
    buf_add_text(&stream->out, "\n\n");
    stream->told_ms = now_ms();
}

static void tell_answer(struct stream *stream)
{
    const char *text = buf_text(&stream->request.answer);

    if (stream->last != NULL && strcmp(stream->last, text) == 0)
        return;
    tell(stream, stream->request.status == 200 ? "data" : "problem", text);
    free(stream->last);
    stream->last = strdup(text);
}

/* The look has its answer. */
static void take_answer(struct stream *stream)
{
    int64_t took_ms = now_ms() - stream->began_ms;

    stream->looking = false;
    if (stream->gone) {
        free_stream(stream);
        return;
    }
    tell_answer(stream);
    stream->next_ms = now_ms() + PAUSE_MS + 10 * took_ms;
    target_deinit(&stream->request.target);
    buf_deinit(&stream->request.answer);
    if (stream->out.length > 0)
        wake_client(stream);
}

/* While it was looking, libmicrohttpd could not be stopped: now it may. */
static void on_answer(struct api_request *request)
{
    struct stream *stream = (struct stream *)request;
    struct exchange_host *host = httpd_host(stream->events->web->httpd);

    host->suspended--;
    take_answer(stream);
    host->resumed(host);
}

static void look(struct stream *stream, const struct session *session)
{
    struct api_request *request = &stream->request;
    struct web *web = stream->events->web;

    *request = (struct api_request){.daemon = web->daemon,
                                    .method = "GET",
                                    .peer = session->peer,
                                    .language = request->language,
                                    .web = web,
                                    .loop = web->loop,
                                    .wake = on_answer};
    stream->began_ms = now_ms();
    stream->looking = true;
    if (target_parse(stream->path, &request->target) != 0)
        api_problem(request, 400, "the path to watch is not understood");
    else
        web_get(request);
    if (request->answered)
        take_answer(stream);
    else
        httpd_host(web->httpd)->suspended++;
}

static void end_stream(struct stream *stream, const char *event)
{
    stream->over = true;
    tell(stream, event, "{}");
    wake_client(stream);
}

static void tick(struct stream *stream, int64_t now)
{
    const struct session *session = sessions_look(stream->events->web->sessions, stream->session, now);

    if (stream->looking || stream->over || stream->out.length > 0)
        return;
    if (session == NULL) {
        end_stream(stream, "signed-out");
    } else if (now >= stream->next_ms) {
        look(stream, session);
    } else if (now - stream->told_ms >= ALIVE_MS) {
        buf_add_text(&stream->out, ":\n\n");
        stream->told_ms = now;
        wake_client(stream);
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct events *events = timer->data;
    struct exchange_host *host = httpd_host(events->web->httpd);
    int64_t now = now_ms();

    if (host->stopping)
        return;
    for (struct stream *stream = events->first; stream != NULL; stream = stream->next)
        tick(stream, now);
    host->resumed(host);
}

/* ---------------------------------------------------------------------------------------- libmicrohttpd's callbacks */

static ssize_t on_read(void *cls, uint64_t position, char *block, size_t size)
{
    struct stream *stream = cls;
    size_t left = stream->out.length - stream->sent;

    (void)position;
    if (left == 0 && stream->over)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (left == 0) {
        stream->asleep = true;
        MHD_suspend_connection(stream->connection);
        return 0;
    }
    if (left > size)
        left = size;
    memcpy(block, stream->out.data + stream->sent, left);
    stream->sent += left;
    if (stream->sent == stream->out.length) {
        buf_deinit(&stream->out);
        buf_init(&stream->out, 0);
        stream->sent = 0;
    }
    return (ssize_t)left;
}

static void on_gone(void *cls)
{
    struct stream *stream = cls;

    stream->gone = true;
    if (!stream->looking)
        free_stream(stream);
}

struct MHD_Response *events_respond(struct api_request *request, struct MHD_Connection *connection)
{
    struct visit *visit = request->carrier;
    struct MHD_Response *response;

    if (visit == NULL || visit->stream == NULL)
        return NULL;
    visit->stream->connection = connection;
    response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, on_read, visit->stream, on_gone);
    if (response == NULL)
        free_stream(visit->stream);
    visit->stream = NULL;
    return response;
}

/* ----------------------------------------------------------------------------------------------------------- module */

static struct stream *new_stream(struct api_request *request, const char *path)
{
    struct visit *visit = request->carrier;
    struct events *events = visit->web->events;
    struct stream *stream = calloc(1, sizeof(*stream));
    char *copy = strdup(path);

    if (stream == NULL || copy == NULL) {
        free(stream);
        free(copy);
        return NULL;
    }
    stream->events = events;
    stream->session = visit->session.serial;
    stream->path = copy;
    stream->request.language = request->language;
    stream->told_ms = now_ms();
    buf_init(&stream->out, 0);
    stream->next = events->first;
    events->first = stream;
    if (events->count++ == 0)
        uv_timer_start(&events->timer, on_timer, 0, TICK_MS);
    return stream;
}

void events_get(struct api_request *request)
{
    static const char *const names[] = {"watch", NULL};
    const char *path = target_get(&request->target, "watch");
    struct visit *visit = request->carrier;
    struct buf empty;

    if (!api_check_parameters(request, names))
        return;
    if (path == NULL || (strncmp(path, "/v1/", 4) != 0 && strncmp(path, "/history", 8) != 0)) {
        api_problem(request, 400, "parameter 'watch': the path of data is wanted, such as /v1/status");
        return;
    }
    if (visit->web->events->count >= STREAMS_MAX) {
        api_problem(request, 503, "too many pages are open: close some, this one goes on by itself");
        return;
    }
    visit->stream = new_stream(request, path);
    if (visit->stream == NULL) {
        api_problem(request, 503, "out of memory");
        return;
    }
    request->answer_type = "text/event-stream";
    buf_init(&empty, 0);
    api_answer(request, 200, &empty);
}

struct events *events_new(struct web *web)
{
    struct events *events = calloc(1, sizeof(*events));

    if (events == NULL)
        return NULL;
    events->web = web;
    return events;
}

void events_start(struct events *events)
{
    uv_timer_init(events->web->loop, &events->timer);
    events->timer.data = events;
}

void events_end(struct events *events)
{
    for (struct stream *stream = events->first; stream != NULL; stream = stream->next) {
        stream->over = true;
        wake_client(stream);
    }
}

static void free_events(uv_handle_t *handle)
{
    struct events *events = handle->data;
    uv_close_cb closed = events->closed;

    handle->data = events->web;
    closed(handle);
    free(events);
}

void events_close(struct events *events, uv_close_cb closed)
{
    events->closed = closed;
    uv_close((uv_handle_t *)&events->timer, free_events);
}
