/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * breaker_view - a connection's circuit breaker as JSON.
 *
 * Thread    any; touches nothing but its arguments.
 */
#ifndef COMPLYD_ADMIN_BREAKER_VIEW_H
#define COMPLYD_ADMIN_BREAKER_VIEW_H

#include "base/buf.h"
#include "store/breaker.h"

void breaker_view(const struct breaker_status *status, const struct breaker_limits *limits, struct buf *out);

#endif
