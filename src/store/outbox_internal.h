/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * outbox_internal - what stage remembers of an item for record. Every struct outbox_item is the head of one of these.
 */
#ifndef COMPLYD_STORE_OUTBOX_INTERNAL_H
#define COMPLYD_STORE_OUTBOX_INTERNAL_H

#include "store/outbox.h"

/* outbox.due_at of a report that the breaker holds: later than any time. */
#define OUTBOX_HELD INT64_MAX
/* ... and of one whose user is unknown, while enough other users are being asked for: out of the way of those behind
 * it. */
#define OUTBOX_AWAITS_USER (OUTBOX_HELD - 1)

enum { UNKNOWN_USERS_MAX = 100 }; /* asked for at a time */

enum { FORCED_WALK = 1, FORCED_OPERATOR = 2 }; /* outbox.forced */

/* outbox.sent */
enum { SENT_NO, SENT_NOW, SENT_BEFORE };

struct outbox_entry {
    struct outbox_item item;
    bool has_report;     /* there is a report row */
    bool same_told;      /* ... about the same id, connection, platform, user and state */
    bool stray;          /* about an id that is not the device's, or there is no device */
    bool awaits_verdict; /* the message before has no verdict yet */
    unsigned expiries;   /* of verdicts, in a row */
    bool asked;          /* an operator asked for it */
    const char *cause;   /* what decided the state, for the activity log; static */
    char text[];         /* the strings */
};

/* Puts a device back into the queue, to be told even if nothing changed. ERR_NOTFOUND: unknown device. */
int outbox_queue_again(struct database *database, const char *device_id, int forced, struct error *err);

#endif
