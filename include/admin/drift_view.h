/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * drift_view - how the comparison with Microsoft is shown, in /v1/drift and in the status of a connection.
 */
#ifndef COMPLYD_ADMIN_DRIFT_VIEW_H
#define COMPLYD_ADMIN_DRIFT_VIEW_H

#include "base/buf.h"
#include "daemon/connection.h"
#include "model/language.h"

/* Appends an object; of a connection that is off, with blank fields. Loop only. */
void drift_view_check(const struct connection_status *connection, enum language language, struct buf *out);

#endif
