/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "sim/messages.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "sim/world.h"

void messages_init(struct messages *messages)
{
    *messages = (struct messages){.finished_max = MESSAGES_FINISHED};
    TAILQ_INIT(&messages->finished);
}

static void free_message(void *node)
{
    struct message *message = node;

    beliefs_free(&message->beliefs);
    free(message);
}

static void stop_timer(const void *node, VISIT which, void *closure)
{
    if (which == postorder || which == leaf)
        timers_stop(closure, &(*(struct message *const *)node)->timer);
}

void messages_deinit(struct messages *messages, struct timers *timers)
{
    twalk_r(messages->by_id, stop_timer, timers);
    tdestroy(messages->by_id, free_message);
    messages_init(messages);
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct message *)a)->id, ((const struct message *)b)->id);
}

static bool canonical(const char *text, char ret_id[GUID_TEXT])
{
    struct guid guid;

    if (guid_parse(text, &guid) != 0)
        return false;
    guid_format(&guid, ret_id);
    return true;
}

struct message *messages_find(const struct messages *messages, const char *id)
{
    struct message key;
    void *node = canonical(id, key.id) ? tfind(&key, &messages->by_id, by_id) : NULL;

    return node ? *(struct message **)node : NULL;
}

static void fail(struct message *message, const char *code, const char *detail)
{
    message->verdict.failed = true;
    strncpy(message->verdict.code, code, sizeof(message->verdict.code) - 1);
    strncpy(message->verdict.detail, detail, sizeof(message->verdict.detail) - 1);
}

/* The older of two messages loses, whenever its verdict comes. */
static void apply(struct message *message, const struct belief *belief)
{
    struct stats *stats = &message->world->stats;
    struct device *device = devices_find(&message->tenant->devices, belief->device_id);
    struct device_facts facts = {.os = belief->os,
                                 .os_version = belief->os_version,
                                 .name = belief->name,
                                 .user_id = belief->user_id,
                                 .managed = belief->managed ? KNOWN_TRUE : KNOWN_FALSE,
                                 .compliant = belief->compliant ? KNOWN_TRUE : KNOWN_FALSE,
                                 .check_in_ms = belief->check_in_ms};

    if (!device) {
        fail(message, "404", "The device was deleted.");
    } else if (belief->stamp_ms <= device->applied_ms) {
        stats->messages_superseded++;
    } else if (device_tell(device, &facts) == 0) {
        device->applied_ms = belief->stamp_ms;
        device->updates++;
        stats->partner_updates++;
    }
}

static void forget_oldest(struct messages *messages)
{
    struct message *oldest = TAILQ_FIRST(&messages->finished);

    TAILQ_REMOVE(&messages->finished, oldest, link);
    messages->finished_count--;
    messages->count--;
    tdelete(oldest, &messages->by_id, by_id);
    free_message(oldest);
}

static void finish(struct timer *timer)
{
    struct message *message = (struct message *)((char *)timer - offsetof(struct message, timer));
    struct messages *messages = &message->tenant->messages;
    struct stats *stats = &message->world->stats;

    for (size_t i = 0; i < message->beliefs.count && !message->verdict.failed; i++)
        apply(message, &message->beliefs.list[i]);
    message->state = message->verdict.failed ? MESSAGE_FAILED : MESSAGE_COMPLETED;
    if (message->verdict.failed)
        stats->messages_failed++;
    else
        stats->messages_completed++;
    beliefs_free(&message->beliefs);
    TAILQ_INSERT_TAIL(&messages->finished, message, link);
    if (++messages->finished_count > messages->finished_max)
        forget_oldest(messages);
}

struct message *messages_accept(struct world *world, struct tenant *tenant, const char *id,
                                const unsigned char digest[MESSAGE_DIGEST], const struct verdict *verdict,
                                struct beliefs *beliefs)
{
    struct message *message = calloc(1, sizeof(*message));

    if (!message || !canonical(id, message->id))
        goto fail;
    memcpy(message->digest, digest, MESSAGE_DIGEST);
    message->verdict = *verdict;
    message->accepted_ms = world_monotonic_ms(world);
    message->timer.fire = finish;
    message->world = world;
    message->tenant = tenant;
    if (!tsearch(message, &tenant->messages.by_id, by_id))
        goto fail;
    if (verdict->delay_ms >= 0 &&
        timers_start(&world->timers, &message->timer, message->accepted_ms + verdict->delay_ms) != 0) {
        tdelete(message, &tenant->messages.by_id, by_id);
        goto fail;
    }
    tenant->messages.count++;
    message->beliefs = *beliefs;
    *beliefs = (struct beliefs){0};
    return message;
fail:
    free(message);
    return NULL;
}

const char *message_status(const struct message *message)
{
    if (message->state != MESSAGE_PENDING)
        return message->state == MESSAGE_COMPLETED ? "Completed" : "Failed";
    if (message->verdict.word[0])
        return message->verdict.word;
    int64_t waited_ms = world_monotonic_ms(message->world) - message->accepted_ms;
    return message->verdict.delay_ms < 0 || waited_ms * 2 < message->verdict.delay_ms ? "Queued" : "InProcess";
}
