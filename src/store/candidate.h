/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * candidate - one row of the outbox on its way out: decided, then settled without a message, left where it is, or made
 * an item and claimed.
 */
#ifndef COMPLYD_STORE_CANDIDATE_H
#define COMPLYD_STORE_CANDIDATE_H

#include "breaker_gauge.h"
#include "store/outbox.h"

struct candidate {
    char *device_id;
    int64_t due_at, minute, seq, queued_at, last_update_ms;
    uint64_t content_hash;
    int forced, sent;
    unsigned attempts;
    enum priority priority;
    bool has_message_id;
    struct guid message_id;
};

enum candidate_fate {
    CANDIDATE_STAGED,  /* *ret_item is to be sent */
    CANDIDATE_SETTLED, /* needless, waiting, parked or held; or moved to another connection or channel */
    CANDIDATE_LEFT,    /* its user is not known yet */
};

/* Returns a fate or ERR_*. Counts in *stage what became of it, and collects the users to resolve. */
int candidate_stage(struct outbox_stage *stage, struct breaker_gauge *gauge, const struct candidate *candidate,
                    struct outbox_item **ret_item, struct error *err);

#endif
