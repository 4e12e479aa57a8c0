/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <stdio.h>

#include "base/duration.h"
#include "base/log.h"
#include "connection_internal.h"

enum { TELL_AGAIN_MS = 15 * 60 * 1000 };

static int64_t now_ms(const struct connection *connection)
{
    return clock_realtime_ms(connection->context->clock);
}

const char *connection_state_name(enum connection_state state)
{
    static const char *const names[] = {
#define X(name, word) [name] = word,
        CONNECTION_STATES(X)
#undef X
    };
    return names[state];
}

static const struct gate *worst_gate(const struct connection *connection)
{
    return gate_worse(&connection->lanes[CHANNEL_GRAPH].gate, &connection->lanes[CHANNEL_PARTNER].gate);
}

static bool is_throttled(const struct lane *lane)
{
    return budget_share(&lane->budget) < 1;
}

static enum connection_state derive_state(const struct connection *connection)
{
    switch (connection->begun ? account_state(connection->account) : ACCOUNT_NEW) {
    case ACCOUNT_DISCONNECTING:
    case ACCOUNT_DEPROVISIONING:
        return CONNECTION_DISCONNECTING;
    case ACCOUNT_DISCONNECTED:
        return CONNECTION_DISCONNECTED;
    case ACCOUNT_RECONNECTING:
        return CONNECTION_CONNECTING;
    default:
        break;
    }
    const struct gate *gate = worst_gate(connection);
    if (gate->trouble != TROUBLE_NONE)
        return CONNECTION_BROKEN;
    if (gate->state == GATE_OPENING || gate->state == GATE_SHUT)
        return CONNECTION_CONNECTING;
    if (is_throttled(&connection->lanes[CHANNEL_GRAPH]) || is_throttled(&connection->lanes[CHANNEL_PARTNER]))
        return CONNECTION_THROTTLED;
    return CONNECTION_READY;
}

static void log_broken(struct connection *connection, const char *since)
{
    const struct gate *gate = worst_gate(connection);
    struct log_fields fields = {.connection = connection->name};
    char delay[DURATION_TEXT];
    int64_t wait = gate->next_try_ms - now_ms(connection);
    connection->told = gate->trouble;
    connection->told_ms = clock_monotonic_ms(connection->context->clock);
    enum log_level level = gate_heals_alone(gate->trouble) ? LOG_LEVEL_WARN : LOG_LEVEL_ERROR;
    log_at(level, TAG_CONNECTION, &fields, "broken%s: %s (%s); next try in %s, nothing is lost. Cure: %s", since,
           trouble_text(gate->trouble, LANGUAGE_EN), gate->detail, duration_format(wait > 0 ? wait : 0, delay),
           trouble_cure(gate->trouble, LANGUAGE_EN));
}

/* How long the state before lasted, in whole seconds. */
static const char *lasted(const struct connection *connection, char text[DURATION_TEXT])
{
    int64_t lasted_ms = now_ms(connection) - connection->since_ms;
    return duration_format(lasted_ms < 1000 ? lasted_ms : lasted_ms / 1000 * 1000, text);
}

/* The channel that has to wait longest tells. */
static void log_throttled(const struct connection *connection)
{
    struct log_fields fields = {.connection = connection->name};
    int64_t now = clock_monotonic_ms(connection->context->clock), wait_ms = 0;
    enum channel channel = CHANNEL_PARTNER;
    char delay[DURATION_TEXT];
    for (int i = 0; i < CHANNEL_COUNT; i++) {
        int64_t left_ms = budget_blocked_until_ms(&connection->lanes[i].budget) - now;
        channel = left_ms > wait_ms ? (enum channel)i : channel;
        wait_ms = left_ms > wait_ms ? left_ms : wait_ms;
    }
    if (wait_ms > 0)
        log_at(LOG_LEVEL_NOTICE, TAG_CONNECTION, &fields,
               "throttled by Microsoft: the %s channel goes on in %s, slower until it eases", channel_name(channel),
               duration_format(wait_ms, delay));
    else
        log_at(LOG_LEVEL_NOTICE, TAG_CONNECTION, &fields, "throttled by Microsoft: sending slower until it eases");
}

static void log_state(struct connection *connection, enum connection_state before)
{
    struct log_fields fields = {.connection = connection->name};
    char text[DURATION_TEXT];
    switch (connection->state) {
    case CONNECTION_BROKEN:
        log_broken(connection, "");
        break;
    case CONNECTION_THROTTLED:
        if (before == CONNECTION_BROKEN)
            log_at(LOG_LEVEL_NOTICE, TAG_CONNECTION, &fields,
                   "ready again after %s; still throttled by Microsoft, so sending slower until that eases",
                   lasted(connection, text));
        else
            log_throttled(connection);
        break;
    case CONNECTION_READY:
        if (before == CONNECTION_BROKEN)
            log_at(LOG_LEVEL_NOTICE, TAG_CONNECTION, &fields, "ready again after %s", lasted(connection, text));
        else
            log_at(LOG_LEVEL_INFO, TAG_CONNECTION, &fields, "ready%s",
                   before == CONNECTION_THROTTLED ? ", at full rate again" : "");
        break;
    case CONNECTION_OFF:
    case CONNECTION_CONNECTING:
    case CONNECTION_DISCONNECTING:
    case CONNECTION_DISCONNECTED:
        break;
    }
}

