/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "daemon/plan.h"

#include "daemon/daemon.h"
#include "store/account.h"
#include "store/fleet.h"

struct plan {
    struct database *database;
    const struct settings *settings;
    FILE *out;
    long long sent, kept;
};

static bool is_disconnected(const struct plan *plan, const char *connection)
{
    struct account_record record;
    struct error err;
    return account_read(plan->database, connection, &record, &err) == 0 && !account_is_reporting(record.state);
}

/* Why an entry would not be sent; "" = it would. */
static const char *obstacle(const struct plan *plan, const struct fleet_plan_entry *entry)
{
    const struct connection_settings *connection = settings_connection(plan->settings, entry->connection);
    if (entry->decision.kind != DECISION_REPORT && entry->decision.kind != DECISION_RETIRE)
        return entry->decision.reason == REASON_NONE ? "nothing to tell"
                                                     : reason_text(entry->decision.reason, LANGUAGE_EN);
    if (entry->needless)
        return "already told";
    if (!connection)
        return reason_text(REASON_UNKNOWN_CONNECTION, LANGUAGE_EN);
    if (!connection->enabled || !plan->settings->enabled)
        return reason_text(REASON_REPORTING_OFF, LANGUAGE_EN);
    if (is_disconnected(plan, entry->connection))
        return reason_text(REASON_DISCONNECTED, LANGUAGE_EN);
    if (entry->held)
        return reason_text(REASON_BREAKER_HOLDS, LANGUAGE_EN);
    return "";
}

static int print_entry(void *ctx, const struct fleet_plan_entry *entry)
{
    struct plan *plan = ctx;
    const char *why = obstacle(plan, entry);
    const char *before = entry->previous == AZURE_STATE_NONE ? "-" : azure_state_name(entry->previous);
    if (why[0]) {
        plan->kept++;
        fprintf(plan->out, "keep  %s  %s  %s  %s  (%s)\n", entry->connection, entry->device_id,
                entry->azure_device_id[0] ? entry->azure_device_id : "-", before, why);
    } else {
        plan->sent++;
        fprintf(plan->out, "send  %s  %s  %s  %s -> %s  (%s)\n", entry->connection, entry->device_id,
                entry->azure_device_id, before, azure_state_name(entry->decision.state),
                priority_name(entry->priority));
    }
    return 0;
}

int plan_print(const struct settings *settings, FILE *out)
{
    struct plan plan = {.settings = settings, .out = out};
    struct error err = {0};
    struct database *database;
    int rc = database_open(settings->store, DATABASE_READ, &database, &err);
    if (rc == 0) {
        struct breaker_limits breaker = daemon_breaker_limits(settings);
        plan.database = database;
        rc = fleet_plan(database, &breaker, print_entry, &plan, &err);
        database_close(database);
    }
    if (rc < 0)
        fprintf(stderr, "complyd: %s\n", error_text(&err));
    else
        fprintf(out, "%lld would be sent, %lld kept; nothing was sent\n", plan.sent, plan.kept);
    return rc;
}
