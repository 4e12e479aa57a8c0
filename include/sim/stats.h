/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * stats - what was counted since the start or the last reset.
 */
#ifndef COMPLYD_SIM_STATS_H
#define COMPLYD_SIM_STATS_H

#include <stdint.h>

#include "base/buf.h"
#include "sim/exchange.h"

enum { STATS_STATUSES = 600 };

struct stats {
    uint64_t answers[PLACE_COUNT][STATS_STATUSES]; /* by place and HTTP status; 0 = no answer was given */
    uint64_t connections;
    uint64_t in_flight;
    uint64_t max_in_flight;
    uint64_t tokens_issued;
    uint64_t faults_played;
    uint64_t messages_accepted;
    uint64_t messages_refused; /* in-band or by status */
    uint64_t messages_resent;  /* the same message again: answered the same, applied once */
    uint64_t messages_completed;
    uint64_t messages_failed;
    uint64_t messages_superseded; /* completed after a newer one of its device: not applied */
    uint64_t partner_updates;     /* beliefs written by messages */
    uint64_t graph_updates;       /* beliefs written by PATCH */
    /* What a correct client never does; each was refused. */
    uint64_t older_stamps; /* LastUpdateTime behind the newest accepted one of its device */
    uint64_t equal_stamps; /* the same stamp in another message */
    uint64_t reused_ids;   /* a message id again with other content */
};

/* The name that faults, statistics and the request log use. */
const char *place_name(enum place place);

void stats_answer(struct stats *stats, enum place place, int status);

/* Keeps what is true of the present (requests in flight), forgets the rest. */
void stats_reset(struct stats *stats);

void stats_write(const struct stats *stats, struct buf *out); /* one JSON object */

#endif
