/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "sim/exchange.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"

void exchange_init(struct exchange *ex, const char *method, const char *target)
{
    struct guid id;

    *ex = (struct exchange){.method = method, .target = target, .query = "", .body = "", .token_kind = ""};
    buf_init(&ex->reply, 0);
    guid_random(&id);
    guid_format(&id, ex->request_id);
}

void exchange_deinit(struct exchange *ex)
{
    for (size_t i = 0; i < ex->segment_count; i++)
        free(ex->segments[i]);
    for (size_t i = 0; i < ex->header_count; i++)
        free(ex->headers[i].value);
    buf_deinit(&ex->reply);
    ex->segment_count = 0;
    ex->header_count = 0;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One decoded character; advances *text. -1 when malformed. */
static int next_char(const char **text, const char *end, bool form)
{
    char c = *(*text)++;

    if (c == '+' && form)
        return ' ';
    if (c != '%')
        return (unsigned char)c;
    if (end - *text < 2)
        return -1;
    int high = hex_value((*text)[0]);
    int low = hex_value((*text)[1]);
    *text += 2;
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

char *exchange_decode(const char *text, size_t length, bool form)
{
    const char *end = text + length;
    char *decoded = malloc(length + 1);
    size_t n = 0;

    while (decoded && text < end) {
        int c = next_char(&text, end, form);
        if (c <= 0) {
            free(decoded);
            return NULL;
        }
        decoded[n++] = (char)c;
    }
    if (decoded)
        decoded[n] = '\0';
    return decoded;
}

int exchange_parse_target(struct exchange *ex)
{
    const char *path = ex->target;
    size_t length = strcspn(path, "?");

    /* A client that forgets to encode '#' has cut its own path short. */
    if (strchr(path, '#'))
        return ERR_INVALID;
    if (path[length] == '?')
        ex->query = path + length + 1;
    const char *end = path + length;
    while (path < end) {
        path += strspn(path, "/");
        if (path >= end)
            break;
        size_t part = strcspn(path, "/?");
        char *decoded = ex->segment_count < EXCHANGE_SEGMENTS ? exchange_decode(path, part, false) : NULL;
        if (!decoded)
            return ERR_INVALID;
        ex->segments[ex->segment_count++] = decoded;
        path += part;
    }
    return 0;
}

bool exchange_segment_is(const struct exchange *ex, size_t index, const char *text)
{
    return index < ex->segment_count && strcasecmp(ex->segments[index], text) == 0;
}

bool exchange_method_is(const struct exchange *ex, const char *method)
{
    return strcmp(ex->method, method) == 0;
}

/* True when [pair, pair+length) decodes to `name`: "$filter" may be sent as "%24filter". */
static bool name_matches(const char *pair, size_t length, const char *name)
{
    char *decoded = exchange_decode(pair, length, true);
    bool same = decoded && strcmp(decoded, name) == 0;

    free(decoded);
    return same;
}

char *exchange_query(const struct exchange *ex, const char *name)
{
    const char *pair = ex->query;

    while (*pair) {
        size_t length = strcspn(pair, "&");
        const char *equals = memchr(pair, '=', length);
        size_t name_length = equals ? (size_t)(equals - pair) : length;
        if (name_matches(pair, name_length, name))
            return equals ? exchange_decode(equals + 1, length - name_length - 1, true) : strdup("");
        pair += length + (pair[length] == '&');
    }
    return NULL;
}

static bool is_known(const char *name, const char *const *known)
{
    while (*known && strcmp(*known, name) != 0)
        known++;
    return *known != NULL;
}

char *exchange_unknown_option(const struct exchange *ex, const char *const *known)
{
    const char *pair = ex->query;

    while (*pair) {
        size_t length = strcspn(pair, "&");
        char *name = exchange_decode(pair, strcspn(pair, "=&"), true);
        if (name && name[0] == '$' && !is_known(name, known))
            return name;
        free(name);
        pair += length + (pair[length] == '&');
    }
    return NULL;
}

static struct exchange_header *header_slot(struct exchange *ex, const char *name)
{
    for (size_t i = 0; i < ex->header_count; i++) {
        if (strcasecmp(ex->headers[i].name, name) == 0)
            return &ex->headers[i];
    }
    if (ex->header_count == EXCHANGE_HEADERS)
        return NULL;
    struct exchange_header *header = &ex->headers[ex->header_count++];
    snprintf(header->name, sizeof(header->name), "%s", name);
    header->value = NULL;
    return header;
}

void exchange_header(struct exchange *ex, const char *name, const char *format, ...)
{
    struct exchange_header *header = header_slot(ex, name);
    char *value = NULL;
    va_list args;

    if (!header)
        return;
    va_start(args, format);
    if (vasprintf(&value, format, args) < 0)
        value = NULL;
    va_end(args);
    free(header->value);
    header->value = value;
}

void exchange_answer(struct exchange *ex, int status, const char *reply_type)
{
    ex->status = status;
    ex->reply_type = reply_type;
    ex->wire = WIRE_WHOLE;
    buf_clear(&ex->reply);
}
