/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * activity_list - reading the activity log: newest first by pages, onwards from an entry, and what Microsoft was told
 * at a time.
 *
 * Thread    the caller's database: the reader's thread. One call looks at a bounded number of entries, in one snapshot.
 */
#ifndef COMPLYD_STORE_ACTIVITY_LIST_H
#define COMPLYD_STORE_ACTIVITY_LIST_H

#include "model/device.h"
#include "store/activity.h"

enum { ACTIVITY_LIST_MAX = 1000 };

struct activity_filter {
    const char *device, *connection, *kind; /* NULL = any */
    int64_t since_ms;                       /* INT64_MIN = ever */
    bool onwards;                           /* oldest first, from `place` on; else newest first */
    int64_t place;  /* entries behind this id in that order; newest first: 0 = from the newest */
    unsigned limit; /* at most ACTIVITY_LIST_MAX */
};

struct activity_page {
    int64_t place;  /* where the next page goes on; newest first: 0 = there is none */
    int64_t newest; /* id of the log's newest entry; 0 = the log is empty */
};

/* Calls `each` for a page; it returns 0, or ERR_* to give up. A page may hold fewer entries than there are (even none)
 * when many do not match. The entry's strings live until `each` returns. */
int activity_list(struct database *database, const struct activity_filter *filter,
                  int (*each)(void *ctx, const struct activity_entry *entry), void *ctx, struct activity_page *ret_page,
                  struct error *err);

/* What Microsoft had been told of a device by a certain time. */
struct activity_told {
    enum azure_state state; /* NONE: nothing, as far as the log goes back */
    char azure_device_id[GUID_TEXT];
    enum compliance_status status;
    int64_t accepted_at_ms; /* -1 = never */
    int64_t entry;          /* id of the accepted report; 0 = none */
    int64_t log_begins_ms;  /* when entries were purged: older ones are unknown; -1 = the log is complete */
};

int activity_told_at(struct database *database, const char *device_id, int64_t at_ms, struct activity_told *ret_told,
                     struct error *err);

#endif
