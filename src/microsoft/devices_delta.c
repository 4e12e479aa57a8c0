/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "microsoft/devices_delta.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "classify.h"
#include "reply.h"

#define DELTA_PATH "/v1.0/devices/delta"

void devices_delta_url(struct buf *url, const char *graph_url)
{
    buf_addf(url, "%s" DELTA_PATH "?$select=id,deviceId,isCompliant,isManaged", graph_url);
}

void devices_delta_page_deinit(struct devices_delta_page *page)
{
    free(page->items);
    free(page->link);
    *page = (struct devices_delta_page){0};
}

/* null is a value that was never set. */
static signed char read_flag(const cJSON *item, const char *name)
{
    const cJSON *member = cJSON_GetObjectItem(item, name);

    if (cJSON_IsTrue(member))
        return 1;
    return cJSON_IsFalse(member) || cJSON_IsNull(member) ? 0 : -1;
}

static bool read_item(const cJSON *object, struct drift_item *item)
{
    *item = (struct drift_item){.removed = reply_object(object, "@removed") != NULL,
                                .managed = read_flag(object, "isManaged"),
                                .compliant = read_flag(object, "isCompliant")};
    item->has_device_id = guid_parse(reply_text(object, "deviceId"), &item->device_id) == 0;
    return guid_parse(reply_text(object, "id"), &item->object_id) == 0;
}

static int read_items(const cJSON *list, struct devices_delta_page *page)
{
    const cJSON *object;
    int size = cJSON_GetArraySize(list);

    if (size == 0)
        return 0;
    page->items = calloc((size_t)size, sizeof(*page->items));
    if (page->items == NULL)
        return ERR_NOMEM;
    cJSON_ArrayForEach(object, list)
    {
        if (read_item(object, &page->items[page->count]))
            page->count++;
        else
            page->odd++;
    }
    return 0;
}

/* Nothing that could lead elsewhere once it is a URL: no blanks, no fragment, and right behind the path its query. */
bool devices_delta_owns(const char *link, const char *graph_url)
{
    size_t base = strlen(graph_url), path = strlen(DELTA_PATH);

    if (strncasecmp(link, graph_url, base) != 0 || strncasecmp(link + base, DELTA_PATH, path) != 0)
        return false;
    link += base + path;
    if (strncmp(link, "()", 2) == 0)
        link += 2;
    if (*link != '?')
        return false;
    for (; *link != '\0'; link++) {
        if (*link <= ' ' || *link > '~' || *link == '#')
            return false;
    }
    return true;
}

static const char *read_link(const cJSON *root, const char *graph_url, size_t link_max, struct devices_delta_page *page)
{
    const char *next = reply_text(root, "@odata.nextLink");
    const char *link = next[0] != '\0' ? next : reply_text(root, "@odata.deltaLink");

    page->last = next[0] == '\0';
    if (link[0] == '\0')
        return "a page of devices that says not where to go on";
    if (strlen(link) >= link_max)
        return "a page of devices with a link that is too long";
    if (!devices_delta_owns(link, graph_url))
        return "a page of devices with a link that leads elsewhere";
    page->link = strdup(link);
    return page->link == NULL ? "out of memory" : NULL;
}

static const char *read_page(const struct http_response *response, const char *graph_url, size_t link_max,
                             struct devices_delta_page *page)
{
    const char *wrong;
    cJSON *root;

    if (reply_parse(response->body, response->body_length, &root, NULL) != 0)
        return "a page of devices that is no JSON";
    if (reply_array(root, "value") == NULL)
        wrong = "a page of devices without a value";
    else
        wrong = read_link(root, graph_url, link_max, page);
    if (wrong == NULL && read_items(reply_array(root, "value"), page) != 0)
        wrong = "out of memory";
    cJSON_Delete(root);
    return wrong;
}

static bool is_graphs_error(const struct http_response *response)
{
    struct reply_error error = {.code = ""};
    bool has_code;
    cJSON *root;

    if (reply_parse(response->body, response->body_length, &root, NULL) != 0)
        return false;
    reply_read_error(root, &error);
    has_code = error.code[0] != '\0';
    cJSON_Delete(root);
    return has_code;
}

/* A link that is refused in Graph's own words is one that it knows no more, whatever the status. */
static bool is_lost(const struct http_response *response, bool continued)
{
    if (response->result != 0)
        return false;
    return response->status == 410 ||
           (continued && (response->status == 400 || response->status == 404) && is_graphs_error(response));
}

enum devices_delta_answer devices_delta_read(const struct http_response *response, const char *graph_url,
                                             bool continued, size_t link_max, int64_t now_s,
                                             struct devices_delta_page *ret_page, struct outcome *ret_outcome)
{
    const char *wrong;

    *ret_page = (struct devices_delta_page){0};
    outcome_of_response(response, false, now_s, ret_outcome);
    if (is_lost(response, continued))
        return DEVICES_DELTA_RESYNC;
    if (ret_outcome->class != OUTCOME_ACCEPTED)
        return DEVICES_DELTA_FAILED;
    wrong = read_page(response, graph_url, link_max, ret_page);
    if (wrong == NULL)
        return DEVICES_DELTA_PAGE;
    devices_delta_page_deinit(ret_page);
    *ret_outcome = (struct outcome){.class = OUTCOME_TRANSIENT, .trouble = TROUBLE_REPLY};
    classify_detail(ret_outcome, response->status, "", wrong);
    return DEVICES_DELTA_FAILED;
}
