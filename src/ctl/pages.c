/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "ctl/pages.h"

#include <cjson/cJSON.h>
#include <sysexits.h>

void pages_add_parameter(struct buf *path, const char *name, const char *value)
{
    if (value == NULL)
        return;
    buf_addf(path, "&%s=", name);
    buf_add_url(path, value);
}

int pages_walk(struct client *client, const char *path, const char *member,
               int (*page)(void *ctx, const struct cJSON *array), void *ctx)
{
    struct buf place;
    bool more = true;
    int result = 0;

    buf_init(&place, 0);
    buf_add_text(&place, path);
    while (more && result == 0) {
        struct cJSON *answer;

        result = client_get(client, buf_text(&place), &answer);
        if (result != 0)
            break;
        result = page(ctx, cJSON_GetObjectItemCaseSensitive(answer, member));
        more = client_text(answer, "next")[0] != '\0';
        buf_clear(&place);
        buf_add_text(&place, path);
        pages_add_parameter(&place, "after", client_text(answer, "next"));
        cJSON_Delete(answer);
    }
    buf_deinit(&place);
    return result;
}

struct json_list {
    FILE *out;
    bool begun;
};

static int print_page(void *ctx, const struct cJSON *array)
{
    struct json_list *list = ctx;
    const struct cJSON *entry;

    cJSON_ArrayForEach(entry, array)
    {
        char *text = cJSON_PrintUnformatted(entry);

        fprintf(list->out, "%s\n%s", list->begun ? "," : "[", text != NULL ? text : "null");
        list->begun = true;
        cJSON_free(text);
    }
    return ferror(list->out) ? EX_IOERR : 0;
}

int pages_print_json(struct client *client, const char *path, const char *member, FILE *out)
{
    struct json_list list = {.out = out};
    int result = pages_walk(client, path, member, print_page, &list);

    if (result == 0)
        fputs(list.begun ? "\n]\n" : "[]\n", out);
    return result;
}
