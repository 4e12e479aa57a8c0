/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "transfer.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "response_headers.h"

enum {
    DEFAULT_CONNECT_MS = 10 * 1000,
    DEFAULT_TOTAL_MS = 60 * 1000,
    DEFAULT_STALL_MS = 45 * 1000,
    DEFAULT_MAX_BODY = 4 * 1024 * 1024,
    MAX_HEADER_BYTES = 256 * 1024,
    KEPT_BUFFER = 8 * 1024,    /* bigger buffers are freed after the request */
    RECEIVE_BUFFER = 4 * 1024, /* of libcurl, one a running transfer */
    UPLOAD_BUFFER = 16 * 1024, /* the same, for a body on its way out: the least that libcurl takes */
    UNACKNOWLEDGED_MS =
        20 * 1000, /* data that the peer's kernel does not confirm for so long: the connection is dead */
    KEEPALIVE_IDLE_S = 60,
    KEEPALIVE_INTERVAL_S = 15,
};

#define ID_HEADER "client-request-id: "

static int64_t given_or(int64_t value, int64_t otherwise)
{
    return value > 0 ? value : otherwise;
}

int transfer_setup_init(struct transfer_setup *setup, uv_loop_t *loop, const struct http_options *options,
                        struct error *err)
{
    *setup = (struct transfer_setup){
        .loop = loop,
        .connect_ms = given_or(options->connect_ms, DEFAULT_CONNECT_MS),
        .total_ms = given_or(options->total_ms, DEFAULT_TOTAL_MS),
        .stall_ms = given_or(options->stall_ms, DEFAULT_STALL_MS),
        .max_body = options->max_body > 0 ? options->max_body : DEFAULT_MAX_BODY,
        .note_certificates = options->note_certificates,
    };
    if (options->ca_file != NULL && options->ca_file[0] != '\0') {
        setup->ca_file = strdup(options->ca_file);
        if (setup->ca_file == NULL)
            goto fail;
    }
    if (options->unix_socket != NULL) {
        setup->unix_socket = strdup(options->unix_socket);
        if (setup->unix_socket == NULL)
            goto fail;
    }
    int result = proxy_init(&setup->proxy, options->proxy, options->proxy_credentials_file, err);
    if (result != 0)
        transfer_setup_deinit(setup);
    return result;

fail:
    transfer_setup_deinit(setup);
    return error_set(err, ERR_NOMEM, 0, "no memory for an HTTP client");
}

void transfer_setup_deinit(struct transfer_setup *setup)
{
    free(setup->ca_file);
    proxy_deinit(&setup->proxy);
    free(setup->unix_socket);
    setup->ca_file = NULL;
    setup->unix_socket = NULL;
}

static size_t on_body(char *data, size_t size, size_t count, void *ctx)
{
    struct transfer *transfer = ctx;

    transfer->heard_ms = (int64_t)uv_now(transfer->setup->loop);
    buf_add(&transfer->received, data, size * count);
    return buf_error(&transfer->received) == 0 ? size * count : 0;
}

static size_t on_header(char *data, size_t size, size_t count, void *ctx)
{
    struct transfer *transfer = ctx;

    transfer->heard_ms = (int64_t)uv_now(transfer->setup->loop);
    transfer->header_bytes += size * count;
    if (transfer->header_bytes > MAX_HEADER_BYTES)
        return 0;
    if (size * count >= 5 && memcmp(data, "HTTP/", 5) == 0)
        transfer->headers_ended = false; /* those were of an interim answer (1xx) */
    if (transfer->headers_ended)
        return size * count; /* a trailer behind the body: nothing in it is for us */
    transfer->headers_ended = data[0] == '\r' || data[0] == '\n';
    response_headers_read(&transfer->response.headers, data, size * count);
    return size * count;
}

/* A dead peer is noticed by the kernel: else all streams of a connection, and those that join it, would wait for their
 * limits. A socket without these options works as well, so failures are not looked at. */
static int on_socket_made(void *ctx, curl_socket_t fd, curlsocktype purpose)
{
    unsigned unacknowledged_ms = UNACKNOWLEDGED_MS;

    (void)ctx;
    (void)purpose;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged_ms, sizeof(unacknowledged_ms));
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    return CURL_SOCKOPT_OK;
}

/* One file or the other: libcurl would trust the system's directory beside ca_file. And only without a directory does
 * it keep the parsed store for the next connection, which saves megabytes and milliseconds each. */
