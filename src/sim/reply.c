/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "sim/reply.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "sim/exchange.h"
#include "sim/refusal.h"
#include "sim/route.h"
#include "sim/world.h"

/* One request in progress. */
struct reply {
    struct replies *replies;
    struct MHD_Connection *connection;
    char *target;
    struct buf body;
    struct exchange ex;
    bool begun;  /* its headers have arrived */
    bool routed; /* ex holds the answer */
    bool suspended;
    bool piece_due;  /* WIRE_DRIP: the next piece may go */
    unsigned resets; /* of the world, when it was routed */
    bool hurry;      /* shutting down: no more waits */
    struct timer timer;
    TAILQ_ENTRY(reply) link; /* while suspended */
};

void replies_init(struct replies *replies, struct world *world)
{
    replies->world = world;
    TAILQ_INIT(&replies->suspended);
}

void *replies_on_uri(void *ctx, const char *uri, struct MHD_Connection *connection)
{
    struct reply *reply = calloc(1, sizeof(*reply));
    bool control = strncasecmp(uri, "/sim/", 5) == 0;

    if (!reply)
        return NULL;
    reply->replies = ctx;
    reply->connection = connection;
    reply->target = strdup(uri);
    buf_init(&reply->body, control ? REPLY_CONTROL_BODY_MAX : REPLY_BODY_MAX);
    if (reply->target)
        return reply;
    free(reply);
    return NULL;
}

static void resume(struct reply *reply)
{
    if (!reply->suspended)
        return;
    reply->suspended = false;
    TAILQ_REMOVE(&reply->replies->suspended, reply, link);
    MHD_resume_connection(reply->connection);
}

static void suspend(struct reply *reply)
{
    reply->suspended = true;
    TAILQ_INSERT_TAIL(&reply->replies->suspended, reply, link);
    MHD_suspend_connection(reply->connection);
}

static void on_timer(struct timer *timer)
{
    struct reply *reply = (struct reply *)((char *)timer - offsetof(struct reply, timer));

    reply->piece_due = true;
    resume(reply);
}

void replies_resume_all(struct replies *replies)
{
    struct reply *reply;

    while ((reply = TAILQ_FIRST(&replies->suspended))) {
        reply->hurry = true;
        timers_stop(&replies->world->timers, &reply->timer);
        resume(reply);
    }
}

/* False when there is no waiting (any more). */
static bool wait_before(struct reply *reply, int64_t ms)
{
    struct timers *timers = &reply->replies->world->timers;

    reply->timer.fire = on_timer;
    return ms > 0 && !reply->hurry && reply->resets == reply->replies->world->resets &&
           timers_start(timers, &reply->timer, world_monotonic_ms(reply->replies->world) + ms) == 0;
}

void replies_on_completed(void *ctx, struct MHD_Connection *connection, void **request_ctx,
                          enum MHD_RequestTerminationCode code)
{
    struct replies *replies = ctx;
    struct reply *reply = *request_ctx;

    (void)connection;
    (void)code;
    if (!reply)
        return;
    timers_stop(&replies->world->timers, &reply->timer);
    if (reply->suspended)
        TAILQ_REMOVE(&replies->suspended, reply, link);
    if (reply->begun)
        replies->world->stats.in_flight--;
    if (reply->routed)
        exchange_deinit(&reply->ex);
    buf_wipe(&reply->body);
    free(reply->target);
    free(reply);
    *request_ctx = NULL;
}

static void begin(struct reply *reply)
{
    struct stats *stats = &reply->replies->world->stats;

    reply->begun = true;
    if (++stats->in_flight > stats->max_in_flight)
        stats->max_in_flight = stats->in_flight;
}

static const char *header(const struct reply *reply, const char *name)
{
    return MHD_lookup_connection_value(reply->connection, MHD_HEADER_KIND, name);
}

static void route(struct reply *reply, const char *method)
{
    struct exchange *ex = &reply->ex;

    exchange_init(ex, method, reply->target);
    ex->authorization = header(reply, "Authorization");
    ex->content_type = header(reply, "Content-Type");
    ex->client_request_id = header(reply, "client-request-id");
    ex->host = header(reply, "Host");
    ex->metadata = header(reply, "Metadata");
    ex->forwarded = header(reply, "X-Forwarded-For");
    ex->identity = reply->replies->identity;
    ex->body = buf_text(&reply->body);
    ex->body_length = reply->body.length;
    reply->routed = true;
    reply->resets = reply->replies->world->resets;
    if (buf_error(&reply->body) != 0)
        refusal_graph(ex, 413, "RequestEntityTooLarge", "The request is too large.");
    else
        route_handle(reply->replies->world, ex);
}

