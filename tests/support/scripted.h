/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * scripted - a TLS server on the loopback that does to each request what the test says. HTTP/1.1, or just enough of
 * HTTP/2.
 *
 * Thread    one that accepts and one for each connection; the functions below are for the test's thread.
 * Lifetime  scripted_start() to scripted_stop(), which closes what is open and joins all threads.
 *
 * The n-th request to arrive, on whatever connection, gets the n-th step; the last step is repeated for ever.
 */
#ifndef COMPLYD_TESTS_SCRIPTED_H
#define COMPLYD_TESTS_SCRIPTED_H

#include <stdbool.h>
#include <stddef.h>

struct scripted;

enum scripted_end {
    SCRIPTED_KEEP,  /* goes on with the connection */
    SCRIPTED_CLOSE, /* closes it in good order */
    SCRIPTED_RESET, /* resets it */
    SCRIPTED_HANG,  /* says nothing more until the client goes away */
    /* HTTP/2 only */
    SCRIPTED_RST_STREAM, /* ends the stream with INTERNAL_ERROR after the text */
    SCRIPTED_GOAWAY,     /* GOAWAY that names no stream as processed, then closes */
};

struct scripted_step {
    const char *text; /* HTTP/1.1: the bytes of the response; HTTP/2: the body of a 200; NULL = nothing */
    enum scripted_end end;
};

struct scripted_options {
    const char *directory; /* the CA's certificate is written there */
    const char *host;      /* whom the certificate is for; NULL = localhost */
    bool http2;
};

struct scripted *scripted_start(const struct scripted_options *options);
void scripted_stop(struct scripted *server);

/* Steps for the requests that come from now on; `steps` must stay. */
void scripted_play(struct scripted *server, const struct scripted_step *steps, size_t count);

const char *scripted_ca_file(const struct scripted *server);
const char *scripted_base(const struct scripted *server); /* "https://localhost:PORT" */
unsigned scripted_port(const struct scripted *server);

unsigned scripted_connections(struct scripted *server); /* handshakes done */
unsigned scripted_requests(struct scripted *server);    /* requests read whole */

/* The n-th request as it came (HTTP/1.1); the caller frees. NULL: there is none. */
char *scripted_request(struct scripted *server, unsigned n);

/* A whole HTTP/1.1 response with this status and JSON body. */
#define SCRIPTED_JSON(status, headers, body, length)                                                                   \
    "HTTP/1.1 " status "\r\nContent-Type: application/json\r\n" headers "Content-Length: " length "\r\n\r\n" body

#endif
