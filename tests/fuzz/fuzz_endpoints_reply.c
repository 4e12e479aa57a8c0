/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* Graph's lists of service principals and of endpoints: no URL comes out of them but https ones. */
#include <strings.h>

#include "microsoft/endpoints.h"

#include "answer.h"

static void check(const char *url)
{
    if (url[0] == '\0')
        return;
    require(strncasecmp(url, "https://", 8) == 0 && strpbrk(url, "?# \\\"") == NULL);
    require(strcspn(url + 8, "/") > 0 && strcspn(url + 8, "@") >= strcspn(url + 8, "/"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct endpoints endpoints = {0};
    struct http_response response;
    char id[GUID_TEXT], next[1024];
    char *body = answer_make(data, size, &response);

    if (endpoints_parse_principal(response.body, response.body_length, id, NULL) == 0)
        require(guid_is_valid(id));
    endpoints_parse_list(response.body, response.body_length, &endpoints, next, NULL);
    check(endpoints.device_url);
    check(endpoints.tenant_url);
    require(memchr(next, '\0', sizeof(next)) != NULL);
    free(body);
    return 0;
}