/* Ends the TCP connection with a reset, so that not even a FIN is seen. */
static void reset(const struct reply *reply)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(reply->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    const struct sockaddr nobody = {.sa_family = AF_UNSPEC};

    if (info)
        /* NOLINTNEXTLINE(bugprone-unused-return-value): it fails when there is nothing left to reset */
        (void)connect(info->connect_fd, &nobody, sizeof(nobody));
}

static ssize_t copy_piece(const struct buf *from, uint64_t at, size_t end, char *to, size_t max)
{
    size_t length = end - (size_t)at < max ? end - (size_t)at : max;

    memcpy(to, from->data + at, length);
    return (ssize_t)length;
}

static ssize_t read_drip(struct reply *reply, uint64_t at, char *to, size_t max)
{
    const struct exchange *ex = &reply->ex;

    if (!reply->piece_due) {
        suspend(reply);
        return 0;
    }
    reply->piece_due = !wait_before(reply, ex->drip_ms);
    return copy_piece(&ex->reply, at, ex->reply.length, to, max < ex->drip_bytes ? max : ex->drip_bytes);
}

static ssize_t read_endless(const struct reply *reply, uint64_t at, char *to, size_t max)
{
    static const char filler[] = ",\"0123456789abcdef\"";
    const struct buf *start = &reply->ex.reply;

    if (at < start->length)
        return copy_piece(start, at, start->length, to, max);
    for (size_t i = 0; i < max; i++)
        to[i] = filler[(at - start->length + i) % (sizeof(filler) - 1)];
    return (ssize_t)max;
}

/* The library asks for the bytes from `at` on. */
static ssize_t on_read(void *ctx, uint64_t at, char *to, size_t max)
{
    struct reply *reply = ctx;
    const struct exchange *ex = &reply->ex;
    size_t half = ex->reply.length / 2;

    if (ex->wire == WIRE_DRIP)
        return read_drip(reply, at, to, max);
    if (ex->wire == WIRE_ENDLESS)
        return read_endless(reply, at, to, max);
    if (at < half)
        return copy_piece(&ex->reply, at, half, to, max);
    if (ex->wire == WIRE_RESET_BODY)
        reset(reply);
    return MHD_CONTENT_READER_END_WITH_ERROR;
}

static struct MHD_Response *make_response(struct reply *reply)
{
    struct exchange *ex = &reply->ex;
    size_t length = ex->reply.length;

    reply->piece_due = true;
    if (ex->wire == WIRE_ENDLESS)
        return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, on_read, reply, NULL);
    if (ex->wire != WIRE_WHOLE && length > 0)
        return MHD_create_response_from_callback(length, 4096, on_read, reply, NULL);
    if (length == 0)
        return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    return MHD_create_response_from_buffer(length, buf_take(&ex->reply), MHD_RESPMEM_MUST_FREE);
}

static enum MHD_Result send_answer(struct reply *reply)
{
    struct exchange *ex = &reply->ex;
    struct MHD_Response *response;
    enum MHD_Result result;

    if (ex->wire == WIRE_RESET)
        reset(reply);
    if (ex->wire == WIRE_RESET || ex->wire == WIRE_CLOSE || buf_error(&ex->reply) != 0)
        return MHD_NO;
    response = make_response(reply);
    if (!response)
        return MHD_NO;
    if (ex->reply_type)
        MHD_add_response_header(response, "Content-Type", ex->reply_type);
    for (size_t i = 0; i < ex->header_count; i++) {
        if (ex->headers[i].value)
            MHD_add_response_header(response, ex->headers[i].name, ex->headers[i].value);
    }
    result = MHD_queue_response(reply->connection, (unsigned)ex->status, response);
    MHD_destroy_response(response);
    return result;
}

enum MHD_Result replies_on_request(void *ctx, struct MHD_Connection *connection, const char *url, const char *method,
                                   const char *version, const char *upload, size_t *upload_size, void **request_ctx)
{
    struct reply *reply = *request_ctx;

    (void)ctx;
    (void)connection;
    (void)url;
    (void)version;
    if (!reply)
        return MHD_NO;
    if (!reply->begun) {
        begin(reply);
        return MHD_YES;
    }
    if (*upload_size > 0) {
        buf_add(&reply->body, upload, *upload_size);
        *upload_size = 0;
        return MHD_YES;
    }
    if (!reply->routed) {
        route(reply, method);
        if (wait_before(reply, reply->ex.delay_ms)) {
            suspend(reply);
            return MHD_YES;
        }
    }
    return send_answer(reply);
}
