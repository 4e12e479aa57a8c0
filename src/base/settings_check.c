/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "settings_check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/duration.h"
#include "base/error.h"
#include "base/secret.h"

/* microsoft.md section 5. Microsoft publishes no Intune resource for China, so it has to be given there. */
static const struct {
    const char *authority_url;
    const char *graph_url;
    const char *intune_scope;
} clouds[] = {
    [CLOUD_GLOBAL] = {"https://login.microsoftonline.com", "https://graph.microsoft.com",
                      "https://api.manage.microsoft.com//.default"},
    [CLOUD_USGOV] = {"https://login.microsoftonline.us", "https://graph.microsoft.us",
                     "https://api.manage.microsoft.us//.default"},
    [CLOUD_USDOD] = {"https://login.microsoftonline.us", "https://dod-graph.microsoft.us",
                     "https://api.manage.microsoft.us//.default"},
    [CLOUD_CHINA] = {"https://login.chinacloudapi.cn", "https://microsoftgraph.chinacloudapi.cn", NULL},
    [CLOUD_CUSTOM] = {NULL, NULL, NULL},
};

/* One connection under examination. */
struct check {
    struct connection_settings *connection;
    const struct settings_lines *lines;
    struct settings_problems *problems;
};

static int where(const struct check *check, const char *key)
{
    return check->lines->at[settings_table_find(SECTION_CONNECTION, key)];
}

static int line_of(const struct check *check, const char *key)
{
    return where(check, key) != 0 ? abs(where(check, key)) : check->connection->line;
}

/* Written, though perhaps with a value that was refused: then it has had its problem and is not missing as well. */
static bool is_given(const struct check *check, const char *key, const char *value)
{
    return *value != '\0' || where(check, key) < 0;
}

static void complain(const struct check *check, const char *key, const char *reason)
{
    settings_problem_key(check->problems, line_of(check, key), SECTION_CONNECTION, check->connection->name, key, "%s",
                         reason);
}

void settings_check_global(const struct settings *settings, const struct settings_lines *lines,
                           struct settings_problems *problems)
{
    int spread = abs(lines->at[settings_table_find(SECTION_REPORTING, "full_report_spread")]);
    int interval = abs(lines->at[settings_table_find(SECTION_REPORTING, "full_report_interval")]);
    char text[DURATION_TEXT];

    if (settings->full_report_spread_ms > settings->full_report_interval_ms)
        settings_problem_key(problems, spread > 0 ? spread : interval, SECTION_REPORTING, NULL, "full_report_spread",
                             "must not be longer than full_report_interval (%s)",
                             duration_format(settings->full_report_interval_ms, text));
}

static void check_required(const struct check *check, const char *key, const char *value)
{
    if (!is_given(check, key, value))
        complain(check, key, where(check, key) != 0 ? "required, but has no value" : "missing, but required");
}

/* Two of the first three may stand side by side; a managed identity is another principal than the app and cannot
 * stand in for it. */
static void check_credential(const struct check *check)
{
    const struct connection_settings *connection = check->connection;
    bool certificate = is_given(check, "certificate_file", connection->certificate_file);
    bool private_key = is_given(check, "private_key_file", connection->private_key_file);
    bool federated = is_given(check, "federated_token_file", connection->federated_token_file);
    bool secret = is_given(check, "client_secret_file", connection->client_secret_file);
    bool managed = connection->managed_identity || where(check, "managed_identity") < 0;

    if (managed && (certificate || private_key || federated || secret))
        complain(check, "managed_identity",
                 "stands alone: it is another identity than the app of the other credential");
    if (certificate && federated && secret)
        complain(check, "client_secret_file", "a third credential; at most two may stand side by side");
    if (!certificate && !private_key && !federated && !secret && !managed)
        complain(check, "client_secret_file",
                 "no credential: give client_secret_file, certificate_file with private_key_file, "
                 "federated_token_file, or managed_identity = yes");
    if (certificate && !private_key)
        complain(check, "certificate_file", "needs private_key_file beside it");
    if (private_key && !certificate)
        complain(check, "private_key_file", "needs certificate_file beside it");
    if (connection->client_secret_expires_ms != 0 && !secret)
        complain(check, "client_secret_expires", "there is no client_secret_file that it could be about");
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), wanted = strlen(end);

    return wanted > 0 && length >= wanted && strcasecmp(text + length - wanted, end) == 0;
}

