/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <stdio.h>

#include "base/log.h"
#include "connection_internal.h"
#include "daemon/activity_log.h"

static void describe(const struct breaker_cause *cause, char *text, size_t size)
{
    if (cause->policy_id[0] != '\0' && cause->devices >= cause->removals)
        snprintf(text, size, "policy '%s' (%s) blocks %lld of the first %lld", cause->policy_id, cause->policy_name,
                 (long long)cause->devices, (long long)cause->sample);
    else
        snprintf(text, size, "%lld of the first %lld are removals", (long long)cause->removals,
                 (long long)cause->sample);
}

void connection_breaker_tripped(const struct connection *connection, const struct breaker_trip *trip)
{
    struct log_fields fields = {.connection = connection->name};
    char cause[2 * BREAKER_POLICY_TEXT + 64], detail[sizeof(cause) + 128];

    describe(&trip->cause, cause, sizeof(cause));
    snprintf(detail, sizeof(detail), "at least %lld devices would turn non_compliant or removed, %lld may: %s",
             (long long)trip->devices, (long long)trip->limit, cause);
    log_at(LOG_LEVEL_ERROR, TAG_BREAKER, &fields,
           "breaker open: %s; such reports are held until \"complyctl breaker release\" or \"discard\"", detail);
    activity_log_add(connection->context->activity,
                     &(struct activity_entry){.kind = activity_kind_name(ACTIVITY_BREAKER),
                                              .result = "open",
                                              .connection = connection->name,
                                              .detail = detail});
}
