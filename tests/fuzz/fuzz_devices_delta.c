/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* Graph's list of changed devices: no link comes out of it but to its own place, and flags have three values. */
#include <strings.h>

#include "microsoft/devices_delta.h"

#include "answer.h"

#define BASE "https://graph.example.com"

static void check_page(const struct devices_delta_page *page)
{
    require(strncasecmp(page->link, BASE "/v1.0/devices/delta", strlen(BASE "/v1.0/devices/delta")) == 0);
    require(strlen(page->link) < 300 && strpbrk(page->link, " #\r\n\t") == NULL);
    for (size_t i = 0; i < page->count; i++) {
        require(page->items[i].managed >= -1 && page->items[i].managed <= 1);
        require(page->items[i].compliant >= -1 && page->items[i].compliant <= 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct devices_delta_page page;
    struct http_response response;
    struct outcome outcome;
    char *body = answer_make(data, size, &response);
    bool continued = size > 1 && data[1] % 2 == 1;

    enum devices_delta_answer answer = devices_delta_read(&response, BASE, continued, 300, fuzz_now_s, &page, &outcome);
    if (answer == DEVICES_DELTA_PAGE)
        check_page(&page);
    else
        require(page.items == NULL && page.link == NULL);
    require((outcome.class == OUTCOME_ACCEPTED) == (answer == DEVICES_DELTA_PAGE));
    devices_delta_page_deinit(&page);
    free(body);
    return 0;
}
