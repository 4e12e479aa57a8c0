/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "sim/odata.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sim/exchange.h"
#include "sim/refusal.h"

/* The text between quotes at `quoted`, which must end with exactly `tail`; doubled quotes stand for one. */
static char *unquote(const char *quoted, const char *tail)
{
    size_t length = strlen(quoted);
    size_t tail_length = strlen(tail);
    char *text;
    size_t n = 0;

    if (length < 2 + tail_length || quoted[0] != '\'' || quoted[length - tail_length - 1] != '\'' ||
        strcmp(quoted + length - tail_length, tail) != 0)
        return NULL;
    const char *end = quoted + length - tail_length - 1;
    text = malloc(length);
    for (const char *p = quoted + 1; text && p < end; p++) {
        bool doubled = *p == '\'' && p + 1 < end && p[1] == '\'';
        if (*p == '\'' && !doubled) {
            free(text);
            return NULL;
        }
        text[n++] = *p;
        p += doubled;
    }
    if (text)
        text[n] = '\0';
    return text;
}

char *odata_key(const char *segment, const char *prefix, const char *name)
{
    size_t prefix_length = strlen(prefix);
    size_t name_length = strlen(name);

    if (strncasecmp(segment, prefix, prefix_length) != 0 || segment[prefix_length] != '(')
        return NULL;
    const char *key = segment + prefix_length + 1;
    if (strncmp(key, name, name_length) != 0)
        return NULL;
    return unquote(key + name_length, ")");
}

char *odata_filter_eq(const char *filter, const char *property)
{
    size_t length = strlen(property);

    if (strncmp(filter, property, length) != 0 || strncmp(filter + length, " eq ", 4) != 0)
        return NULL;
    return unquote(filter + length + 4, "");
}

static bool in_list(const char *const *names, const char *name, size_t length)
{
    for (size_t i = 0; names[i]; i++) {
        if (strlen(names[i]) == length && strncasecmp(names[i], name, length) == 0)
            return true;
    }
    return false;
}

bool odata_selection_read(struct exchange *ex, const char *const *names, const char *type,
                          struct selection *ret_selection)
{
    char text[256];

    ret_selection->list = exchange_query(ex, "$select");
    for (const char *name = ret_selection->list; name && *name;) {
        size_t length = strcspn(name, ",");
        if (!in_list(names, name, length)) {
            snprintf(text, sizeof(text), "Could not find a property named '%.*s' on type '%s'.",
                     (int)(length > 64 ? 64 : length), name, type);
            refusal_graph(ex, 400, "BadRequest", text);
            odata_selection_release(ret_selection);
            return false;
        }
        name += length + (name[length] == ',');
    }
    return true;
}

void odata_selection_release(struct selection *selection)
{
    free(selection->list);
    selection->list = NULL;
}

bool odata_selection_wants(const struct selection *selection, const char *name)
{
    const char *at = selection->list;
    size_t wanted = strlen(name);

    while (at && *at) {
        size_t length = strcspn(at, ",");
        if (length == wanted && strncasecmp(at, name, length) == 0)
            return true;
        at += length + (at[length] == ',');
    }
    return selection->list == NULL;
}
