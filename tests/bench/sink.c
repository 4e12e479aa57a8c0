/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * sink - Microsoft's side of a latency measurement: an HTTP/2 server that notes when the first byte of a report was
 * read.
 *
 * nginx cannot say when the first byte of a request about a certain device came in, so this does: the moment at which
 * epoll reported the bytes that begin the request's HEADERS frame is kept with the stream; when the body has come in
 * and names a watched device (an Azure id that begins with bbbbbbbb-), one line is printed: "<CLOCK_MONOTONIC ns of the
 * first byte> <Azure device id> <0|1 compliant> <requests served before it>". It answers as nginx.conf.in does. One
 * thread; ends on SIGTERM.
 *
 *     sink --port PORT --certificate FILE --key FILE
 */
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    READ_MAX = 64 * 1024,
    FRAME_MAX = 17 * 1024,
    BODY_MAX = 64 * 1024,
    EVENTS_MAX = 32,
    ID_TEXT = 36,
    BATCH_ITEMS = 20,
    STREAMS = 128
};

struct sink {
    int epoll, listener;
    int port;
    SSL_CTX *tls;
    uint64_t requests;
    char token[2048], principal[128], endpoints[512], batch[2048];
};

struct peer {
    struct sink *sink;
    int fd;
    SSL *ssl;
    nghttp2_session *session;
    int64_t woken_ns; /* when epoll reported what is being read */
};

struct stream {
    int64_t began_ns;
    char path[512];
    bool get;
    char *body;
    size_t length, room;
    const char *answer;
    size_t answered;
};

static volatile sig_atomic_t stopping;

static void on_signal(int number)
{
    (void)number;
    stopping = 1;
}

