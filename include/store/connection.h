/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * connection - what the store remembers of a connection: its endpoints and the Entra object ids of its users.
 *
 * Owns      tables `endpoint` and `user`.
 * Thread    jobs of store/thread.h.
 */
#ifndef COMPLYD_STORE_CONNECTION_H
#define COMPLYD_STORE_CONNECTION_H

#include "base/guid.h"
#include "store/thread.h"

/* Remembers what user principal names resolved to. An empty user_id: Microsoft does not know the user; its devices are
 * parked with REASON_USER_UNKNOWN when they are staged next. */
struct user_entry {
    char *user_principal_name; /* owned */
    char user_id[GUID_TEXT];
};

struct users_record {
    struct store_job job;
    char connection[65];
    int64_t now_ms;
    struct user_entry *entries; /* owned, with the names */
    size_t count;
};

int users_record_init(struct users_record *record, const char *connection, size_t capacity,
                      void (*done)(struct store_job *job));
void users_record_deinit(struct users_record *record);

/* Forgets users whom nobody has asked for in USERS_KEPT_MS, of whatever connection: a week after it was found an id is
 * looked up anew anyhow. Each job looks at `limit` rows, on from where the last one ended. */
#define USERS_KEPT_MS (30 * INT64_C(24) * 3600 * 1000)

struct users_purge {
    struct store_job job;
    int64_t now_ms;
    unsigned limit;
    char *after_connection, *after_name; /* owned: the last row seen; NULL = from the start */
    unsigned purged;                     /* out */
};

void users_purge_init(struct users_purge *purge, unsigned limit, void (*done)(struct store_job *job));
void users_purge_deinit(struct users_purge *purge);

/* Discovered service URLs; empty when nothing is remembered. */
struct endpoints_load {
    struct store_job job;
    char connection[65];
    char device_url[512];
    char tenant_url[512];
    int64_t fetched_at_ms;
};

void endpoints_load_init(struct endpoints_load *load, const char *connection, void (*done)(struct store_job *job));

struct endpoints_save {
    struct store_job job;
    char connection[65];
    char device_url[512]; /* both empty: forget */
    char tenant_url[512];
    int64_t fetched_at_ms;
};

void endpoints_save_init(struct endpoints_save *save, const char *connection, void (*done)(struct store_job *job));

#endif
