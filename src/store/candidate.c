/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "candidate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bequest.h"
#include "database_internal.h"
#include "model/action.h"
#include "outbox_internal.h"
#include "settle.h"
#include "statement.h"
#include "subject.h"
#include "suppress.h"

static const int64_t user_fresh_ms = (int64_t)7 * 24 * 3600 * 1000; /* then it is asked for again */
static const int64_t holder_flight_ms = 1000;                       /* until it is looked at again */
static const int64_t user_unknown_ms = 10 * 60 * 1000;              /* "Microsoft does not know it" holds so long */

/* A step may also say that the device is to be decided anew. */
enum { AGAIN = CANDIDATE_LEFT + 1 };

/* What staging one candidate works on. */
struct work {
    struct outbox_stage *stage;
    struct breaker_gauge *gauge;
    struct database *database;
    const struct candidate *candidate;
    struct subject subject;
    struct told reported; /* by the report row alone, without a message in doubt */
    struct decision decision;
    struct error *err;
};

/* ------------------------------------------------------------------------------------------- the way to the user */

/* There are enough users to ask for: the row makes room until it is its turn. */
static int put_away(struct work *work)
{
    static const char sql[] = "UPDATE outbox SET due_at = ? WHERE device_id = ?";

    int code = statement_run(work->database, sql, work->err, "it", OUTBOX_AWAITS_USER, work->candidate->device_id);
    work->stage->put_away++;
    return code < 0 ? code : CANDIDATE_SETTLED;
}

static int note_unknown_user(struct work *work, const char *name)
{
    struct outbox_stage *stage = work->stage;

    for (size_t i = 0; i < stage->unknown_user_count; i++) {
        if (strcmp(stage->unknown_users[i], name) == 0)
            return CANDIDATE_LEFT;
    }
    if (stage->unknown_user_count == UNKNOWN_USERS_MAX)
        return put_away(work);
    if (!stage->unknown_users)
        stage->unknown_users = calloc(UNKNOWN_USERS_MAX, sizeof(*stage->unknown_users));
    char *copy = stage->unknown_users ? strdup(name) : NULL;
    if (!copy)
        return error_set(work->err, ERR_NOMEM, 0, "outbox: out of memory");
    stage->unknown_users[stage->unknown_user_count++] = copy;
    return CANDIDATE_LEFT;
}

static int park(struct work *work, enum reason reason)
{
    const struct candidate *candidate = work->candidate;
    struct settle_row row = {candidate->device_id, candidate->sent != SENT_NO, candidate->last_update_ms};

    int code = settle_parked(work->database, &row, &work->subject, reason, work->stage->now_ms, work->err);
    work->stage->parked++;
    work->stage->parked_for[reason]++;
    return code < 0 ? code : CANDIDATE_SETTLED;
}

static int drop(struct work *work, unsigned *counter)
{
    const struct candidate *candidate = work->candidate;
    struct settle_row row = {candidate->device_id, candidate->sent != SENT_NO, candidate->last_update_ms};

    int code = settle_dropped(work->database, &row, &work->subject, work->err);
    (*counter)++;
    return code < 0 ? code : CANDIDATE_SETTLED;
}

/* Fills in the Entra id of the user to name; CANDIDATE_STAGED when it is known. */
static int find_user(struct work *work, char user_id[GUID_TEXT])
{
    static const char sql[] =
        "SELECT user_id, resolved_at_ms FROM user WHERE connection = ? AND user_principal_name = ?";
    const struct subject *subject = &work->subject;
    const char *name = subject->device.user_principal_name;
    int64_t now_ms = work->stage->now_ms;
    sqlite3_stmt *row;

    user_id[0] = '\0';
    if (work->stage->channel != CHANNEL_PARTNER)
        return CANDIDATE_STAGED;
    if (work->decision.state == AZURE_STATE_REMOVED && guid_is_valid(subject->told.user_id)) {
        snprintf(user_id, GUID_TEXT, "%s", subject->told.user_id);
        return CANDIDATE_STAGED;
    }
    if (!name[0])
        return park(work, REASON_NO_USER);

    int code = statement_get(work->database, sql, &row, work->err, "tt", work->stage->connection, name);
    if (code == 0)
        code = statement_step(work->database, row, work->err);
    if (code < 0)
        return code;
    if (code == 0)
        return note_unknown_user(work, name);

    int64_t resolved_at_ms = sqlite3_column_int64(row, 1);
    snprintf(user_id, GUID_TEXT, "%s", statement_text(row, 0));
    sqlite3_reset(row);
    if (user_id[0])
        return resolved_at_ms > now_ms - user_fresh_ms ? CANDIDATE_STAGED : note_unknown_user(work, name);
    /* The answer is about this row if it came after the row was queued, and is not from another age. */
    if (work->candidate->queued_at <= resolved_at_ms && llabs(now_ms - resolved_at_ms) < user_unknown_ms)
        return park(work, REASON_USER_UNKNOWN);
    return note_unknown_user(work, name);
}

