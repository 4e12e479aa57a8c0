/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "admin/target.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* In a query '+' is a blank. */
static int decode(char *text, bool query)
{
    char *out = text;

    for (; *text != '\0'; text++) {
        if (*text == '%') {
            int high = hex_value(text[1]);
            int low = high < 0 ? -1 : hex_value(text[2]);

            if (low < 0 || high + low == 0)
                return ERR_INVALID;
            *out++ = (char)(high << 4 | low);
            text += 2;
        } else {
            *out++ = query && *text == '+' ? ' ' : *text;
        }
    }
    *out = '\0';
    return 0;
}

int target_decode(char *text)
{
    return decode(text, false);
}

static int parse_path(struct target *target, char *path)
{
    if (*path != '/')
        return ERR_INVALID;
    while (path != NULL) {
        char *segment = path + 1;

        if (target->segment_count == TARGET_SEGMENTS_MAX)
            return ERR_TOOBIG;
        path = strchr(segment, '/');
        if (path != NULL)
            *path = '\0'; /* the next segment begins behind it */
        if (decode(segment, false) != 0)
            return ERR_INVALID;
        target->segments[target->segment_count++] = segment;
    }
    return 0;
}

static int parse_query(struct target *target, char *query)
{
    while (query != NULL && *query != '\0') {
        char *name = query;
        char *value;

        query = strchr(name, '&');
        if (query != NULL)
            *query++ = '\0';
        if (*name == '\0')
            continue;
        if (target->parameter_count == TARGET_PARAMETERS_MAX)
            return ERR_TOOBIG;
        value = strchr(name, '=');
        if (value != NULL)
            *value++ = '\0';
        if (decode(name, true) != 0 || (value != NULL && decode(value, true) != 0))
            return ERR_INVALID;
        target->parameters[target->parameter_count++] = (struct target_parameter){name, value != NULL ? value : ""};
    }
    return 0;
}

int target_parse(const char *raw, struct target *ret_target)
{
    char *query;
    int result;

    *ret_target = (struct target){.text = strdup(raw)};
    if (ret_target->text == NULL)
        return ERR_NOMEM;
    query = strchr(ret_target->text, '?');
    if (query != NULL)
        *query++ = '\0';
    result = parse_path(ret_target, ret_target->text);
    if (result == 0)
        result = parse_query(ret_target, query);
    if (result != 0)
        target_deinit(ret_target);
    return result;
}

void target_deinit(struct target *target)
{
    free(target->text);
    *target = (struct target){0};
}

const char *target_get(const struct target *target, const char *name)
{
    for (size_t i = 0; i < target->parameter_count; i++) {
        if (strcmp(target->parameters[i].name, name) == 0)
            return target->parameters[i].value;
    }
    return NULL;
}

bool target_matches(const struct target *target, const char *pattern, const char **ret_ids)
{
    for (size_t i = 0; i < target->segment_count; i++) {
        size_t length;

        if (*pattern != '/')
            return false;
        pattern++;
        length = strcspn(pattern, "/");
        if (*pattern == '{' && target->segments[i][0] != '\0')
            *ret_ids++ = target->segments[i];
        else if (strlen(target->segments[i]) != length || strncmp(pattern, target->segments[i], length) != 0)
            return false;
        pattern += length;
    }
    return *pattern == '\0';
}
