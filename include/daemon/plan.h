/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * plan - complyd --dry-run: the list of what would be sent now. Reads the store, sends nothing.
 */
#ifndef COMPLYD_DAEMON_PLAN_H
#define COMPLYD_DAEMON_PLAN_H

#include <stdio.h>

#include "base/settings.h"

/* One line a queued device: connection, device, Azure id, what Microsoft believes, what it would be told, or why
 * nothing; then a summary. 0 or ERR_*, which has been told on standard error. */
int plan_print(const struct settings *settings, FILE *out);

#endif
