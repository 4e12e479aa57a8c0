/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * suppress - changes that need no message: told already, or about an Azure id that is another device's. Reads only.
 */
#ifndef COMPLYD_STORE_SUPPRESS_H
#define COMPLYD_STORE_SUPPRESS_H

#include "subject.h"

/* Microsoft was told just this already. `forced` and `sent` are the outbox row's. */
bool suppress_is_told(const struct subject *subject, const struct decision *decision, int forced, int sent);

/* Another managed device of the MDM that has this Azure id now, unless it is the same id in another tenant: reported
 * there. *ret_holder is to be freed; NULL = none. */
int suppress_find_holder(struct database *database, const struct subject *subject, const struct decision *decision,
                         char **ret_holder, struct error *err);

/* Before the first report about an id: whether another device is reported by it, and the highest stamp any device used
 * for it (*stamp_ms is raised to it). */
int suppress_find_twin(struct database *database, const struct subject *subject, bool *ret_twin, int64_t *stamp_ms,
                       struct error *err);

#endif
