/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "response_headers.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MEMBER(header, member)                                                                                         \
    header, sizeof(header) - 1, offsetof(struct http_headers, member), sizeof(((struct http_headers *)0)->member)

static const struct kept {
    const char *name;
    size_t length;
    size_t offset;
    size_t size;
} kept[] = {
    {MEMBER("retry-after", retry_after)},
    {MEMBER("request-id", request_id)},
    {MEMBER("x-ms-request-id", request_id)},
    {MEMBER("date", date)},
    {MEMBER("x-ms-ags-diagnostic", ags_diagnostic)},
    {MEMBER("www-authenticate", www_authenticate)},
    {MEMBER("content-type", content_type)},
    {MEMBER("x-ms-throttle-scope", throttle_scope)},
    {MEMBER("x-ms-throttle-information", throttle_information)},
};

static const char percentage_name[] = "x-ms-throttle-limit-percentage";

void response_headers_clear(struct http_headers *headers)
{
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        ((char *)headers)[kept[i].offset] = '\0';
    headers->throttle_percentage = 0;
}

static void copy_value(char *member, size_t size, const char *value, size_t length)
{
    if (length >= size)
        length = size - 1;
    for (size_t i = 0; i < length; i++)
        member[i] = value[i] >= ' ' && value[i] <= '~' ? value[i] : '?';
    member[length] = '\0';
}

static double read_percentage(const char *value, size_t length)
{
    char text[16];
    char *end;
    double number;

    copy_value(text, sizeof(text), value, length);
    number = strtod(text, &end);
    return end != text && number > 0 && number < 1000 ? number : 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

void response_headers_read(struct http_headers *headers, const char *line, size_t length)
{
    const char *colon = memchr(line, ':', length);
    const char *value;
    size_t name_length;

    if (length >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        response_headers_clear(headers);
        return;
    }
    if (colon == NULL)
        return;
    name_length = (size_t)(colon - line);
    value = colon + 1;
    length -= name_length + 1;
    while (length > 0 && is_blank(*value)) {
        value++;
        length--;
    }
    while (length > 0 && is_blank(value[length - 1]))
        length--;
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        if (kept[i].length == name_length && strncasecmp(kept[i].name, line, name_length) == 0) {
            copy_value((char *)headers + kept[i].offset, kept[i].size, value, length);
            return;
        }
    }
    if (name_length == sizeof(percentage_name) - 1 && strncasecmp(percentage_name, line, name_length) == 0)
        headers->throttle_percentage = read_percentage(value, length);
}
