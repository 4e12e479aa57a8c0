/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "daemon/connection_run.h"
#include "daemon_internal.h"

static int find(const struct daemon *daemon, const char *name, struct connection **ret_connection, struct error *err)
{
    const struct settings *settings = daemon_settings(daemon);
    const struct connection_settings *found;
    if (settings_find_connection(settings, name, &found, err) < 0)
        return ERR_NOTFOUND;
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