static void set_trust(CURL *easy, const struct transfer_setup *setup)
{
    const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);

    if (setup->ca_file != NULL) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, setup->ca_file);
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    } else if (info->cainfo != NULL && access(info->cainfo, R_OK) == 0) {
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    }
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_CERTINFO, setup->note_certificates ? 1L : 0L);
}

static void set_limits(CURL *easy, const struct transfer_setup *setup)
{
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)setup->connect_ms);
    curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)setup->max_body);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)RECEIVE_BUFFER);
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)UPLOAD_BUFFER);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_IDLE_S);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_INTERVAL_S);
    curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_socket_made);
    /* a transfer that ends while its name is being looked up must not wait for the resolver's thread */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
}

/* PIPEWAIT lets a request wait until a connection that is being made shows whether it can be shared. A plain one never
 * can, and libcurl keeps one whose only request could not be sent: the next request would wait for it until its time
 * is over. HTTP/1.1 waits for nothing. */
static void set_scheme(CURL *easy, bool plain)
{
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, plain ? "http,https" : "https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)(plain ? CURL_HTTP_VERSION_1_1 : CURL_HTTP_VERSION_2TLS));
}

static void set_protocol(CURL *easy, const struct transfer_setup *setup)
{
    set_scheme(easy, false);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
    /* Bodies are small, so none is wanted compressed; without the header a server may compress as it likes, and
     * libcurl would not decode. */
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "identity");
    proxy_apply(&setup->proxy, easy, true);
    curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, setup->unix_socket);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L); /* "." and ".." in a path may be names */
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "complyd/" COMPLYD_VERSION);
}

