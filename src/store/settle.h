/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * settle - taking a row out of the outbox without a message: needless, waiting or parked.
 *
 * Promise   a message in doubt is never forgotten with the row: what it was about moves into the report row.
 */
#ifndef COMPLYD_STORE_SETTLE_H
#define COMPLYD_STORE_SETTLE_H

#include "subject.h"

/* `in_doubt`: a message of this row may have reached Microsoft; subject->told already counts it (subject_doubt).
 * `stamp_ms` is the row's last stamp. */
struct settle_row {
    const char *device_id;
    bool in_doubt;
    int64_t stamp_ms;
};

/* Nothing is to be told now: it was told already, or data is missing, and the trigger of the change that brings it
 * queues the device again. Of a deleted device that Microsoft never heard of, nothing remains. */
int settle_dropped(struct database *database, const struct settle_row *row, const struct subject *subject,
                   struct error *err);

/* Data is wrong: shown as an error until it changes. */
int settle_parked(struct database *database, const struct settle_row *row, const struct subject *subject,
                  enum reason reason, int64_t now_ms, struct error *err);

/* To be called when the Azure id in a report row was written, and the device may go by another one, or exist no
 * more. */
int settle_renamed(struct database *database, const char *device_id, struct error *err);

/* Queues a device that exists, as a change of it would. */
int settle_queue(struct database *database, const char *device_id, struct error *err);

#endif
