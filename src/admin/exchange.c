/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "exchange.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

struct exchange {
    struct api_request request;
    struct exchange_host *host;
    struct MHD_Connection *connection;
    struct visitor *visitor;
    int target_result; /* of parsing the request target */
    char method[16];
    size_t let_go; /* bytes of a body that nobody wants */
    bool begun, handled, suspended, head;
};

void *exchange_on_uri(void *cls, const char *uri, struct MHD_Connection *connection)
{
    struct exchange *exchange = calloc(1, sizeof(*exchange));

    if (exchange == NULL)
        return NULL;
    exchange->host = cls;
    exchange->connection = connection;
    exchange->target_result = target_parse(uri, &exchange->request.target);
    buf_init(&exchange->request.body, exchange->host->body_max);
    return exchange;
}

static void wake(struct api_request *request)
{
    struct exchange *exchange = (struct exchange *)request;
    struct exchange_host *host = exchange->host;

    assert(exchange->suspended);
    exchange->suspended = false;
    request->waiting = false;
    host->suspended--;
    MHD_resume_connection(exchange->connection);
    host->resumed(host);
}

bool exchange_is_head(const struct api_request *request)
{
    return ((const struct exchange *)request)->head;
}

static struct visitor *connection_visitor(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info != NULL ? info->socket_context : NULL;
}

/* The length is the client's word; a body without one is measured as it comes. */
static bool announces_too_much(const struct exchange *exchange)
{
    const char *length =
        MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);

    return length != NULL && strtoull(length, NULL, 10) > exchange->request.body_max;
}

static const char *content_type(const struct api_request *request)
{
    if (request->answer_type != NULL)
        return request->answer_type;
    return request->status >= 400 ? "application/problem+json" : "application/json";
}

static struct MHD_Response *make_response(struct api_request *request)
{
    size_t length = request->answer.length;
    struct MHD_Response *response;
    char *data;

    if (request->status == MHD_HTTP_NO_CONTENT)
        return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    data = buf_take(&request->answer);
    if (data == NULL)
        return NULL;
    response = MHD_create_response_from_buffer(length, data, MHD_RESPMEM_MUST_FREE);
    if (response == NULL)
        free(data);
    return response;
}

static enum MHD_Result queue_answer(struct exchange *exchange)
{
    struct exchange_host *host = exchange->host;
    struct api_request *request = &exchange->request;
    struct MHD_Response *response = NULL;
    enum MHD_Result result;

    if (host->respond != NULL)
        response = host->respond(request, exchange->connection);
    if (response == NULL)
        response = make_response(request);
    if (response == NULL)
        return MHD_NO; /* no memory: the connection is closed */
    if (request->status != MHD_HTTP_NO_CONTENT)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type(request));
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (request->allow[0] != '\0')
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, request->allow);
    if (host->dress != NULL)
        host->dress(request, response);
    result = MHD_queue_response(exchange->connection, (unsigned)request->status, response);
    MHD_destroy_response(response);
    return result;
}

static void refuse_body(struct exchange *exchange)
{
    struct api_request *request = &exchange->request;

    api_problem(request, MHD_HTTP_CONTENT_TOO_LARGE, "a body of at most %zu bytes is taken", request->body_max);
}

/* Headers are complete. */
static enum MHD_Result begin(struct exchange *exchange, const char *method)
{
    struct api_request *request = &exchange->request;

    exchange->begun = true;
    exchange->visitor = connection_visitor(exchange->connection);
    /* libmicrohttpd leaves the body of the answer to HEAD away by itself */
    snprintf(exchange->method, sizeof(exchange->method), "%s", strcmp(method, "HEAD") == 0 ? "GET" : method);
    request->method = exchange->method;
    exchange->head = strcmp(method, "HEAD") == 0;
    request->content_type =
        MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_TYPE);
    request->daemon = exchange->host->daemon;
    request->body_max = exchange->host->body_max;
    request->wake = wake;
    request->language = language_from_header(
        MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT_LANGUAGE));
    exchange->host->begin(exchange->host, request, exchange->connection);
    if (!request->answered && announces_too_much(exchange))
        refuse_body(exchange);
    return request->answered ? queue_answer(exchange) : MHD_YES;
}

static void suspend(struct exchange *exchange)
{
    exchange->suspended = true;
    exchange->host->suspended++;
    MHD_suspend_connection(exchange->connection);
}

/* After an answer that came early the rest of the body is let go by, up to a point. */
static enum MHD_Result take_body(struct exchange *exchange, const char *data, size_t size)
{
    struct api_request *request = &exchange->request;

    if (request->answered) {
        exchange->let_go += size;
        return exchange->let_go <= exchange->host->body_max ? MHD_YES : MHD_NO;
    }
    buf_add(&request->body, data, size);
    if (buf_error(&request->body) != 0) {
        refuse_body(exchange);
    } else if (request->spill != NULL && request->body.length >= API_PIECE) {
        request->waiting = true;
        suspend(exchange);
        request->spill(request);
    }
    return MHD_YES;
}

static void handle(struct exchange *exchange)
{
    struct api_request *request = &exchange->request;

    exchange->handled = true;
    visitor_work(exchange->visitor);
    if (exchange->host->stopping)
        api_problem(request, MHD_HTTP_SERVICE_UNAVAILABLE, "complyd is stopping");
    else if (exchange->target_result == ERR_NOMEM)
        api_problem(request, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory");
    else if (exchange->target_result != 0)
        api_problem(request, MHD_HTTP_BAD_REQUEST, "the request target is not understood");
    else
        exchange->host->handle(request);
}

enum MHD_Result exchange_on_request(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
                                    const char *version, const char *data, size_t *data_size, void **context)
{
    struct exchange *exchange = *context;

    (void)cls;
    (void)connection;
    (void)url;
    (void)version;
    if (exchange == NULL)
        return MHD_NO;
    if (!exchange->begun)
        return begin(exchange, method);
    if (exchange->suspended)
        return MHD_YES; /* of a chunked body more is offered all the same: it stays where it is */
    if (*data_size > 0) {
        size_t size = *data_size;

        *data_size = 0;
        return take_body(exchange, data, size);
    }
    if (!exchange->handled && !exchange->request.answered)
        handle(exchange);
    if (exchange->request.answered)
        return queue_answer(exchange);
    suspend(exchange);
    return MHD_YES;
}

void exchange_on_completed(void *cls, struct MHD_Connection *connection, void **context,
                           enum MHD_RequestTerminationCode code)
{
    struct exchange_host *host = cls;
    struct exchange *exchange = *context;

    (void)connection;
    (void)code;
    *context = NULL;
    if (exchange == NULL)
        return;
    assert(!exchange->suspended);
    if (exchange->request.abandon != NULL)
        exchange->request.abandon(&exchange->request);
    visitor_idle(&host->visitors, exchange->visitor);
    if (host->end != NULL)
        host->end(&exchange->request);
    target_deinit(&exchange->request.target);
    buf_deinit(&exchange->request.body);
    buf_deinit(&exchange->request.answer);
    free(exchange);
}
