/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "sim/permission.h"

#include <cjson/cJSON.h>
#include <stddef.h>
#include <string.h>

#include "base/error.h"

#define BIT(use) (UINT32_C(1) << (use))

static const struct permission {
    const char *name;
    bool graph;
    bool usual;
    uint32_t uses;
} permissions[] = {
    {"Application.Read.All", true, true, BIT(PERMISSION_READ_PRINCIPALS)},
    {"User.Read.All", true, true, BIT(PERMISSION_READ_USERS)},
    {"User.ReadBasic.All", true, false, BIT(PERMISSION_READ_USERS)},
    {"Group.Read.All", true, true, BIT(PERMISSION_READ_GROUPS)},
    {"Device.Read.All", true, false, BIT(PERMISSION_READ_DEVICES)},
    {"Device.ReadWrite.All", true, true, BIT(PERMISSION_READ_DEVICES) | BIT(PERMISSION_WRITE_DEVICES)},
    {"Directory.Read.All", true, false,
     BIT(PERMISSION_READ_PRINCIPALS) | BIT(PERMISSION_READ_USERS) | BIT(PERMISSION_READ_GROUPS) |
         BIT(PERMISSION_READ_DEVICES)},
    {"Directory.ReadWrite.All", true, false,
     BIT(PERMISSION_READ_PRINCIPALS) | BIT(PERMISSION_READ_USERS) | BIT(PERMISSION_READ_GROUPS) |
         BIT(PERMISSION_READ_DEVICES) | BIT(PERMISSION_WRITE_DEVICES)},
    {"manage_partner_compliance_policy", false, true, BIT(PERMISSION_MANAGE_PARTNER)},
    {"update_device_attributes", false, true, BIT(PERMISSION_SEND_MESSAGES)},
};

enum { PERMISSIONS = sizeof(permissions) / sizeof(permissions[0]) };

/* The bit of a permission, not of a use; 0 = unknown. */
static uint32_t find(const char *name, size_t length)
{
    for (size_t i = 0; i < PERMISSIONS; i++) {
        if (strlen(permissions[i].name) == length && memcmp(permissions[i].name, name, length) == 0)
            return UINT32_C(1) << i;
    }
    return 0;
}

uint32_t permission_usual(void)
{
    uint32_t set = 0;

    for (size_t i = 0; i < PERMISSIONS; i++)
        set |= permissions[i].usual ? UINT32_C(1) << i : 0;
    return set;
}

int permission_parse(const char *names, uint32_t *ret_set)
{
    uint32_t set = 0;

    for (names += strspn(names, " "); *names; names += strspn(names, " ")) {
        size_t length = strcspn(names, " ");
        uint32_t bit = find(names, length);
        if (bit == 0)
            return ERR_INVALID;
        set |= bit;
        names += length;
    }
    *ret_set = set;
    return 0;
}

void permission_format(uint32_t set, struct buf *out)
{
    const char *blank = "";

    for (size_t i = 0; i < PERMISSIONS; i++) {
        if (!(set >> i & 1))
            continue;
        buf_addf(out, "%s%s", blank, permissions[i].name);
        blank = " ";
    }
}

void permission_write_roles(uint32_t set, bool graph, struct buf *out)
{
    const char *comma = "";

    buf_add_char(out, '[');
    for (size_t i = 0; i < PERMISSIONS; i++) {
        if (!(set >> i & 1) || permissions[i].graph != graph)
            continue;
        buf_addf(out, "%s\"%s\"", comma, permissions[i].name);
        comma = ",";
    }
    buf_add_char(out, ']');
}

uint32_t permission_read_roles(const struct cJSON *roles)
{
    const cJSON *role;
    uint32_t set = 0;

    cJSON_ArrayForEach(role, roles)
    {
        if (cJSON_IsString(role))
            set |= find(role->valuestring, strlen(role->valuestring));
    }
    return set;
}

bool permission_allows(uint32_t set, enum permission_use use)
{
    for (size_t i = 0; i < PERMISSIONS; i++) {
        if ((set >> i & 1) && (permissions[i].uses & BIT(use)))
            return true;
    }
    return false;
}
