/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "sim/options.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "sim/permission.h"

enum option_code {
    OPT_HELP = 'h',
    OPT_VERSION = 'V',
    OPT_LISTEN = 1000,
    OPT_TENANT,
    OPT_CLIENT_ID,
    OPT_CLIENT_SECRET_FILE,
    OPT_CLIENT_CERTIFICATE,
    OPT_TLS_CERT,
    OPT_TLS_KEY,
    OPT_MAKE_CERTS,
    OPT_CONFIG_OUT,
    OPT_CONFIG_CREDENTIAL,
    OPT_SCRIPT,
    OPT_VERDICT_DELAY,
    OPT_TOKEN_LIFETIME,
    OPT_USERS,
    OPT_DEVICES,
    OPT_AUTO_REGISTER,
    OPT_DEVICES_PER_MESSAGE,
    OPT_PAGE_SIZE,
    OPT_READY_FILE,
    OPT_LOG,
    OPT_INTUNE_SCOPE,
    OPT_GRAPH_RESOURCE,
    OPT_IDENTITY_LISTEN,
    OPT_ARC_KEY_FILE,
    OPT_ARC_REALM,
    OPT_SERVICE_URL,
    OPT_QUOTA_GRAPH_REQUESTS,
    OPT_QUOTA_GRAPH_WRITES,
    OPT_QUOTA_PARTNER_REQUESTS,
};

static const struct option long_options[] = {
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {"listen", required_argument, NULL, OPT_LISTEN},
    {"tenant", required_argument, NULL, OPT_TENANT},
    {"client-id", required_argument, NULL, OPT_CLIENT_ID},
    {"client-secret-file", required_argument, NULL, OPT_CLIENT_SECRET_FILE},
    {"client-certificate", required_argument, NULL, OPT_CLIENT_CERTIFICATE},
    {"tls-cert", required_argument, NULL, OPT_TLS_CERT},
    {"tls-key", required_argument, NULL, OPT_TLS_KEY},
    {"make-certs", required_argument, NULL, OPT_MAKE_CERTS},
    {"config-out", required_argument, NULL, OPT_CONFIG_OUT},
    {"config-credential", required_argument, NULL, OPT_CONFIG_CREDENTIAL},
    {"script", required_argument, NULL, OPT_SCRIPT},
    {"verdict-delay", required_argument, NULL, OPT_VERDICT_DELAY},
    {"token-lifetime", required_argument, NULL, OPT_TOKEN_LIFETIME},
    {"users", required_argument, NULL, OPT_USERS},
    {"devices", required_argument, NULL, OPT_DEVICES},
    {"auto-register", no_argument, NULL, OPT_AUTO_REGISTER},
    {"devices-per-message", required_argument, NULL, OPT_DEVICES_PER_MESSAGE},
    {"page-size", required_argument, NULL, OPT_PAGE_SIZE},
    {"ready-file", required_argument, NULL, OPT_READY_FILE},
    {"log", required_argument, NULL, OPT_LOG},
    {"intune-scope", required_argument, NULL, OPT_INTUNE_SCOPE},
    {"graph-resource", required_argument, NULL, OPT_GRAPH_RESOURCE},
    {"identity-listen", required_argument, NULL, OPT_IDENTITY_LISTEN},
    {"arc-key-file", required_argument, NULL, OPT_ARC_KEY_FILE},
    {"arc-realm", required_argument, NULL, OPT_ARC_REALM},
    {"service-url", required_argument, NULL, OPT_SERVICE_URL},
    {"quota-graph-requests", required_argument, NULL, OPT_QUOTA_GRAPH_REQUESTS},
    {"quota-graph-writes", required_argument, NULL, OPT_QUOTA_GRAPH_WRITES},
    {"quota-partner-requests", required_argument, NULL, OPT_QUOTA_PARTNER_REQUESTS},
    {NULL, 0, NULL, 0},
};

/* Appends to a list of strings with room for `max`. */
static int add(const char **list, size_t *count, size_t max, const char *value, const char *what, struct error *err)
{
    if (*count == max)
        return error_set(err, ERR_INVALID, 0, "more than %zu %s", max, what);
    list[(*count)++] = value;
    return 0;
}

static int read_duration(const char *text, int64_t *ret_ms, struct error *err)
{
    if (duration_parse(text, ret_ms) == 0)
        return 0;
    return error_set(err, ERR_INVALID, 0, "'%.40s' is no duration such as 500ms, 2s, 1h30m", text);
}

static int read_count(const char *text, int64_t min, int64_t *ret_value, struct error *err)
{
    char *end;
    long long value = strtoll(text, &end, 10);

    if (*text == '\0' || *end != '\0' || value < min || value > 1000000000)
        return error_set(err, ERR_INVALID, 0, "'%.40s' is no number of %lld or more", text, (long long)min);
    *ret_value = value;
    return 0;
}

static int set_credential(struct options *options, const char *text, struct error *err)
{
    options->config_certificate = strcmp(text, "certificate") == 0;
    if (options->config_certificate || strcmp(text, "secret") == 0)
        return 0;
    return error_set(err, ERR_INVALID, 0, "--config-credential is secret or certificate");
}

static int set_guid(const char **target, const char *text, struct error *err)
{
    *target = text;
    return guid_is_valid(text) ? 0 : error_set(err, ERR_INVALID, 0, "'%.40s' is not a GUID", text);
}

