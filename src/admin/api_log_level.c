/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <cjson/cJSON.h>
#include <stdio.h>

#include "admin/api.h"
#include "base/log.h"

static const char *const no_parameters[] = {NULL};
static const char *const json_types[] = {"application/json", NULL};

static void answer(struct api_request *request)
{
    struct buf body;

    buf_init(&body, 0);
    buf_add_char(&body, '{');
    view_text(&body, "level", log_level_name(log_get_level()));
    buf_add_char(&body, '}');
    api_answer(request, 200, &body);
}

void api_log_level_get(struct api_request *request)
{
    if (api_check_parameters(request, no_parameters))
        answer(request);
}

void api_log_level_put(struct api_request *request)
{
    enum log_level level;
    char what[40];
    cJSON *body;
    const char *word;
    bool known;

    if (!api_check_parameters(request, no_parameters) || !api_check_type(request, json_types))
        return;
    body = cJSON_ParseWithLength(buf_text(&request->body), request->body.length);
    word = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "level"));
    known = word != NULL && cJSON_GetArraySize(body) == 1 && log_level_parse(word, &level) == 0;
    cJSON_Delete(body);
    if (!known) {
        snprintf(request->field, sizeof(request->field), "level");
        api_problem(request, 400, "{\"level\": L} is wanted, with L one of error, warn, notice, info and debug");
        return;
    }
    snprintf(what, sizeof(what), "for a log level of %s", log_level_name(level));
    if (level > log_get_level())
        log_set_level(level);
    api_log_change(request, what, NULL, NULL); /* as long as the chattier one of the two holds */
    log_set_level(level);
    answer(request);
}
