/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * notify - what systemd is told: READY, RELOADING, STOPPING, STATUS, the watchdog; and the journal as a log sink.
 *
 * Without systemd (no NOTIFY_SOCKET, no journal) every function does nothing, or says so. Source: sd_notify(3),
 * sd_watchdog_enabled(3), systemd.journal-fields(7).
 *
 * Thread    loop only, but for the sink: any.
 */
#ifndef COMPLYD_DAEMON_NOTIFY_H
#define COMPLYD_DAEMON_NOTIFY_H

#include <stdint.h>

#include "base/log.h"

void notify_ready(void);
void notify_reloading(void);
void notify_stopping(void);
void notify_status(const char *status); /* sent only when it differs from the last one */
void notify_watchdog(void);

/* Milliseconds within which notify_watchdog() is wanted; 0 = never. */
int64_t notify_watchdog_ms(void);

/* Sends a record to the journal with COMPLYD_TAG, COMPLYD_DEVICE, COMPLYD_CONNECTION, COMPLYD_MESSAGE_ID,
 * COMPLYD_REQUEST_ID. */
void notify_journal(void *ctx, const struct log_record *record);

#endif
