/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "sim/stats.h"

const char *place_name(enum place place)
{
    static const char *const names[PLACE_COUNT] = {
        [PLACE_OTHER] = "other",
        [PLACE_TOKEN] = "token",
        [PLACE_DISCOVERY] = "discovery",
        [PLACE_USERS] = "users",
        [PLACE_DEVICES] = "devices",
        [PLACE_GRAPH_BATCH] = "graph_batch",
        [PLACE_GRAPH_BATCH_ITEM] = "graph_batch_item",
        [PLACE_PARTNER_PUT] = "partner_put",
        [PLACE_PARTNER_GET] = "partner_get",
        [PLACE_TENANT_PUT] = "tenant_put",
        [PLACE_POLICIES] = "policies",
        [PLACE_ASSIGN] = "assign",
        [PLACE_GROUPS] = "groups",
        [PLACE_IDENTITY] = "imds",
        [PLACE_CONTROL] = "control",
    };

    return names[place];
}

void stats_answer(struct stats *stats, enum place place, int status)
{
    if (status >= 0 && status < STATS_STATUSES)
        stats->answers[place][status]++;
}

void stats_reset(struct stats *stats)
{
    uint64_t in_flight = stats->in_flight;

    *stats = (struct stats){.in_flight = in_flight, .max_in_flight = in_flight};
}

static void write_place(const struct stats *stats, enum place place, struct buf *out)
{
    const char *comma = "";

    buf_addf(out, "\"%s\":{", place_name(place));
    for (int status = 0; status < STATS_STATUSES; status++) {
        if (stats->answers[place][status] == 0)
            continue;
        buf_addf(out, "%s\"%d\":%llu", comma, status, (unsigned long long)stats->answers[place][status]);
        comma = ",";
    }
    buf_add_char(out, '}');
}

static void write_counts(const struct stats *stats, struct buf *out)
{
    const struct {
        const char *name;
        uint64_t value;
    } counts[] = {
        {"connections", stats->connections},
        {"in_flight", stats->in_flight},
        {"max_in_flight", stats->max_in_flight},
        {"tokens_issued", stats->tokens_issued},
        {"faults_played", stats->faults_played},
        {"messages_accepted", stats->messages_accepted},
        {"messages_refused", stats->messages_refused},
        {"messages_resent", stats->messages_resent},
        {"messages_completed", stats->messages_completed},
        {"messages_failed", stats->messages_failed},
        {"messages_superseded", stats->messages_superseded},
        {"partner_updates", stats->partner_updates},
        {"graph_updates", stats->graph_updates},
        {"older_stamps", stats->older_stamps},
        {"equal_stamps", stats->equal_stamps},
        {"reused_ids", stats->reused_ids},
        {"violations", stats->older_stamps + stats->equal_stamps + stats->reused_ids},
    };

    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        buf_addf(out, ",\"%s\":%llu", counts[i].name, (unsigned long long)counts[i].value);
}

void stats_write(const struct stats *stats, struct buf *out)
{
    buf_add_text(out, "{\"requests\":{");
    for (int place = 0; place < PLACE_COUNT; place++) {
        if (place > 0)
            buf_add_char(out, ',');
        write_place(stats, (enum place)place, out);
    }
    buf_add_char(out, '}');
    write_counts(stats, out);
    buf_add_char(out, '}');
}
