/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * migrate - creating a store and bringing an older one up to date; versions are PRAGMA user_version.
 *
 * Schemas live in src/store/schema/NNN.sql (embedded at build time): 001 creates, each later one migrates from its
 * predecessor. A migration is one transaction: killed in the middle, the store is as before.
 */
#ifndef COMPLYD_STORE_MIGRATE_H
#define COMPLYD_STORE_MIGRATE_H

#include "store/database.h"

int migrate_latest(void); /* the version this program writes */

/* Makes a new store, mode 0660, with the latest schema. ERR_EXISTS when there is a file already. */
int migrate_init(const char *path, struct error *err);

/* Brings `database` (opened with DATABASE_ANY_VERSION) to the latest version; *ret_from is the version found. Already
 * there:
 * 0. Newer: ERR_STORE_NEWER. */
int migrate_run(struct database *database, int *ret_from, struct error *err);

#endif
