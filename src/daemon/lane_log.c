/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <stdio.h>

#include "base/duration.h"
#include "base/log.h"
#include "connection_internal.h"

/* A line a device, as long as they are few; of many the first, and then how many more there were. */
static const struct {
    enum log_level level;
    const char *tag;
    int64_t window_ms;
    unsigned burst;
    const char *more;
} lines[LANE_LINES] = {
    [LANE_REPORTED] = {LOG_LEVEL_INFO, TAG_SENDER, 10 * 1000, 20, "more reports taken"},
    [LANE_BULK] = {LOG_LEVEL_DEBUG, TAG_SENDER, 10 * 1000, 20, "more reports taken, of the bulk"},
    [LANE_NOT_TAKEN] = {LOG_LEVEL_INFO, TAG_SENDER, 60 * 1000, 10,
                        "more reports not taken; each is sent again by itself"},
    [LANE_REFUSED] = {LOG_LEVEL_WARN, TAG_SENDER, 60 * 1000, 20,
                      "more reports refused: \"complyctl device list --status error\" lists the devices"},
    [LANE_PARKED] = {LOG_LEVEL_WARN, TAG_SENDER, 60 * 1000, 5,
                     "more devices cannot be reported: \"complyctl device list --status error\" says why"},
    [LANE_COMPLETED] = {LOG_LEVEL_DEBUG, TAG_RESULTS, 10 * 1000, 20, "more verdicts Completed"},
    [LANE_VERDICT] = {LOG_LEVEL_WARN, TAG_RESULTS, 60 * 1000, 20,
                      "more verdicts Failed or missing: \"complyctl device list --status error\" lists the devices"},
};

static int64_t monotonic_ms(const struct lane *lane)
{
    return clock_monotonic_ms(lane->connection->context->clock);
}

/* It comes some time after what it sums up, so it says since when. */
static void tell_more(const struct lane *lane, enum lane_line line, int64_t began_ms, uint64_t suppressed)
{
    char since[CLOCK_TEXT];
    if (suppressed == 0)
        return; /* a lane that was never begun has no connection */
    struct log_fields fields = {.connection = lane->connection->name};
    int64_t age_ms = monotonic_ms(lane) - began_ms;
    int64_t since_s = (clock_realtime_ms(lane->connection->context->clock) - age_ms) / 1000;
    log_at(lines[line].level, lines[line].tag, &fields, "%llu %s (%s, since %s)", (unsigned long long)suppressed,
           lines[line].more, channel_name(lane->channel), clock_format_s(since_s, since));
}

static bool may_tell(struct lane *lane, enum lane_line line)
{
    uint64_t suppressed;
    if (lines[line].level > log_get_level())
        return false;
    int64_t began_ms = lane->repeats[line].began_ms;
    bool pass = repeat_pass(&lane->repeats[line], monotonic_ms(lane), &suppressed);
    tell_more(lane, line, began_ms, suppressed);
    return pass;
}

void lane_log_init(struct lane *lane)
{
    for (int line = 0; line < LANE_LINES; line++)
        lane->repeats[line] = (struct repeat){.window_ms = lines[line].window_ms, .burst = lines[line].burst};
}

void lane_log_flush(struct lane *lane, bool all)
{
    for (int line = 0; line < LANE_LINES; line++)
        tell_more(lane, (enum lane_line)line, lane->repeats[line].began_ms,
                  repeat_flush(&lane->repeats[line], all ? INT64_MAX : monotonic_ms(lane)));
}

enum { WHY_TEXT = 768 };

/* What is wrong with a device and its cure, as complyctl and the page say it, around Microsoft's own words. */
static const char *why(enum reason reason, const char *error, char text[WHY_TEXT])
{
    bool told = error[0] != '\0';
    if (reason == REASON_NONE)
        snprintf(text, WHY_TEXT, "%s%s", told ? ": " : "", error);
    else
        snprintf(text, WHY_TEXT, ": %s%s%s%s Cure: %s", reason_text(reason, LANGUAGE_EN), told ? " (" : "", error,
                 told ? ")" : "", reason_cure(reason, LANGUAGE_EN));
    return text;
}