static void die(const char *what)
{
    fprintf(stderr, "sink: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* What is answered, and what is noted. */

static void make_answers(struct sink *sink)
{
    char token[1501];
    for (size_t i = 0; i < sizeof token - 1; i++)
        token[i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[i * 7 % 64];
    token[sizeof token - 1] = '\0';
    snprintf(sink->token, sizeof sink->token, "{\"token_type\":\"Bearer\",\"expires_in\":5400,\"access_token\":\"%s\"}",
             token);
    snprintf(sink->principal, sizeof sink->principal,
             "{\"value\":[{\"id\":\"0f0f0f0f-1111-4222-8333-444444444444\"}]}");
    snprintf(sink->endpoints, sizeof sink->endpoints,
             "{\"value\":[{\"providerName\":\"PartnerDeviceDataSyncService\",\"uri\":\"https://localhost:%d/device\"},"
             "{\"providerName\":\"PartnerTenantDataSyncService\",\"uri\":\"https://localhost:%d/tenant\"}]}",
             sink->port, sink->port);
    size_t at = (size_t)sprintf(sink->batch, "{\"responses\":[");
    for (int i = 0; i < BATCH_ITEMS; i++)
        at += (size_t)sprintf(sink->batch + at, "%s{\"id\":\"%d\",\"status\":204}", i ? "," : "", i);
    sprintf(sink->batch + at, "]}");
}

static const char *answer_for(const struct sink *sink, const struct stream *stream)
{
    if (strstr(stream->path, "/oauth2/"))
        return sink->token;
    if (strstr(stream->path, "/endpoints"))
        return sink->endpoints;
    if (strstr(stream->path, "/servicePrincipals"))
        return sink->principal;
    if (strstr(stream->path, "/$batch"))
        return sink->batch;
    return stream->get ? "{\"Status\":\"Completed\",\"ErrorCode\":\"0\",\"ErrorDetail\":\"\"}"
                       : "{\"ErrorCode\":\"202\"}";
}

/* A body may name several devices: the state of each is told by the first word about compliance after its id. */
static void note_watched(const struct sink *sink, const struct stream *stream)
{
    const char *end = stream->body + stream->length;
    const char *at = stream->body;
    char last[ID_TEXT + 1] = "";
    while (at && (at = memmem(at, (size_t)(end - at), "bbbbbbbb-", 9)) && end - at > ID_TEXT) {
        char id[ID_TEXT + 1];
        memcpy(id, at, ID_TEXT);
        id[ID_TEXT] = '\0';
        at += ID_TEXT;
        bool bad = memmem(at, (size_t)(end - at), "notCompliant", 12) != NULL;
        const char *verdict = memmem(at, (size_t)(end - at), "isCompliant\":", 13);
        if (verdict)
            bad = verdict[13] == 'f';
        if (strcmp(id, last) != 0)
            printf("%lld %s %d %llu\n", (long long)stream->began_ns, id, bad ? 0 : 1,
                   (unsigned long long)sink->requests);
        memcpy(last, id, sizeof last);
    }
}

/* HTTP/2. */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
    const struct peer *peer = ctx;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    struct stream *stream = calloc(1, sizeof *stream);
    if (!stream)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    stream->began_ns = peer->woken_ns;
    return nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, stream);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_length,
                     const uint8_t *value, size_t value_length, uint8_t flags, void *ctx)
{
    struct stream *stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    (void)flags;
    (void)ctx;
    if (!stream)
        return 0;
    if (name_length == 5 && !memcmp(name, ":path", 5))
        snprintf(stream->path, sizeof stream->path, "%.*s", (int)value_length, (const char *)value);
    if (name_length == 7 && !memcmp(name, ":method", 7))
        stream->get = value[0] == 'G';
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t length, void *ctx)
{
    struct stream *stream = nghttp2_session_get_stream_user_data(session, id);
    (void)flags;
    (void)ctx;
    if (!stream || stream->length + length > BODY_MAX)
        return 0;
    if (stream->length + length > stream->room) {
        stream->room = (stream->length + length) * 2;
        char *body = realloc(stream->body, stream->room);
        if (!body)
            return NGHTTP2_ERR_CALLBACK_FAILURE;
        stream->body = body;
    }
    memcpy(stream->body + stream->length, data, length);
    stream->length += length;
    return 0;
}

static ssize_t on_read_answer(nghttp2_session *session, int32_t id, uint8_t *out, size_t room, uint32_t *flags,
                              nghttp2_data_source *source, void *ctx)
{
    struct stream *stream = source->ptr;
    (void)session;
    (void)id;
    (void)ctx;
    size_t left = strlen(stream->answer) - stream->answered;
    size_t length = left < room ? left : room;
    memcpy(out, stream->answer + stream->answered, length);
    stream->answered += length;
    if (length == left)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)length;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
    struct peer *peer = ctx;
    if ((frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) ||
        !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        return 0;
    struct stream *stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (!stream)
        return 0;
    if (stream->body)
        note_watched(peer->sink, stream);
    peer->sink->requests++;
    stream->answer = answer_for(peer->sink, stream);
    static const char status[] = ":status", ok[] = "200", type[] = "content-type", json[] = "application/json";
    nghttp2_nv headers[] = {{(uint8_t *)(uintptr_t)status, (uint8_t *)(uintptr_t)ok, sizeof status - 1, sizeof ok - 1,
                             NGHTTP2_NV_FLAG_NONE},
                            {(uint8_t *)(uintptr_t)type, (uint8_t *)(uintptr_t)json, sizeof type - 1, sizeof json - 1,
                             NGHTTP2_NV_FLAG_NONE}};
    nghttp2_data_provider provider = {.source.ptr = stream, .read_callback = on_read_answer};
    return nghttp2_submit_response(session, frame->hd.stream_id, headers, 2, &provider);
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *ctx)
{
    struct stream *stream = nghttp2_session_get_stream_user_data(session, id);
    (void)code;
    (void)ctx;
    if (stream) {
        free(stream->body);
        free(stream);
    }
    return 0;
}

static nghttp2_session *make_session(struct peer *peer)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_session *session = NULL;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    /* libcurl resets streams whose answer it has read; that must not look like an attack here. */
    nghttp2_option *option;
    nghttp2_option_new(&option);
    nghttp2_option_set_stream_reset_rate_limit(option, 1000000, 1000000);
    nghttp2_session_server_new2(&session, callbacks, peer, option);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, STREAMS},
                                         {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1024 * 1024}};
    nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, 2);
    nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, 16 * 1024 * 1024);
    return session;
}

/* Connections. Sockets block: a peer of a benchmark is near and quick, and what epoll announces is a whole record at
 * once. */

static bool flush(struct peer *peer)
{
    static uint8_t out[READ_MAX];
    const uint8_t *data;
    ssize_t length;
    do {
        size_t held = 0;
        while (held <= sizeof out - FRAME_MAX && (length = nghttp2_session_mem_send(peer->session, &data)) > 0) {
            memcpy(out + held, data, (size_t)length);
            held += (size_t)length;
        }
        if (length < 0 || (held > 0 && SSL_write(peer->ssl, out, (int)held) <= 0))
            return false;
    } while (length > 0);
    return true;
}

