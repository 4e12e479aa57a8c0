/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * schema - the SQL of each schema version, embedded at build time from src/store/schema.
 */
#ifndef COMPLYD_STORE_SCHEMA_H
#define COMPLYD_STORE_SCHEMA_H

extern const char *const schema_scripts[]; /* [n] brings version n to n + 1 */
extern const int schema_count;             /* the latest version */

enum { SCHEMA_APPLICATION_ID = 1668115577 }; /* PRAGMA application_id of every store */

#endif
