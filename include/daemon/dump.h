/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * dump - the state of everything, as lines of the log (SIGUSR1). Loop only.
 */
#ifndef COMPLYD_DAEMON_DUMP_H
#define COMPLYD_DAEMON_DUMP_H

#include "daemon/daemon.h"

/* Asked for, so written whatever log_level says. */
void dump_log(const struct daemon *daemon);

#endif
