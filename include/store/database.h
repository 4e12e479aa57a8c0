/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * database - one connection to the store file: opening, pragmas, errors, lock, backup, check.
 *
 * Owns      the sqlite3 handle and its prepared statements; no SQLite type leaves src/store.
 * Thread    one thread at a time per struct database; the daemon's write connection lives on the store thread, its read
 *           connection on the reader thread (store/thread.h).
 * Errors    SQLite results become ERR_BUSY, ERR_STORE_CORRUPT, ERR_STORE_FULL, ERR_PERMISSION, ERR_NOTFOUND or
 *           ERR_STORE, with the extended code as origin.
 * Promise   WAL; the write connection commits with synchronous=FULL; page cache capped at 1 MiB (reader: 512 KiB), no
 *           mmap.
 */
#ifndef COMPLYD_STORE_DATABASE_H
#define COMPLYD_STORE_DATABASE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

struct database;
struct database_lock;

enum database_mode {
    DATABASE_READ,       /* query_only; the file must exist and have the current schema version */
    DATABASE_WRITE,      /* the file must exist and have the current schema version */
    DATABASE_ANY_VERSION /* read-write, whatever the version: for migrate, check and backup */
};

/* ERR_NOTFOUND: no such file ("run complyctl store init"). ERR_STORE_NEWER / ERR_STORE_OLDER: version differs, with
 * both versions and the command to run in the message. ERR_STORE_CORRUPT: not a database. */
int database_open(const char *path, enum database_mode mode, struct database **ret_database, struct error *err);
/* A store to be read, in use or a copy: one that may not be written, on read-only media say, is taken as it stands if
 * it has no log beside it. */
int database_open_copy(const char *path, struct database **ret_database, struct error *err);

/* "SQLite/3.40.1". */
const char *database_library(void);

void database_close(struct database *database); /* NULL is fine */

const char *database_path(const struct database *database);

/* True when the file at the path is no longer the one that is open (replaced or deleted while running). */
bool database_was_replaced(const struct database *database);

/* Counts commits made by other connections since this connection last looked (PRAGMA data_version). */
int database_data_version(struct database *database, uint32_t *ret_version, struct error *err);

/* Integrity, schema version and our own invariants, one line a finding into `report`; 0 = healthy, else
 * ERR_STORE_CORRUPT. */
int database_check(struct database *database, struct buf *report, struct error *err);

/* The same of a store of the current version, without the rows and what every index holds: SQLite's quick check, and
 * the schema. */
int database_check_quickly(struct database *database, struct buf *report, struct error *err);

/* SQLite's online backup into a new file (a temporary name beside it, renamed when complete; refuses an existing one
 * with ERR_EXISTS) while everything runs. `progress`, if given, is called after each step. */
int database_backup(struct database *database, const char *destination,
                    void (*progress)(void *ctx, int done, int total), void *ctx, struct error *err);

/* One daemon per store: a lock on "<path>.lock", held until released or the process ends. ERR_EXISTS names the holder:
 * "in use by complyd (pid 123)". */
int database_lock(const char *path, struct database_lock **ret_lock, struct error *err);
void database_unlock(struct database_lock *lock);

#endif
