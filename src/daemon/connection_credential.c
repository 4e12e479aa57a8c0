/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* Credentials of a connection: which one is in use, how long each is good, when its files change. */
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/log.h"
#include "connection_internal.h"
#include "microsoft/credential.h"

enum { LOOK_AT_DATES_MS = 3600 * 1000, SKEW_S = 300 };

static int64_t now_ms(const struct connection *connection)
{
    return clock_realtime_ms(connection->context->clock);
}

/* ---- how long they are good ---- */

static void tell_date(const struct connection *connection, const char *name, int64_t expires_s)
{
    const struct log_fields fields = {.connection = connection->name};
    const int64_t left_s = expires_s - now_ms(connection) / 1000;
    char left[DURATION_TEXT], date[CLOCK_TEXT];

    if (left_s <= 0)
        log_at(LOG_LEVEL_WARN, TAG_CONNECTION, &fields, "%s expired on %s. Cure: %s", name,
               clock_format_s(expires_s, date), trouble_cure(TROUBLE_CREDENTIAL_EXPIRED, LANGUAGE_EN));
    else
        log_at(LOG_LEVEL_WARN, TAG_CONNECTION, &fields, "%s expires in %s, on %s. Cure: %s", name,
               duration_format(left_s * 1000, left), clock_format_s(expires_s, date),
               trouble_cure(TROUBLE_CREDENTIAL_EXPIRED, LANGUAGE_EN));
}

/* Each of the days ahead is told once; a credential that was renewed begins anew. */
static void look_at_dates(struct connection *connection)
{
    const int64_t now_s = now_ms(connection) / 1000;
    enum credential_kind kinds[CREDENTIALS_MAX];
    const size_t count = credential_list(connection->settings, kinds);

    for (size_t i = 0; i < count; i++) {
        struct credential_dates *dates = &connection->credentials[i];
        int nearness;

        dates->expires_s = credential_expires_s(connection->settings, kinds[i], now_s);
        nearness = credential_nearness(dates->expires_s, now_s);
        if (nearness > dates->told)
            tell_date(connection, credential_name(kinds[i]), dates->expires_s);
        dates->told = nearness;
    }
    connection->dates_at_ms = clock_monotonic_ms(connection->context->clock);
}

/* ---- which one is in use ---- */

static void tell_takeover(const struct connection *connection, const struct token_source *source)
{
    const struct log_fields fields = {.connection = connection->name};
    const struct outcome *refusal = token_passed_over(source);

    if (refusal)
        log_at(LOG_LEVEL_WARN, TAG_TOKEN, &fields, "%s has taken over, nothing is held up: %s (%s). Cure: %s",
               token_credential(source), trouble_text(refusal->trouble, LANGUAGE_EN), refusal->detail,
               trouble_cure(refusal->trouble, LANGUAGE_EN));
    else
        log_at(LOG_LEVEL_NOTICE, TAG_TOKEN, &fields, "%s is in use", token_credential(source));
}

static void tell_clock(struct connection *connection, int64_t skew_s)
{
    const struct log_fields fields = {.connection = connection->name};
    char off[DURATION_TEXT];
    bool skewed = llabs(skew_s) > SKEW_S;

    if (skewed && !connection->skew_told)
        log_at(LOG_LEVEL_WARN, TAG_CONNECTION, &fields,
               "this machine's clock is %s %s Microsoft's: dates in reports are wrong. Cure: %s",
               duration_format(llabs(skew_s) * 1000, off), skew_s > 0 ? "ahead of" : "behind",
               trouble_cure(TROUBLE_CLOCK, LANGUAGE_EN));
    connection->skew_told = skewed;
}

/* What waits for an administrator to mend the credential need not wait any longer. */
static void wake_gates(struct connection *connection)
{
    for (int channel = 0; channel < CHANNEL_COUNT; channel++) {
        struct gate *gate = &connection->lanes[channel].gate;
        if (credential_is_trouble(gate->trouble))
            gate_wake(gate);
    }
}

void connection_token_came(struct connection *connection, const struct token_source *source)
{
    const char *name = token_credential(source);

    if (connection->credential == NULL || strcmp(connection->credential, name) != 0)
        tell_takeover(connection, source);
    connection->credential = name;
    tell_clock(connection, token_clock_skew_s(source));
    wake_gates(connection);
}

/* ---- their files ---- */

void connection_tend_credentials(struct connection *connection)
{
    const struct log_fields fields = {.connection = connection->name};
    bool graph = token_look_at_files(connection->graph_token);
    bool intune = token_look_at_files(connection->intune_token);

    if (graph || intune)
        log_at(LOG_LEVEL_NOTICE, TAG_TOKEN, &fields, "a credential's file has changed: asking for a token with it");
    if (graph || intune || connection->dates_at_ms == 0 ||
        clock_monotonic_ms(connection->context->clock) - connection->dates_at_ms > LOOK_AT_DATES_MS)
        look_at_dates(connection);
    for (int channel = 0; channel < CHANNEL_COUNT; channel++) {
        if (connection->lanes[channel].gate.trouble == TROUBLE_PROXY)
            (void)http_reload_proxy(connection->http, NULL); /* what is wrong with the file shows as the same trouble */
    }
}

void connection_credential_status(const struct connection *connection, const char **ret_name, int64_t *ret_expires_ms)
{
    enum credential_kind kinds[CREDENTIALS_MAX];
    const size_t count = credential_list(connection->settings, kinds);

    *ret_name = connection->credential ? connection->credential : "";
    *ret_expires_ms = -1;
    for (size_t i = count; i-- > 0;) {
        const int64_t expires_s = connection->credentials[i].expires_s;
        if (connection->credential == NULL || strcmp(connection->credential, credential_name(kinds[i])) == 0)
            *ret_expires_ms = expires_s > 0 ? expires_s * 1000 : -1;
    }
}
