/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * users - who exists in one tenant: users named one by one, and by default everybody whose name does not start with
 * "missing".
 *
 * The id of a user who was never named derives from tenant and name and carries its own check digits, so that a user id
 * in a message can be recognised without remembering who was looked up.
 */
#ifndef COMPLYD_SIM_USERS_H
#define COMPLYD_SIM_USERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/guid.h"

struct user {
    char id[GUID_TEXT];
    char *name; /* userPrincipalName, as told */
    char *display_name;
};

struct users {
    void *by_name;
    void *by_id;
    size_t count;
    const char *tenant_id;
};

void users_init(struct users *users, const char *tenant_id);
void users_deinit(struct users *users);

/* Names a user; `id` may be NULL (derived). 0, ERR_INVALID (bad id or name), ERR_EXISTS or ERR_NOMEM. */
int users_add(struct users *users, const char *name, const char *id, const char *display_name);

/* Looks a user up by object id or user principal name. `anyone`: users never named exist too. On 0 *ret_user holds
 * copies that users_release() frees; else ERR_NOTFOUND or ERR_NOMEM. */
int users_lookup(const struct users *users, const char *key, bool anyone, struct user *ret_user);
void users_release(struct user *user);

/* Whether a message may name this user id. */
bool users_knows_id(const struct users *users, const char *id, bool anyone);

#endif
