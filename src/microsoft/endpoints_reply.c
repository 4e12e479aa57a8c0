/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "microsoft/endpoints.h"

#include "reply.h"

/* Intune's own by its appId, should the answer hold more than was asked for; else the first. */
static const cJSON *choose_principal(const cJSON *principals)
{
    const cJSON *principal;

    cJSON_ArrayForEach(principal, principals)
    {
        if (strcasecmp(reply_text(principal, "appId"), INTUNE_APP_ID) == 0)
            return principal;
    }
    return cJSON_GetArrayItem(principals, 0);
}

int endpoints_parse_principal(const char *json, size_t length, char ret_id[GUID_TEXT], struct error *err)
{
    const cJSON *first;
    struct guid id;
    cJSON *root;
    int result = reply_parse(json, length, &root, err);

    ret_id[0] = '\0';
    if (result != 0)
        return result;
    first = choose_principal(reply_array(root, "value"));
    if (reply_array(root, "value") == NULL)
        result = error_set(err, ERR_REPLY, 0, "the list of service principals has no value");
    else if (first == NULL)
        result = error_set(err, ERR_NOTFOUND, 0, "the tenant has no service principal of Intune");
    else if (guid_parse(reply_text(first, "id"), &id) != 0)
        result = error_set(err, ERR_REPLY, 0, "the service principal's id is not a GUID");
    else
        guid_format(&id, ret_id);
    cJSON_Delete(root);
    return result;
}

static bool is_host_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr(".-:[]", c));
}

/* Tokens go there: https, a host without user name, a path that we can append to. */
static bool is_service_url(const char *url, size_t length)
{
    const char scheme[] = "https://";
    size_t host = sizeof(scheme) - 1, i;

    if (strncasecmp(url, scheme, host) != 0)
        return false;
    for (i = host; i < length && url[i] != '/'; i++) {
        if (!is_host_character(url[i]))
            return false;
    }
    if (i == host || url[host] == ':')
        return false;
    for (; i < length; i++) {
        if (url[i] <= ' ' || url[i] > '~' || strchr("?#\"<>\\^`{|}", url[i]) != NULL)
            return false;
    }
    return true;
}

static int take_url(const char *url, char *member, size_t size, struct error *err)
{
    size_t length = strlen(url);

    while (length > 0 && url[length - 1] == '/')
        length--;
    if (!is_service_url(url, length))
        return error_set(err, ERR_REPLY, 0, "an endpoint's uri is not an https URL");
    if (length >= size)
        return error_set(err, ERR_REPLY, 0, "an endpoint's uri is longer than %zu characters", size - 1);
    memcpy(member, url, length);
    member[length] = '\0';
    return 0;
}

static int take_entry(const cJSON *entry, struct endpoints *endpoints, struct error *err)
{
    const char *name = reply_text(entry, "providerName");
    const char *uri = reply_text(entry, "uri");

    if (strcasecmp(name, "PartnerDeviceDataSyncService") == 0 && endpoints->device_url[0] == '\0')
        return take_url(uri, endpoints->device_url, sizeof(endpoints->device_url), err);
    if (strcasecmp(name, "PartnerTenantDataSyncService") == 0 && endpoints->tenant_url[0] == '\0')
        (void)take_url(uri, endpoints->tenant_url, sizeof(endpoints->tenant_url), NULL); /* reports do not need it */
    return 0;
}

static int take_next(const cJSON *root, char ret_next[1024], struct error *err)
{
    const char *next = reply_text(root, "@odata.nextLink");

    if (strlen(next) >= 1024)
        return error_set(err, ERR_REPLY, 0, "the link to the next page is too long");
    memcpy(ret_next, next, strlen(next) + 1);
    return 0;
}

int endpoints_parse_list(const char *json, size_t length, struct endpoints *endpoints, char ret_next[1024],
                         struct error *err)
{
    const cJSON *entry;
    cJSON *root;
    int result = reply_parse(json, length, &root, err);

    ret_next[0] = '\0';
    if (result != 0)
        return result;
    if (reply_array(root, "value") == NULL)
        result = error_set(err, ERR_REPLY, 0, "the list of endpoints has no value");
    cJSON_ArrayForEach(entry, reply_array(root, "value"))
    {
        if (result == 0)
            result = take_entry(entry, endpoints, err);
    }
    if (result == 0)
        result = take_next(root, ret_next, err);
    cJSON_Delete(root);
    return result;
}
