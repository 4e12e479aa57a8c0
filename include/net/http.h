/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * http - HTTPS requests on the loop: libcurl multi on libuv.
 *
 * Owns      the multi handle, one timer, the poll object of each socket; nobody else sees a CURL type.
 * Thread    loop only.
 * Lifetime  one client per connection of the configuration (its CA file, proxy and connection cache are its own);
 *           http_client_close() cancels what runs (callbacks with ERR_CANCELED), then calls closed.
 * Errors    a response with any HTTP status is a success of this module (result 0). Negative results: ERR_NETWORK (not
 *           connected, reset, HTTP/2 stream lost), ERR_TIMEOUT, ERR_TLS, ERR_TOOBIG (body above the cap), ERR_CANCELED,
 *           ERR_NOMEM; `error` has libcurl's text and code.
 * Promise   https only (http only over a Unix socket, and to 169.254.169.254 and loopback when allow_plain is set),
 *           peer and host verified, redirects
 *           never followed, HTTP/2 multiplexed where the server speaks it, connect, total and low-speed limits on each.
 *           Of the environment's proxy variables only NO_PROXY is read: hosts that are reached without options.proxy.
 *           An idle client causes no wake-up.
 */
#ifndef COMPLYD_NET_HTTP_H
#define COMPLYD_NET_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/guid.h"

struct uv_loop_s;
struct http_client;

struct http_options {
    const char *ca_file;                /* "" or NULL = the system's trust store */
    const char *proxy;                  /* "" or NULL = none; "http://host:port" */
    const char *proxy_credentials_file; /* "" or NULL = none; holds user:password, of mode 0600 */
    int max_connections;                /* to one host; 0 = 2 */
    int64_t connect_ms;                 /* 0 = 10 s */
    int64_t total_ms;                   /* 0 = 60 s */
    size_t max_body;                    /* of a response; 0 = 4 MiB */
    int64_t stall_ms;                   /* longest silence of the server within a request; 0 = 45 s */
    const char *unix_socket; /* NULL = none; else every request goes to it, with URLs like http://localhost/path */
    bool note_certificates;  /* for http_client_certificate() */
};

int http_client_new(struct uv_loop_s *loop, const struct http_options *options, struct http_client **ret_client,
                    struct error *err);
void http_client_close(struct http_client *client, void (*closed)(void *ctx), void *ctx);

/* Response headers that somebody reads; "" when absent. */
struct http_headers {
    char retry_after[64];
    char request_id[64]; /* request-id or x-ms-request-id */
    char date[40];
    char ags_diagnostic[256];   /* x-ms-ags-diagnostic, shortened */
    char www_authenticate[512]; /* of the last such header */
    char content_type[64];
    char throttle_scope[64]; /* x-ms-throttle-scope */
    char throttle_information[64];
    double throttle_percentage; /* x-ms-throttle-limit-percentage; 0 = absent */
};

struct http_response {
    int result;       /* 0 or ERR_* */
    int status;       /* HTTP status, 0 when there was none */
    bool maybe_sent;  /* with an error: the server may have processed the request */
    int proxy_status; /* the proxy's answer to CONNECT: 407 = it wants other credentials; 0 = no proxy or answer */
    struct http_headers headers;
    const char *body; /* NUL-terminated, never NULL; valid during the callback */
    size_t body_length;
    struct error error;
};

enum http_method { HTTP_GET, HTTP_POST, HTTP_PUT, HTTP_PATCH, HTTP_DELETE };

struct http_request {
    enum http_method method;
    const char *url;
    const char *bearer;         /* token for the Authorization header; NULL = none; never logged */
    const char *content_type;   /* NULL = none */
    const char *const *headers; /* further "Name: value" lines, NULL-terminated; NULL = none */
    const char *body;           /* copied by http_send; NULL = none */
    size_t body_length;
    bool secret_body; /* wipe the copy and the answer when done: token requests */
    bool allow_plain; /* managed identity endpoints only */
    bool no_proxy;
    int64_t total_ms;      /* 0 = the client's */
    bool fresh_connection; /* after a 503: do not reuse a connection */
};

typedef void http_done_fn(void *ctx, const struct http_response *response);

/* Starts a request; everything in *request is copied or used before return. A new GUID goes out as client-request-id,
 * and is told in *ret_client_request_id if given. `done` is called exactly once, on the loop, never before return. 0 or
 * ERR_*: then done is not called. *ret_id, if given, names the request for http_cancel(). */
int http_send(struct http_client *client, const struct http_request *request, http_done_fn *done, void *ctx,
              struct guid *ret_client_request_id, uint64_t *ret_id, struct error *err);

/* Cancels a request: done is called with ERR_CANCELED on a later turn of the loop. Unknown ids are ignored. */
void http_cancel(struct http_client *client, uint64_t id);

struct uv_loop_s *http_client_loop(const struct http_client *client);

/* Reads the proxy's credentials again, for the requests that follow; what was known stays when the file cannot be
 * read. */
int http_reload_proxy(struct http_client *client, struct error *err);

/* True for URLs of this machine and of Azure's metadata service. */
bool http_is_local_url(const char *url);

enum { HTTP_HOST = 256 };

/* What a host's server showed when a connection to it was made. */
struct http_certificate {
    char host[HTTP_HOST];
    char issuer[128];  /* common name; another one than expected means that TLS is inspected on the way */
    int64_t expires_s; /* of the certificate in its chain that ends first; 0 = not known */
};

/* The index-th of the hosts that a connection was made to, in the order of their first; NULL after the last. A server
 * that was not believed is not among them. */
const struct http_certificate *http_client_certificate(const struct http_client *client, size_t index);

size_t http_in_flight(const struct http_client *client);

/* "libcurl/7.88.1 OpenSSL/3.0.22 nghttp2/1.52.0", for logs; static storage. */
const char *http_version(void);

#endif
