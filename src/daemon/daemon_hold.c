/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/activity_log.h"
#include "daemon_internal.h"
#include "store/hold.h"

enum { EXPIRE_AT_ONCE = 500 }; /* devices a transaction: some ms */

struct expiry {
    struct hold_expire job;
    struct daemon *daemon;
    bool any; /* devices were queued */
};

static void tell(struct daemon *daemon, const struct hold *hold)
{
    char detail[HOLD_ID_MAX + HOLD_TEXT_MAX + 64];

    snprintf(detail, sizeof(detail), "the hold of %s %s has ended: %s", hold_scope_name(hold->scope), hold->id,
             hold->reason);
    log_notice(TAG_DAEMON, "%s", detail);
    activity_log_add(daemon_activity(daemon),
                     &(struct activity_entry){.kind = activity_kind_name(ACTIVITY_HOLD),
                                              .result = "ended",
                                              .device_id = hold->scope == HOLD_DEVICE ? hold->id : NULL,
                                              .detail = detail});
}

static void expired(struct store_job *job)
{
    struct expiry *expiry = (struct expiry *)job;

    expiry->any |= job->result == 0 && expiry->job.more;
    if (job->result == 0 && expiry->job.ended.id[0] != '\0')
        tell(expiry->daemon, &expiry->job.ended);
    if (job->result == 0 && expiry->job.more) {
        daemon_write(expiry->daemon, job);
        return;
    }
    if (expiry->any)
        daemon_changed(expiry->daemon);
    daemon_expect_hold(expiry->daemon, job->result == 0 ? expiry->job.next_ms : 0);
    free(expiry);
}

void daemon_expire_holds(struct daemon *daemon)
{
    struct expiry *expiry = malloc(sizeof(*expiry));

    if (!expiry)
        return;
    hold_expire_init(&expiry->job, clock_realtime_ms(clock_system()), EXPIRE_AT_ONCE, expired);
    expiry->daemon = daemon;
    expiry->any = false;
    daemon_write(daemon, &expiry->job.job);
}
