/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * journal - the log of requests: the newest ones, with numbers that rise from 1.
 *
 * Promise   at most JOURNAL_ENTRIES entries and JOURNAL_BYTES of bodies are kept; the oldest go first. Tokens, secrets
 *           and assertions are never kept: headers are not, and neither is the body of a token request.
 */
#ifndef COMPLYD_SIM_JOURNAL_H
#define COMPLYD_SIM_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/buf.h"

struct exchange;
struct journal_entry;

enum { JOURNAL_ENTRIES = 20000, JOURNAL_BYTES = 32 * 1024 * 1024 };

TAILQ_HEAD(journal_list, journal_entry);

struct journal {
    struct journal_list entries;
    size_t count;
    size_t bytes;
    uint64_t last; /* number of the newest entry; 0 = none yet */
    int out;       /* file that every entry is appended to as a line of JSON, bodies left out; -1 = none */
};

void journal_init(struct journal *journal);
void journal_deinit(struct journal *journal);
void journal_clear(struct journal *journal); /* numbers go on rising */

void journal_record(struct journal *journal, const struct exchange *ex, int64_t time_ms);

/* {"last":N,"value":[...]} of the entries numbered above `since`, at most `limit`, oldest first. */
void journal_write(const struct journal *journal, uint64_t since, size_t limit, bool with_body, struct buf *out);

#endif
