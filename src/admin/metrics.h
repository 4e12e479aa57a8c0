/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * metrics - the picture of the daemon that metrics are made of, and the table of them (docs/metrics.md). Private to
 * src/admin.
 *
 *     api_metrics.c      the request
 *     metrics.c          the picture; its dimensions and families
 *     metrics_process.c  what the kernel says of the process
 */
#ifndef COMPLYD_ADMIN_METRICS_H
#define COMPLYD_ADMIN_METRICS_H

#include "base/buf.h"
#include "daemon/daemon.h"
#include "daemon/figures.h"

/* What cannot be told is -1. */
struct metrics_process {
    double cpu_s;
    double open_fds, max_fds;
    double virtual_bytes, resident_bytes;
};

void metrics_read_process(struct metrics_process *ret_process);

/* All metrics, as the daemon is now and its figures were counted last. */
int metrics_add(struct daemon *daemon, struct buf *out); /* 0 or ERR_NOMEM */

#endif
