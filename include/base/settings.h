/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * settings - what an administrator writes in complyd.conf: one table gives parsing, defaults, ranges and checks.
 *
 * Thread    loop (or a program's only thread). A loaded struct settings is read-only; a reload makes a new one.
 * Errors    every mistake in the file is collected as "file:line: [section] key: reason"; loading fails with ERR_CONFIG
 *           when there is at least one. A missing file is one such line (line 0).
 */
#ifndef COMPLYD_BASE_SETTINGS_H
#define COMPLYD_BASE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/log.h"

#define SETTINGS_DEFAULT_PATH "/etc/complyd/complyd.conf"

enum settings_cloud { CLOUD_GLOBAL, CLOUD_USGOV, CLOUD_USDOD, CLOUD_CHINA, CLOUD_CUSTOM };

/* One [connection NAME]: an Entra tenant and an app credential. Strings are never NULL ("" = not set), owned by
 * settings. */
struct connection_settings {
    char *name; /* letters, digits, '-', '_', '.'; at most 64 */
    int line;   /* where its section starts, for messages of later checks */
    bool enabled;
    char *tenant_id;                  /* GUID */
    char *client_id;                  /* GUID; "" only with managed_identity: the machine's own */
    char *client_secret_file;         /* one or two of the first three credentials, or managed_identity */
    int64_t client_secret_expires_ms; /* wall clock; 0 = not told */
    char *certificate_file;           /* PEM, with private_key_file */
    char *private_key_file;           /* PEM */
    char *federated_token_file;
    bool managed_identity;
    enum settings_cloud cloud;
    char *authority_url; /* https base without the tenant: "https://login.microsoftonline.com"; filled from the cloud */
    char *graph_url;     /* https base without /v1.0: "https://graph.microsoft.com"; filled from the cloud */
    char *intune_scope;  /* "https://api.manage.microsoft.com//.default"; filled from the cloud */
    char *ca_file;       /* "" = the system's trust store */
    char *proxy;         /* "" = none (of the environment only NO_PROXY is read) */
    char *proxy_credentials_file; /* user:password; "" = none */
    char *enrollment_url;
    char *remediation_url;
    char *assignment_group;
    int graph_requests_per_10s;   /* 1..1000000, default 3500 (throttling limits of Graph, app + tenant, size S) */
    int graph_writes_per_150s;    /* 1..10000000, default 3000 */
    int partner_requests_per_20s; /* 1..1000000, default 100 (Intune's write limit: the partner's own is unpublished) */
    int partner_devices_per_message; /* 1..100, default 1: nothing public shows more being accepted */
};

struct settings {
    char *path;                 /* the file read */
    char *store;                /* default /var/lib/complyd/complyd.db */
    char *control_socket;       /* default /run/complyd/control.sock */
    enum log_level log_level;   /* default info */
    enum log_format log_format; /* default journal */

    bool enabled;                    /* [reporting] enabled, default yes */
    int64_t full_report_interval_ms; /* 1h..30d, default 7d */
    int64_t full_report_spread_ms;   /* 0..7d, and no longer than the interval; default 6h */
    int max_in_flight;               /* 1..1000 requests at once per connection and channel, default 100 */
    int64_t result_deadline_ms;      /* 10s..7d, default 15m: how long an accepted message may lack its verdict */
    int64_t activity_retention_ms;   /* 1d..3650d, default 400d */

    int breaker_max_count;     /* 1..1000000, default 500 */
    int breaker_max_share;     /* 1..100 percent, default 20 */
    int64_t breaker_window_ms; /* 1m..7d, default 1h */

    char *web_listen; /* "" = off; loopback "127.0.0.1:8080", "[::1]:8080" */

    struct connection_settings *connections;
    size_t connection_count;
};

/* Reads `path`. On ERR_CONFIG `problems` (may be NULL) gets one line per mistake, each ending in '\n', and
 * *ret_settings is NULL. The caller frees with settings_free(). Checks values and that the named credential files can
 * be used (secret_check_file for the secret ones); contacts nothing. */
int settings_load(const char *path, struct settings **ret_settings, struct buf *problems);

/* The same from memory, for tests and fuzzing: no file system is touched. `name` stands for the file in messages. */
int settings_parse(const char *text, size_t length, const char *name, struct settings **ret_settings,
                   struct buf *problems);

void settings_free(struct settings *settings);

/* NULL when there is none of that name. */
const struct connection_settings *settings_connection(const struct settings *settings, const char *name);

/* The same, or ERR_NOTFOUND with a message that names the one likely meant, or lists those that there are. */
int settings_find_connection(const struct settings *settings, const char *name,
                             const struct connection_settings **ret_connection, struct error *err);

/* True when both say the same, key for key (not: files with the same content). */
bool settings_connection_equal(const struct connection_settings *a, const struct connection_settings *b);

/* Writes the documented default configuration (what conf/complyd.conf must equal, key for key): every key, commented
 * out, with its default and one-line description. Tests compare; docs are generated from it. */
void settings_describe(struct buf *out);

#endif
