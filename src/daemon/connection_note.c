/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <stdio.h>

#include "connection_internal.h"
#include "daemon/activity_log.h"

static void note(const struct connection *connection, struct activity_entry *entry)
{
    entry->connection = connection->name;
    activity_log_add(connection->context->activity, entry);
}

/* ---- states ---- */

void connection_note_state(const struct connection *connection, enum trouble trouble, const char *detail)
{
    char text[512] = "";
    if (trouble != TROUBLE_NONE)
        snprintf(text, sizeof(text), "%s%s%s", trouble_text(trouble, LANGUAGE_EN), detail[0] ? " " : "", detail);
    note(connection, &(struct activity_entry){.kind = activity_kind_name(ACTIVITY_CONNECTION),
                                              .result = connection_state_name(connection->state),
                                              .reason = trouble == TROUBLE_NONE ? "" : trouble_slug(trouble),
                                              .detail = text});
}

/* ---- tokens ---- */

static void note_token(struct connection *connection, enum trouble *told, const char *resource, int64_t expires_at_ms,
                       const struct outcome *outcome)
{
    char detail[512], expires[CLOCK_TEXT];
    /* A refusal that goes on is told once. */
    if (outcome && outcome->trouble == *told)
        return;
    *told = outcome ? outcome->trouble : TROUBLE_NONE;
    if (outcome)
        snprintf(detail, sizeof(detail), "for %s: %s", resource, outcome->detail);
    else
        snprintf(detail, sizeof(detail), "for %s by %s, good until %s", resource, connection->credential,
                 clock_format_ms(expires_at_ms, expires));
    note(connection, &(struct activity_entry){.kind = activity_kind_name(ACTIVITY_TOKEN),
                                              .result = outcome ? "refused" : "obtained",
                                              .reason = outcome ? trouble_slug(outcome->trouble) : "",
                                              .request_id = outcome ? outcome->request_id : "",
                                              .detail = detail});
}

static void on_graph_token(void *ctx, const struct outcome *outcome)
{
    struct connection *connection = ctx;
    if (!outcome)
        connection_token_came(connection, connection->graph_token);
    stats_count_token(connection->stats, STATS_GRAPH, !outcome);
    note_token(connection, &connection->graph_token_told, "Microsoft Graph",
               token_expires_at_ms(connection->graph_token), outcome);
}

static void on_intune_token(void *ctx, const struct outcome *outcome)
{
    struct connection *connection = ctx;
    if (!outcome)
        connection_token_came(connection, connection->intune_token);
    stats_count_token(connection->stats, STATS_INTUNE, !outcome);
    note_token(connection, &connection->intune_token_told, "Intune", token_expires_at_ms(connection->intune_token),
               outcome);
}

void connection_note_tokens(struct connection *connection)
{
    token_observe(connection->graph_token, on_graph_token, connection);
    token_observe(connection->intune_token, on_intune_token, connection);
}

/* ---- walks ---- */

void connection_note_walk(const struct connection *connection, enum full_report_kind kind,
                          const struct full_report_state *state, bool began)
{
    char detail[128];
    snprintf(detail, sizeof(detail), "%s of %lld devices", kind == FULL_REPORT_WEEKLY ? "weekly report" : "resync",
             (long long)(began ? state->total : state->fed));
    note(connection, &(struct activity_entry){.kind = activity_kind_name(ACTIVITY_FULL_REPORT),
                                              .result = began ? "started" : "finished",
                                              .detail = detail});
}
