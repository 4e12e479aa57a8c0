/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * device - a device as the MDM's store describes it, and what Microsoft can believe of one. Pure data.
 */
#ifndef COMPLYD_MODEL_DEVICE_H
#define COMPLYD_MODEL_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

enum platform { PLATFORM_IOS, PLATFORM_ANDROID, PLATFORM_MACOS, PLATFORM_WINDOWS, PLATFORM_COUNT };

/* Which way a platform's reports go; the values are stored in outbox.channel. */
enum channel { CHANNEL_PARTNER, CHANNEL_GRAPH, CHANNEL_COUNT };

/* What Microsoft should believe; the values are stored in report.state, and a higher one is worse. */
enum azure_state {
    AZURE_STATE_NONE, /* never told */
    AZURE_STATE_COMPLIANT,
    AZURE_STATE_NON_COMPLIANT,
    AZURE_STATE_REMOVED,
};

/* "Azure Device Compliance Status"; the values are stored in report.status. */
enum compliance_status { STATUS_NONE, STATUS_IN_PROGRESS, STATUS_SUCCESS, STATUS_ERROR };

/* "Azure Client Status Code", as the device's MSAL library reported it (microsoft.md section 6). */
enum client_status {
    CLIENT_UNKNOWN, /* "": never heard */
    CLIENT_SUCCESS,
    CLIENT_INTERNAL_ERROR,
    CLIENT_WORKPLACE_JOIN_REQUIRED,
    CLIENT_INTERACTION_REQUIRED,
    CLIENT_SERVER_DECLINED_SCOPES,
    CLIENT_SERVER_PROTECTION_POLICIES_REQUIRED,
    CLIENT_USER_CANCELED,
    CLIENT_ACCOUNT_LOGGED_OUT,
    CLIENT_STATUS_COUNT
};

/* One row of table `device`. Strings are borrowed, UTF-8, never NULL ("" = not set). */
struct device {
    const char *device_id;
    const char *connection;
    enum platform platform;
    const char *name;
    const char *manufacturer;
    const char *model;
    const char *serial_number;
    const char *os_version;
    const char *user_principal_name;
    bool managed;
    const char *azure_device_id;
    enum client_status client_status;
    int64_t last_check_in_s; /* -1 = never */
    int64_t evaluated_at_s;  /* -1 = never */
};

int platform_parse(const char *text, enum platform *ret_platform); /* "ios" ...; 0 or ERR_INVALID */
const char *platform_name(enum platform platform);                 /* the store's word: "ios" */
enum channel platform_channel(enum platform platform);
const char *channel_name(enum channel channel); /* "partner", "graph" */

const char *azure_state_name(enum azure_state state); /* "" "compliant" "non_compliant" "removed" */
int azure_state_parse(const char *text, enum azure_state *ret_state);

const char *compliance_status_name(enum compliance_status status); /* "" "in_progress" "success" "error" */
int compliance_status_parse(const char *text, enum compliance_status *ret_status);

const char *client_status_name(enum client_status status); /* "" "Success" "Internal_Error" ... */
int client_status_parse(const char *text, enum client_status *ret_status);
bool client_status_is_error(enum client_status status);      /* anything but "" and Success */
bool client_status_user_can_mend(enum client_status status); /* Workplace_Join_Required, Interaction_Required */

/* Digest of all inventory columns (name, manufacturer, model, serial, OS version, user, platform): equal columns give
 * equal digests on every machine and version (64-bit FNV-1a over NUL-terminated columns). Never 0. */
uint64_t device_inventory_digest(const struct device *device);

bool text_is_utf8(const char *text); /* valid UTF-8 without ASCII control characters other than tab; NULL is not */

#endif
