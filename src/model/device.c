/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "model/device.h"

#include <stddef.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "fnv.h"

enum { AZURE_STATE_COUNT = AZURE_STATE_REMOVED + 1, STATUS_COUNT = STATUS_ERROR + 1 };

static const char *const platform_names[PLATFORM_COUNT] = {
    [PLATFORM_IOS] = "ios",
    [PLATFORM_ANDROID] = "android",
    [PLATFORM_MACOS] = "macos",
    [PLATFORM_WINDOWS] = "windows",
};

static const char *const channel_names[CHANNEL_COUNT] = {
    [CHANNEL_PARTNER] = "partner",
    [CHANNEL_GRAPH] = "graph",
};

static const char *const azure_state_names[AZURE_STATE_COUNT] = {
    [AZURE_STATE_NONE] = "",
    [AZURE_STATE_COMPLIANT] = "compliant",
    [AZURE_STATE_NON_COMPLIANT] = "non_compliant",
    [AZURE_STATE_REMOVED] = "removed",
};

static const char *const status_names[STATUS_COUNT] = {
    [STATUS_NONE] = "",
    [STATUS_IN_PROGRESS] = "in_progress",
    [STATUS_SUCCESS] = "success",
    [STATUS_ERROR] = "error",
};

static const char *const client_names[CLIENT_STATUS_COUNT] = {
    [CLIENT_UNKNOWN] = "",
    [CLIENT_SUCCESS] = "Success",
    [CLIENT_INTERNAL_ERROR] = "Internal_Error",
    [CLIENT_WORKPLACE_JOIN_REQUIRED] = "Workplace_Join_Required",
    [CLIENT_INTERACTION_REQUIRED] = "Interaction_Required",
    [CLIENT_SERVER_DECLINED_SCOPES] = "Server_Declined_Scopes",
    [CLIENT_SERVER_PROTECTION_POLICIES_REQUIRED] = "Server_Protection_Policies_Required",
    [CLIENT_USER_CANCELED] = "User_Canceled",
    [CLIENT_ACCOUNT_LOGGED_OUT] = "Account_logged_out",
};

/* Index of `text` in `names`, or ERR_INVALID. */
static int find_name(const char *text, const char *const *names, int count)
{
    for (int i = 0; text != NULL && i < count; i++) {
        if (strcmp(text, names[i]) == 0)
            return i;
    }
    return ERR_INVALID;
}

/* Numbers come from stores and may be out of range: they read as "". */
static const char *name_of(unsigned value, const char *const *names, unsigned count)
{
    return value < count ? names[value] : "";
}

int platform_parse(const char *text, enum platform *ret_platform)
{
    int found = find_name(text, platform_names, PLATFORM_COUNT);

    if (found < 0)
        return found;
    *ret_platform = (enum platform)found;
    return 0;
}

const char *platform_name(enum platform platform)
{
    return name_of(platform, platform_names, PLATFORM_COUNT);
}

enum channel platform_channel(enum platform platform)
{
    return platform == PLATFORM_WINDOWS ? CHANNEL_GRAPH : CHANNEL_PARTNER;
}

const char *channel_name(enum channel channel)
{
    return name_of(channel, channel_names, CHANNEL_COUNT);
}

const char *azure_state_name(enum azure_state state)
{
    return name_of(state, azure_state_names, AZURE_STATE_COUNT);
}

int azure_state_parse(const char *text, enum azure_state *ret_state)
{
    int found = find_name(text, azure_state_names, AZURE_STATE_COUNT);

    if (found < 0)
        return found;
    *ret_state = (enum azure_state)found;
    return 0;
}

const char *compliance_status_name(enum compliance_status status)
{
    return name_of(status, status_names, STATUS_COUNT);
}

int compliance_status_parse(const char *text, enum compliance_status *ret_status)
{
    int found = find_name(text, status_names, STATUS_COUNT);

    if (found < 0)
        return found;
    *ret_status = (enum compliance_status)found;
    return 0;
}

const char *client_status_name(enum client_status status)
{
    return name_of(status, client_names, CLIENT_STATUS_COUNT);
}

int client_status_parse(const char *text, enum client_status *ret_status)
{
    int found = find_name(text, client_names, CLIENT_STATUS_COUNT);

    if (found < 0)
        return found;
    *ret_status = (enum client_status)found;
    return 0;
}

bool client_status_is_error(enum client_status status)
{
    return status != CLIENT_UNKNOWN && status != CLIENT_SUCCESS;
}

bool client_status_user_can_mend(enum client_status status)
{
    return status == CLIENT_WORKPLACE_JOIN_REQUIRED || status == CLIENT_INTERACTION_REQUIRED;
}

uint64_t device_inventory_digest(const struct device *device)
{
    uint64_t hash = FNV_START;

    hash = fnv_text(hash, device->name);
    hash = fnv_text(hash, device->manufacturer);
    hash = fnv_text(hash, device->model);
    hash = fnv_text(hash, device->serial_number);
    hash = fnv_text(hash, device->os_version);
    hash = fnv_text(hash, device->user_principal_name);
    hash = fnv_text(hash, platform_name(device->platform));
    return fnv_end(hash);
}

bool text_is_utf8(const char *text)
{
    if (text == NULL)
        return false;
    while (*text != '\0') {
        size_t length = utf8_sequence(text);
        /* C1 characters pass: they come of names once written in Windows-1252, and JSON carries them. */
        bool control = length == 1 && utf8_is_control(text) && *text != '\t';

        if (length == 0 || control)
            return false;
        text += length;
    }
    return true;
}
