/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "net/http.h"

#include <stdlib.h>

#include "certificates.h"
#include "poller.h"
#include "transfer.h"

/*
 * Life of a transfer:
 *
 *     idle ──http_send──► running ──completion──► done called ──► idle (or freed when enough are kept)
 *                            │                        ▲
 *                            └─cancel, limit, close─► ended, waiting for the next turn
 */
struct http_client {
    struct poller poller;
    uv_timer_t clerk; /* calls back ended transfers and enforces time limits */
    struct transfer_setup setup;
    struct request_headers_cache headers;
    struct transfer_list running;
    struct transfer_list ended;
    struct transfer_list idle;
    size_t in_flight; /* running and ended */
    struct certificates certificates;
    int64_t clerk_due_ms;
    uint64_t last_id;
    bool closing;
    void (*closed)(void *ctx);
    void *closed_ctx;
};

enum {
    DEFAULT_CONNECTIONS = 2,
    STREAMS_MAX = 1000, /* a connection; servers allow fewer, mostly 100 */
    IDLE_MAX = 128,     /* transfers kept for reuse */
};

static int64_t now_ms(const struct http_client *client)
{
    return (int64_t)uv_now(client->setup.loop);
}

static void on_clerk(uv_timer_t *timer);

static void call_clerk(struct http_client *client, int64_t due_ms)
{
    int64_t delay = due_ms - now_ms(client);

    if (uv_is_active((uv_handle_t *)&client->clerk) && client->clerk_due_ms <= due_ms)
        return;
    client->clerk_due_ms = due_ms;
    uv_timer_start(&client->clerk, on_clerk, delay > 0 ? (uint64_t)delay : 0, 0);
}

static void keep_or_free(struct http_client *client, struct transfer *transfer)
{
    transfer_clear(transfer);
    if (client->closing || client->idle.count >= IDLE_MAX)
        transfer_free(transfer);
    else
        transfer_list_push(&client->idle, transfer);
}

/* The transfer is in no list while its callback runs, which may send, cancel and close. */
static void finish(struct http_client *client, struct transfer *transfer)
{
    client->in_flight--;
    if (client->in_flight == 0)
        uv_timer_stop(&client->clerk);
    transfer->done(transfer->ctx, &transfer->response);
    keep_or_free(client, transfer);
}

static void on_completed(void *ctx, CURL *easy, CURLcode result)
{
    struct http_client *client = ctx;
    struct transfer *transfer = transfer_of(easy);

    transfer_list_remove(&client->running, transfer);
    transfer_take_result(transfer, result);
    if (client->setup.note_certificates)
        certificates_note(&client->certificates, easy);
    finish(client, transfer);
}

static void end(struct http_client *client, struct transfer *transfer, int result, const char *why)
{
    transfer_list_remove(&client->running, transfer);
    transfer_take_end(transfer, result, why);
    poller_remove(&client->poller, transfer->easy);
    transfer_list_push(&client->ended, transfer);
    call_clerk(client, now_ms(client));
}

static void on_clerk_closed(uv_handle_t *handle)
{
    struct http_client *client = handle->data;
    void (*closed)(void *ctx) = client->closed;
    void *ctx = client->closed_ctx;

    free(client);
    curl_global_cleanup();
    if (closed != NULL)
        closed(ctx);
}

static void on_poller_stopped(void *ctx)
{
    struct http_client *client = ctx;

    uv_close((uv_handle_t *)&client->clerk, on_clerk_closed);
}

static void close_all(struct http_client *client)
{
    struct transfer *transfer;

    while ((transfer = transfer_list_pop(&client->idle)) != NULL)
        transfer_free(transfer);
    uv_timer_stop(&client->clerk);
    request_headers_cache_clear(&client->headers);
    transfer_setup_deinit(&client->setup);
    poller_stop(&client->poller, on_poller_stopped);
}

static void end_expired(struct http_client *client)
{
    const int64_t now = now_ms(client);
    int64_t due = INT64_MAX;

    poller_tell_all(&client->poller);
    for (struct transfer *transfer = client->running.first, *next; transfer != NULL; transfer = next) {
        next = transfer->next;
        if (now >= transfer->deadline_ms)
            end(client, transfer, ERR_TIMEOUT, "no complete answer within the time limit");
        else if (now >= transfer_due_ms(transfer))
            end(client, transfer, ERR_TIMEOUT, "the server fell silent");
        else if (transfer_due_ms(transfer) < due)
            due = transfer_due_ms(transfer);
    }
    if (due != INT64_MAX)
        call_clerk(client, due);
}

