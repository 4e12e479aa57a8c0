/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * messages - device messages that the partner service of one tenant has accepted, and their verdicts.
 *
 *   PENDING --timer--> COMPLETED   the devices' beliefs change at this moment, not before
 *      |  '---timer--> FAILED      nothing changes
 *      '-> (never)                 when a fault says so
 *
 * Promise   remembers every pending message and the newest MESSAGES_FINISHED finished ones.
 */
#ifndef COMPLYD_SIM_MESSAGES_H
#define COMPLYD_SIM_MESSAGES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/guid.h"
#include "sim/entities.h"
#include "sim/timers.h"

struct tenant;
struct world;

enum { MESSAGES_FINISHED = 100000, MESSAGE_DIGEST = 32, MESSAGE_DETAIL = 256 };

enum message_state { MESSAGE_PENDING, MESSAGE_COMPLETED, MESSAGE_FAILED };

/* How the verdict shall come about; what faults change. */
struct verdict {
    int64_t delay_ms; /* -1 = never */
    char word[32];    /* Status while pending; "" = Queued, then InProcess */
    bool failed;
    char code[16]; /* ErrorCode of a failed one */
    char detail[MESSAGE_DETAIL];
};

struct message {
    char id[GUID_TEXT];
    unsigned char digest[MESSAGE_DIGEST]; /* of the PUT's body: the same message again has the same */
    enum message_state state;
    struct verdict verdict;
    struct beliefs beliefs; /* empty once finished */
    int64_t accepted_ms;    /* monotonic */
    struct timer timer;
    struct world *world;
    struct tenant *tenant;
    TAILQ_ENTRY(message) link; /* finished ones, oldest first */
};

TAILQ_HEAD(message_list, message);

struct messages {
    void *by_id;
    struct message_list finished;
    size_t finished_count;
    size_t finished_max; /* MESSAGES_FINISHED */
    size_t count;
};

void messages_init(struct messages *messages);
void messages_deinit(struct messages *messages, struct timers *timers);

struct message *messages_find(const struct messages *messages, const char *id); /* any letter case; NULL = none */

/* Accepts a message and starts its verdict; takes over `beliefs` on success. NULL = out of memory. */
struct message *messages_accept(struct world *world, struct tenant *tenant, const char *id,
                                const unsigned char digest[MESSAGE_DIGEST], const struct verdict *verdict,
                                struct beliefs *beliefs);

/* The Status word to answer now. */
const char *message_status(const struct message *message);

#endif
