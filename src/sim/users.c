/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "sim/users.h"

#include <ctype.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "sim/world.h"

void users_init(struct users *users, const char *tenant_id)
{
    *users = (struct users){.tenant_id = tenant_id};
}

void users_release(struct user *user)
{
    free(user->name);
    free(user->display_name);
    user->name = user->display_name = NULL;
}

static void free_user(void *node)
{
    users_release(node);
    free(node);
}

static void keep(void *node)
{
    (void)node;
}

void users_deinit(struct users *users)
{
    tdestroy(users->by_id, keep);
    tdestroy(users->by_name, free_user);
    users_init(users, users->tenant_id);
}

static int by_name(const void *a, const void *b)
{
    return strcasecmp(((const struct user *)a)->name, ((const struct user *)b)->name);
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct user *)a)->id, ((const struct user *)b)->id);
}

/* Check digits: the second half of a derived id follows from its first half. */
static void complete_id(const struct users *users, struct guid *id)
{
    struct guid half = {.bytes = {0}};
    struct guid check;
    char text[GUID_TEXT];

    memcpy(half.bytes, id->bytes, 8);
    world_derive_guid("user check", users->tenant_id, guid_format(&half, text), text);
    guid_parse(text, &check);
    memcpy(id->bytes + 8, check.bytes + 8, 8);
}

static void derive_id(const struct users *users, const char *name, char ret_id[GUID_TEXT])
{
    char *lower = strdup(name);
    struct guid id;

    for (char *p = lower; p && *p; p++)
        *p = (char)tolower((unsigned char)*p);
    world_derive_guid("user", users->tenant_id, lower ? lower : name, ret_id);
    free(lower);
    guid_parse(ret_id, &id);
    complete_id(users, &id);
    guid_format(&id, ret_id);
}

/* local@domain, both there, no blank or control character. */
static bool is_principal_name(const char *name)
{
    const char *at = strchr(name, '@');

    if (!at || at == name || !at[1] || strchr(at + 1, '@') || strlen(name) > 1024)
        return false;
    for (const char *p = name; *p; p++) {
        if ((unsigned char)*p <= ' ' || *p == 0x7F)
            return false;
    }
    return true;
}

static bool canonical(const char *text, char ret_id[GUID_TEXT])
{
    struct guid guid;

    if (guid_parse(text, &guid) != 0)
        return false;
    guid_format(&guid, ret_id);
    return true;
}

static int insert(struct users *users, struct user *user)
{
    struct user **slot = tsearch(user, &users->by_name, by_name);

    if (!slot)
        return ERR_NOMEM;
    if (*slot != user)
        return ERR_EXISTS;
    slot = tsearch(user, &users->by_id, by_id);
    if (slot && *slot == user)
        return 0;
    tdelete(user, &users->by_name, by_name);
    return slot ? ERR_EXISTS : ERR_NOMEM;
}

int users_add(struct users *users, const char *name, const char *id, const char *display_name)
{
    struct user *user;
    int rc;

    if (!is_principal_name(name) || (id && !guid_is_valid(id)))
        return ERR_INVALID;
    user = calloc(1, sizeof(*user));
    if (!user)
        return ERR_NOMEM;
    user->name = strdup(name);
    user->display_name = strdup(display_name ? display_name : name);
    if (id)
        canonical(id, user->id);
    else
        derive_id(users, name, user->id);
    rc = user->name && user->display_name ? insert(users, user) : ERR_NOMEM;
    if (rc == 0)
        users->count++;
    else
        free_user(user);
    return rc;
}

static bool derived(const struct users *users, const char *id)
{
    struct guid given;
    struct guid completed;

    if (guid_parse(id, &given) != 0)
        return false;
    completed = given;
    complete_id(users, &completed);
    return memcmp(&given, &completed, sizeof(given)) == 0;
}

static const struct user *find(const struct users *users, const char *key)
{
    struct user wanted = {.id = ""};
    char *name = strdup(key);
    void *node;

    if (canonical(key, wanted.id)) {
        node = tfind(&wanted, &users->by_id, by_id);
    } else {
        wanted.name = name;
        node = name ? tfind(&wanted, &users->by_name, by_name) : NULL;
    }
    free(name);
    return node ? *(struct user **)node : NULL;
}

static int answer(const char *id, const char *name, const char *display_name, struct user *ret_user)
{
    memcpy(ret_user->id, id, GUID_TEXT);
    ret_user->name = strdup(name);
    ret_user->display_name = strdup(display_name);
    if (ret_user->name && ret_user->display_name)
        return 0;
    users_release(ret_user);
    return ERR_NOMEM;
}

int users_lookup(const struct users *users, const char *key, bool anyone, struct user *ret_user)
{
    const struct user *user = find(users, key);
    char id[GUID_TEXT];

    if (user)
        return answer(user->id, user->name, user->display_name, ret_user);
    if (!anyone || !is_principal_name(key) || strncasecmp(key, "missing", 7) == 0)
        return ERR_NOTFOUND;
    derive_id(users, key, id);
    return answer(id, key, key, ret_user);
}

bool users_knows_id(const struct users *users, const char *id, bool anyone)
{
    return guid_is_valid(id) && (find(users, id) != NULL || (anyone && derived(users, id)));
}
