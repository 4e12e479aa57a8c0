/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <cjson/cJSON.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/buf.h"
#include "ctl/client.h"
#include "ctl/command.h"
#include "ctl/failure.h"
#include "ctl/output.h"
#include "ctl/pages.h"
#include "ctl/progress.h"
#include "ctl/say.h"

/* ---- one ---- */

static int change_one(const struct invocation *invocation, const char *suffix, const char *said)
{
    struct cJSON *answer = NULL;
    struct client *client;
    int result = client_open(invocation, &client);

    if (result != 0)
        return result;
    result = client_post_device(client, invocation->arguments[0], suffix, &answer);
    if (result == 0 && command_has(invocation, OPTION_JSON)) {
        client_print(answer, invocation->out);
    } else if (result == 0) {
        output_text(invocation->out, invocation->arguments[0]);
        fprintf(invocation->out, ": %s\n", say(said));
    }
    cJSON_Delete(answer);
    client_close(client);
    return result;
}

int device_revive_run(const struct invocation *invocation)
{
    return change_one(invocation, "/revive", "revived; Microsoft is told what the MDM says of it.");
}

/* ---- all that match: looked at twice, so that no list of them is kept ---- */

enum { CONFLICT = 409 };

struct many {
    const struct invocation *invocation;
    struct client *client;
    struct progress progress;
    int64_t total, done, refused;
    bool retiring; /* the second time */
};

/* What Microsoft holds, or may come to hold. */
static bool is_concerned(const struct cJSON *device)
{
    return client_text(device, "azure_device_id")[0] != '\0' &&
           strcmp(client_text(device, "azure_state"), "removed") != 0;
}

static int retire_one(struct many *many, const struct cJSON *device)
{
    struct cJSON *answer = NULL;
    struct buf path;
    int result;

    buf_init(&path, 0);
    buf_add_text(&path, "/v1/devices/");
    buf_add_url(&path, client_text(device, "device_id"));
    buf_add_text(&path, "/retire");
    result = client_post(many->client, buf_text(&path), "{\"one_of_many\":true}", &answer);
    buf_deinit(&path);
    cJSON_Delete(answer);
    many->done += result == 0;
    /* One that is held, or retired already, keeps nobody from the others. */
    if (result != 0 && client_status(many->client) == CONFLICT) {
        many->refused++;
        result = 0;
    }
    progress_update(&many->progress, many->done, many->total, "devices");
    return result;
}

static int take_page(void *ctx, const struct cJSON *devices)
{
    struct many *many = ctx;
    const struct cJSON *device;
    int result = 0;

    cJSON_ArrayForEach(device, devices)
    {
        if (!is_concerned(device))
            continue;
        if (!many->retiring)
            many->total++;
        else if ((result = retire_one(many, device)) != 0)
            return result;
    }
    return 0;
}

static void add_query(const struct invocation *invocation, struct buf *path)
{
    buf_add_text(path, "/v1/devices?limit=500");
    pages_add_parameter(path, "state", invocation->option[OPTION_STATE]);
    pages_add_parameter(path, "status", invocation->option[OPTION_STATUS]);
    pages_add_parameter(path, "connection", invocation->option[OPTION_CONNECTION]);
    pages_add_parameter(path, "search", invocation->option[OPTION_SEARCH]);
}

static int confirm(const struct many *many)
{
    char answer[16] = "";

    if (command_has(many->invocation, OPTION_YES))
        return 0;
    if (isatty(STDIN_FILENO) != 1)
        return failure_say(many->invocation, EX_USAGE, say("%lld devices would be retired: not confirmed, add --yes"),
                           (long long)many->total);
    fprintf(many->invocation->err, say("Retire %lld devices? Their users lose access. Type yes: "),
            (long long)many->total);
    if (fgets(answer, sizeof(answer), stdin) == NULL || strcmp(answer, "yes\n") != 0)
        return failure_say(many->invocation, EX_USAGE, "%s", say("nothing was retired"));
    return 0;
}

static int retire_many(struct many *many, const char *path)
{
    int result = pages_walk(many->client, path, "devices", take_page, many);

    if (result == 0 && many->total > 0)
        result = confirm(many);
    if (result != 0)
        return result;
    many->retiring = true;
    progress_start(&many->progress, many->invocation->err, "retiring", command_has(many->invocation, OPTION_JSON));
    result = pages_walk(many->client, path, "devices", take_page, many);
    progress_end(&many->progress);
    if (command_has(many->invocation, OPTION_JSON))
        fprintf(many->invocation->out, "{\"retired\":%lld}\n", (long long)many->done);
    else
        fprintf(many->invocation->out, say("%lld devices are being retired.\n"), (long long)many->done);
    return result == 0 && many->refused > 0 ? EX_TEMPFAIL : result;
}

static bool has_filter(const struct invocation *invocation)
{
    return command_has(invocation, OPTION_STATE) || command_has(invocation, OPTION_STATUS) ||
           command_has(invocation, OPTION_CONNECTION) || command_has(invocation, OPTION_SEARCH);
}

int device_retire_run(const struct invocation *invocation)
{
    struct many many = {.invocation = invocation};
    struct buf path;
    int result;

    if (has_filter(invocation) == (invocation->argument_count > 0))
        return failure_say(invocation, EX_USAGE,
                           "which? The id of a device, or a filter such as --search, but not both");
    if (invocation->argument_count > 0)
        return change_one(invocation, "/retire", "is being retired; Microsoft forgets it after 90 days.");
    result = client_open(invocation, &many.client);
    if (result != 0)
        return result;
    buf_init(&path, 0);
    add_query(invocation, &path);
    result = retire_many(&many, buf_text(&path));
    buf_deinit(&path);
    client_close(many.client);
    return result;
}
