/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "import_places.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

int import_places_add(struct import_places *places, const struct import_place *place, const char *key)
{
    if (places->count == places->capacity) {
        size_t capacity = places->capacity > 0 ? places->capacity * 2 : 256;
        struct import_place *items = realloc(places->items, capacity * sizeof(*items));
        if (!items)
            return ERR_NOMEM;
        places->items = items;
        places->capacity = capacity;
    }

    struct import_place *added = &places->items[places->count++];
    size_t length = strnlen(key, IMPORT_KEY);
    *added = *place;
    memset(added->key, 0, IMPORT_KEY);
    memcpy(added->key, key, length);
    return 0;
}

static int compare(const void *left, const void *right)
{
    const struct import_place *a = left;
    const struct import_place *b = right;
    int order = memcmp(a->key, b->key, IMPORT_KEY);

    return order != 0 ? order : (a->offset > b->offset) - (a->offset < b->offset);
}

void import_places_sort(struct import_places *places)
{
    if (places->count > 1)
        qsort(places->items, places->count, sizeof(*places->items), compare);
}

void import_places_free(struct import_places *places)
{
    free(places->items);
    *places = (struct import_places){0};
}
