/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "settings_table.h"

#include <string.h>

#include "base/duration.h"
#include "settings_value.h"

#define MINUTE INT64_C(60000)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

#define GLOBAL(member)     offsetof(struct settings, member)
#define CONNECTION(member) offsetof(struct connection_settings, member)

static const struct {
    const char *name;
    const char *about; /* lines of the default configuration, above the section */
} sections[SECTION_COUNT] = {
    [SECTION_DAEMON] = {"daemon", "The process itself.\n"},
    [SECTION_REPORTING] = {"reporting", "When reports are sent.\n"},
    [SECTION_BREAKER] = {"breaker",
                         "When more devices than this would lose access within the window, the connection holds those\n"
                         "reports and waits for \"complyctl breaker release\" or \"discard\".\n"},
    [SECTION_WEB] = {"web", "The web page, off unless it is given an address.\n"},
    [SECTION_CONNECTION] =
        {"connection",
         "One section for each Entra tenant; the name is the one in the column \"connection\" of table device, and\n"
         "\"default\" is what devices have that name none. tenant_id, client_id and a credential must be given:\n"
         "certificate_file with private_key_file, or federated_token_file, or client_secret_file, or\n"
         "managed_identity. Two of the first three may stand side by side: the earlier one in that order is used, and\n"
         "when Entra refuses it the other takes over at once. Secrets stand in files that only complyd can read (mode\n"
         "0600, or systemd credentials); a replaced file is noticed without a reload.\n"},
};