/* ---------------------------------------------------------------------------------- what is told, and what is not */

/* The id is another device's now, and a report about that one is in flight. */
static int put_off(struct work *work)
{
    static const char sql[] = "UPDATE outbox SET due_at = ? WHERE device_id = ?";
    int64_t due_ms = work->stage->now_ms + holder_flight_ms;

    int code = statement_run(work->database, sql, work->err, "it", due_ms, work->candidate->device_id);
    return code < 0 ? code : CANDIDATE_SETTLED;
}

/* Nothing is left to tell about the id; about another one of this device's perhaps. */
static int bequeathed(struct work *work, const struct settle_row *row, bool again)
{
    struct settle_row settled = *row;

    work->stage->elsewhere = true;
    if (again || (work->decision.kind == DECISION_RETIRE && work->subject.exists))
        return AGAIN;
    work->subject.told.state = AZURE_STATE_NONE;
    settled.in_doubt = false;
    work->stage->needless++;
    int code = settle_dropped(work->database, &settled, &work->subject, work->err);
    return code < 0 ? code : CANDIDATE_SETTLED;
}

/* A removal of an id that another device goes by now would take that one's access away. CANDIDATE_STAGED: go on. */
static int yield_to_holder(struct work *work)
{
    const struct candidate *candidate = work->candidate;
    struct settle_row row = {candidate->device_id, candidate->sent != SENT_NO, candidate->last_update_ms};
    char *holder;

    if (work->decision.state != AZURE_STATE_REMOVED)
        return CANDIDATE_STAGED;
    int code = suppress_find_holder(work->database, &work->subject, &work->decision, &holder, work->err);
    if (code < 0 || !holder)
        return code < 0 ? code : CANDIDATE_STAGED;
    code = bequest_pass(work->database, &row, &work->subject, holder, work->err);
    free(holder);
    if (code < 0)
        return code;
    return code == BEQUEST_NOT_NOW ? put_off(work) : bequeathed(work, &row, code == BEQUEST_TAKEN);
}

/* The first report about an id: what other devices told of it before. CANDIDATE_STAGED: go on, above *stamp_ms. */
static int look_at_twins(struct work *work, int64_t *stamp_ms)
{
    bool twin;

    int code = suppress_find_twin(work->database, &work->subject, &twin, stamp_ms, work->err);
    if (code < 0)
        return code;
    return twin ? park(work, REASON_ID_TWIN) : CANDIDATE_STAGED;
}

static enum azure_state previous_state(const struct work *work)
{
    if (work->decision.kind == DECISION_RETIRE || subject_is_told(&work->subject))
        return work->subject.told.state;
    return AZURE_STATE_NONE;
}

/* -------------------------------------------------------------------------------------------------- the item */

static const char *put(char **end, const char *text)
{
    char *start = *end;
    size_t size = strlen(text) + 1;

    memcpy(start, text, size);
    *end += size;
    return start;
}

static struct outbox_entry *new_entry(const struct work *work, const char *user_id)
{
    const struct subject *subject = &work->subject;
    bool retire = work->decision.kind == DECISION_RETIRE;
    const char *azure_id = retire ? subject->told.azure_device_id : subject->azure_device_id;
    size_t size = strlen(subject->device_id) + strlen(azure_id) + strlen(user_id) + strlen(subject->device.name) +
                  strlen(subject->device.os_version) + 5;
    struct outbox_entry *entry = calloc(1, sizeof(*entry) + size);
    if (!entry)
        return NULL;

    char *end = entry->text;
    struct report *report = &entry->item.report;
    report->device_id = put(&end, subject->device_id);
    report->azure_device_id = put(&end, azure_id);
    report->user_id = put(&end, user_id);
    report->name = put(&end, subject->device.name);
    report->os_version = put(&end, subject->device.os_version);
    report->platform = retire ? subject->told.platform : subject->device.platform;
    report->state = work->decision.state;
    report->last_check_in_s = subject->device.last_check_in_s;
    report->inventory_changed =
        work->stage->channel == CHANNEL_GRAPH && !retire &&
        (work->candidate->forced || !subject_is_told(subject) || subject->told_digest != subject->digest);
    return entry;
}

/* The report row already says where and about whom; record need only touch what changes each time. */
static bool is_same_told(const struct work *work, const struct report *report)
{
    const struct told *reported = &work->reported;

    return work->subject.has_report && reported->state == report->state && reported->platform == report->platform &&
           strcmp(reported->azure_device_id, report->azure_device_id) == 0 &&
           strcmp(reported->user_id, report->user_id) == 0 &&
           strcmp(reported->connection, work->stage->connection) == 0;
}

