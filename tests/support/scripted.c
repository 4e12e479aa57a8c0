/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "scripted.h"

#include <arpa/inet.h>
#include <assert.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CONNECTIONS_MAX = 256,
    REQUESTS_MAX = 1024,
    REQUEST_BYTES_MAX = 256 * 1024,
};

struct connection {
    struct scripted *server;
    pthread_t thread;
    int fd; /* -1 once closed; under the server's lock */
};

struct scripted {
    SSL_CTX *tls;
    int listener;
    unsigned port;
    bool http2;
    char base[64];
    char ca_file[256];
    pthread_t acceptor;
    pthread_mutex_t lock; /* for all below */
    bool stopping;
    const struct scripted_step *steps;
    size_t step_count, step;
    struct connection connections[CONNECTIONS_MAX];
    unsigned accepted, handshakes, request_count;
    char *requests[REQUESTS_MAX];
};

/* ---- certificates ---- */

static void add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;

    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    assert(extension != NULL);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

static X509 *make_certificate(const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key)
{
    X509 *certificate = X509_new();
    X509_NAME *subject = X509_get_subject_name(certificate);

    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), issuer == NULL ? 1 : 2);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(certificate, issuer == NULL ? subject : X509_get_subject_name(issuer));
    X509_set_pubkey(certificate, key);
    if (issuer == NULL) {
        add_extension(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE");
    } else {
        char names[128];

        snprintf(names, sizeof(names), "DNS:%s", name);
        add_extension(certificate, issuer, NID_subject_alt_name, names);
    }
    X509_sign(certificate, issuer_key, EVP_sha256());
    return certificate;
}

static void set_certificates(struct scripted *server, const struct scripted_options *options)
{
    EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
    X509 *ca = make_certificate("complyd test CA", ca_key, NULL, ca_key);
    X509 *leaf = make_certificate(options->host != NULL ? options->host : "localhost", key, ca, ca_key);
    FILE *file;

    snprintf(server->ca_file, sizeof(server->ca_file), "%s/ca-%u.pem", options->directory, server->port);
    file = fopen(server->ca_file, "w");
    assert(file != NULL);
    PEM_write_X509(file, ca);
    fclose(file);
    SSL_CTX_use_certificate(server->tls, leaf);
    SSL_CTX_use_PrivateKey(server->tls, key);
    X509_free(leaf);
    X509_free(ca);
    EVP_PKEY_free(key);
    EVP_PKEY_free(ca_key);
}

/* ---- script ---- */

static struct scripted_step next_step(struct scripted *server, const char *request)
{
    struct scripted_step step = {0};

    pthread_mutex_lock(&server->lock);
    if (server->step_count > 0) {
        step = server->steps[server->step];
        if (server->step + 1 < server->step_count)
            server->step++;
    }
    if (server->request_count < REQUESTS_MAX)
        server->requests[server->request_count++] = request != NULL ? strdup(request) : NULL;
    pthread_mutex_unlock(&server->lock);
    return step;
}

static bool send_all(SSL *ssl, const void *data, size_t length)
{
    return length == 0 || SSL_write(ssl, data, (int)length) == (int)length;
}

static void wait_for_the_end(SSL *ssl)
{
    char sink[4096];

    while (SSL_read(ssl, sink, sizeof(sink)) > 0)
        ;
}

/* False: the connection is over. */
static bool end_step(struct connection *connection, SSL *ssl, enum scripted_end end)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    switch (end) {
    case SCRIPTED_KEEP:
    case SCRIPTED_RST_STREAM:
        return true;
    case SCRIPTED_CLOSE:
    case SCRIPTED_GOAWAY:
        SSL_shutdown(ssl);
        return false;
    case SCRIPTED_RESET:
        setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
        return false;
    case SCRIPTED_HANG:
        wait_for_the_end(ssl);
        return false;
    }
    return false;
}

/* ---- HTTP/1.1 ---- */

static size_t content_length(const char *head)
{
    for (const char *line = head; line != NULL; line = strstr(line, "\r\n")) {
        line += line == head ? 0 : 2;
        if (strncasecmp(line, "Content-Length:", 15) == 0)
            return (size_t)strtoul(line + 15, NULL, 10);
        if (line[0] == '\r')
            break;
    }
    return 0;
}

/* One request, head and body; false at the end of the connection. */
static bool read_request(SSL *ssl, char text[REQUEST_BYTES_MAX])
{
    size_t length = 0;
    const char *body;

    text[0] = '\0';
    while (length + 1 < REQUEST_BYTES_MAX) {
        body = strstr(text, "\r\n\r\n");
        if (body != NULL && length >= (size_t)(body + 4 - text) + content_length(text))
            return true;
        int got = SSL_read(ssl, text + length, (int)(REQUEST_BYTES_MAX - 1 - length));
        if (got <= 0)
            break;
        length += (size_t)got;
        text[length] = '\0';
    }
    return false;
}

