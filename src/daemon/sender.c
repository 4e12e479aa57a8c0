/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "daemon/sender.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "microsoft/partner.h"

enum {
    READY_MAX = 512,    /* items staged ahead */
    RECORD_MAX = 256,   /* results in one durable commit: a few ms of work, behind which a worsening waits */
    RECORD_HOLD_MS = 5, /* results wait so long for others to share their commit with, while requests are in flight */
    BRISK_MS = 20,      /* all of it sent sooner than that, more is staged ahead: each commit costs */
    RESULTS_MAX = 1024, /* not yet recorded: nothing more is staged until the store has caught up */
    CALM_MS = 100,      /* ... and later than that, less: what is sent is decided when it is staged */
    URGENT_EXTRA = 64,  /* urgent items staged on top of a full ready list */
    RELEASE_MS = 1000,  /* blocked longer than this, what is ready goes back, to be decided anew */
    RETIRE_TRIES = 3,   /* of an id that the device has given up; then its new one must not wait any longer */
    RETRY_STORE_MS = 250,
    RETRY_STORE_MAX_MS = 5000,
};

/* A refused connection or a lost stream says nothing about the device: its row comes back soon, and the connection's
 * own backoff does the waiting. An answer of 5xx or 429 may be about the row, so that the delay grows. */
static const struct backoff transport_backoff = {.base_ms = 200, .max_ms = 1000};
static const struct backoff answer_backoff = {.base_ms = 1000, .max_ms = 60000};
static_assert(OUTCOME_RETRY_AFTER_MAX_MS <= OUTBOX_PUT_OFF_MAX_MS, "a row that Microsoft puts off would count as due");
static const struct backoff store_backoff = {.base_ms = RETRY_STORE_MS, .max_ms = RETRY_STORE_MAX_MS};

struct item_list {
    struct outbox_item *first;
    struct outbox_item **end;
};

struct sender {
    const struct sender_ops *ops;
    void *ctx;
    const struct clock *clock;
    struct sender_options options;
    struct budget *budget;

    struct item_list ready[PRIORITY_COUNT];
    unsigned ready_count;
    unsigned flights;     /* requests at Microsoft */
    unsigned items_out;   /* devices in them */
    struct flight *away;  /* ... which these are */
    struct flight *spare; /* flights to be used again */

    struct outbox_result *results; /* noted, not yet handed to a record; room for every item that is out */
    size_t result_count, result_room;
    int64_t result_since_ms; /* monotonic: the first of them */

    bool staging, recording, draining;
    bool dirty;              /* another process committed: look for urgent rows even if much is ready */
    bool again;              /* rows are left, or came back: look when there is room */
    bool backlog;            /* bulk rows are left */
    unsigned store_failures; /* in a row */
    int64_t store_retry_ms;  /* monotonic; no job before */
    unsigned ahead;          /* items to have ready at most */
    int64_t staged_ms;       /* monotonic: the last stage of bulk work */
    int64_t next_due_ms;     /* wall clock: earliest row in backoff; -1 = none */

    struct sender_stats stats;
};

static void list_init(struct item_list *list)
{
    list->first = NULL;
    list->end = &list->first;
}

static void list_append(struct item_list *list, struct outbox_item *item)
{
    item->next = NULL;
    *list->end = item;
    list->end = &item->next;
}

static struct outbox_item *list_take(struct item_list *list)
{
    struct outbox_item *item = list->first;
    if (item) {
        list->first = item->next;
        if (!list->first)
            list->end = &list->first;
        item->next = NULL;
    }
    return item;
}

static int64_t monotonic_ms(const struct sender *sender)
{
    return clock_monotonic_ms(sender->clock);
}

static int64_t earlier(int64_t a, int64_t b)
{
    if (a < 0 || b < 0)
        return a < 0 ? b : a;
    return a < b ? a : b;
}

static int64_t delay_until(int64_t at_ms, int64_t now_ms)
{
    return at_ms > now_ms ? at_ms - now_ms : 0;
}

/* ---- results ---- */

/* Results must never be lost for want of memory: a row whose outcome is not recorded stays claimed. So room for them is
 * made before anything is staged. */
