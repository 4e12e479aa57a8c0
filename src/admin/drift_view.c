/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "admin/drift_view.h"

#include <string.h>

#include "admin/view.h"

/* The problem of reading alone, or a trouble that any connection may have. */
static void add_problem(const struct drift_record *record, enum language language, struct buf *out)
{
    bool permission = strcmp(record->problem, drift_problem_permission) == 0;
    enum trouble trouble = permission ? TROUBLE_NONE : trouble_parse(record->problem);

    view_text(out, "problem", record->problem);
    view_text(out, "problem_text", permission ? drift_problem_text(language) : trouble_text(trouble, language));
    view_text(out, "cure", permission ? drift_problem_cure(language) : trouble_cure(trouble, language));
    view_text(out, "detail", record->detail);
}

static void add_counts(const struct drift_record *record, struct buf *out)
{
    int64_t sum = 0;

    for (int cause = DRIFT_UNKNOWN; cause < DRIFT_CAUSE_COUNT; cause++)
        sum += record->counts[cause];
    view_int(out, "differences", sum);
    view_key(out, "by_cause");
    buf_add_char(out, '{');
    for (int cause = DRIFT_UNKNOWN; cause < DRIFT_CAUSE_COUNT; cause++)
        view_int(out, drift_cause_name((enum drift_cause)cause), record->counts[cause]);
    buf_add_char(out, '}');
}

void drift_view_check(const struct connection_status *connection, enum language language, struct buf *out)
{
    struct drift_status status = {.next_try_ms = -1};
    const struct drift_record *record = &status.record;

    if (connection->drift != NULL)
        drift_status(connection->drift, &status);
    else
        drift_record_init(&status.record, connection->name, "");
    buf_add_char(out, '{');
    view_text(out, "state", drift_phase_name(record->phase));
    view_int(out, "check", record->round);
    view_bool(out, "asked", status.asked);
    view_time_ms(out, "started", record->started_at_ms);
    view_time_ms(out, "finished", record->finished_at_ms);
    view_time_ms(out, "next", record->due_at_ms > 0 ? record->due_at_ms : -1);
    view_time_ms(out, "next_try", status.next_try_ms);
    view_int(out, "read", record->read);
    view_int(out, "compared", record->compared);
    view_int(out, "repaired", record->repaired);
    add_counts(record, out);
    add_problem(record, language, out);
    buf_add_char(out, '}');
}
