/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "microsoft/cloud.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

enum family { FAMILY_NONE, FAMILY_GLOBAL, FAMILY_US_GOVERNMENT, FAMILY_CHINA };

static const struct domain {
    const char *name;
    enum family family;
} domains[] = {
    {"microsoft.com", FAMILY_GLOBAL},
    {"microsoftonline.com", FAMILY_GLOBAL},
    {"microsoftazure.com", FAMILY_GLOBAL},
    {"azure.com", FAMILY_GLOBAL},
    {"azure.net", FAMILY_GLOBAL},
    {"windows.net", FAMILY_GLOBAL},
    {"microsoft.us", FAMILY_US_GOVERNMENT},
    {"microsoftonline.us", FAMILY_US_GOVERNMENT},
    {"azure.us", FAMILY_US_GOVERNMENT},
    {"usgovcloudapi.net", FAMILY_US_GOVERNMENT},
    {"microsoftonline.cn", FAMILY_CHINA},
    {"chinacloudapi.cn", FAMILY_CHINA},
    {"azure.cn", FAMILY_CHINA},
    {"microsoftonline-p.cn", FAMILY_CHINA},
};

/* The host's part of an https URL: a final dot is dropped, since "microsoft.com." is the same host. */
static const char *host_of(const char *url, size_t *ret_length)
{
    const char *host = url + (strncasecmp(url, "https://", 8) == 0 ? 8 : 0);

    *ret_length = strcspn(host, ":/?#");
    if (*ret_length > 0 && host[*ret_length - 1] == '.')
        --*ret_length;
    return host;
}

static enum family family_of(const char *url)
{
    size_t length;
    const char *host = host_of(url, &length);

    for (size_t i = 0; i < sizeof(domains) / sizeof(domains[0]); i++) {
        size_t tail = strlen(domains[i].name);

        if (length >= tail && strncasecmp(host + length - tail, domains[i].name, tail) == 0 &&
            (length == tail || host[length - tail - 1] == '.'))
            return domains[i].family;
    }
    return FAMILY_NONE;
}

bool cloud_is_same(const char *graph_url, const char *url)
{
    return family_of(graph_url) == family_of(url);
}

bool cloud_is_graphs_own(const char *graph_url, const char *url)
{
    size_t length = strlen(graph_url);

    return strncasecmp(url, graph_url, length) == 0 && url[length] == '/';
}