static bool make_room(struct sender *sender, unsigned more)
{
    size_t need = sender->result_count + sender->ready_count + sender->items_out + more;
    if (need <= sender->result_room)
        return true;
    size_t room = need + RECORD_MAX;
    struct outbox_result *results = realloc(sender->results, room * sizeof(*results));
    if (!results)
        return false;
    sender->results = results;
    sender->result_room = room;
    return true;
}

static struct outbox_result *note_result(struct sender *sender, struct outbox_item *item, enum outbox_outcome outcome)
{
    assert(sender->result_count < sender->result_room);
    if (sender->result_count == 0)
        sender->result_since_ms = monotonic_ms(sender);
    struct outbox_result *result = &sender->results[sender->result_count++];
    memset(result, 0, offsetof(struct outbox_result, request_id));
    result->request_id[0] = '\0';
    free(item->error);
    item->error = NULL;
    result->item = item;
    result->outcome = outcome;
    result->at_ms = clock_realtime_ms(sender->clock);
    return result;
}

static void note_accepted(struct sender *sender, struct outbox_result *result, const struct guid *sent_as)
{
    sender->stats.accepted++;
    result->sent_as = *sent_as;
    if (sender->options.channel == CHANNEL_GRAPH) {
        result->outcome = OUTBOX_SUCCESS;
        return;
    }
    result->outcome = OUTBOX_ACCEPTED;
    /* No jitter: asked in the order in which they were told, verdicts walk through the store page by page as the
     * reports did. */
    result->poll_ms = result->at_ms + partner_poll_delay_ms(0, 0);
    result->deadline_ms = result->at_ms + sender->options.result_deadline_ms;
}

static void note_transient(struct sender *sender, struct outbox_result *result, const struct outcome *outcome)
{
    bool transport = outcome->trouble == TROUBLE_NETWORK || outcome->trouble == TROUBLE_TLS;
    sender->stats.transient++;
    if (outcome->class == OUTCOME_THROTTLED)
        sender->stats.throttled++;
    result->outcome = OUTBOX_TRANSIENT;
    result->reason = REASON_RETRYING;
    result->due_ms =
        result->at_ms + backoff_delay_ms(transport ? &transport_backoff : &answer_backoff, result->item->attempts + 1,
                                         outcome->retry_after_ms, guid_random_u64());
}

/* `whole`: the request's own outcome; when that is the connection's fault, the item was certainly not taken and goes
 * back as it is. */
static void note_outcome(struct sender *sender, struct outbox_item *item, const struct guid *sent_as,
                         const struct outcome *outcome, const struct outcome *whole)
{
    struct outbox_result *result = note_result(sender, item, OUTBOX_RELEASED);
    if (outcome->detail[0])
        item->error = strdup(outcome->detail); /* for want of memory it is not told; the outcome is */
    snprintf(result->request_id, sizeof(result->request_id), "%.36s", outcome->request_id);
    switch (outcome->class) {
    case OUTCOME_ACCEPTED:
        note_accepted(sender, result, sent_as);
        break;
    case OUTCOME_DEVICE:
        if (item->retire_old && outcome->reason != REASON_DEVICE_UNKNOWN && item->attempts + 1 < RETIRE_TRIES) {
            note_transient(sender, result, outcome);
            break;
        }
        sender->stats.refused++;
        result->outcome = OUTBOX_REFUSED;
        result->reason = outcome->reason;
        break;
    case OUTCOME_AUTH:
    case OUTCOME_CONNECTION:
        if (whole->class == OUTCOME_AUTH || whole->class == OUTCOME_CONNECTION) {
            result->reason = REASON_CONNECTION_TROUBLE;
            break;
        }
        note_transient(sender, result, outcome);
        break;
    case OUTCOME_TRANSIENT:
    case OUTCOME_THROTTLED:
        note_transient(sender, result, outcome);
        break;
    }
    sender->ops->settled(sender->ctx, result);
}

