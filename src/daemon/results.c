/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "daemon/results.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "daemon/sender.h"

enum {
    VERDICTS_MAX = MESSAGE_KNOWN_MAX,
    RECORD_MIN = 64,    /* verdicts that are worth a commit of their own ... */
    RECORD_HOLD_MS = 5, /* ... and how long fewer wait for others, while questions are at Microsoft */
    RETRY_STORE_MS = 500,
    LOST_AFTER_MS = 60 * 1000,
};

/* A message without a verdict is sent again, ever more seldom: it may be Microsoft's answer that is lost, not the
 * report. */
static const struct backoff resend_backoff = {.base_ms = 60 * 1000, .max_ms = OUTBOX_PUT_OFF_MAX_MS};

struct results {
    const struct results_ops *ops;
    void *ctx;
    const struct clock *clock;
    struct budget *budget;
    const char *connection;
    struct message *waiting; /* fetched, not asked yet */
    struct question *asking; /* at Microsoft */
    unsigned waiting_count, asked;
    struct message_result verdicts[VERDICTS_MAX]; /* noted, not yet handed to a record */
    size_t verdict_count;
    int64_t verdict_since_ms;         /* monotonic: the first of them */
    struct message_record *recording; /* at the store; NULL = none */
    bool fetching, draining;
    int64_t from_ms;        /* the next fetch begins here: what is due before is in hand */
    int64_t next_poll_ms;   /* wall clock: when the store has a question due; -1 = none known */
    int64_t store_retry_ms; /* monotonic */
};

static unsigned outstanding(const struct results *results)
{
    return results->waiting_count + results->asked + (unsigned)results->verdict_count +
           (results->recording ? (unsigned)results->recording->count : 0);
}

static void note(struct results *results, struct message *message, enum message_verdict verdict,
                 const struct outcome *outcome)
{
    assert(results->verdict_count < VERDICTS_MAX);
    if (results->verdict_count == 0)
        results->verdict_since_ms = clock_monotonic_ms(results->clock);
    struct message_result *result = &results->verdicts[results->verdict_count++];
    int64_t now = clock_realtime_ms(results->clock);
    *result = (struct message_result){.message = message, .verdict = verdict, .at_ms = now};
    snprintf(result->error, sizeof(result->error), "%s", outcome->detail);
    snprintf(result->request_id, sizeof(result->request_id), "%.36s", outcome->request_id);
    if (verdict == MESSAGE_PENDING && now >= message->deadline_ms)
        result->verdict = MESSAGE_EXPIRED;
    switch (result->verdict) {
    case MESSAGE_PENDING: {
        int64_t delay = partner_poll_delay_ms(message->polls + 1, guid_random_u64());
        delay = delay > outcome->retry_after_ms ? delay : outcome->retry_after_ms;
        result->poll_ms = now + delay < message->deadline_ms ? now + delay : message->deadline_ms;
        break;
    }
    case MESSAGE_FAILED:
        result->reason = REASON_MESSAGE_FAILED;
        break;
    case MESSAGE_EXPIRED:
        result->reason = REASON_NO_VERDICT;
        result->poll_ms = now + backoff_delay_ms(&resend_backoff, message->expiries + 1, 0, guid_random_u64());
        break;
    case MESSAGE_COMPLETED:
        result->error[0] = '\0';
        break;
    }
    results->ops->settled(results->ctx, result);
}

/* When the verdicts are to be recorded, at the latest; monotonic. */
static int64_t record_at_ms(const struct results *results)
{
    bool alone = results->asked == 0 || results->draining || results->verdict_count >= RECORD_MIN;
    int64_t at_ms = results->verdict_since_ms + (alone ? 0 : RECORD_HOLD_MS);
    return at_ms > results->store_retry_ms ? at_ms : results->store_retry_ms;
}

static void submit_record(struct results *results)
{
    if (results->recording || results->verdict_count == 0 || clock_monotonic_ms(results->clock) < record_at_ms(results))
        return;
    struct message_record *record = malloc(sizeof(*record));
    if (!record || message_record_init(record, results->connection, results->verdict_count, NULL) < 0) {
        free(record);
        results->store_retry_ms = clock_monotonic_ms(results->clock) + RETRY_STORE_MS;
        return;
    }
    record->count = results->verdict_count;
    memcpy(record->results, results->verdicts, record->count * sizeof(*record->results));
    results->verdict_count = 0;
    results->recording = record;
    results->ops->record(results->ctx, record);
}

static void free_record(struct message_record *record)
{
    for (size_t i = 0; i < record->count; i++)
        free(record->results[i].message);
    message_record_deinit(record);
    free(record);
}

static bool any_requeued(const struct message_record *record)
{
    for (size_t i = 0; i < record->count; i++) {
        if (record->results[i].verdict == MESSAGE_EXPIRED)
            return true;
    }
    return false;
}