/* `reason`: why it is parked; REASON_NONE = it is not. */
static void log_result(struct lane *lane, enum lane_line line, const struct outbox_result *result, const char *what,
                       const char *then, enum reason reason)
{
    char text[WHY_TEXT];
    char message_id[GUID_TEXT] = "";
    if (!may_tell(lane, line))
        return;
    const struct report *report = &result->item->report;
    struct log_fields fields = {.device = report->device_id,
                                .connection = lane->connection->name,
                                .message_id = guid_format(&report->message_id, message_id),
                                .request_id = result->request_id[0] ? result->request_id : NULL};
    log_at(lines[line].level, lines[line].tag, &fields, "%s %s%s%s", what, azure_state_name(report->state), then,
           why(reason, outbox_item_error(result->item), text));
}

static void log_refused(struct lane *lane, const struct outbox_result *result)
{
    const struct report *report = &result->item->report;
    char then[160];
    if (report->state == AZURE_STATE_REMOVED && result->reason == REASON_DEVICE_UNKNOWN) {
        log_result(lane, LANE_REPORTED, result, "reported", "; Microsoft does not know the device any more",
                   REASON_NONE);
        return;
    }
    if (!result->item->retire_old) {
        log_result(lane, LANE_REFUSED, result, "refused", "; parked until its data changes or an operator asks",
                   result->reason);
        return;
    }
    snprintf(then, sizeof(then), "; given up: the device has another id now, delete its old one (%s) in Entra",
             report->azure_device_id);
    log_result(lane, LANE_REFUSED, result, "refused", then, REASON_NONE);
}

void lane_log_settled(struct lane *lane, const struct outbox_result *result)
{
    char then[64], delay[DURATION_TEXT];
    bool bulk = result->item->priority > PRIORITY_CHANGE;
    switch (result->outcome) {
    case OUTBOX_ACCEPTED:
    case OUTBOX_SUCCESS:
        log_result(lane, bulk ? LANE_BULK : LANE_REPORTED, result, "reported", "", REASON_NONE);
        break;
    case OUTBOX_REFUSED:
        log_refused(lane, result);
        break;
    case OUTBOX_TRANSIENT:
        snprintf(then, sizeof(then), "; retrying in %s", duration_format(result->due_ms - result->at_ms, delay));
        log_result(lane, LANE_NOT_TAKEN, result, "not taken:", then, REASON_NONE);
        break;
    case OUTBOX_RELEASED:
        break;
    }
}

void lane_log_verdict(struct lane *lane, const struct message_result *result)
{
    char message_id[GUID_TEXT], text[WHY_TEXT];
    enum lane_line line = result->verdict == MESSAGE_COMPLETED ? LANE_COMPLETED : LANE_VERDICT;
    if (result->verdict == MESSAGE_PENDING || !may_tell(lane, line))
        return;
    struct log_fields fields = {.device = result->message->device_id,
                                .connection = lane->connection->name,
                                .message_id = guid_format(&result->message->message_id, message_id),
                                .request_id = result->request_id[0] ? result->request_id : NULL};
    const char *what = result->verdict == MESSAGE_COMPLETED ? "verdict Completed"
                       : result->verdict == MESSAGE_FAILED  ? "verdict Failed; parked until its data changes"
                                                            : "no verdict came; the report will be sent again";
    log_at(lines[line].level, lines[line].tag, &fields, "%s%s", what, why(result->reason, result->error, text));
}

static void log_parked(struct lane *lane, unsigned count, enum reason reason)
{
    struct log_fields fields = {.connection = lane->connection->name};
    char text[WHY_TEXT];
    if (!may_tell(lane, LANE_PARKED))
        lane->repeats[LANE_PARKED].suppressed += count - 1;
    else
        log_at(lines[LANE_PARKED].level, lines[LANE_PARKED].tag, &fields,
               "%u device%s cannot be reported, see \"complyctl device list --status error\"%s", count,
               count == 1 ? "" : "s", why(reason, "", text));
}

/* Data that is wrong: no message comes of it, so no other line tells. */
void lane_log_parked(struct lane *lane, const struct outbox_stage *stage)
{
    for (int reason = 0; reason < REASON_COUNT; reason++) {
        if (stage->parked_for[reason] > 0)
            log_parked(lane, stage->parked_for[reason], (enum reason)reason);
    }
}