/* When the results are to be recorded, at the latest; monotonic. */
static int64_t record_at_ms(const struct sender *sender)
{
    bool alone = sender->flights == 0 || sender->draining || sender->result_count >= RECORD_MAX;
    int64_t at_ms = sender->result_since_ms + (alone ? 0 : RECORD_HOLD_MS);
    return at_ms > sender->store_retry_ms ? at_ms : sender->store_retry_ms;
}

static void submit_record(struct sender *sender)
{
    if (sender->recording || sender->result_count == 0 || monotonic_ms(sender) < record_at_ms(sender))
        return;
    size_t count = sender->result_count < RECORD_MAX ? sender->result_count : RECORD_MAX;
    struct outbox_record *record = malloc(sizeof(*record));
    if (!record || outbox_record_init(record, sender->options.connection, count, NULL) < 0) {
        free(record);
        sender->store_retry_ms = monotonic_ms(sender) + RETRY_STORE_MS;
        return;
    }
    memcpy(record->results, sender->results, count * sizeof(*record->results));
    record->count = count;
    sender->result_count -= count;
    memmove(sender->results, sender->results + count, sender->result_count * sizeof(*sender->results));
    /* Until the record is done these items may come back as results: their room stays reserved. */
    sender->items_out += (unsigned)count;
    sender->recording = true;
    sender->ops->record(sender->ctx, record);
}

static void store_failed(struct sender *sender)
{
    sender->store_failures++;
    sender->store_retry_ms =
        monotonic_ms(sender) + backoff_delay_ms(&store_backoff, sender->store_failures, 0, guid_random_u64());
}

static void free_record(struct outbox_record *record)
{
    for (size_t i = 0; i < record->count; i++)
        outbox_item_free(record->results[i].item);
    outbox_record_deinit(record);
    free(record);
}

void sender_recorded(struct sender *sender, struct outbox_record *record)
{
    sender->recording = false;
    sender->items_out -= (unsigned)record->count;
    if (record->job.result < 0) {
        /* The outcome is known and must not be forgotten: it is recorded when the store is back. */
        memmove(sender->results + record->count, sender->results, sender->result_count * sizeof(*sender->results));
        memcpy(sender->results, record->results, record->count * sizeof(*record->results));
        sender->result_count += record->count;
        record->count = 0;
        store_failed(sender);
    } else {
        sender->store_failures = 0;
        for (size_t i = 0; i < record->count; i++) {
            const struct outbox_result *result = &record->results[i];
            if (result->outcome == OUTBOX_TRANSIENT &&
                (sender->next_due_ms < 0 || result->due_ms < sender->next_due_ms))
                sender->next_due_ms = result->due_ms;
        }
        sender->again = true; /* rows that changed in flight, or a next report of the same device */
    }
    free_record(record);
    sender_pump(sender);
}

/* ---- staging ---- */

static bool wants_stage(const struct sender *sender)
{
    return sender->dirty || sender->again || sender->backlog;
}

/* How many items may be ready at once: twice what can be in flight, so that the store works while the network does;
 * more where the network is faster than that. */
static unsigned ready_target(const struct sender *sender, int window)
{
    if (window < 0) /* the request on trial: of one device alone it could not be told whether the app is denied */
        return sender->options.items_per_flight;
    unsigned target = 2 * (unsigned)window * sender->options.items_per_flight;
    target = target > sender->ahead ? target : sender->ahead;
    return target < READY_MAX ? target : READY_MAX;
}

static void note_pace(struct sender *sender, unsigned target, int window)
{
    int64_t now = monotonic_ms(sender);
    bool starving = sender->ready_count == 0 && window > 0 && sender->flights < (unsigned)window;
    if (starving && now - sender->staged_ms < BRISK_MS)
        sender->ahead = 2 * target;
    else if (now - sender->staged_ms > CALM_MS)
        sender->ahead = target / 2;
    sender->staged_ms = now;
}

/* What to stage now: how much, and down to which priority. 0 = nothing. No more than may be sent now, so that what is
 * sent is decided when it is sent. */
