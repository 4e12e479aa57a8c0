/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * report - what one message to Microsoft says about one device. Pure data: the store fills it in, microsoft/ writes it.
 */
#ifndef COMPLYD_MODEL_REPORT_H
#define COMPLYD_MODEL_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/guid.h"
#include "model/device.h"

/* Claim order; the values are stored in outbox.priority. */
enum priority { PRIORITY_WORSENING, PRIORITY_CHANGE, PRIORITY_OPERATOR, PRIORITY_WEEKLY, PRIORITY_COUNT };

const char *priority_name(enum priority priority); /* "worsening" "change" "operator" "weekly" */

/* Strings are borrowed, UTF-8, never NULL. */
struct report {
    const char *device_id; /* the MDM's id: for logs, never sent */
    enum platform platform;
    enum azure_state state;      /* COMPLIANT, NON_COMPLIANT or REMOVED */
    const char *azure_device_id; /* lower-case GUID */
    const char *user_id;         /* Entra object id of the user; "" on the Graph channel */
    const char *name;
    const char *os_version;
    int64_t last_check_in_s; /* -1 = never */
    bool inventory_changed;  /* Graph channel: send the inventory properties too */
    struct guid message_id;
    int64_t last_update_ms; /* rises strictly per device, across restarts and clock steps */
};

/* 64-bit FNV-1a over everything of *report that the message carries except message_id and last_update_ms: tells whether
 * a message that may already have been sent can be sent again under the same GUID and stamp. Never 0. */
uint64_t report_content_hash(const struct report *report);

/* LastUpdateTime for the next message: max(now, last + 1). */
int64_t report_next_stamp(int64_t now_ms, int64_t last_ms);

#endif
