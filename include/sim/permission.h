/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * permission - the application permissions that the tenants' administrators have consented to, as a token carries them,
 * and which of them a request needs.
 *
 * Thread    any; pure functions.
 */
#ifndef COMPLYD_SIM_PERMISSION_H
#define COMPLYD_SIM_PERMISSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct cJSON;

/* What a request wants to do. */
enum permission_use {
    PERMISSION_READ_PRINCIPALS,
    PERMISSION_READ_USERS,
    PERMISSION_READ_GROUPS,
    PERMISSION_READ_DEVICES,
    PERMISSION_WRITE_DEVICES,
    PERMISSION_MANAGE_PARTNER,
    PERMISSION_SEND_MESSAGES,
};

/* Those that a partner is asked to have consented (docs/operations.md). */
uint32_t permission_usual(void);

/* Names with blanks between them; ERR_INVALID when one is unknown. */
int permission_parse(const char *names, uint32_t *ret_set);

/* Appends the names of a set, with blanks between them. */
void permission_format(uint32_t set, struct buf *out);

/* Appends the "roles" of a token for Graph or, `graph` false, for Intune: a JSON array. */
void permission_write_roles(uint32_t set, bool graph, struct buf *out);

/* The set that "roles" of a token names; what is unknown, or no array, is passed over. */
uint32_t permission_read_roles(const struct cJSON *roles);

/* True when one of the set lets that be done. */
bool permission_allows(uint32_t set, enum permission_use use);

#endif
