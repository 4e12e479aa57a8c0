/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "sim/people.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/exchange.h"
#include "sim/odata.h"
#include "sim/refusal.h"
#include "sim/world.h"

static const char *const names[] = {
    "id",          "displayName",    "userPrincipalName", "givenName",         "surname",        "mail", "jobTitle",
    "mobilePhone", "businessPhones", "officeLocation",    "preferredLanguage", "accountEnabled", NULL};

/* id or principal name from either form of the path; NULL = neither. The caller frees. */
static char *read_key(const struct exchange *ex)
{
    if (ex->segment_count == 2)
        return odata_key(ex->segments[1], "users", "");
    /* A name that starts with '$' would read as a keyword of OData here; only the other form may carry it. */
    if (ex->segment_count == 3 && exchange_segment_is(ex, 1, "users") && ex->segments[2][0] != '$')
        return strdup(ex->segments[2]);
    return NULL;
}

static void write_text(const struct selection *selection, const char *name, const char *value, struct buf *out)
{
    if (!odata_selection_wants(selection, name))
        return;
    buf_addf(out, ",\"%s\":", name);
    if (value)
        buf_add_json_string(out, value);
    else
        buf_add_text(out, "null");
}

static void write_user(const struct user *user, const struct selection *selection, struct buf *out)
{
    buf_addf(out, "\"id\":\"%s\"", user->id);
    write_text(selection, "displayName", user->display_name, out);
    write_text(selection, "userPrincipalName", user->name, out);
    write_text(selection, "mail", user->name, out);
    for (size_t i = 3; names[i]; i++) {
        if (strcmp(names[i], "mail") != 0 && strcmp(names[i], "businessPhones") != 0 &&
            strcmp(names[i], "accountEnabled") != 0)
            write_text(selection, names[i], NULL, out);
    }
    if (odata_selection_wants(selection, "businessPhones"))
        buf_add_text(out, ",\"businessPhones\":[]");
    /* Not among the default properties. */
    if (selection->list && odata_selection_wants(selection, "accountEnabled"))
        buf_add_text(out, ",\"accountEnabled\":true");
}

static void show(const struct world *world, struct exchange *ex, const struct user *user,
                 const struct selection *selection)
{
    exchange_answer(ex, 200, EXCHANGE_JSON);
    buf_addf(&ex->reply, "{\"@odata.context\":\"%s/v1.0/$metadata#users", world->base_url);
    if (selection->list)
        buf_addf(&ex->reply, "(%s)", selection->list);
    buf_add_text(&ex->reply, "/$entity\",");
    write_user(user, selection, &ex->reply);
    buf_add_char(&ex->reply, '}');
}

static void refuse_unknown(struct exchange *ex, const char *key)
{
    char text[256];

    snprintf(text, sizeof(text),
             "Resource '%.100s' does not exist or one of its queried reference-property objects are not present.", key);
    refusal_graph(ex, 404, "Request_ResourceNotFound", text);
}

void people_get(struct world *world, struct exchange *ex)
{
    struct selection selection = {.list = NULL};
    struct user user = {.name = NULL};
    char *key = read_key(ex);

    if (!exchange_method_is(ex, "GET"))
        refusal_graph(ex, 405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.");
    else if (!key)
        refusal_graph(ex, 400, "BadRequest",
                      "The request URI is not valid: one user by id or userPrincipalName is served.");
    else if (!odata_selection_read(ex, names, "microsoft.graph.user", &selection))
        goto done;
    else if (users_lookup(&ex->tenant->users, key, world->settings.auto_users, &user) == 0)
        show(world, ex, &user, &selection);
    else
        refuse_unknown(ex, key);
done:
    users_release(&user);
    odata_selection_release(&selection);
    free(key);
}
