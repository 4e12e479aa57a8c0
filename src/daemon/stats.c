/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "daemon/stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *stats_outcome_name(enum stats_outcome outcome)
{
    static const char *const names[] = {
#define X(name, word) [name] = word,
        STATS_OUTCOMES(X)
#undef X
    };
    return names[outcome];
}

const char *stats_resource_name(enum stats_resource resource)
{
    static const char *const names[] = {
#define X(name, word) [name] = word,
        STATS_RESOURCES(X)
#undef X
    };
    return names[resource];
}

const char *stats_class_name(enum outcome_class class)
{
    static const char *const names[STATS_CLASS_COUNT] = {
        [OUTCOME_ACCEPTED] = "accepted", [OUTCOME_TRANSIENT] = "transient", [OUTCOME_THROTTLED] = "throttled",
        [OUTCOME_AUTH] = "auth",         [OUTCOME_DEVICE] = "device",       [OUTCOME_CONNECTION] = "connection",
    };
    return names[class];
}

const char *stats_verdict_name(enum message_verdict verdict)
{
    static const char *const names[STATS_VERDICT_COUNT] = {
        [MESSAGE_PENDING] = "pending",
        [MESSAGE_COMPLETED] = "completed",
        [MESSAGE_FAILED] = "failed",
        [MESSAGE_EXPIRED] = "expired",
    };
    return names[verdict];
}

static void init_channel(struct stats_channel *channel)
{
    for (int priority = 0; priority < PRIORITY_COUNT; priority++) {
        histogram_init(&channel->accepted[priority], &histogram_waits);
        histogram_init(&channel->verdict[priority], &histogram_waits);
    }
}

struct stats *stats_of(struct stats **list, const char *connection)
{
    struct stats *stats = *list;
    while (stats && strcmp(stats->connection, connection) != 0)
        stats = stats->next;
    if (stats)
        return stats;
    stats = calloc(1, sizeof(*stats));
    if (!stats)
        return NULL;
    snprintf(stats->connection, sizeof(stats->connection), "%s", connection);
    for (int channel = 0; channel < CHANNEL_COUNT; channel++)
        init_channel(&stats->channel[channel]);
    stats->next = *list;
    *list = stats;
    return stats;
}

void stats_free(struct stats *list)
{
    while (list) {
        struct stats *next = list->next;
        free(list);
        list = next;
    }
}

static double seconds(int64_t from_ms, int64_t to_ms)
{
    return (double)(to_ms - from_ms) / 1000;
}

static enum stats_outcome outcome_of(enum outbox_outcome outcome)
{
    switch (outcome) {
    case OUTBOX_ACCEPTED:
    case OUTBOX_SUCCESS:
        return STATS_ACCEPTED;
    case OUTBOX_REFUSED:
        return STATS_REFUSED;
    case OUTBOX_TRANSIENT:
        return STATS_TRANSIENT;
    case OUTBOX_RELEASED:
        break;
    }
    return STATS_CONNECTION;
}

void stats_count_report(struct stats *stats, enum channel channel, const struct outbox_result *result)
{
    const struct outbox_item *item = result->item;
    struct stats_channel *counts = &stats->channel[channel];
    enum stats_outcome outcome = outcome_of(result->outcome);
    counts->reports[item->priority][outcome]++;
    if (outcome == STATS_ACCEPTED)
        histogram_observe(&counts->accepted[item->priority], seconds(item->queued_at_ms, result->at_ms));
    if (result->outcome == OUTBOX_SUCCESS) /* final at once */
        histogram_observe(&counts->verdict[item->priority], seconds(item->queued_at_ms, result->at_ms));
}

void stats_count_answer(struct stats *stats, enum channel channel, const struct outcome *outcome)
{
    stats->channel[channel].requests[outcome->class]++;
}

void stats_count_verdict(struct stats *stats, const struct message_result *result)
{
    const struct message *message = result->message;
    stats->verdicts[result->verdict]++;
    if (result->verdict == MESSAGE_COMPLETED || result->verdict == MESSAGE_FAILED)
        histogram_observe(&stats->channel[CHANNEL_PARTNER].verdict[message->priority],
                          seconds(message->queued_at_ms, result->at_ms));
}

void stats_count_token(struct stats *stats, enum stats_resource resource, bool obtained)
{
    if (obtained)
        stats->tokens[resource]++;
    else
        stats->token_failures[resource]++;
}
