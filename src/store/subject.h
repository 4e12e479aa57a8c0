/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * subject - everything the store knows of one device, and the decision that follows from it. Reads only; outbox_stage,
 * plan and explain all decide by it.
 */
#ifndef COMPLYD_STORE_SUBJECT_H
#define COMPLYD_STORE_SUBJECT_H

#include <sqlite3.h>

#include "base/guid.h"
#include "model/decision.h"
#include "store/database.h"

/* Ids that are no text, or hold a NUL, cannot be named by anybody: they are left out, and "store check" tells of them.
 * No walk may stop at such a one either: as a text it would stand elsewhere in the order. */
#define SUBJECT_NAMEABLE(id) "typeof(" id ") = 'text' AND instr(" id ", char(0)) = 0"

enum { SUBJECT_TEXT_MAX = 1024, SUBJECT_ID_MAX = 255 }; /* bytes; longer columns are bad data */

/* What Microsoft was told: the report row, or a message in doubt. Strings are borrowed, never NULL. */
struct told {
    enum azure_state state;
    const char *connection;
    enum platform platform;
    const char *azure_device_id;
    const char *user_id;
};

struct subject {
    const char *device_id; /* the caller's */
    bool exists;           /* has a row in `device` */
    bool leaving;          /* its connection is being disconnected: every device is removed */
    bool buried;           /* has a tombstone */
    bool known_platform;
    bool text_valid;
    const char *platform_text;
    struct device
        device; /* of a tombstone: connection, platform, name, os_version, user_principal_name, last_check_in_s */
    char azure_device_id[GUID_TEXT]; /* lower case; "" when none or no GUID */
    unsigned actions;
    bool unknown_policy;
    bool retired;    /* by an operator, with this Azure id */
    bool held;       /* stays at what Microsoft was told */
    uint64_t digest; /* of the inventory columns */

    bool has_report;
    struct told told;
    uint64_t told_digest;
    int64_t accepted_at_ms; /* -1 = never */
    int64_t last_update_ms;
    bool has_message_id;
    struct guid message_id; /* of the last accepted report */
    int64_t removed_at_ms;  /* -1 = not removed */
    enum compliance_status status;
    enum reason reason;
    const char *error;
    const char *request_id;
    unsigned expiries;

    sqlite3_stmt *device_row; /* hold the borrowed strings */
    sqlite3_stmt *report_row;
};

/* Reads all of it; subject_release() must follow, and no second subject may be loaded before. Not known at all is no
 * error. */
int subject_load(struct database *database, const char *device_id, struct subject *ret_subject, struct error *err);
void subject_release(struct subject *subject);

/* A message about `sent` may have reached Microsoft: when the report row does not say that Microsoft holds an id, it
 * counts as told, so that it is not forgotten. */
void subject_doubt(struct subject *subject, const struct told *sent);

/* Microsoft was told of this very id, on this connection. */
bool subject_is_told(const struct subject *subject);

struct decision subject_decide(const struct subject *subject);

/* Where a decision's report goes. */
void subject_route(const struct subject *subject, const struct decision *decision, const char **ret_connection,
                   enum channel *ret_channel);

#endif
