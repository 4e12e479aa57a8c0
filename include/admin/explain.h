/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * explain - why a device is in its state: violations, decision, what was sent, what Microsoft answered, what happens
 * next.
 *
 * Thread    the reader's: reads the store, and the daemon only through the view.
 */
#ifndef COMPLYD_ADMIN_EXPLAIN_H
#define COMPLYD_ADMIN_EXPLAIN_H

#include "admin/view.h"

/* Appends one JSON object (docs/control-api.md). 0 or ERR_*. */
int explain_device(const struct view *view, struct database *database, const struct fleet_device *device,
                   struct buf *out, struct error *err);

#endif