void results_recorded(struct results *results, struct message_record *record)
{
    results->recording = NULL;
    if (record->job.result < 0) {
        memmove(results->verdicts + record->count, results->verdicts,
                results->verdict_count * sizeof(*results->verdicts));
        memcpy(results->verdicts, record->results, record->count * sizeof(*record->results));
        results->verdict_count += record->count;
        record->count = 0;
        results->store_retry_ms = clock_monotonic_ms(results->clock) + RETRY_STORE_MS;
    } else {
        for (size_t i = 0; i < record->count; i++) {
            if (record->results[i].verdict == MESSAGE_PENDING)
                results_expect(results, record->results[i].poll_ms);
        }
        if (any_requeued(record))
            results->ops->requeued(results->ctx);
    }
    free_record(record);
    results_pump(results);
}

void results_expect(struct results *results, int64_t poll_ms)
{
    if (results->next_poll_ms < 0 || poll_ms < results->next_poll_ms)
        results->next_poll_ms = poll_ms;
    if (poll_ms < results->from_ms) /* the clock was set back */
        results->from_ms = poll_ms;
}

static bool due_now(const struct results *results)
{
    return results->next_poll_ms >= 0 && results->next_poll_ms <= clock_realtime_ms(results->clock);
}

static void note_known(struct message_fetch *fetch, const struct message *message)
{
    assert(fetch->known_count < MESSAGE_KNOWN_MAX);
    fetch->known[fetch->known_count++] = message->message_id;
}

static void note_all_known(const struct results *results, struct message_fetch *fetch)
{
    for (const struct message *message = results->waiting; message; message = message->next)
        note_known(fetch, message);
    for (const struct question *question = results->asking; question; question = question->next)
        note_known(fetch, question->message);
    for (size_t i = 0; i < results->verdict_count; i++)
        note_known(fetch, results->verdicts[i].message);
    for (size_t i = 0; results->recording && i < results->recording->count; i++)
        note_known(fetch, results->recording->results[i].message);
}

/* Some are fetched ahead, so that the store works while the network does, and not for each answer anew. */
static void submit_fetch(struct results *results)
{
    struct message_fetch fetch;
    int window = results->ops->window(results->ctx);
    if (results->fetching || results->draining || window == SENDER_CLOSED || !due_now(results) ||
        clock_monotonic_ms(results->clock) < results->store_retry_ms)
        return;
    unsigned most = window > 0 ? 2 * (unsigned)window : 1;
    unsigned room = VERDICTS_MAX - outstanding(results);
    unsigned wanted = budget_available(results->budget, BUDGET_QUESTION, most);
    if (results->waiting_count > wanted / 2 || wanted == results->waiting_count || room == 0)
        return;
    wanted -= results->waiting_count;
    message_fetch_init(&fetch, results->connection, NULL);
    fetch.limit = wanted < room ? wanted : room;
    fetch.from_ms = results->from_ms;
    note_all_known(results, &fetch);
    results->fetching = true;
    results->next_poll_ms = -1;
    results->ops->fetch(results->ctx, &fetch);
}

void results_fetched(struct results *results, struct message_fetch *fetch)
{
    results->fetching = false;
    if (fetch->job.result < 0) {
        results->next_poll_ms = 0;
        results->store_retry_ms = clock_monotonic_ms(results->clock) + RETRY_STORE_MS;
    } else {
        struct message **end = &results->waiting;
        while (*end)
            end = &(*end)->next;
        *end = fetch->messages;
        results->waiting_count += fetch->count;
        results->from_ms = fetch->reached_ms;
        fetch->messages = NULL;
        fetch->count = 0;
        if (fetch->next_poll_ms >= 0)
            results_expect(results, fetch->next_poll_ms);
    }
    results_pump(results);
}

static void free_question(struct question *question)
{
    *question->place = question->next;
    if (question->next)
        question->next->place = question->place;
    question->results->asked--;
    free(question);
}

static bool ask(struct results *results, struct message *message)
{
    struct question *question = malloc(sizeof(*question));
    if (!question)
        return false;
    *question = (struct question){.results = results,
                                  .message = message,
                                  .ctx = results->ctx,
                                  .next = results->asking,
                                  .place = &results->asking};
    if (question->next)
        question->next->place = &question->next;
    results->asking = question;
    results->asked++;
    budget_take(results->budget, 1);
    if (results->ops->ask(results->ctx, question) == 0)
        return true;
    free_question(question);
    return false;
}