static void on_clerk(uv_timer_t *timer)
{
    struct http_client *client = timer->data;
    struct transfer_list ended;
    struct transfer *transfer;

    end_expired(client);
    ended = client->ended;
    client->ended = (struct transfer_list){0};
    while ((transfer = transfer_list_pop(&ended)) != NULL)
        finish(client, transfer);
    if (client->closing && client->in_flight == 0)
        close_all(client);
}

int http_client_new(struct uv_loop_s *loop, const struct http_options *options, struct http_client **ret_client,
                    struct error *err)
{
    struct http_client *client;
    int result;

    *ret_client = NULL;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return error_set(err, ERR_NOMEM, 0, "libcurl cannot be initialised");
    client = calloc(1, sizeof(*client));
    if (client == NULL) {
        result = error_set(err, ERR_NOMEM, 0, "no memory for an HTTP client");
        goto fail_global;
    }
    result = transfer_setup_init(&client->setup, loop, options, err);
    if (result != 0)
        goto fail_client;
    result = poller_start(&client->poller, loop, on_completed, client, err);
    if (result != 0)
        goto fail_setup;
    uv_timer_init(loop, &client->clerk);
    client->clerk.data = client;
    curl_multi_setopt(client->poller.multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
    curl_multi_setopt(client->poller.multi, CURLMOPT_MAX_CONCURRENT_STREAMS, (long)STREAMS_MAX);
    curl_multi_setopt(client->poller.multi, CURLMOPT_MAX_HOST_CONNECTIONS,
                      (long)(options->max_connections > 0 ? options->max_connections : DEFAULT_CONNECTIONS));
    *ret_client = client;
    return 0;

fail_setup:
    transfer_setup_deinit(&client->setup);
fail_client:
    free(client);
fail_global:
    curl_global_cleanup();
    return result;
}

void http_client_close(struct http_client *client, void (*closed)(void *ctx), void *ctx)
{
    if (client->closing)
        return;
    client->closing = true;
    client->closed = closed;
    client->closed_ctx = ctx;
    while (client->running.first != NULL)
        end(client, client->running.first, ERR_CANCELED, "the client is closing");
    call_clerk(client, now_ms(client));
}

static struct transfer *take_idle(struct http_client *client, struct error *err)
{
    struct transfer *transfer = transfer_list_pop(&client->idle);

    return transfer != NULL ? transfer : transfer_new(&client->setup, err);
}

int http_send(struct http_client *client, const struct http_request *request, http_done_fn *done, void *ctx,
              struct guid *ret_client_request_id, uint64_t *ret_id, struct error *err)
{
    struct transfer *transfer;
    struct guid client_request_id;
    int result;

    if (client->closing)
        return error_set(err, ERR_CANCELED, 0, "the client is closing");
    transfer = take_idle(client, err);
    if (transfer == NULL)
        return ERR_NOMEM;
    guid_random(&client_request_id);
    result = transfer_prepare(transfer, request, &client->headers, &client_request_id, err);
    if (result == 0)
        result = poller_add(&client->poller, transfer->easy, err);
    if (result != 0) {
        keep_or_free(client, transfer);
        return result;
    }
    transfer->done = done;
    transfer->ctx = ctx;
    transfer->id = ++client->last_id;
    client->in_flight++;
    transfer_list_push(&client->running, transfer);
    call_clerk(client, transfer_due_ms(transfer));
    if (ret_client_request_id != NULL)
        *ret_client_request_id = client_request_id;
    if (ret_id != NULL)
        *ret_id = transfer->id;
    return 0;
}

void http_cancel(struct http_client *client, uint64_t id)
{
    for (struct transfer *transfer = client->running.first; transfer != NULL; transfer = transfer->next) {
        if (transfer->id == id) {
            end(client, transfer, ERR_CANCELED, "canceled");
            return;
        }
    }
}

struct uv_loop_s *http_client_loop(const struct http_client *client)
{
    return client->setup.loop;
}

int http_reload_proxy(struct http_client *client, struct error *err)
{
    return proxy_reload(&client->setup.proxy, err);
}

bool http_is_local_url(const char *url)
{
    return transfer_is_local_url(url);
}

const struct http_certificate *http_client_certificate(const struct http_client *client, size_t index)
{
    return index < client->certificates.count ? &client->certificates.list[index] : NULL;
}

size_t http_in_flight(const struct http_client *client)
{
    return client->in_flight;
}

const char *http_version(void)
{
    static char text[128];
    const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);

    snprintf(text, sizeof(text), "libcurl/%s %s nghttp2/%s", info->version, info->ssl_version,
             info->nghttp2_version ? info->nghttp2_version : "none");
    return text;
}