static void set_callbacks(struct transfer *transfer)
{
    curl_easy_setopt(transfer->easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(transfer->easy, CURLOPT_ERRORBUFFER, transfer->curl_error);
    curl_easy_setopt(transfer->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(transfer->easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(transfer->easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(transfer->easy, CURLOPT_HEADERDATA, transfer);
}

struct transfer *transfer_new(const struct transfer_setup *setup, struct error *err)
{
    struct transfer *transfer = calloc(1, sizeof(*transfer));

    if (transfer == NULL)
        goto fail;
    transfer->easy = curl_easy_init();
    if (transfer->easy == NULL)
        goto fail;
    transfer->setup = setup;
    transfer->proxy_version = setup->proxy.version;
    transfer->id_line.data = transfer->id_text;
    buf_init(&transfer->sent, 0);
    buf_init(&transfer->received, setup->max_body);
    set_callbacks(transfer);
    set_protocol(transfer->easy, setup);
    set_trust(transfer->easy, setup);
    set_limits(transfer->easy, setup);
    return transfer;

fail:
    free(transfer);
    error_set(err, ERR_NOMEM, 0, "no memory for a request");
    return NULL;
}

void transfer_free(struct transfer *transfer)
{
    curl_easy_cleanup(transfer->easy);
    buf_deinit(&transfer->sent);
    buf_deinit(&transfer->received);
    free(transfer);
}

struct transfer *transfer_of(CURL *easy)
{
    char *transfer = NULL;

    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
    return (struct transfer *)(void *)transfer;
}

static bool is_local_host(const char *host)
{
    static const char *const hosts[] = {"169.254.169.254", "127.0.0.1", "[::1]", "localhost"};

    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        if (strcasecmp(host, hosts[i]) == 0)
            return true;
    }
    return false;
}

bool transfer_is_local_url(const char *url)
{
    CURLU *parts = curl_url();
    char *host = NULL;
    bool local = parts != NULL && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
                 curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK && is_local_host(host);

    curl_free(host);
    curl_url_cleanup(parts);
    return local;
}

static int check_url(const struct transfer_setup *setup, const struct http_request *request, bool *ret_plain,
                     struct error *err)
{
    const bool plain_allowed = request->allow_plain || setup->unix_socket != NULL;

    *ret_plain = false;
    if (strncasecmp(request->url, "https://", 8) == 0)
        return 0;
    if (plain_allowed && strncasecmp(request->url, "http://", 7) == 0 && transfer_is_local_url(request->url)) {
        *ret_plain = true;
        return 0;
    }
    return error_set(err, ERR_INVALID, 0, "only https is spoken");
}

static void set_switches(struct transfer *transfer, const struct http_request *request, bool plain)
{
    if (transfer->plain != plain)
        set_scheme(transfer->easy, plain);
    if (transfer->no_proxy != request->no_proxy || transfer->proxy_version != transfer->setup->proxy.version)
        proxy_apply(&transfer->setup->proxy, transfer->easy, !request->no_proxy);
    if (transfer->fresh != request->fresh_connection)
        curl_easy_setopt(transfer->easy, CURLOPT_FRESH_CONNECT, request->fresh_connection ? 1L : 0L);
    transfer->plain = plain;
    transfer->no_proxy = request->no_proxy;
    transfer->proxy_version = transfer->setup->proxy.version;
    transfer->fresh = request->fresh_connection;
    transfer->secret = request->secret_body;
}

static int set_body(struct transfer *transfer, const struct http_request *request)
{
    static const char *const names[] = {
        [HTTP_GET] = NULL, [HTTP_POST] = NULL, [HTTP_PUT] = "PUT", [HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE"};

    buf_clear(&transfer->sent);
    if (request->method == HTTP_GET) {
        curl_easy_setopt(transfer->easy, CURLOPT_HTTPGET, 1L);
    } else {
        buf_add(&transfer->sent, request->body != NULL ? request->body : "", request->body_length);
        if (buf_error(&transfer->sent) != 0)
            return buf_error(&transfer->sent);
        curl_easy_setopt(transfer->easy, CURLOPT_POST, 1L);
        curl_easy_setopt(transfer->easy, CURLOPT_POSTFIELDS, buf_text(&transfer->sent));
        curl_easy_setopt(transfer->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_length);
    }
    if (transfer->method != request->method)
        curl_easy_setopt(transfer->easy, CURLOPT_CUSTOMREQUEST, names[request->method]);
    transfer->method = request->method;
    return 0;
}

/* The lines are chained: this request's id, then the caller's own, then the shared ones. */
static int set_headers(struct transfer *transfer, const struct http_request *request,
                       struct request_headers_cache *cache, const struct guid *client_request_id)
{
    memcpy(transfer->id_text, ID_HEADER, sizeof(ID_HEADER) - 1);
    guid_format(client_request_id, transfer->id_text + sizeof(ID_HEADER) - 1);
    for (const char *const *line = request->headers; line != NULL && *line != NULL; line++) {
        struct curl_slist *longer = curl_slist_append(transfer->extra, *line);

        if (longer == NULL)
            return ERR_NOMEM;
        transfer->extra = longer;
    }
    transfer->headers = request_headers_get(cache, request->bearer, request->content_type);
    if (transfer->headers == NULL)
        return ERR_NOMEM;
    transfer->id_line.next = transfer->extra != NULL ? transfer->extra : request_headers_lines(transfer->headers);
    for (struct curl_slist *line = transfer->extra; line != NULL && transfer->extra_last == NULL; line = line->next) {
        if (line->next == NULL)
            transfer->extra_last = line;
    }
    if (transfer->extra_last != NULL)
        transfer->extra_last->next = request_headers_lines(transfer->headers);
    curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, &transfer->id_line);
    return 0;
}

int transfer_prepare(struct transfer *transfer, const struct http_request *request, struct request_headers_cache *cache,
                     const struct guid *client_request_id, struct error *err)
{
    const int64_t now = (int64_t)uv_now(transfer->setup->loop);
    bool plain;
    int result = check_url(transfer->setup, request, &plain, err);

    if (result != 0)
        return result;
    set_switches(transfer, request, plain);
    if (curl_easy_setopt(transfer->easy, CURLOPT_URL, request->url) != CURLE_OK || set_body(transfer, request) != 0 ||
        set_headers(transfer, request, cache, client_request_id) != 0)
        return error_set(err, ERR_NOMEM, 0, "no memory for a request");
    transfer->deadline_ms = now + given_or(request->total_ms, transfer->setup->total_ms);
    transfer->heard_ms = now;
    transfer->header_bytes = 0;
    transfer->headers_ended = false;
    transfer->curl_error[0] = '\0';
    buf_clear(&transfer->received);
    transfer->response.status = 0;
    response_headers_clear(&transfer->response.headers);
    return 0;
}

int64_t transfer_due_ms(const struct transfer *transfer)
{
    const int64_t silent_ms = transfer->heard_ms + transfer->setup->stall_ms;

    return silent_ms < transfer->deadline_ms ? silent_ms : transfer->deadline_ms;
}

/* A handshake that the peer broke off by closing is the network's trouble; one that OpenSSL or an alert ended is
 * TLS's. */
static int code_of_handshake(const struct transfer *transfer)
{
    return strstr(transfer->curl_error, "error:") != NULL ? ERR_TLS : ERR_NETWORK;
}

static int code_of(const struct transfer *transfer, CURLcode result)
{
    switch (result) {
    case CURLE_OK:
        return 0;
    case CURLE_OPERATION_TIMEDOUT:
        return ERR_TIMEOUT;
    case CURLE_SSL_CONNECT_ERROR:
        return code_of_handshake(transfer);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_ENGINE_INITFAILED:
        return ERR_TLS;
    case CURLE_WRITE_ERROR:
        return buf_error(&transfer->received) != 0 ? buf_error(&transfer->received) : ERR_TOOBIG;
    case CURLE_FILESIZE_EXCEEDED:
        return ERR_TOOBIG;
    case CURLE_OUT_OF_MEMORY:
        return ERR_NOMEM;
    case CURLE_URL_MALFORMAT:
        return ERR_INVALID;
    default: /* not resolved, not connected, reset, HTTP/2 stream or connection lost, cut short, not HTTP at all */
        return ERR_NETWORK;
    }
}

/* What a proxy answered to CONNECT; 0 = it was not asked. */
static int proxy_status(const struct transfer *transfer)
{
    long status = 0;

    curl_easy_getinfo(transfer->easy, CURLINFO_HTTP_CONNECTCODE, &status);
    return (int)status;
}

static void take_answer(struct transfer *transfer)
{
    long status = 0;

    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    transfer->response.status = (int)status;
    transfer->response.body = buf_text(&transfer->received);
    transfer->response.body_length = transfer->received.length;
    transfer->response.proxy_status = proxy_status(transfer);
}

/* Behind a proxy that refused, CONNECT is all that was sent. */
static bool maybe_sent(const struct transfer *transfer)
{
    long bytes = 0;

    curl_easy_getinfo(transfer->easy, CURLINFO_REQUEST_SIZE, &bytes);
    return bytes > 0 && proxy_status(transfer) < 300;
}

/* libcurl is content with an answer that ends within its headers, and a status without a body may mean "accepted". */
static CURLcode doubt(const struct transfer *transfer, CURLcode result)
{
    return result == CURLE_OK && !transfer->headers_ended ? CURLE_PARTIAL_FILE : result;
}

void transfer_take_result(struct transfer *transfer, CURLcode result)
{
    struct http_response *response = &transfer->response;

    result = doubt(transfer, result);
    take_answer(transfer);
    response->result = code_of(transfer, result);
    response->maybe_sent = result != CURLE_OK && maybe_sent(transfer);
    response->error.code = 0;
    response->error.origin = 0;
    response->error.message[0] = '\0';
    if (result != CURLE_OK)
        error_set(&response->error, response->result, (int)result, "%s",
                  transfer->curl_error[0] != '\0' ? transfer->curl_error : curl_easy_strerror(result));
}

void transfer_take_end(struct transfer *transfer, int result, const char *why)
{
    take_answer(transfer);
    transfer->response.result = result;
    transfer->response.maybe_sent = maybe_sent(transfer);
    error_set(&transfer->response.error, result, 0, "%s", why);
}

static void shrink(struct buf *buf)
{
    if (buf->capacity > KEPT_BUFFER)
        buf_deinit(buf);
}

void transfer_clear(struct transfer *transfer)
{
    if (transfer->extra_last != NULL)
        transfer->extra_last->next = NULL; /* what follows is shared */
    curl_slist_free_all(transfer->extra);
    transfer->extra = NULL;
    transfer->extra_last = NULL;
    request_headers_release(transfer->headers);
    transfer->headers = NULL;
    transfer->id_line.next = NULL;
    if (transfer->secret) {
        buf_wipe(&transfer->sent);
        buf_wipe(&transfer->received);
    }
    shrink(&transfer->sent);
    shrink(&transfer->received);
}

void transfer_list_push(struct transfer_list *list, struct transfer *transfer)
{
    transfer->prev = list->last;
    transfer->next = NULL;
    if (list->last != NULL)
        list->last->next = transfer;
    else
        list->first = transfer;
    list->last = transfer;
    list->count++;
}

struct transfer *transfer_list_pop(struct transfer_list *list)
{
    struct transfer *transfer = list->first;

    if (transfer != NULL)
        transfer_list_remove(list, transfer);
    return transfer;
}

void transfer_list_remove(struct transfer_list *list, struct transfer *transfer)
{
    if (transfer->prev != NULL)
        transfer->prev->next = transfer->next;
    else
        list->first = transfer->next;
    if (transfer->next != NULL)
        transfer->next->prev = transfer->prev;
    else
        list->last = transfer->prev;
    transfer->prev = NULL;
    transfer->next = NULL;
    list->count--;
}
