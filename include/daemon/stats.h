/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * stats - what one connection has done since the process began: counters and histograms for metrics.
 *
 * Kept by name beside the connections, so that one that is started again goes on counting.
 *
 * Thread    loop only. Counting neither allocates nor locks.
 * Lifetime  stats_of() to stats_free(): as long as the daemon.
 */
#ifndef COMPLYD_DAEMON_STATS_H
#define COMPLYD_DAEMON_STATS_H

#include "base/histogram.h"
#include "microsoft/outcome.h"
#include "store/message.h"
#include "store/outbox.h"

/* What came of a report that was sent; X(NAME, word in metrics) */
#define STATS_OUTCOMES(X)                                                                                              \
    X(STATS_ACCEPTED, "accepted")                                                                                      \
    X(STATS_REFUSED, "refused")       /* parked */                                                                     \
    X(STATS_TRANSIENT, "transient")   /* sent again later */                                                           \
    X(STATS_CONNECTION, "connection") /* the whole connection was refused: back to the queue */

enum stats_outcome {
#define X(name, word) name,
    STATS_OUTCOMES(X)
#undef X
        STATS_OUTCOME_COUNT
};

/* Whose tokens; X(NAME, word in metrics) */
#define STATS_RESOURCES(X)                                                                                             \
    X(STATS_GRAPH, "graph")                                                                                            \
    X(STATS_INTUNE, "intune")

enum stats_resource {
#define X(name, word) name,
    STATS_RESOURCES(X)
#undef X
        STATS_RESOURCE_COUNT
};

enum { STATS_CLASS_COUNT = OUTCOME_CONNECTION + 1, STATS_VERDICT_COUNT = MESSAGE_EXPIRED + 1 };

struct stats_channel {
    uint64_t reports[PRIORITY_COUNT][STATS_OUTCOME_COUNT];
    uint64_t requests
        [STATS_CLASS_COUNT]; /* reports, questions for verdicts, look-ups of users: by the outcome of the whole */
    uint64_t throttled;
    struct histogram accepted[PRIORITY_COUNT]; /* from the commit of the change to Microsoft's acceptance */
    struct histogram verdict[PRIORITY_COUNT];  /* ... to Microsoft's verdict */
};

struct stats {
    char connection[65];
    struct stats_channel channel[CHANNEL_COUNT];
    uint64_t verdicts[STATS_VERDICT_COUNT];
    uint64_t tokens[STATS_RESOURCE_COUNT], token_failures[STATS_RESOURCE_COUNT];
    struct stats *next;
};

const char *stats_outcome_name(enum stats_outcome outcome);
const char *stats_resource_name(enum stats_resource resource);
const char *stats_class_name(enum outcome_class class);
const char *stats_verdict_name(enum message_verdict verdict);

/* Those of a connection in the list, made when there are none yet. NULL: no memory. */
struct stats *stats_of(struct stats **list, const char *connection);
void stats_free(struct stats *list);

void stats_count_report(struct stats *stats, enum channel channel, const struct outbox_result *result);
void stats_count_answer(struct stats *stats, enum channel channel, const struct outcome *outcome);
void stats_count_verdict(struct stats *stats, const struct message_result *result);
void stats_count_token(struct stats *stats, enum stats_resource resource, bool obtained);

#endif
