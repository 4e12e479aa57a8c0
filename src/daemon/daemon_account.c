/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <stdio.h>
#include <string.h>

#include "daemon/connection_run.h"
#include "daemon_internal.h"

static int refuse_unknown(const struct settings *settings, const char *name, struct error *err)
{
    char names[256] = "";
    for (size_t i = 0; i < settings->connection_count; i++) {
        size_t used = strlen(names);
        snprintf(names + used, sizeof(names) - used, "%s%s", i > 0 ? ", " : "", settings->connections[i].name);
    }
    return error_set(err, ERR_NOTFOUND, 0, "there is no connection '%.64s' in the configuration (it has: %s)", name,
                     names[0] ? names : "none");
}

static int find(const struct daemon *daemon, const char *name, struct connection **ret_connection, struct error *err)
{
    const struct settings *settings = daemon_settings(daemon);
    const struct connection_settings *found = settings_connection(settings, name);
    if (!found)
        return refuse_unknown(settings, name, err);
    if (!settings->enabled || !found->enabled)
        return error_set(err, ERR_EXISTS, 0,
                         "connection %s is switched off: set enabled = yes and run systemctl reload complyd first",
                         name);
    *ret_connection = daemon_find_connection(daemon, name);
    if (!*ret_connection)
        return error_set(err, ERR_BUSY, 0, "connection %s is just being started: ask again", name);
    return 0;
}

int daemon_connect(struct daemon *daemon, const char *connection, daemon_done_fn *done, void *ctx, struct error *err)
{
    struct connection *found = NULL;
    int rc = find(daemon, connection, &found, err);
    return !found ? rc : connection_connect(found, done, ctx, err);
}

int daemon_disconnect(struct daemon *daemon, const char *connection, const struct account_disconnect_options *options,
                      daemon_done_fn *done, void *ctx, struct error *err)
{
    struct connection *found = NULL;
    int rc = find(daemon, connection, &found, err);
    return !found ? rc : connection_disconnect(found, options, done, ctx, err);
}

int daemon_check_drift(struct daemon *daemon, const char *connection, int64_t *ret_check, struct error *err)
{
    struct connection *found = NULL;
    int rc = find(daemon, connection, &found, err);
    return !found ? rc : connection_check_drift(found, ret_check, err);
}

int daemon_repair_drift(struct daemon *daemon, const char *connection, struct error *err)
{
    struct connection *found = NULL;
    int rc = find(daemon, connection, &found, err);
    return !found ? rc : connection_repair_drift(found, err);
}