static void ask_waiting(struct results *results)
{
    int window = results->ops->window(results->ctx);
    if (window == SENDER_SHUT && results->waiting)
        results->ops->knock(results->ctx);
    while (results->waiting && window > 0 && results->asked < (unsigned)window &&
           budget_available(results->budget, BUDGET_QUESTION, 1) > 0) {
        struct message *message = results->waiting;
        results->waiting = message->next;
        results->waiting_count--;
        message->next = NULL;
        if (!ask(results, message)) {
            static const struct outcome not_started = {.detail = "question not started: out of memory"};
            note(results, message, MESSAGE_PENDING, &not_started);
            break;
        }
    }
}

/* A message that was taken a moment ago may not be known everywhere yet. */
static bool may_still_appear(const struct results *results, const struct message *message)
{
    return clock_realtime_ms(results->clock) - message->accepted_at_ms < LOST_AFTER_MS;
}

static enum message_verdict translate(const struct results *results, const struct message *message,
                                      enum partner_verdict verdict)
{
    switch (verdict) {
    case PARTNER_COMPLETED:
        return MESSAGE_COMPLETED;
    case PARTNER_FAILED:
        return MESSAGE_FAILED;
    case PARTNER_LOST:
        return may_still_appear(results, message) ? MESSAGE_PENDING : MESSAGE_EXPIRED;
    case PARTNER_PENDING:
    case PARTNER_UNKNOWN:
        break;
    }
    return MESSAGE_PENDING;
}

void results_answered(struct question *question, enum partner_verdict verdict, const struct outcome *outcome)
{
    struct results *results = question->results;
    if (verdict == PARTNER_UNKNOWN && outcome->class == OUTCOME_AUTH && question->auth_tries++ == 0 &&
        results->ops->ask(results->ctx, question) == 0)
        return;
    if (outcome->class == OUTCOME_THROTTLED)
        budget_throttled(results->budget, outcome->retry_after_ms);
    note(results, question->message, translate(results, question->message, verdict), outcome);
    free_question(question);
    results->ops->answered(results->ctx, outcome);
    results_pump(results);
}

static int64_t delay_until(int64_t at_ms, int64_t now_ms)
{
    return at_ms > now_ms ? at_ms - now_ms : 1; /* whatever can be done now has just been done */
}

static int64_t next_wake(struct results *results)
{
    int64_t now = clock_monotonic_ms(results->clock), delay = -1;
    int window = results->ops->window(results->ctx);
    if (results->draining || window == SENDER_CLOSED)
        return -1;
    if (now < results->store_retry_ms && (results->verdict_count > 0 || due_now(results)))
        return results->store_retry_ms - now;
    if (results->verdict_count > 0 && !results->recording)
        return delay_until(record_at_ms(results), now);
    if (results->waiting || (due_now(results) && outstanding(results) < VERDICTS_MAX)) {
        if (window > 0 && results->asked >= (unsigned)window)
            return -1; /* an answer will pump */
        delay = budget_ready_at_ms(results->budget, BUDGET_QUESTION, 1) - now;
        return delay > 1 ? delay : 1;
    }
    if (!results->fetching && results->next_poll_ms >= 0) {
        delay = results->next_poll_ms - clock_realtime_ms(results->clock);
        return delay > 1 ? delay : 1;
    }
    return -1;
}

void results_pump(struct results *results)
{
    ask_waiting(results);
    submit_record(results);
    submit_fetch(results);
    results->ops->wake(results->ctx, next_wake(results));
}

void results_drain(struct results *results)
{
    results->draining = true;
    while (results->waiting) { /* they stay in the store */
        struct message *message = results->waiting;
        results->waiting = message->next;
        free(message);
    }
    results->waiting_count = 0;
    results_pump(results);
}

bool results_is_idle(const struct results *results)
{
    return !results->fetching && !results->recording && results->asked == 0 && results->verdict_count == 0;
}

bool results_are_due(const struct results *results)
{
    return results->waiting || results->fetching || due_now(results);
}

unsigned results_in_flight(const struct results *results)
{
    return results->asked;
}

int results_new(const struct results_ops *ops, void *ctx, const struct clock *clock, struct budget *budget,
                const char *connection, struct results **ret_results)
{
    struct results *results = calloc(1, sizeof(*results));
    if (!results)
        return ERR_NOMEM;
    results->ops = ops;
    results->ctx = ctx;
    results->clock = clock;
    results->budget = budget;
    results->connection = connection;
    results->next_poll_ms = 0; /* messages of an earlier run may wait */
    results->from_ms = INT64_MIN;
    *ret_results = results;
    return 0;
}

void results_free(struct results *results)
{
    if (!results)
        return;
    while (results->waiting) {
        struct message *message = results->waiting;
        results->waiting = message->next;
        free(message);
    }
    while (results->asking) {
        struct question *question = results->asking;
        results->asking = question->next;
        free(question->message);
        free(question);
    }
    for (size_t i = 0; i < results->verdict_count; i++)
        free(results->verdicts[i].message);
    free(results);
}