static unsigned stage_limit(struct sender *sender, int window, enum priority *ret_mildest)
{
    unsigned target = ready_target(sender, window);
    bool full = window < 0 ? sender->ready_count > 0 : sender->ready_count > target / 2;
    if (full && (!sender->dirty || window < 0 || sender->ready_count >= target + URGENT_EXTRA))
        return 0;
    *ret_mildest = PRIORITY_WEEKLY;
    unsigned limit = budget_available(sender->budget, BUDGET_BULK, target);
    if (!full && limit > sender->ready_count) {
        note_pace(sender, target, window);
    } else {
        if (!sender->dirty && !sender->again)
            return 0;
        *ret_mildest = PRIORITY_CHANGE;
        target += full ? URGENT_EXTRA : 0;
        limit = budget_available(sender->budget, BUDGET_CHANGE, target);
    }
    /* A worsening that comes meanwhile waits behind no more than what can be in flight. */
    unsigned most = (window < 0 ? 1 : (unsigned)window) * sender->options.items_per_flight;
    limit = limit > sender->ready_count ? limit - sender->ready_count : 0;
    return limit < most ? limit : most;
}

static void notice_due(struct sender *sender)
{
    if (sender->next_due_ms >= 0 && sender->next_due_ms <= clock_realtime_ms(sender->clock)) {
        sender->next_due_ms = -1;
        sender->again = true;
    }
}

static void submit_stage(struct sender *sender)
{
    int window = sender->ops->window(sender->ctx);
    enum priority mildest;
    notice_due(sender);
    if (sender->staging || sender->draining || window == SENDER_CLOSED || !wants_stage(sender) ||
        sender->result_count > RESULTS_MAX || monotonic_ms(sender) < sender->store_retry_ms)
        return;
    unsigned limit = stage_limit(sender, window, &mildest);
    if (limit == 0 || !make_room(sender, limit))
        return;
    sender->staging = true;
    sender->dirty = false;
    sender->again = false;
    sender->backlog = sender->backlog && mildest != PRIORITY_WEEKLY;
    sender->ops->stage(sender->ctx, mildest, limit);
}

static void take_staged(struct sender *sender, struct outbox_stage *stage)
{
    struct outbox_item *item;
    while ((item = stage->items) != NULL) {
        stage->items = item->next;
        list_append(&sender->ready[item->priority], item);
        sender->ready_count++;
    }
    stage->count = 0;
}

void sender_staged(struct sender *sender, struct outbox_stage *stage)
{
    sender->staging = false;
    if (stage->job.result < 0) {
        sender->dirty = true;
        store_failed(sender);
        sender_pump(sender);
        return;
    }
    sender->store_failures = 0;
    take_staged(sender, stage);
    sender->again |= stage->more;
    sender->backlog |= stage->more || stage->mildest != PRIORITY_WEEKLY;
    sender->next_due_ms = earlier(sender->next_due_ms, stage->next_due_ms);
    if (stage->unknown_user_count > 0)
        sender->ops->resolve(sender->ctx, stage->unknown_users, stage->unknown_user_count);
    if (sender->draining || sender->ops->window(sender->ctx) == SENDER_CLOSED)
        sender_release(sender);
    if (!stage->more && stage->mildest == PRIORITY_WEEKLY)
        sender->ops->hungry(sender->ctx);
    sender_pump(sender);
}

void sender_release(struct sender *sender)
{
    for (int priority = 0; priority < PRIORITY_COUNT; priority++) {
        struct outbox_item *item;
        while ((item = list_take(&sender->ready[priority])) != NULL) {
            sender->ready_count--;
            note_result(sender, item, OUTBOX_RELEASED);
        }
    }
}

/* ---- flights ---- */

static struct flight *take_flight(struct sender *sender)
{
    struct flight *flight = sender->spare;
    if (flight) {
        sender->spare = flight->next;
    } else {
        flight = malloc(sizeof(*flight) + sender->options.items_per_flight * sizeof(struct outbox_item *));
        if (!flight)
            return NULL;
        flight->room = sender->options.items_per_flight;
    }
    flight->sender = sender;
    flight->ctx = sender->ctx;
    flight->count = 0;
    flight->auth_tries = 0;
    flight->next = sender->away;
    flight->place = &sender->away;
    if (flight->next)
        flight->next->place = &flight->next;
    sender->away = flight;
    return flight;
}

