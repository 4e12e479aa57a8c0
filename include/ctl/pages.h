/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * pages - a list of the API from its first page to its last, whatever its length: one page in memory at a time.
 */
#ifndef COMPLYD_CTL_PAGES_H
#define COMPLYD_CTL_PAGES_H

#include "base/buf.h"
#include "ctl/client.h"

/* Calls `page` with the array `member` of each page of `path` (which has a query already); it returns 0 to go on, or an
 * exit code. 0, or an exit code. */
int pages_walk(struct client *client, const char *path, const char *member,
               int (*page)(void *ctx, const struct cJSON *array), void *ctx);

/* Prints all of it as one JSON array, an entry a line. */
int pages_print_json(struct client *client, const char *path, const char *member, FILE *out);

/* Appends "name=value" to a query unless value is NULL. */
void pages_add_parameter(struct buf *path, const char *name, const char *value);

#endif
