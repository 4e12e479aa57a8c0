/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "import_names.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

void import_names_clear(struct import_names *names)
{
    names->count = 0;
}

void import_names_free(struct import_names *names)
{
    free(names->items);
    *names = (struct import_names){0};
}

int import_names_add(struct import_names *names, const char *text)
{
    if (names->count == names->capacity) {
        size_t capacity = names->capacity > 0 ? names->capacity * 2 : 16;
        struct import_name *items = realloc(names->items, capacity * sizeof(*items));
        if (!items)
            return ERR_NOMEM;
        names->items = items;
        names->capacity = capacity;
    }
    names->items[names->count++] = (struct import_name){text, false};
    return 0;
}

static int compare(const void *left, const void *right)
{
    return strcmp(((const struct import_name *)left)->text, ((const struct import_name *)right)->text);
}

void import_names_sort(struct import_names *names)
{
    size_t kept = 0;

    if (names->count < 2)
        return;
    qsort(names->items, names->count, sizeof(*names->items), compare);
    for (size_t i = 1; i < names->count; i++) {
        if (strcmp(names->items[kept].text, names->items[i].text) != 0)
            names->items[++kept] = names->items[i];
    }
    names->count = kept + 1;
}

struct import_name *import_names_find(const struct import_names *names, const char *text)
{
    const struct import_name wanted = {text, false};

    if (names->count == 0)
        return NULL;
    return bsearch(&wanted, names->items, names->count, sizeof(wanted), compare);
}