static void put_flight(struct sender *sender, struct flight *flight)
{
    *flight->place = flight->next;
    if (flight->next)
        flight->next->place = flight->place;
    if (flight->room != sender->options.items_per_flight) { /* the options changed meanwhile */
        free(flight);
        return;
    }
    flight->next = sender->spare;
    sender->spare = flight;
}

static void fill_flight(struct sender *sender, struct flight *flight, unsigned count)
{
    for (int priority = 0; priority < PRIORITY_COUNT && flight->count < count; priority++) {
        struct outbox_item *item;
        while (flight->count < count && (item = list_take(&sender->ready[priority])) != NULL) {
            flight->items[flight->count++] = item;
            sender->ready_count--;
        }
    }
}

static void land(struct sender *sender, struct flight *flight, const struct outcome *outcomes,
                 const struct outcome *whole)
{
    for (unsigned i = 0; i < flight->count; i++)
        note_outcome(sender, flight->items[i], &flight->items[0]->report.message_id, outcomes ? &outcomes[i] : whole,
                     whole);
    sender->items_out -= flight->count;
    sender->flights--;
    put_flight(sender, flight);
}

/* The request could not even be built or started (memory): as if the network had failed. */
static void land_unsent(struct sender *sender, struct flight *flight, int code)
{
    struct outcome whole = {.class = OUTCOME_TRANSIENT, .trouble = TROUBLE_NETWORK};
    snprintf(whole.detail, sizeof(whole.detail), "request not started: %s", error_code_text(code));
    land(sender, flight, NULL, &whole);
}

static bool start_flight(struct sender *sender, unsigned units)
{
    struct flight *flight = take_flight(sender);
    if (!flight)
        return false;
    fill_flight(sender, flight, units);
    sender->flights++;
    sender->items_out += flight->count;
    budget_take(sender->budget, flight->count);
    sender->stats.requests++;
    int rc = sender->ops->send(sender->ctx, flight);
    if (rc < 0)
        land_unsent(sender, flight, rc);
    return rc >= 0;
}

static void send_ready(struct sender *sender)
{
    int window = sender->ops->window(sender->ctx);
    if (window == SENDER_SHUT && sender->ready_count > 0)
        sender->ops->knock(sender->ctx);
    while (sender->ready_count > 0 && window > 0 && sender->flights < (unsigned)window) {
        unsigned wanted = sender->options.items_per_flight;
        wanted = wanted < sender->ready_count ? wanted : sender->ready_count;
        unsigned units = budget_available(sender->budget, BUDGET_CHANGE, wanted);
        if (units == 0 || !start_flight(sender, units))
            break;
        window = sender->ops->window(sender->ctx);
    }
}

/* The longest wait that Microsoft asks of a throttled one; -1 = nothing was throttled. */
static int64_t throttled_for_ms(const struct flight *flight, const struct outcome *outcomes,
                                const struct outcome *whole)
{
    int64_t longest = whole->class == OUTCOME_THROTTLED ? whole->retry_after_ms : -1;
    for (unsigned i = 0; outcomes && i < flight->count; i++) {
        if (outcomes[i].class == OUTCOME_THROTTLED && outcomes[i].retry_after_ms > longest)
            longest = outcomes[i].retry_after_ms;
    }
    return longest;
}

void sender_answered(struct flight *flight, const struct outcome *outcomes, const struct outcome *whole)
{
    struct sender *sender = flight->sender;
    if (whole->class == OUTCOME_AUTH && flight->auth_tries++ == 0) {
        /* Even fresh tokens are refused now and then: once more with a new one. */
        int rc = sender->ops->send(sender->ctx, flight);
        if (rc >= 0)
            return;
    }
    int64_t retry_after_ms = throttled_for_ms(flight, outcomes, whole);
    land(sender, flight, outcomes, whole);
    if (retry_after_ms >= 0) {
        budget_throttled(sender->budget, retry_after_ms);
        if (retry_after_ms > RELEASE_MS)
            sender_release(sender);
    }
    sender->ops->answered(sender->ctx, whole);
    sender_pump(sender);
}

/* ---- the machine ---- */