/* Written as Microsoft's own pages show them: complyd would add the rest a second time, and only the first request
 * would tell. */
static void check_bases(const struct check *check)
{
    const struct connection_settings *connection = check->connection;

    if (ends_with(connection->authority_url, connection->tenant_id))
        complain(check, "authority_url", "must be the base without the tenant, which is added");
    if (ends_with(connection->graph_url, "/v1.0") || ends_with(connection->graph_url, "/beta"))
        complain(check, "graph_url", "must be the base without /v1.0, which is added");
}

/* The cloud's own value goes in where it has one; else the key must be given. */
static int settle_address(const struct check *check, const char *key, char **member, const char *from_cloud)
{
    if (from_cloud == NULL) {
        if (!is_given(check, key, *member))
            complain(check, key,
                     check->connection->cloud == CLOUD_CUSTOM
                         ? "required with cloud = custom"
                         : "required with cloud = china: Microsoft publishes no Intune scope for it");
        return 0;
    }
    if (**member != '\0') {
        complain(check, key, "only for cloud = custom; this cloud has its own");
        return 0;
    }
    free(*member);
    *member = strdup(from_cloud);
    return *member != NULL ? 0 : ERR_NOMEM;
}

int settings_check_connection(struct connection_settings *connection, const struct settings_lines *lines,
                              struct settings_problems *problems)
{
    struct check check = {connection, lines, problems};
    int r;

    check_required(&check, "tenant_id", connection->tenant_id);
    if (!connection->managed_identity)
        check_required(&check, "client_id", connection->client_id);
    check_credential(&check);
    if (*connection->proxy_credentials_file != '\0' && !is_given(&check, "proxy", connection->proxy))
        complain(&check, "proxy_credentials_file", "there is no proxy that it could be for");
    check_bases(&check);
    r = settle_address(&check, "authority_url", &connection->authority_url, clouds[connection->cloud].authority_url);
    if (r == 0)
        r = settle_address(&check, "graph_url", &connection->graph_url, clouds[connection->cloud].graph_url);
    if (r == 0)
        r = settle_address(&check, "intune_scope", &connection->intune_scope, clouds[connection->cloud].intune_scope);
    return r;
}

/* A file without secrets of ours, or whose mode its maker decides (projected tokens): it has to be there and to be
 * readable. */
static int check_public_file(const char *path, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;
    int r = 0;

    if (fd < 0)
        return error_set(err, ERR_IO, errno, "%s: cannot be opened: %m%s", path,
                         errno == ENOENT || errno == EACCES ? secret_absence(path) : "");
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        r = error_set(err, ERR_INVALID, 0, "%s: is not a regular file", path);
    close(fd);
    return r;
}

static void check_file(const struct check *check, const char *key, const char *path,
                       int (*examine)(const char *path, struct error *err))
{
    struct error err = {0};

    if (*path != '\0' && examine(path, &err) < 0)
        complain(check, key, error_text(&err));
}

void settings_check_files(const struct connection_settings *connection, const struct settings_lines *lines,
                          struct settings_problems *problems)
{
    struct connection_settings copy = *connection;
    struct check check = {&copy, lines, problems};

    check_file(&check, "client_secret_file", connection->client_secret_file, secret_check_file);
    check_file(&check, "certificate_file", connection->certificate_file, check_public_file);
    check_file(&check, "private_key_file", connection->private_key_file, secret_check_file);
    check_file(&check, "federated_token_file", connection->federated_token_file, check_public_file);
    check_file(&check, "ca_file", connection->ca_file, check_public_file);
    check_file(&check, "proxy_credentials_file", connection->proxy_credentials_file, secret_check_file);
}
