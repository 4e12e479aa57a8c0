/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * database_internal - the inside of struct database, for src/store only.
 */
#ifndef COMPLYD_STORE_DATABASE_INTERNAL_H
#define COMPLYD_STORE_DATABASE_INTERNAL_H

#include <sqlite3.h>
#include <sys/types.h>

#include "store/database.h"
#include "store/fleet.h"

enum { STATEMENT_SLOTS = 256 }; /* power of two, at least twice the number of statements */

struct statement_slot {
    const char *sql;
    sqlite3_stmt *statement;
};

struct database {
    sqlite3 *handle;
    char *path;
    enum database_mode mode;
    dev_t device; /* of the file that is open */
    ino_t inode;
    ino_t wal_inode;      /* of its write-ahead log */
    int64_t session;      /* marks the rows this process has in flight */
    bool session_pending; /* rows of earlier sessions are being set free in the open transaction */
    bool session_began;   /* ... and that is committed */
    bool looked;          /* data_version is known */
    uint32_t data_version;
    struct statement_slot statements[STATEMENT_SLOTS];
    unsigned statement_count;
    struct fleet_counts counts;   /* the latest walk over all devices, ... */
    int64_t counts_until_ms;      /* ... and how long it serves (monotonic) */
    struct activity_chain *chain; /* made by the first hash */
};

/* Opens `path` without looking at the schema version. */
int database_open_raw(const char *path, int flags, struct database **ret_database, struct error *err);

/* PRAGMA application_id and user_version; ERR_STORE_CORRUPT when the file is some other program's database. */
int database_version(struct database *database, int *ret_version, struct error *err);

/* Closes and opens again. On failure *database stays, closed inside: only database_reopen() and database_close() may
 * follow. */
int database_reopen(struct database **database, struct error *err);

void database_remember_wal(struct database *database);

/* Before the first claim of a session: rows claimed by a process that is gone can be claimed again. */
int database_begin_session(struct database *database, struct error *err);

#endif
