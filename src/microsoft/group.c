/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "microsoft/group.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "classify.h"
#include "reply.h"

enum { NAMED_MAX = 3 }; /* ids named when several groups fit */

/* A quotation mark within OData's is doubled. */
static void add_quoted(struct buf *url, const char *text)
{
    buf_add_text(url, "'");
    for (; *text != '\0'; text++) {
        const char letter[2] = {*text, '\0'};

        buf_add_url(url, *text == '\'' ? "''" : letter);
    }
    buf_add_text(url, "'");
}

void group_url(struct buf *url, const char *graph_url, const char *name_or_id)
{
    buf_addf(url, "%s/v1.0/groups", graph_url);
    if (guid_is_valid(name_or_id)) {
        buf_addf(url, "/%s?$select=id,displayName", name_or_id);
        return;
    }
    buf_add_text(url, "?$select=id,displayName&$filter=displayName%20eq%20");
    add_quoted(url, name_or_id);
}

/* Letter case is none of Entra's concern. An entry without a name was found by it. */
static bool fits(const cJSON *entry, const char *name_or_id, char id[GUID_TEXT])
{
    const char *name = reply_text(entry, "displayName");
    struct guid guid;

    if (guid_parse(reply_text(entry, "id"), &guid) != 0)
        return false;
    guid_format(&guid, id);
    return guid_is_valid(name_or_id) || name[0] == '\0' || strcasecmp(name, name_or_id) == 0;
}

static void note(const char *id, unsigned count, char named[160])
{
    size_t used = strlen(named);

    if (count <= NAMED_MAX)
        snprintf(named + used, 160 - used, "%s%s", count > 1 ? ", " : "", id);
    else if (count == NAMED_MAX + 1)
        snprintf(named + used, 160 - used, ", ...");
}

static unsigned count_groups(const cJSON *list, const char *name_or_id, char ret_id[GUID_TEXT], char named[160])
{
    const cJSON *entry;
    unsigned count = 0;
    char id[GUID_TEXT];

    cJSON_ArrayForEach(entry, list)
    {
        if (!fits(entry, name_or_id, id))
            continue;
        note(id, ++count, named);
        memcpy(ret_id, id, GUID_TEXT);
    }
    return count;
}

static void read_found(const cJSON *root, const char *name_or_id, char ret_id[GUID_TEXT], unsigned *ret_count,
                       struct outcome *outcome)
{
    char named[160] = "", id[GUID_TEXT];

    if (guid_is_valid(name_or_id)) {
        *ret_count = fits(root, name_or_id, id) && strcasecmp(id, name_or_id) == 0 ? 1 : 0;
        if (*ret_count == 1)
            memcpy(ret_id, id, GUID_TEXT);
        return;
    }
    *ret_count = count_groups(reply_array(root, "value"), name_or_id, ret_id, named);
    if (*ret_count > 1)
        classify_detail(outcome, 0, "", named);
}

void group_outcome(const struct http_response *response, const char *name_or_id, int64_t now_s, char ret_id[GUID_TEXT],
                   unsigned *ret_count, struct outcome *ret_outcome)
{
    const bool by_id = guid_is_valid(name_or_id);
    cJSON *root = NULL;

    ret_id[0] = '\0';
    *ret_count = 0;
    outcome_of_response(response, false, now_s, ret_outcome);
    if (response->result == 0 && by_id && response->status == 404) {
        *ret_outcome = (struct outcome){.class = OUTCOME_ACCEPTED};
        return;
    }
    if (ret_outcome->class != OUTCOME_ACCEPTED)
        return;
    if (reply_parse(response->body, response->body_length, &root, NULL) != 0 ||
        (!by_id && reply_array(root, "value") == NULL)) {
        ret_outcome->class = OUTCOME_TRANSIENT;
        ret_outcome->trouble = TROUBLE_REPLY;
        classify_detail(ret_outcome, response->status, "", "the answer about the group is not Graph's");
    } else {
        read_found(root, name_or_id, ret_id, ret_count, ret_outcome);
    }
    cJSON_Delete(root);
}
