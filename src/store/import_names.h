/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * import_names - a set of ids, to be told apart from the set that is stored. Strings are borrowed.
 */
#ifndef COMPLYD_STORE_IMPORT_NAMES_H
#define COMPLYD_STORE_IMPORT_NAMES_H

#include <stdbool.h>
#include <stddef.h>

struct import_name {
    const char *text;
    bool stored;
};

struct import_names {
    struct import_name *items;
    size_t count;
    size_t capacity;
};

void import_names_clear(struct import_names *names); /* keeps the memory */
void import_names_free(struct import_names *names);
int import_names_add(struct import_names *names, const char *text); /* 0 or ERR_NOMEM */

/* Sorts the names and drops those that are there twice. */
void import_names_sort(struct import_names *names);

/* Of sorted names; NULL when it is none of them. */
struct import_name *import_names_find(const struct import_names *names, const char *text);

#endif
