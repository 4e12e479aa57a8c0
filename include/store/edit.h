/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * edit - one device, policy or violation written on the MDM's behalf, for one that cannot write SQLite itself.
 *
 * What may stand in a record, and how it becomes rows, is import's: an edit is a line of an import with the ways of
 * HTTP.
 *
 * Thread    the store thread, inside a write job's transaction: the same triggers fire, and the job is done after the
 *           commit.
 */
#ifndef COMPLYD_STORE_EDIT_H
#define COMPLYD_STORE_EDIT_H

#include <stdbool.h>
#include <stddef.h>

#include "store/database.h"

enum edit_act {
    EDIT_PUT_DEVICE,   /* columns left out get their defaults, violations left out stay */
    EDIT_PATCH_DEVICE, /* RFC 7396: members left out stay, null is the default; the device must exist */
    EDIT_DELETE_DEVICE,
    EDIT_PUT_POLICY,
    EDIT_PATCH_POLICY,
    EDIT_DELETE_POLICY, /* and its actions; violations of it stay the MDM's */
    EDIT_PUT_VIOLATION, /* the device must exist, the policy need not */
    EDIT_DELETE_VIOLATION,
};

struct edit {
    /* in; borrowed */
    enum edit_act act;
    const char *id;        /* of the device or policy */
    const char *policy_id; /* of a violation */
    const char *body;      /* JSON object, of PUT and PATCH of devices and policies */
    size_t body_length;
    /* out */
    bool created;
    char field[64]; /* ERR_INVALID: the member of the body that is wrong; "" = none or the whole */
};

/* 0; ERR_INVALID, ERR_NOTFOUND with what is wrong; ERR_* of the store. After a failure the caller rolls back. */
int edit_apply(struct edit *edit, struct database *database, struct error *err);

#endif
