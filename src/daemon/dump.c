/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "daemon/dump.h"

#include "base/clock.h"
#include "base/duration.h"
#include "base/log.h"

static void dump_connection(const struct connection *connection)
{
    struct connection_status status;
    connection_status(connection, &status);
    struct log_fields fields = {.connection = status.name};
    log_write(LOG_LEVEL_NOTICE, TAG_DAEMON, &fields, "state=%s trouble=%s%s%s", connection_state_name(status.state),
              status.trouble == TROUBLE_NONE ? "none" : trouble_slug(status.trouble), status.detail[0] ? " " : "",
              status.detail);
    for (int channel = 0; channel < CHANNEL_COUNT; channel++) {
        const struct channel_status *c = &status.channel[channel];
        log_write(LOG_LEVEL_NOTICE, TAG_DAEMON, &fields,
                  "channel=%s in_flight=%u staged=%u requests=%llu accepted=%llu refused=%llu transient=%llu "
                  "throttled=%llu rate=%.0f%%",
                  channel_name((enum channel)channel), c->in_flight, c->staged, (unsigned long long)c->requests,
                  (unsigned long long)c->accepted, (unsigned long long)c->refused, (unsigned long long)c->transient,
                  (unsigned long long)c->throttled, c->quota_share * 100);
    }
}

void dump_log(const struct daemon *daemon)
{
    struct daemon_status status;
    char uptime[DURATION_TEXT];
    daemon_status(daemon, &status);
    log_write(LOG_LEVEL_NOTICE, TAG_DAEMON, NULL, "state=%s up=%s store=%s jobs=%llu commits=%llu queued=%zu%s%s",
              daemon_state_name(status.state),
              duration_format(clock_realtime_ms(clock_system()) - status.started_at_ms, uptime), status.store_path,
              (unsigned long long)status.store.jobs, (unsigned long long)status.store.commits, status.store.queued,
              status.store_error[0] ? " error=" : "", status.store_error);
    for (size_t i = 0; i < status.connection_count; i++)
        dump_connection(daemon_connection(daemon, i));
}