static void serve_http1(struct connection *connection, SSL *ssl)
{
    char request[REQUEST_BYTES_MAX]; /* of the thread's stack: a test may be making malloc fail */
    struct scripted_step step;

    while (read_request(ssl, request)) {
        step = next_step(connection->server, request);
        if (step.text != NULL && !send_all(ssl, step.text, strlen(step.text)))
            return;
        if (!end_step(connection, ssl, step.end))
            return;
    }
}

/* ---- HTTP/2: frames without looking into the request's headers (RFC 9113) ---- */

enum { FRAME_DATA = 0, FRAME_HEADERS = 1, FRAME_RST_STREAM = 3, FRAME_SETTINGS = 4, FRAME_PING = 6, FRAME_GOAWAY = 7 };
enum { FLAG_END_STREAM = 1, FLAG_ACK = 1, FLAG_END_HEADERS = 4, INTERNAL_ERROR = 2 };

static bool send_frame(SSL *ssl, uint8_t type, uint8_t flags, uint32_t stream, const void *payload, size_t length)
{
    const uint8_t head[9] = {
        (uint8_t)(length >> 16), (uint8_t)(length >> 8),  (uint8_t)length,        type,           flags,
        (uint8_t)(stream >> 24), (uint8_t)(stream >> 16), (uint8_t)(stream >> 8), (uint8_t)stream};

    return send_all(ssl, head, sizeof(head)) && send_all(ssl, payload, length);
}

static bool read_exactly(SSL *ssl, void *data, size_t length)
{
    size_t have = 0;

    while (have < length) {
        int got = SSL_read(ssl, (char *)data + have, (int)(length - have));

        if (got <= 0)
            return false;
        have += (size_t)got;
    }
    return true;
}

static bool answer_stream(struct connection *connection, SSL *ssl, uint32_t stream)
{
    static const uint8_t status_200 = 0x88; /* from the static table of HPACK */
    const uint8_t code[4] = {0, 0, 0, INTERNAL_ERROR};
    const uint8_t nothing_processed[8] = {0};
    struct scripted_step step = next_step(connection->server, NULL);

    if (step.text != NULL) {
        const uint8_t flags = step.end == SCRIPTED_KEEP || step.end == SCRIPTED_CLOSE ? FLAG_END_STREAM : 0;

        if (!send_frame(ssl, FRAME_HEADERS, FLAG_END_HEADERS, stream, &status_200, 1) ||
            !send_frame(ssl, FRAME_DATA, flags, stream, step.text, strlen(step.text)))
            return false;
    }
    if (step.end == SCRIPTED_RST_STREAM && !send_frame(ssl, FRAME_RST_STREAM, 0, stream, code, sizeof(code)))
        return false;
    if (step.end == SCRIPTED_GOAWAY)
        send_frame(ssl, FRAME_GOAWAY, 0, 0, nothing_processed, sizeof(nothing_processed));
    return end_step(connection, ssl, step.end);
}

static bool serve_frame(struct connection *connection, SSL *ssl, const uint8_t head[9], const uint8_t *payload,
                        size_t length)
{
    const uint8_t type = head[3], flags = head[4];
    const uint32_t stream = (uint32_t)head[5] << 24 | (uint32_t)head[6] << 16 | (uint32_t)head[7] << 8 | head[8];

    if (type == FRAME_SETTINGS && !(flags & FLAG_ACK))
        return send_frame(ssl, FRAME_SETTINGS, FLAG_ACK, 0, NULL, 0);
    if (type == FRAME_PING && !(flags & FLAG_ACK))
        return send_frame(ssl, FRAME_PING, FLAG_ACK, 0, payload, length);
    if ((type == FRAME_HEADERS || type == FRAME_DATA) && (flags & FLAG_END_STREAM))
        return answer_stream(connection, ssl, stream);
    return true;
}

static void serve_http2(struct connection *connection, SSL *ssl)
{
    static const size_t preface_length = 24;
    uint8_t head[9], payload[16384 + 256];

    if (!read_exactly(ssl, payload, preface_length) || !send_frame(ssl, FRAME_SETTINGS, 0, 0, NULL, 0))
        return;
    while (read_exactly(ssl, head, sizeof(head))) {
        size_t length = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];

        if (length > sizeof(payload) || !read_exactly(ssl, payload, length) ||
            !serve_frame(connection, ssl, head, payload, length))
            return;
    }
}

/* ---- connections ---- */

