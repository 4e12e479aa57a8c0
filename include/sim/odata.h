/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * odata - the bits of OData that Graph and the partner service share: keys in parentheses, $select, $filter on
 * equality.
 */
#ifndef COMPLYD_SIM_ODATA_H
#define COMPLYD_SIM_ODATA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct exchange;

/* Reads the key in a part of a path: of "users('ann@example.org')" with prefix "users" and name "", of
 * "devices(deviceId='...')" with name "deviceId=", of "Messages(guid'...')" with name "guid". Doubled quotes stand for
 * one. NULL when the part has another shape. The caller frees. */
char *odata_key(const char *segment, const char *prefix, const char *name);

/* Reads "<property> eq '<value>'" exactly; NULL when it is anything else. The caller frees. */
char *odata_filter_eq(const char *filter, const char *property);

/* A $select list. An empty one (no $select) wants everything. */
struct selection {
    char *list; /* NULL = everything */
};

/* Reads $select and holds it against `names` (NULL-terminated). False = an unknown name, ex is answered with 400 for
 * `type`. */
bool odata_selection_read(struct exchange *ex, const char *const *names, const char *type,
                          struct selection *ret_selection);
void odata_selection_release(struct selection *selection);
bool odata_selection_wants(const struct selection *selection, const char *name);

#endif
