/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "activity_internal.h"
#include "outbox_internal.h"
#include "statement.h"

/* The removal of what Microsoft does not know counts as done, as in outbox_record.c. */
static bool is_gone_already(const struct outbox_result *result)
{
    return result->item->report.state == AZURE_STATE_REMOVED && result->reason == REASON_DEVICE_UNKNOWN;
}

/* "" = not worth an entry. */
static const char *result_word(const struct outbox_result *result)
{
    switch (result->outcome) {
    case OUTBOX_ACCEPTED:
        return "accepted";
    case OUTBOX_SUCCESS:
        return "success";
    case OUTBOX_REFUSED:
        return is_gone_already(result) ? "success" : "refused";
    case OUTBOX_TRANSIENT: /* the first of a row of failures; what became of the report in the end has its own */
        return result->item->attempts == 0 ? "deferred" : "";
    case OUTBOX_RELEASED: /* never left */
        break;
    }
    return "";
}

int activity_add_result(struct database *database, struct activity_tail *tail, const char *connection,
                        const struct outbox_result *result, struct error *err)
{
    const struct outbox_entry *staged = (const struct outbox_entry *)result->item;
    const struct report *report = &staged->item.report;
    const char *word = result_word(result);

    if (!word[0])
        return 0;
    return activity_append(
        database, tail,
        &(struct activity_entry){
            .at_ms = result->at_ms,
            .kind = activity_kind_name(report->state == AZURE_STATE_REMOVED ? ACTIVITY_RETIRE : ACTIVITY_REPORT),
            .result = word,
            .connection = connection,
            .device_id = report->device_id,
            .priority = priority_name(staged->asked ? PRIORITY_OPERATOR : staged->item.priority),
            .cause = staged->cause,
            .reason = reason_slug(result->reason),
            .azure_state = azure_state_name(report->state),
            .azure_device_id = report->azure_device_id,
            .message_id = &report->message_id,
            .request_id = result->request_id,
            .detail = outbox_item_error(result->item),
        },
        err);
}

static const char *verdict_word(enum message_verdict verdict)
{
    switch (verdict) {
    case MESSAGE_COMPLETED:
        return "success";
    case MESSAGE_FAILED:
        return "error";
    case MESSAGE_EXPIRED:
        return "expired";
    case MESSAGE_PENDING:
        break;
    }
    return "";
}

/* What the verdict is about stands in the report row, unless a newer report has taken its place. */
int activity_add_verdict(struct database *database, struct activity_tail *tail, const char *connection,
                         const struct message_result *result, struct error *err)
{
    static const char sql[] = "SELECT state, azure_device_id FROM report WHERE device_id = ? AND message_id = ?";
    const struct message *message = result->message;
    struct activity_entry entry = {
        .at_ms = result->at_ms,
        .kind = activity_kind_name(ACTIVITY_VERDICT),
        .result = verdict_word(result->verdict),
        .connection = connection,
        .device_id = message->device_id,
        .reason = reason_slug(result->reason),
        .message_id = &message->message_id,
        .request_id = result->request_id,
        .detail = result->error,
    };
    sqlite3_stmt *row;

    int code = statement_get(database, sql, &row, err, "tg", message->device_id, &message->message_id);
    if (code == 0)
        code = statement_step(database, row, err);
    if (code == 1) {
        entry.azure_state = azure_state_name((enum azure_state)sqlite3_column_int(row, 0));
        entry.azure_device_id = statement_text(row, 1);
    }
    if (code >= 0)
        code = activity_append(database, tail, &entry, err);
    sqlite3_reset(row);
    return code;
}

int activity_add_parked(struct database *database, const char *connection, const char *device_id, enum reason reason,
                        int64_t now_ms, struct error *err)
{
    return activity_add(database,
                        &(struct activity_entry){
                            .at_ms = now_ms,
                            .kind = activity_kind_name(ACTIVITY_PARKED),
                            .result = "parked",
                            .connection = connection,
                            .device_id = device_id,
                            .reason = reason_slug(reason),
                            .detail = reason_text(reason, LANGUAGE_EN),
                        },
                        err);
}