static const struct setting table[] = {
    {SECTION_DAEMON, "store", SETTING_PATH, GLOBAL(store), 0, 0, "/var/lib/complyd/complyd.db",
     "The SQLite file that the MDM writes its devices to."},
    {SECTION_DAEMON, "control_socket", SETTING_PATH, GLOBAL(control_socket), 0, 0, "/run/complyd/control.sock",
     "The Unix socket that complyctl talks to."},
    {SECTION_DAEMON, "log_level", SETTING_LEVEL, GLOBAL(log_level), 0, 0, "info",
     "error, warn, notice, info or debug."},
    {SECTION_DAEMON, "log_format", SETTING_FORMAT, GLOBAL(log_format), 0, 0, "journal",
     "journal (systemd's, with fields), text or json (to standard error)."},

    {SECTION_REPORTING, "enabled", SETTING_BOOL, GLOBAL(enabled), 0, 0, "yes",
     "no: nothing is sent, changes keep queueing."},
    {SECTION_REPORTING, "full_report_interval", SETTING_DURATION, GLOBAL(full_report_interval_ms), HOUR, 30 * DAY, "7d",
     "How often every device is reported anew, changed or not."},
    {SECTION_REPORTING, "full_report_spread", SETTING_DURATION, GLOBAL(full_report_spread_ms), 0, 7 * DAY, "6h",
     "The time over which such a full report is spread, so that quotas are not stormed."},
    {SECTION_REPORTING, "max_in_flight", SETTING_INT, GLOBAL(max_in_flight), 1, 1000, "100",
     "Requests under way at once, for each connection and channel."},
    {SECTION_REPORTING, "result_deadline", SETTING_DURATION, GLOBAL(result_deadline_ms), 10000, 7 * DAY, "15m",
     "How long an accepted report may lack Microsoft's verdict."},
    {SECTION_REPORTING, "activity_retention", SETTING_DURATION, GLOBAL(activity_retention_ms), DAY, 3650 * DAY, "400d",
     "How long entries of the activity log are kept."},

    {SECTION_BREAKER, "max_count", SETTING_INT, GLOBAL(breaker_max_count), 1, 1000000, "500", "Number of devices."},
    {SECTION_BREAKER, "max_share", SETTING_INT, GLOBAL(breaker_max_share), 1, 100, "20",
     "Percent of the connection's devices (never fewer than 5 devices)."},
    {SECTION_BREAKER, "window", SETTING_DURATION, GLOBAL(breaker_window_ms), MINUTE, 7 * DAY, "1h",
     "The time within which they are counted."},

    {SECTION_WEB, "listen", SETTING_LISTEN, GLOBAL(web_listen), 0, 0, "",
     "Loopback address and port, such as 127.0.0.1:8080 or [::1]:8080."},

    {SECTION_CONNECTION, "enabled", SETTING_BOOL, CONNECTION(enabled), 0, 0, "yes",
     "no: nothing is sent for this connection, changes keep queueing."},
    {SECTION_CONNECTION, "tenant_id", SETTING_GUID, CONNECTION(tenant_id), 0, 0, "", "The Entra tenant, a GUID."},
    {SECTION_CONNECTION, "client_id", SETTING_GUID, CONNECTION(client_id), 0, 0, "",
     "The app registration, a GUID. With managed_identity: the user-assigned identity, or none for the machine's own."},
    {SECTION_CONNECTION, "client_secret_file", SETTING_PATH, CONNECTION(client_secret_file), 0, 0, "",
     "A file that holds the app's client secret."},
    {SECTION_CONNECTION, "client_secret_expires", SETTING_DATE, CONNECTION(client_secret_expires_ms), 0, 0, "",
     "The day on which the secret expires, such as 2027-03-31: complyd warns 30, 14 and 3 days ahead."},
    {SECTION_CONNECTION, "certificate_file", SETTING_PATH, CONNECTION(certificate_file), 0, 0, "",
     "The app's certificate (PEM), with private_key_file."},
    {SECTION_CONNECTION, "private_key_file", SETTING_PATH, CONNECTION(private_key_file), 0, 0, "",
     "The certificate's private key (PEM, without a passphrase)."},
    {SECTION_CONNECTION, "federated_token_file", SETTING_PATH, CONNECTION(federated_token_file), 0, 0, "",
     "A token of another issuer that Entra trusts (workload identity federation)."},
    {SECTION_CONNECTION, "managed_identity", SETTING_BOOL, CONNECTION(managed_identity), 0, 0, "no",
     "yes: the managed identity of the Azure or Azure Arc machine that complyd runs on. It stands alone."},
    {SECTION_CONNECTION, "cloud", SETTING_CLOUD, CONNECTION(cloud), 0, 0, "global",
     "global, usgov, usdod, china or custom."},
    {SECTION_CONNECTION, "authority_url", SETTING_BASE_URL, CONNECTION(authority_url), 0, 0, "",
     "cloud = custom only: where tokens come from, without the tenant."},
    {SECTION_CONNECTION, "graph_url", SETTING_BASE_URL, CONNECTION(graph_url), 0, 0, "",
     "cloud = custom only: Microsoft Graph, without /v1.0."},
    {SECTION_CONNECTION, "intune_scope", SETTING_SCOPE, CONNECTION(intune_scope), 0, 0, "",
     "cloud = custom or china only: the token scope of Intune, ending in /.default."},
    {SECTION_CONNECTION, "ca_file", SETTING_PATH, CONNECTION(ca_file), 0, 0, "",
     "Certificates (PEM) to trust instead of the system's."},
    {SECTION_CONNECTION, "proxy", SETTING_PROXY, CONNECTION(proxy), 0, 0, "",
     "A proxy, such as http://proxy.example.com:3128. Of the environment only NO_PROXY is read."},
    {SECTION_CONNECTION, "proxy_credentials_file", SETTING_PATH, CONNECTION(proxy_credentials_file), 0, 0, "",
     "A file that holds user:password for the proxy."},
    {SECTION_CONNECTION, "enrollment_url", SETTING_PAGE_URL, CONNECTION(enrollment_url), 0, 0, "",
     "The page where users enrol a device; Microsoft sends them there."},
    {SECTION_CONNECTION, "remediation_url", SETTING_PAGE_URL, CONNECTION(remediation_url), 0, 0, "",
     "The page where users learn how to become compliant; Microsoft sends them there."},
    {SECTION_CONNECTION, "assignment_group", SETTING_TEXT, CONNECTION(assignment_group), 0, 0, "",
     "The Entra group whose members' devices are reported."},
    {SECTION_CONNECTION, "graph_requests_per_10s", SETTING_INT, CONNECTION(graph_requests_per_10s), 1, 1000000, "3500",
     "Requests to Microsoft Graph in any 10 s, each within a batch counted; a quarter may come at once."},
    {SECTION_CONNECTION, "graph_writes_per_150s", SETTING_INT, CONNECTION(graph_writes_per_150s), 1, 10000000, "3000",
     "Writes to Microsoft Graph in any 150 s, kept in the same way."},
    {SECTION_CONNECTION, "partner_requests_per_20s", SETTING_INT, CONNECTION(partner_requests_per_20s), 1, 1000000,
     "100", "Limit on requests to Intune's partner service, which publishes none of its own."},
    {SECTION_CONNECTION, "partner_devices_per_message", SETTING_INT, CONNECTION(partner_devices_per_message), 1, 100,
     "1", "Devices in one message to Intune; nothing public shows more than 1 being accepted."},
};