static bool receive(struct peer *peer)
{
    static uint8_t in[READ_MAX];
    do {
        int length = SSL_read(peer->ssl, in, sizeof in);
        if (length <= 0)
            return SSL_get_error(peer->ssl, length) == SSL_ERROR_WANT_READ;
        if (nghttp2_session_mem_recv(peer->session, in, (size_t)length) < 0)
            return false;
    } while (SSL_has_pending(peer->ssl));
    return true;
}

static void drop(struct peer *peer)
{
    epoll_ctl(peer->sink->epoll, EPOLL_CTL_DEL, peer->fd, NULL);
    nghttp2_session_del(peer->session);
    SSL_free(peer->ssl);
    close(peer->fd);
    free(peer);
}

static void serve(struct peer *peer, int64_t woken_ns)
{
    peer->woken_ns = woken_ns;
    bool alive = receive(peer) && flush(peer);
    if (!alive || (!nghttp2_session_want_read(peer->session) && !nghttp2_session_want_write(peer->session)))
        drop(peer);
}

static void welcome(struct sink *sink)
{
    int fd = accept4(sink->listener, NULL, NULL, SOCK_CLOEXEC);
    struct peer *peer = calloc(1, sizeof *peer);
    if (fd < 0 || !peer)
        die("accept");
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    *peer = (struct peer){.sink = sink, .fd = fd, .ssl = SSL_new(sink->tls)};
    SSL_set_fd(peer->ssl, fd);
    SSL_clear_mode(peer->ssl, SSL_MODE_AUTO_RETRY);
    peer->session = make_session(peer);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = peer};
    epoll_ctl(sink->epoll, EPOLL_CTL_ADD, fd, &event);
    if (SSL_accept(peer->ssl) != 1 || !flush(peer))
        drop(peer);
}

static int on_alpn(SSL *ssl, const unsigned char **ret_chosen, unsigned char *ret_length, const unsigned char *offered,
                   unsigned offered_length, void *ctx)
{
    (void)ssl;
    (void)ctx;
    for (unsigned at = 0; at + 2 < offered_length; at += offered[at] + 1U) {
        if (offered[at] == 2 && !memcmp(offered + at + 1, "h2", 2)) {
            *ret_chosen = offered + at + 1;
            *ret_length = 2;
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void open_sink(struct sink *sink, const char *certificate, const char *key)
{
    sink->tls = SSL_CTX_new(TLS_server_method());
    if (!sink->tls || SSL_CTX_use_certificate_chain_file(sink->tls, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(sink->tls, key, SSL_FILETYPE_PEM) != 1) {
        fprintf(stderr, "sink: %s or %s cannot be used\n", certificate, key);
        exit(1);
    }
    SSL_CTX_set_alpn_select_cb(sink->tls, on_alpn, NULL);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)sink->port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int on = 1;
    sink->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(sink->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(sink->listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(sink->listener, 16) != 0)
        die("listen");
    sink->epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = sink};
    epoll_ctl(sink->epoll, EPOLL_CTL_ADD, sink->listener, &event);
}

static void read_options(struct sink *sink, int argc, char **argv, const char **ret_certificate, const char **ret_key)
{
    static const struct option options[] = {
        {"port", 1, NULL, 'p'}, {"certificate", 1, NULL, 'c'}, {"key", 1, NULL, 'k'}, {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'p')
            sink->port = (int)strtol(optarg, NULL, 10);
        else if (option == 'c')
            *ret_certificate = optarg;
        else if (option == 'k')
            *ret_key = optarg;
        else
            exit(64);
    }
    if (!sink->port || !*ret_certificate || !*ret_key) {
        fprintf(stderr, "sink --port PORT --certificate FILE --key FILE\n");
        exit(64);
    }
}

int main(int argc, char **argv)
{
    static struct sink sink;
    const char *certificate = NULL, *key = NULL;
    read_options(&sink, argc, argv, &certificate, &key);
    struct sigaction stop = {.sa_handler = on_signal};
    sigaction(SIGTERM, &stop, NULL);
    signal(SIGPIPE, SIG_IGN);
    make_answers(&sink);
    open_sink(&sink, certificate, key);
    while (!stopping) {
        struct epoll_event events[EVENTS_MAX];
        int count = epoll_wait(sink.epoll, events, EVENTS_MAX, -1);
        int64_t woken_ns = now_ns();
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == &sink)
                welcome(&sink);
            else
                serve(events[i].data.ptr, woken_ns);
        }
        fflush(stdout);
    }
    return 0;
}
