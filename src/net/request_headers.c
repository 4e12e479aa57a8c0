/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "request_headers.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/secret.h"

#define AUTHORIZATION "Authorization: Bearer "

struct request_headers {
    unsigned references;
    struct secret authorization; /* the whole line; unset = none */
    char content_type[96];       /* the whole line; "" = none */
    struct curl_slist lines[4];
};

/* Without an Expect line a big body would wait for a 100 that a proxy may never send. */
static char accept_line[] = "Accept: application/json";
static char expect_line[] = "Expect:";

static void add_line(struct request_headers *set, size_t *count, char *text)
{
    set->lines[*count].data = text;
    if (*count > 0)
        set->lines[*count - 1].next = &set->lines[*count];
    ++*count;
}

static int set_authorization(struct request_headers *set, const char *bearer)
{
    struct buf line;
    int result;

    buf_init(&line, SECRET_MAX);
    buf_add_text(&line, AUTHORIZATION);
    buf_add_text(&line, bearer);
    result = buf_error(&line);
    if (result == 0)
        result = secret_set(&set->authorization, line.data, line.length);
    buf_wipe(&line);
    return result;
}

static struct request_headers *set_new(const char *bearer, const char *content_type)
{
    struct request_headers *set = calloc(1, sizeof(*set));
    size_t count = 0;

    if (set == NULL)
        return NULL;
    set->references = 1;
    secret_init(&set->authorization);
    if (bearer != NULL && set_authorization(set, bearer) != 0)
        goto fail;
    add_line(set, &count, accept_line);
    add_line(set, &count, expect_line);
    if (content_type != NULL) {
        const char name[] = "Content-Type: ";
        size_t length = strlen(content_type);

        if (length + sizeof(name) > sizeof(set->content_type))
            goto fail;
        memcpy(set->content_type, name, sizeof(name) - 1);
        memcpy(set->content_type + sizeof(name) - 1, content_type, length + 1);
        add_line(set, &count, set->content_type);
    }
    if (bearer != NULL)
        add_line(set, &count, set->authorization.data);
    return set;

fail:
    request_headers_release(set);
    return NULL;
}

static bool same_line(const char *line, size_t name_length, const char *value)
{
    if (value == NULL)
        return line == NULL || line[0] == '\0';
    return line != NULL && line[0] != '\0' && strcmp(line + name_length, value) == 0;
}

static bool matches(const struct request_headers *set, const char *bearer, const char *content_type)
{
    return same_line(set->content_type, sizeof("Content-Type: ") - 1, content_type) &&
           same_line(set->authorization.data, sizeof(AUTHORIZATION) - 1, bearer);
}

/* Moves the set at `place` to the front. */
static struct request_headers *use(struct request_headers_cache *cache, size_t place)
{
    struct request_headers *set = cache->sets[place];

    memmove(cache->sets + 1, cache->sets, place * sizeof(struct request_headers *));
    cache->sets[0] = set;
    set->references++;
    return set;
}

struct request_headers *request_headers_get(struct request_headers_cache *cache, const char *bearer,
                                            const char *content_type)
{
    const size_t last = REQUEST_HEADERS_CACHED - 1;
    struct request_headers *set;

    for (size_t i = 0; i < REQUEST_HEADERS_CACHED && cache->sets[i] != NULL; i++) {
        if (matches(cache->sets[i], bearer, content_type))
            return use(cache, i);
    }
    set = set_new(bearer, content_type);
    if (set == NULL)
        return NULL;
    request_headers_release(cache->sets[last]);
    cache->sets[last] = set;
    return use(cache, last);
}

void request_headers_release(struct request_headers *set)
{
    if (set == NULL || --set->references > 0)
        return;
    secret_deinit(&set->authorization);
    free(set);
}

struct curl_slist *request_headers_lines(struct request_headers *set)
{
    return set->lines;
}

void request_headers_cache_clear(struct request_headers_cache *cache)
{
    for (size_t i = 0; i < REQUEST_HEADERS_CACHED; i++) {
        request_headers_release(cache->sets[i]);
        cache->sets[i] = NULL;
    }
}
