/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <cjson/cJSON.h>

#include "base/buf.h"
#include "ctl/client.h"
#include "ctl/command.h"
#include "ctl/say.h"

#define LEVEL_PATH "/v1/log-level"

static int put(struct client *client, const char *level, struct cJSON **ret_answer)
{
    struct buf body;
    int result;

    buf_init(&body, 0);
    buf_add_text(&body, "{\"level\":");
    buf_add_json_string(&body, level);
    buf_add_char(&body, '}');
    result = client_put(client, LEVEL_PATH, buf_text(&body), ret_answer);
    buf_deinit(&body);
    return result;
}

int log_level_run(const struct invocation *invocation)
{
    bool sets = invocation->argument_count > 0;
    struct cJSON *answer = NULL;
    struct client *client;
    int result = client_open(invocation, &client);

    if (result == 0)
        result = sets ? put(client, invocation->arguments[0], &answer) : client_get(client, LEVEL_PATH, &answer);
    if (result == 0 && command_has(invocation, OPTION_JSON))
        client_print(answer, invocation->out);
    else if (result == 0)
        fprintf(invocation->out, "%s%s\n", client_text(answer, "level"),
                sets ? say(", until the configuration is read again") : "");
    cJSON_Delete(answer);
    client_close(client);
    return result;
}