/* What decided the state, in a word. */
static const char *cause_of(const struct work *work)
{
    const struct subject *subject = &work->subject;
    const struct decision *decision = &work->decision;

    if (!subject->exists)
        return "deleted";
    if (decision->kind == DECISION_RETIRE)
        return strcmp(subject->told.connection, subject->device.connection) == 0 ? "azure_device_id_changed"
                                                                                 : "connection_changed";
    if (!subject->device.managed)
        return "unmanaged";
    return decision->strictest >= 0 ? action_name((enum action)decision->strictest) : "";
}

static void fill_entry(const struct work *work, struct outbox_entry *entry, int64_t stamp_ms)
{
    const struct candidate *candidate = work->candidate;
    const struct subject *subject = &work->subject;
    struct outbox_item *item = &entry->item;
    uint64_t hash = report_content_hash(&item->report);

    item->resent = !work->stage->shared_messages && candidate->sent != SENT_NO && candidate->has_message_id &&
                   candidate->content_hash == hash;
    if (item->resent) {
        item->report.message_id = candidate->message_id;
        item->report.last_update_ms = candidate->last_update_ms;
    } else {
        guid_random(&item->report.message_id);
        item->report.last_update_ms = report_next_stamp(work->stage->now_ms, stamp_ms);
    }
    item->priority = candidate->priority;
    item->attempts = candidate->attempts;
    item->retire_old = work->decision.kind == DECISION_RETIRE && subject->exists;
    item->previous = previous_state(work);
    item->seq = candidate->seq;
    item->queued_at_ms = candidate->queued_at;
    /* A removal tells nothing of the inventory: a device that comes back tells all of it. */
    item->inventory_digest = item->report.state == AZURE_STATE_REMOVED ? 0 : subject->digest;
    entry->has_report = subject->has_report;
    entry->same_told = is_same_told(work, &item->report);
    entry->stray = item->retire_old || !subject->exists;
    entry->awaits_verdict = subject->status == STATUS_IN_PROGRESS && subject->has_message_id;
    entry->expiries = subject->expiries;
    entry->asked = candidate->forced == FORCED_OPERATOR;
    entry->cause = cause_of(work);
}

static bool is_live(enum azure_state state)
{
    return state == AZURE_STATE_COMPLIANT || state == AZURE_STATE_NON_COMPLIANT;
}

/* Marks the row as in flight, with all that a restart needs to send the same message again. */
static int claim(struct work *work, const struct outbox_item *item)
{
    static const char plain[] = "UPDATE outbox SET claim = ?, sent = ?, message_id = ?, last_update_ms = ?, "
                                "content_hash = ? WHERE device_id = ?";
    static const char about[] =
        "UPDATE outbox SET claim = ?, sent = ?, message_id = ?, last_update_ms = ?, content_hash = ?, sent_state = ?, "
        "sent_connection = ?, sent_platform = ?, sent_azure_device_id = ?, sent_user_id = ? WHERE device_id = ?";
    const struct candidate *candidate = work->candidate;
    const struct report *report = &item->report;
    int sent = candidate->sent == SENT_NO ? SENT_NOW : SENT_BEFORE;
    int64_t session = work->database->session;
    int64_t hash = (int64_t)report_content_hash(report);

    /* A live id in the report row, or in doubt, is what must be retired one day; a removal does not replace it. */
    if (is_live(work->reported.state) || (is_live(work->subject.told.state) && report->state == AZURE_STATE_REMOVED))
        return statement_run(work->database, plain, work->err, "idgiit", session, sent, &report->message_id,
                             report->last_update_ms, hash, candidate->device_id);
    return statement_run(work->database, about, work->err,
                         "idgiidtttt"
                         "t",
                         session, sent, &report->message_id, report->last_update_ms, hash, (int)report->state,
                         work->stage->connection, platform_name(report->platform), report->azure_device_id,
                         report->user_id, candidate->device_id);
}

/* ---------------------------------------------------------------------------------------------------- one row */

/* A message in doubt that the report row knows nothing of. Its strings are borrowed from *ret_row, which is to be
 * reset. */
static int load_doubt(struct work *work, struct told *ret_sent, sqlite3_stmt **ret_row)
{
    static const char sql[] = "SELECT sent_state, sent_connection, sent_platform, sent_azure_device_id, sent_user_id "
                              "FROM outbox WHERE device_id = ? AND sent_state <> 0";

    *ret_row = NULL;
    int code = statement_get(work->database, sql, ret_row, work->err, "t", work->candidate->device_id);
    if (code == 0)
        code = statement_step(work->database, *ret_row, work->err);
    if (code != 1)
        return code;
    ret_sent->state = (enum azure_state)sqlite3_column_int(*ret_row, 0);
    ret_sent->connection = statement_text(*ret_row, 1);
    if (platform_parse(statement_text(*ret_row, 2), &ret_sent->platform) != 0)
        ret_sent->platform = work->subject.device.platform;
    ret_sent->azure_device_id = statement_text(*ret_row, 3);
    ret_sent->user_id = statement_text(*ret_row, 4);
    return 1;
}