_Static_assert(sizeof(table) / sizeof(table[0]) <= SETTING_MAX, "SETTING_MAX is too small");

size_t settings_table_count(void)
{
    return sizeof(table) / sizeof(table[0]);
}

const struct setting *settings_table_at(size_t index)
{
    return &table[index];
}

int settings_table_find(enum setting_section section, const char *key)
{
    for (size_t i = 0; i < settings_table_count(); i++) {
        if (table[i].section == section && strcmp(table[i].key, key) == 0)
            return (int)i;
    }
    return -1;
}

const char *settings_table_section_name(enum setting_section section)
{
    return sections[section].name;
}

int settings_table_preset(enum setting_section section, void *base)
{
    for (size_t i = 0; i < settings_table_count(); i++) {
        int r = table[i].section == section ? settings_value_assign(&table[i], base, table[i].preset, NULL) : 0;

        if (r < 0)
            return r;
    }
    return 0;
}

void settings_table_free(enum setting_section section, void *base)
{
    for (size_t i = 0; i < settings_table_count(); i++) {
        if (table[i].section == section)
            settings_value_free(&table[i], base);
    }
}

/* Lines of text, each behind "# ". */
static void add_comment(struct buf *out, const char *text)
{
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");

        buf_add_text(out, "# ");
        buf_add(out, text, length);
        buf_add_char(out, '\n');
        text += length + (text[length] == '\n');
    }
}

static void describe_setting(struct buf *out, const struct setting *setting)
{
    char low[DURATION_TEXT], high[DURATION_TEXT];

    buf_addf(out, "# %s", setting->about);
    if (setting->type == SETTING_INT)
        buf_addf(out, " (%lld to %lld)", (long long)setting->min, (long long)setting->max);
    else if (setting->type == SETTING_DURATION)
        buf_addf(out, " (%s to %s)", duration_format(setting->min, low), duration_format(setting->max, high));
    buf_addf(out, "\n#%s =%s%s\n", setting->key, *setting->preset != '\0' ? " " : "", setting->preset);
}

void settings_describe(struct buf *out)
{
    buf_add_text(
        out, "# complyd.conf - configuration of complyd. Every key is shown with its default; take away the \"#\" to\n"
             "# change it. Durations read like 30s, 15m, 6h, 7d. A \";\" after a blank begins a comment.\n"
             "# \"complyd --check\" reads this file and names every mistake; SIGHUP makes complyd read it again.\n");
    for (int section = 0; section < SECTION_COUNT; section++) {
        buf_add_char(out, '\n');
        add_comment(out, sections[section].about);
        /* Its required keys have no default, so the example is no section yet. */
        if (section == SECTION_CONNECTION)
            buf_add_text(out, "#[connection default]\n");
        else
            buf_addf(out, "[%s]\n", sections[section].name);
        for (size_t i = 0; i < settings_table_count(); i++) {
            if (table[i].section == (enum setting_section)section)
                describe_setting(out, &table[i]);
        }
    }
}
