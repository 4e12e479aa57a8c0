/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <cjson/cJSON.h>
#include <unistd.h>

#include "ctl/client.h"
#include "ctl/command.h"
#include "ctl/say.h"

/* The link alone on standard output, so that a script can take it as it is. */
int page_run(const struct invocation *invocation)
{
    struct cJSON *answer = NULL;
    struct client *client;
    int result;

    result = client_open(invocation, &client);
    if (result != 0)
        return result;
    result = client_post(client, "/v1/page-link", "", &answer);
    if (result == 0 && command_has(invocation, OPTION_JSON))
        client_print(answer, invocation->out);
    else if (result == 0)
        fprintf(invocation->out, "%s\n", client_text(answer, "url"));
    if (result == 0 && isatty(fileno(invocation->out)) == 1)
        fprintf(invocation->err, say("Open it in a browser on this machine, once, within %lld minutes.\n"),
                (long long)client_number(answer, "valid_seconds") / 60);
    cJSON_Delete(answer);
    client_close(client);
    return result;
}