/* The next report about the device goes elsewhere. STAGED: it goes here. */
static int move(struct work *work)
{
    static const char sql[] = "UPDATE outbox SET connection = ?, channel = ? WHERE device_id = ?";
    const char *connection;
    enum channel channel;

    subject_route(&work->subject, &work->decision, &connection, &channel);
    if (channel == work->stage->channel && strcmp(connection, work->stage->connection) == 0)
        return CANDIDATE_STAGED;
    int code =
        statement_run(work->database, sql, work->err, "tdt", connection, (int)channel, work->candidate->device_id);
    work->stage->elsewhere = true;
    return code < 0 ? code : CANDIDATE_SETTLED;
}

/* STAGED: it may go. */
static int pass_breaker(struct work *work)
{
    static const char hold[] = "UPDATE outbox SET due_at = ? WHERE device_id = ?";
    const struct candidate *candidate = work->candidate;
    bool held;

    if (!breaker_counts(&work->subject, &work->decision, candidate->forced, candidate->sent))
        return CANDIDATE_STAGED;
    int code = breaker_gauge_admit(work->gauge, candidate->device_id, &held, work->err);
    if (code < 0 || !held)
        return code < 0 ? code : CANDIDATE_STAGED;
    work->stage->held++;
    code = statement_run(work->database, hold, work->err, "it", OUTBOX_HELD, candidate->device_id);
    return code < 0 ? code : CANDIDATE_SETTLED;
}

static int tell(struct work *work, struct outbox_item **ret_item)
{
    int64_t stamp_ms = work->subject.last_update_ms;
    char user_id[GUID_TEXT];

    if (stamp_ms < work->candidate->last_update_ms)
        stamp_ms = work->candidate->last_update_ms;
    if (suppress_is_told(&work->subject, &work->decision, work->candidate->forced, work->candidate->sent))
        return drop(work, &work->stage->needless);
    int fate = move(work);
    if (fate == CANDIDATE_STAGED)
        fate = yield_to_holder(work);
    if (fate == CANDIDATE_STAGED && work->decision.kind == DECISION_REPORT && !subject_is_told(&work->subject))
        fate = look_at_twins(work, &stamp_ms);
    if (fate == CANDIDATE_STAGED)
        fate = pass_breaker(work);
    if (fate == CANDIDATE_STAGED)
        fate = find_user(work, user_id);
    if (fate != CANDIDATE_STAGED)
        return fate;

    struct outbox_entry *entry = new_entry(work, user_id);
    if (!entry)
        return error_set(work->err, ERR_NOMEM, 0, "outbox: out of memory");
    fill_entry(work, entry, stamp_ms);
    *ret_item = &entry->item;
    int code = claim(work, &entry->item);
    if (code < 0)
        outbox_item_free(&entry->item);
    return code < 0 ? code : CANDIDATE_STAGED;
}

static int act(struct work *work, struct outbox_item **ret_item)
{
    switch (work->decision.kind) {
    case DECISION_NOTHING:
        return drop(work, &work->stage->needless);
    case DECISION_WAIT:
        return drop(work, &work->stage->waiting);
    case DECISION_PARK:
        return park(work, work->decision.reason);
    case DECISION_REPORT:
    case DECISION_RETIRE:
        break;
    }
    return tell(work, ret_item);
}

static int decide(struct work *work, struct outbox_item **ret_item)
{
    struct told sent;
    sqlite3_stmt *row = NULL;
    int code = 0;

    work->reported = work->subject.told;
    if (work->candidate->sent != SENT_NO)
        code = load_doubt(work, &sent, &row);
    if (code == 1)
        subject_doubt(&work->subject, &sent);
    if (code >= 0) {
        work->decision = subject_decide(&work->subject);
        code = act(work, ret_item);
    }
    sqlite3_reset(row);
    return code;
}

int candidate_stage(struct outbox_stage *stage, struct breaker_gauge *gauge, const struct candidate *candidate,
                    struct outbox_item **ret_item, struct error *err)
{
    struct work work = {
        .stage = stage, .gauge = gauge, .database = gauge->database, .candidate = candidate, .err = err};
    int fate;

    do {
        fate = subject_load(work.database, candidate->device_id, &work.subject, err);
        if (fate == 0 && work.subject.exists && work.subject.known_platform)
            stage->platforms |= 1u << work.subject.device.platform;
        if (fate == 0) {
            fate = decide(&work, ret_item);
            subject_release(&work.subject);
        }
    } while (fate == AGAIN);
    return fate;
}
