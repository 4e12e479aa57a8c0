/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * drift_internal - what drift.c (record, taking in) and drift_walk.c (sweeping, comparing, repairing) share.
 */
#ifndef COMPLYD_STORE_DRIFT_INTERNAL_H
#define COMPLYD_STORE_DRIFT_INTERNAL_H

#include "store/drift.h"

enum { DRIFT_WALK_MAX = 200, DRIFT_REPAIR_MAX = 50 }; /* rows a job: some ms */

int drift_save_record(struct database *database, const struct drift_record *record, struct error *err);

/* Everything that is known is forgotten, as of another tenant. */
int drift_reset(struct database *database, struct drift_record *record, const char *tenant_id, struct error *err);

/* The directory has the entry no more: kept as gone while a device goes by its id. */
int drift_bury(struct database *database, const char *connection, const struct guid *object_id, struct error *err);

#endif
