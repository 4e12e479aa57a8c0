/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "admin/breaker_view.h"

#include "admin/view.h"
#include "base/duration.h"

void breaker_view(const struct breaker_status *status, const struct breaker_limits *limits, struct buf *out)
{
    const struct breaker_cause *cause = &status->trip.cause;
    char window[DURATION_TEXT];

    buf_add_char(out, '{');
    view_text(out, "connection", status->connection);
    view_text(out, "state", status->open ? "open" : "closed");
    view_time_ms(out, "since", status->changed_at_ms);
    view_int(out, "held", status->held);
    view_int(out, "turned", status->turned);
    view_int(out, "devices", status->open ? status->trip.devices : 0);
    view_int(out, "limit", status->open ? status->trip.limit : 0);
    view_int(out, "max_count", limits->max_count);
    view_int(out, "max_share", limits->max_share);
    view_text(out, "window", duration_format(limits->window_ms, window));
    view_key(out, "cause");
    buf_add_char(out, '{');
    view_text(out, "policy_id", cause->policy_id);
    view_text(out, "policy_name", cause->policy_name);
    view_int(out, "devices", cause->devices);
    view_int(out, "removals", cause->removals);
    view_int(out, "sample", cause->sample);
    buf_add_text(out, "}}");
}
