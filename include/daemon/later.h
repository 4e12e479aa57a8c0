/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * later - ends a store job that cannot be begun, on a later turn of the loop, as one that was. Loop only.
 */
#ifndef COMPLYD_DAEMON_LATER_H
#define COMPLYD_DAEMON_LATER_H

#include "store/thread.h"

/* The job's done comes with err's code and message. */
void later_fail(struct uv_loop_s *loop, struct store_job *job, const struct error *err);

#endif