static void *serve(void *argument)
{
    struct connection *connection = argument;
    struct scripted *server = connection->server;
    SSL *ssl = SSL_new(server->tls);

    SSL_set_fd(ssl, connection->fd);
    if (SSL_accept(ssl) == 1) {
        pthread_mutex_lock(&server->lock);
        server->handshakes++;
        pthread_mutex_unlock(&server->lock);
        if (server->http2)
            serve_http2(connection, ssl);
        else
            serve_http1(connection, ssl);
    }
    SSL_free(ssl);
    ERR_clear_error();
    pthread_mutex_lock(&server->lock);
    close(connection->fd);
    connection->fd = -1;
    pthread_mutex_unlock(&server->lock);
    return NULL;
}

static void *accept_connections(void *argument)
{
    struct scripted *server = argument;
    int fd;

    while ((fd = accept(server->listener, NULL, NULL)) >= 0) {
        pthread_mutex_lock(&server->lock);
        struct connection *connection = &server->connections[server->accepted];
        if (server->stopping || server->accepted == CONNECTIONS_MAX) {
            close(fd);
        } else {
            *connection = (struct connection){.server = server, .fd = fd};
            if (pthread_create(&connection->thread, NULL, serve, connection) == 0)
                server->accepted++;
            else
                close(fd);
        }
        pthread_mutex_unlock(&server->lock);
    }
    return NULL;
}

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *length, const unsigned char *in,
                           unsigned in_length, void *argument)
{
    const struct scripted *server = argument;
    const char *wanted = server->http2 ? "\x02h2" : "\x08http/1.1";
    unsigned char *chosen;

    (void)ssl;
    if (SSL_select_next_proto(&chosen, length, (const unsigned char *)wanted, (unsigned)strlen(wanted), in,
                              in_length) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static void listen_on_loopback(struct scripted *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int r;

    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    r = bind(server->listener, (struct sockaddr *)&address, sizeof(address));
    assert(r == 0);
    r = listen(server->listener, 64);
    assert(r == 0);
    r = getsockname(server->listener, (struct sockaddr *)&address, &length);
    assert(r == 0);
    (void)r;
    server->port = ntohs(address.sin_port);
}

struct scripted *scripted_start(const struct scripted_options *options)
{
    struct scripted *server = calloc(1, sizeof(*server));

    signal(SIGPIPE, SIG_IGN);
    server->http2 = options->http2;
    listen_on_loopback(server);
    snprintf(server->base, sizeof(server->base), "https://localhost:%u", server->port);
    server->tls = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_alpn_select_cb(server->tls, choose_protocol, server);
    set_certificates(server, options);
    pthread_mutex_init(&server->lock, NULL);
    pthread_create(&server->acceptor, NULL, accept_connections, server);
    return server;
}

void scripted_stop(struct scripted *server)
{
    unsigned count;

    pthread_mutex_lock(&server->lock);
    server->stopping = true;
    pthread_mutex_unlock(&server->lock);
    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->acceptor, NULL);
    pthread_mutex_lock(&server->lock);
    count = server->accepted;
    for (unsigned i = 0; i < count; i++) {
        if (server->connections[i].fd >= 0)
            shutdown(server->connections[i].fd, SHUT_RDWR);
    }
    pthread_mutex_unlock(&server->lock);
    for (unsigned i = 0; i < count; i++)
        pthread_join(server->connections[i].thread, NULL);
    for (unsigned i = 0; i < server->request_count; i++)
        free(server->requests[i]);
    close(server->listener);
    unlink(server->ca_file);
    SSL_CTX_free(server->tls);
    pthread_mutex_destroy(&server->lock);
    free(server);
}

void scripted_play(struct scripted *server, const struct scripted_step *steps, size_t count)
{
    pthread_mutex_lock(&server->lock);
    server->steps = steps;
    server->step_count = count;
    server->step = 0;
    pthread_mutex_unlock(&server->lock);
}

const char *scripted_ca_file(const struct scripted *server)
{
    return server->ca_file;
}

const char *scripted_base(const struct scripted *server)
{
    return server->base;
}

unsigned scripted_port(const struct scripted *server)
{
    return server->port;
}

static unsigned read_counter(struct scripted *server, const unsigned *counter)
{
    unsigned value;

    pthread_mutex_lock(&server->lock);
    value = *counter;
    pthread_mutex_unlock(&server->lock);
    return value;
}

unsigned scripted_connections(struct scripted *server)
{
    return read_counter(server, &server->handshakes);
}

unsigned scripted_requests(struct scripted *server)
{
    return read_counter(server, &server->request_count);
}

char *scripted_request(struct scripted *server, unsigned n)
{
    char *copy = NULL;

    pthread_mutex_lock(&server->lock);
    if (n < server->request_count && server->requests[n] != NULL)
        copy = strdup(server->requests[n]);
    pthread_mutex_unlock(&server->lock);
    return copy;
}
