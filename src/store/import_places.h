/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * import_places - where the records stand in the input, in the order of their keys.
 */
#ifndef COMPLYD_STORE_IMPORT_PLACES_H
#define COMPLYD_STORE_IMPORT_PLACES_H

#include <stddef.h>
#include <stdint.h>

enum { IMPORT_KEY = 16, IMPORT_PLACES_MAX = 1024 * 1024 };

struct import_place {
    unsigned char key[IMPORT_KEY]; /* beginning of the device id; policies have none and come first */
    int64_t offset;                /* in the input */
    int64_t line;
    size_t length;
};

struct import_places {
    struct import_place *items;
    size_t count;
    size_t capacity;
};

int import_places_add(struct import_places *places, const struct import_place *place,
                      const char *key); /* 0 or ERR_NOMEM */

/* Records of one device stay in the order of the input. */
void import_places_sort(struct import_places *places);

void import_places_free(struct import_places *places);

#endif