/* What the pump waits for that no event will tell: units of the quota, a row in backoff, the store's recovery. A full
 * window waits for answers, and those pump. */
static int64_t next_wake(struct sender *sender)
{
    int64_t now = monotonic_ms(sender), delay = -1;
    int window = sender->ops->window(sender->ctx);
    bool open = !sender->draining && window != SENDER_CLOSED;
    if (now < sender->store_retry_ms && (sender->result_count > 0 || (open && wants_stage(sender))))
        return sender->store_retry_ms - now;
    if (sender->result_count > 0 && !sender->recording)
        delay = delay_until(record_at_ms(sender), now);
    if (window > 0 && sender->ready_count > 0 && sender->flights < (unsigned)window) {
        delay = earlier(delay, delay_until(budget_ready_at_ms(sender->budget, BUDGET_CHANGE, 1), now));
    } else if (open && !sender->staging && sender->ready_count == 0 && wants_stage(sender)) {
        enum budget_use use = sender->dirty || sender->again ? BUDGET_CHANGE : BUDGET_BULK;
        delay = earlier(delay, delay_until(budget_ready_at_ms(sender->budget, use, 1), now));
    }
    if (open && !sender->staging && sender->next_due_ms >= 0)
        delay = earlier(delay, delay_until(sender->next_due_ms, clock_realtime_ms(sender->clock)));
    return delay == 0 ? 1 : delay; /* whatever can be done now has just been done */
}

void sender_pump(struct sender *sender)
{
    send_ready(sender);
    submit_record(sender);
    submit_stage(sender);
    sender->ops->wake(sender->ctx, next_wake(sender));
}

void sender_dirty(struct sender *sender)
{
    sender->dirty = true;
    sender_pump(sender);
}

void sender_fed(struct sender *sender)
{
    sender->again = true;
    sender->backlog = true;
    sender_pump(sender);
}

void sender_drain(struct sender *sender)
{
    sender->draining = true;
    sender_release(sender);
    sender_pump(sender);
}

bool sender_is_idle(const struct sender *sender)
{
    return !sender->staging && !sender->recording && sender->flights == 0 && sender->ready_count == 0 &&
           sender->result_count == 0;
}

void sender_stats(const struct sender *sender, struct sender_stats *ret_stats)
{
    *ret_stats = sender->stats;
    ret_stats->in_flight = sender->flights;
    ret_stats->staged = sender->ready_count;
}

/* ---- lifetime ---- */

int sender_new(const struct sender_ops *ops, void *ctx, const struct clock *clock, struct budget *budget,
               const struct sender_options *options, struct sender **ret_sender)
{
    struct sender *sender = calloc(1, sizeof(*sender));
    if (!sender)
        return ERR_NOMEM;
    sender->ops = ops;
    sender->ctx = ctx;
    sender->clock = clock;
    sender->budget = budget;
    sender->next_due_ms = -1;
    sender->dirty = true;
    for (int priority = 0; priority < PRIORITY_COUNT; priority++)
        list_init(&sender->ready[priority]);
    sender_set_options(sender, options);
    *ret_sender = sender;
    return 0;
}

static void free_spare(struct sender *sender)
{
    struct flight *flight;
    while ((flight = sender->spare) != NULL) {
        sender->spare = flight->next;
        free(flight);
    }
}

void sender_set_options(struct sender *sender, const struct sender_options *options)
{
    free_spare(sender); /* their size may differ */
    sender->options = *options;
}

void sender_free(struct sender *sender)
{
    if (!sender)
        return;
    for (int priority = 0; priority < PRIORITY_COUNT; priority++) {
        struct outbox_item *item;
        while ((item = list_take(&sender->ready[priority])) != NULL)
            outbox_item_free(item);
    }
    for (size_t i = 0; i < sender->result_count; i++)
        outbox_item_free(sender->results[i].item);
    while (sender->away) {
        struct flight *flight = sender->away;
        for (unsigned i = 0; i < flight->count; i++)
            outbox_item_free(flight->items[i]);
        put_flight(sender, flight);
    }
    free_spare(sender);
    free(sender->results);
    free(sender);
}
