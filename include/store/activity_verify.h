/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * activity_verify - checking the activity log's chain: an edit, a deletion, a reordering; and against anchors from
 * elsewhere (the journal) that the log was neither cut off at its end nor written anew.
 *
 * Reads a store in use or a copy of one, a page at a time, so that nobody waits for it. Memory does not grow with the
 * log.
 */
#ifndef COMPLYD_STORE_ACTIVITY_VERIFY_H
#define COMPLYD_STORE_ACTIVITY_VERIFY_H

#include <stdio.h>

#include "store/activity.h"

struct activity_anchor_entry {
    int64_t id;
    uint8_t hash[ACTIVITY_HASH];
};

struct activity_anchors {
    struct activity_anchor_entry *entries; /* owned */
    size_t count;
};

/* Every "ID:HASH" in a text of whatever kind: a journal, a log, a note. Adds to what is there; ERR_TOOBIG above a
 * million. */
int activity_anchors_read(FILE *from, struct activity_anchors *anchors, struct error *err);
void activity_anchors_deinit(struct activity_anchors *anchors);

struct activity_check {
    int64_t entries; /* looked at */
    int64_t first_id, last_id;
    int64_t first_ms, last_ms;
    uint8_t last_hash[ACTIVITY_HASH];
    int64_t findings;
    int64_t purged; /* entries that retention has purged before the first */
    size_t anchors_met, anchors_too_old;
};

/* Calls `finding` with one line for each thing wrong; `progress`, if given, after each page. 0 when the log was read to
 * its end. `anchors` are sorted by this. */
int activity_verify(struct database *database, struct activity_anchors *anchors,
                    void (*finding)(void *ctx, const char *text),
                    void (*progress)(void *ctx, int64_t done, int64_t total), void *ctx,
                    struct activity_check *ret_check, struct error *err);

#endif
