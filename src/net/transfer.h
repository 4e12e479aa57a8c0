/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * transfer - one request and its answer on a libcurl easy handle that is used again and again. Private to src/net.
 *
 * What never changes is set once in transfer_new(); transfer_prepare() sets only what differs from the request before.
 */
#ifndef COMPLYD_NET_TRANSFER_H
#define COMPLYD_NET_TRANSFER_H

#include <curl/curl.h>
#include <stdbool.h>
#include <uv.h>

#include "net/http.h"

#include "proxy.h"
#include "request_headers.h"

/* What all transfers of a client have in common. */
struct transfer_setup {
    uv_loop_t *loop;
    char *ca_file; /* NULL = the system's trust store */
    struct proxy proxy;
    char *unix_socket; /* NULL = none */
    int64_t connect_ms;
    int64_t total_ms;
    int64_t stall_ms;
    size_t max_body;
    bool note_certificates;
};

struct transfer {
    struct transfer *prev, *next; /* in the one list that it is in */
    CURL *easy;
    const struct transfer_setup *setup;
    uint64_t id;
    int64_t deadline_ms; /* loop time */
    int64_t heard_ms;    /* loop time of the last byte from the server */
    http_done_fn *done;
    void *ctx;
    struct buf sent;
    struct buf received;
    size_t header_bytes;
    bool headers_ended; /* by their blank line */
    struct request_headers *headers;
    struct curl_slist *extra;      /* lines of this request alone */
    struct curl_slist *extra_last; /* of these, once the shared lines are linked behind */
    struct curl_slist id_line;
    char id_text[sizeof("client-request-id: ") + GUID_TEXT];
    char curl_error[CURL_ERROR_SIZE];
    enum http_method method;
    bool secret, plain, no_proxy, fresh; /* as set on the easy handle */
    unsigned proxy_version;
    struct http_response response;
};

int transfer_setup_init(struct transfer_setup *setup, uv_loop_t *loop, const struct http_options *options,
                        struct error *err);
void transfer_setup_deinit(struct transfer_setup *setup);

/* True for URLs of this machine and of Azure's metadata service: the only ones that may be asked in plain HTTP. */
bool transfer_is_local_url(const char *url);

struct transfer *transfer_new(const struct transfer_setup *setup, struct error *err);
void transfer_free(struct transfer *transfer);
struct transfer *transfer_of(CURL *easy);

/* Makes the easy handle ready for the request; the GUID goes out as client-request-id. */
int transfer_prepare(struct transfer *transfer, const struct http_request *request, struct request_headers_cache *cache,
                     const struct guid *client_request_id, struct error *err);

/* Loop time at which a limit may have passed: of the whole transfer, or of the server's silence. */
int64_t transfer_due_ms(const struct transfer *transfer);

/* Fills in the response: from libcurl's result, or with an end that we decided. */
void transfer_take_result(struct transfer *transfer, CURLcode result);
void transfer_take_end(struct transfer *transfer, int result, const char *why); /* still in the multi handle */

/* Forgets the request and its answer, wipes what was secret; keeps small buffers for the next one. */
void transfer_clear(struct transfer *transfer);

struct transfer_list {
    struct transfer *first, *last;
    size_t count;
};

void transfer_list_push(struct transfer_list *list, struct transfer *transfer);
struct transfer *transfer_list_pop(struct transfer_list *list); /* oldest first; NULL when empty */
void transfer_list_remove(struct transfer_list *list, struct transfer *transfer);

#endif
