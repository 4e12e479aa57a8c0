/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * exchange - one request and its answer, free of any HTTP library, so that handlers serve direct requests and the items
 * of a $batch alike.
 *
 * Owns      the answer's bytes and headers, and the decoded path; the request's bytes belong to whoever made the
 *           exchange.
 * Lifetime  exchange_init() to exchange_deinit().
 */
#ifndef COMPLYD_SIM_EXCHANGE_H
#define COMPLYD_SIM_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/guid.h"

struct tenant;
struct fault;

/* What a request is about: what faults and statistics go by. */
enum place {
    PLACE_OTHER,
    PLACE_TOKEN,
    PLACE_DISCOVERY,
    PLACE_USERS,
    PLACE_DEVICES,
    PLACE_GRAPH_BATCH,
    PLACE_GRAPH_BATCH_ITEM,
    PLACE_PARTNER_PUT,
    PLACE_PARTNER_GET,
    PLACE_TENANT_PUT,
    PLACE_POLICIES,
    PLACE_ASSIGN,
    PLACE_GROUPS,
    PLACE_IDENTITY,
    PLACE_CONTROL,
    PLACE_COUNT,
};

/* How the answer's bytes leave. */
enum wire {
    WIRE_WHOLE,      /* as HTTP wants it */
    WIRE_RESET,      /* TCP reset instead of an answer */
    WIRE_CLOSE,      /* the connection ends without an answer */
    WIRE_RESET_BODY, /* headers and half the body, then a TCP reset */
    WIRE_SHORT_BODY, /* headers and half the body, then the connection ends */
    WIRE_DRIP,       /* the body a few bytes at a time */
    WIRE_ENDLESS,    /* the body, then filler without end */
};

struct exchange_header {
    char name[40];
    char *value;
};

enum { EXCHANGE_SEGMENTS = 8, EXCHANGE_HEADERS = 16 };

struct exchange {
    const char *method;
    const char *target;                /* as sent: path and query, undecoded */
    char *segments[EXCHANGE_SEGMENTS]; /* decoded parts of the path */
    size_t segment_count;
    const char *query;         /* after '?', undecoded; "" = none */
    const char *authorization; /* headers; NULL = not sent */
    const char *content_type;
    const char *client_request_id;
    const char *host;
    const char *metadata;
    const char *forwarded; /* X-Forwarded-For */
    bool identity;         /* it came by the identity listener */
    const char *body;      /* NUL-terminated, never NULL */
    size_t body_length;

    enum place place;
    struct tenant *tenant;     /* whose token it carried; NULL = none yet */
    uint32_t permissions;      /* that its token carried */
    const char *token_kind;    /* "graph", "intune" or "" for the request log */
    const struct fault *fault; /* played on this exchange; NULL = none */
    char request_id[GUID_TEXT];

    int status;
    const char *reply_type; /* content type; NULL = no body */
    struct buf reply;
    struct exchange_header headers[EXCHANGE_HEADERS];
    size_t header_count;
    enum wire wire;
    int64_t delay_ms;  /* before the first byte */
    int64_t drip_ms;   /* WIRE_DRIP: between pieces */
    size_t drip_bytes; /* WIRE_DRIP: size of a piece */
};

/* `target` must outlive the exchange. Gives the request an id of its own. */
void exchange_init(struct exchange *ex, const char *method, const char *target);
void exchange_deinit(struct exchange *ex);

/* Splits and decodes the target; 0, or ERR_INVALID (bad percent-encoding, NUL, a bare '#', too many parts) or
 * ERR_NOMEM. */
int exchange_parse_target(struct exchange *ex);

/* True when the path has a part `index` equal to text, letter case ignored as OData services do. */
bool exchange_segment_is(const struct exchange *ex, size_t index, const char *text);
bool exchange_method_is(const struct exchange *ex, const char *method);

/* The decoded value of query option `name` (exact), NULL when absent or undecodable. The caller frees. */
char *exchange_query(const struct exchange *ex, const char *name);

/* The first query option that begins with '$' and is not among `known` (NULL ends it); NULL = none. The caller
 * frees. */
char *exchange_unknown_option(const struct exchange *ex, const char *const *known);

/* Decodes percent-encoding (and '+' as a blank when `form`) of [text, text+length); NULL when malformed or without
 * memory. The caller frees. */
char *exchange_decode(const char *text, size_t length, bool form);

/* Sets a header, replacing one of that name. A full table or lack of memory drops it. */
void exchange_header(struct exchange *ex, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Starts the answer anew: status and content type, no body, no wire trick; headers stay. */
void exchange_answer(struct exchange *ex, int status, const char *reply_type);

/* The type most answers have. */
#define EXCHANGE_JSON "application/json"

#endif