/* Options that are nothing but a file or a text. */
static const char **plain_target(struct options *options, int code)
{
    switch (code) {
    case OPT_LISTEN:
        return &options->listen;
    case OPT_CLIENT_SECRET_FILE:
        return &options->client_secret_file;
    case OPT_TLS_CERT:
        return &options->tls_cert;
    case OPT_TLS_KEY:
        return &options->tls_key;
    case OPT_MAKE_CERTS:
        return &options->make_certs;
    case OPT_CONFIG_OUT:
        return &options->config_out;
    case OPT_SCRIPT:
        return &options->script;
    case OPT_USERS:
        return &options->users;
    case OPT_DEVICES:
        return &options->devices;
    case OPT_READY_FILE:
        return &options->ready_file;
    case OPT_LOG:
        return &options->log;
    case OPT_INTUNE_SCOPE:
        return &options->intune_scope;
    case OPT_IDENTITY_LISTEN:
        return &options->identity_listen;
    case OPT_ARC_KEY_FILE:
        return &options->arc_key_file;
    case OPT_ARC_REALM:
        return &options->arc_realm;
    case OPT_SERVICE_URL:
        return &options->service_url;
    default:
        return NULL;
    }
}

static int set_number(struct options *options, int code, const char *text, struct error *err)
{
    struct world_settings *settings = &options->settings;
    int64_t ms = 0;
    int rc;

    switch (code) {
    case OPT_VERDICT_DELAY:
        return read_duration(text, &settings->verdict_delay_ms, err);
    case OPT_TOKEN_LIFETIME:
        rc = read_duration(text, &ms, err);
        settings->token_lifetime_s = ms / 1000;
        return rc;
    case OPT_DEVICES_PER_MESSAGE:
        return read_count(text, 1, &settings->devices_per_message, err);
    case OPT_PAGE_SIZE:
        return read_count(text, 0, &settings->page_size, err);
    case OPT_QUOTA_GRAPH_REQUESTS:
        return read_count(text, 0, &settings->quota.max[QUOTA_GRAPH_REQUESTS], err);
    case OPT_QUOTA_GRAPH_WRITES:
        return read_count(text, 0, &settings->quota.max[QUOTA_GRAPH_WRITES], err);
    case OPT_QUOTA_PARTNER_REQUESTS:
        return read_count(text, 0, &settings->quota.max[QUOTA_PARTNER_REQUESTS], err);
    default:
        return error_set(err, ERR_INVALID, 0, "see --help for the options");
    }
}

static int set_option(struct options *options, int code, const char *text, struct error *err)
{
    const char **plain = plain_target(options, code);

    if (plain) {
        *plain = text;
        return 0;
    }
    switch (code) {
    case OPT_TENANT:
        if (!guid_is_valid(text))
            return error_set(err, ERR_INVALID, 0, "'%.40s' is not a GUID", text);
        return add(options->tenants, &options->tenant_count, WORLD_TENANTS, text, "tenants", err);
    case OPT_CLIENT_ID:
        return set_guid(&options->client_id, text, err);
    case OPT_CLIENT_CERTIFICATE:
        return add(options->client_certificates, &options->client_certificate_count, WORLD_CERTIFICATES - 1, text,
                   "client certificates", err);
    case OPT_GRAPH_RESOURCE:
        return add(options->graph_resources, &options->graph_resource_count, WORLD_RESOURCES - 2, text,
                   "Graph resources", err);
    case OPT_CONFIG_CREDENTIAL:
        return set_credential(options, text, err);
    case OPT_AUTO_REGISTER:
        options->settings.auto_register = true;
        return 0;
    default:
        return set_number(options, code, text, err);
    }
}

static int check(const struct options *options, struct error *err)
{
    if (!options->make_certs && !(options->tls_cert && options->tls_key))
        return error_set(err, ERR_INVALID, 0, "give --make-certs DIR, or --tls-cert FILE with --tls-key FILE");
    if (options->config_out && !options->make_certs && !(options->client_secret_file && !options->config_certificate))
        return error_set(err, ERR_INVALID, 0, "--config-out needs --make-certs, or --client-secret-file");
    return 0;
}

enum options_result options_parse(int argc, char **argv, struct options *ret_options, struct error *err)
{
    int code;

    *ret_options = (struct options){
        .listen = "127.0.0.1:0",
        .client_id = "5e1ec7ed-0000-4000-8000-0000000000aa",
        .intune_scope = "https://api.manage.microsoft.com//.default",
        .settings = {.verdict_delay_ms = 2000,
                     .auto_users = true,
                     .machine_identity = true,
                     .partner_ios = true,
                     .partner_android = true,
                     .partner_macos = true,
                     .devices_per_message = 1,
                     .permissions = permission_usual()},
    };
    optind = 1;
    while ((code = getopt_long(argc, argv, "hV", long_options, NULL)) >= 0) {
        if (code == OPT_HELP)
            return OPTIONS_HELP;
        if (code == OPT_VERSION)
            return OPTIONS_VERSION;
        if (set_option(ret_options, code, optarg, err) != 0)
            return OPTIONS_BAD;
    }
    if (optind < argc) {
        error_set(err, ERR_INVALID, 0, "'%.60s' is no option", argv[optind]);
        return OPTIONS_BAD;
    }
    if (ret_options->users)
        ret_options->settings.auto_users = false;
    if (ret_options->tenant_count == 0)
        ret_options->tenants[ret_options->tenant_count++] = "5e1ec7ed-0000-4000-8000-000000000001";
    return check(ret_options, err) == 0 ? OPTIONS_RUN : OPTIONS_BAD;
}