/* It stays broken, for another reason. */
static void tell_otherwise(struct connection *connection)
{
    log_broken(connection, " otherwise now");
    connection_note_state(connection, worst_gate(connection)->trouble, worst_gate(connection)->detail);
}

void connection_changed(struct connection *connection)
{
    struct gate *partner = &connection->lanes[CHANNEL_PARTNER].gate;
    if (connection->stopping)
        return;
    if (partner->state == GATE_WAITING && (partner->trouble == TROUBLE_NETWORK || partner->trouble == TROUBLE_TLS))
        connection_forget_endpoints(connection);
    enum connection_state state = derive_state(connection), before = connection->state;
    if (state == before) {
        if (state == CONNECTION_BROKEN && worst_gate(connection)->trouble != connection->told)
            tell_otherwise(connection);
        return;
    }
    connection->state = state;
    log_state(connection, before);
    connection->since_ms = now_ms(connection);
    connection_note_state(connection, worst_gate(connection)->trouble, worst_gate(connection)->detail);
}

static void tend_lane(struct lane *lane)
{
    budget_available(&lane->budget, BUDGET_CHANGE, 1); /* a throttled rate recovers with time */
    lane_log_flush(lane, false);
}

void connection_tend(struct connection *connection)
{
    if (!connection->reporting || connection->stopping)
        return;
    connection_tend_credentials(connection);
    for (int channel = 0; channel < CHANNEL_COUNT; channel++)
        tend_lane(&connection->lanes[channel]);
    connection_changed(connection);
    connection_renew_endpoints(connection);
    int64_t standing = clock_monotonic_ms(connection->context->clock) - connection->told_ms;
    if (connection->state == CONNECTION_BROKEN && standing > TELL_AGAIN_MS) {
        char since[64], lasted[DURATION_TEXT];
        snprintf(since, sizeof(since), " for %s now",
                 duration_format(now_ms(connection) - connection->since_ms, lasted));
        log_broken(connection, since);
    }
}

const struct stats *connection_stats(const struct connection *connection)
{
    return connection->stats;
}

static int64_t wall_clock(const struct connection *connection, int64_t at_monotonic_ms)
{
    int64_t now = clock_monotonic_ms(connection->context->clock);
    return at_monotonic_ms > now ? now_ms(connection) + at_monotonic_ms - now : -1;
}

static void lane_status(const struct connection *connection, const struct lane *lane, struct channel_status *status)
{
    struct sender_stats stats;
    sender_stats(lane->sender, &stats);
    *status = (struct channel_status){
        .in_flight = stats.in_flight + (lane->results ? results_in_flight(lane->results) : 0),
        .staged = stats.staged,
        .requests = stats.requests,
        .accepted = stats.accepted,
        .refused = stats.refused,
        .transient = stats.transient,
        .throttled = stats.throttled,
        .quota_share = budget_share(&lane->budget),
        .retry_at_ms = wall_clock(connection, budget_blocked_until_ms(&lane->budget)),
    };
}

/* Of a connection that does nothing. */
static const struct channel_status idle_channel = {.quota_share = 1, .retry_at_ms = -1};
static const struct full_report_state no_walk = {.started_at_ms = -1, .finished_at_ms = -1};

void connection_status(const struct connection *connection, struct connection_status *ret_status)
{
    *ret_status = (struct connection_status){
        .channel = {idle_channel, idle_channel},
        .weekly = no_walk,
        .resync = no_walk,
        .name = connection->name,
        .tenant_id = connection->settings->tenant_id,
        .state = connection->state,
        .detail = "",
        .credential = "",
        .credential_expires_ms = -1,
        .since_ms = connection->since_ms,
        .next_try_ms = -1,
        .last_success_ms = -1,
        .graph_token_expires_ms = -1,
        .intune_token_expires_ms = -1,
    };
    if (connection->state == CONNECTION_OFF)
        return;
    const struct gate *gate = worst_gate(connection);
    ret_status->begun = connection->begun;
    ret_status->account = connection->begun ? account_state(connection->account) : ACCOUNT_NEW;
    ret_status->account_counts = *account_counts(connection->account);
    ret_status->account_total = account_record(connection->account)->total;
    ret_status->trouble = gate->trouble;
    ret_status->detail = gate->detail;
    ret_status->next_try_ms = gate->state == GATE_WAITING ? gate->next_try_ms : -1;
    connection_credential_status(connection, &ret_status->credential, &ret_status->credential_expires_ms);
    ret_status->graph_token_expires_ms = token_expires_at_ms(connection->graph_token);
    ret_status->intune_token_expires_ms = token_expires_at_ms(connection->intune_token);
    for (int channel = 0; channel < CHANNEL_COUNT; channel++) {
        const struct lane *lane = &connection->lanes[channel];
        lane_status(connection, lane, &ret_status->channel[channel]);
        if (lane->gate.last_success_ms > ret_status->last_success_ms)
            ret_status->last_success_ms = lane->gate.last_success_ms;
    }
    ret_status->weekly = *weekly_state(connection->weekly, FULL_REPORT_WEEKLY);
    ret_status->resync = *weekly_state(connection->weekly, FULL_REPORT_RESYNC);
    ret_status->drift = connection->drift;
}
