/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "model/report.h"

#include "fnv.h"

const char *priority_name(enum priority priority)
{
    static const char *const names[PRIORITY_COUNT] = {
        [PRIORITY_WORSENING] = "worsening",
        [PRIORITY_CHANGE] = "change",
        [PRIORITY_OPERATOR] = "operator",
        [PRIORITY_WEEKLY] = "weekly",
    };

    return priority < PRIORITY_COUNT ? names[priority] : "";
}

uint64_t report_content_hash(const struct report *report)
{
    uint64_t hash = FNV_START;

    hash = fnv_text(hash, platform_name(report->platform));
    hash = fnv_text(hash, azure_state_name(report->state));
    hash = fnv_text(hash, report->azure_device_id);
    hash = fnv_text(hash, report->user_id);
    hash = fnv_text(hash, report->name);
    hash = fnv_text(hash, report->os_version);
    hash = fnv_int(hash, report->last_check_in_s);
    hash = fnv_byte(hash, report->inventory_changed);
    return fnv_end(hash);
}

int64_t report_next_stamp(int64_t now_ms, int64_t last_ms)
{
    return now_ms > last_ms ? now_ms : last_ms + 1;
}
