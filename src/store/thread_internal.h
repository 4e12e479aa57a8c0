/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * thread_internal - what jobs of src/store may ask of the worker that runs them.
 */
#ifndef COMPLYD_STORE_THREAD_INTERNAL_H
#define COMPLYD_STORE_THREAD_INTERNAL_H

#include <stdint.h>

#include "store/thread.h"

/* Sleeps on the worker until another job is queued or `us` have passed; true when a job is queued. */
bool store_job_pause(const struct store_job *job, uint64_t us);

#endif
