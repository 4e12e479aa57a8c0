/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <cjson/cJSON.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/duration.h"
#include "ctl/client.h"
#include "ctl/command.h"
#include "ctl/failure.h"
#include "ctl/output.h"
#include "ctl/progress.h"
#include "ctl/say.h"

/* Without the figures of all devices, which cost a walk over the fleet. */
#define STATUS_PATH "/v1/status?devices=no"

/* How far the connections concerned are. */
struct standing {
    int64_t total, sent, awaiting;
    bool running;
    bool possible;              /* at least one of them sends at all */
    const struct cJSON *broken; /* one that is in trouble; NULL = none */
    const struct cJSON *open;   /* one whose circuit breaker holds reports back; NULL = none */
};

struct waiting {
    const struct invocation *invocation;
    struct client *client;
    const struct cJSON *before; /* the status before we asked */
    struct progress progress;
    int64_t begun_ms;
    int64_t walked_ms;   /* when the last report was sent; -1 = not yet */
    int64_t deadline_ms; /* how long Microsoft may take for a verdict */
    bool warned;
};

static const struct cJSON *member(const struct cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

/* When the last resync of that connection had ended. */
static const char *finished(const struct cJSON *status, const char *name)
{
    const struct cJSON *connection;

    cJSON_ArrayForEach(connection, member(status, "connections"))
    {
        if (strcmp(client_text(connection, "name"), name) == 0)
            return client_text(member(connection, "resync"), "finished");
    }
    return "";
}

/* A resync may not have begun yet when we look, or be over already: it has ended when there is a new end. */
static void add_connection(struct standing *standing, const struct cJSON *connection, const struct cJSON *before)
{
    const struct cJSON *resync = member(connection, "resync");
    bool ended = strcmp(client_text(resync, "finished"), finished(before, client_text(connection, "name"))) != 0;

    standing->possible = true;
    standing->running = standing->running || client_flag(resync, "running") || !ended;
    standing->total += client_number(resync, "total");
    standing->sent += client_number(resync, "fed") - client_number(resync, "waiting");
    standing->awaiting += client_number(connection, "awaiting_verdict");
    if (strcmp(client_text(connection, "state"), "broken") == 0)
        standing->broken = connection;
    if (strcmp(client_text(member(connection, "breaker"), "state"), "open") == 0)
        standing->open = connection;
}

static struct standing stand(const struct waiting *waiting, const struct cJSON *status)
{
    const char *wanted = waiting->invocation->option[OPTION_CONNECTION];
    struct standing standing = {0};
    const struct cJSON *connection;

    cJSON_ArrayForEach(connection, member(status, "connections"))
    {
        if (wanted != NULL && strcmp(wanted, client_text(connection, "name")) != 0)
            continue;
        if (client_flag(connection, "enabled") && client_flag(member(status, "reporting"), "enabled"))
            add_connection(&standing, connection, waiting->before);
    }
    return standing;
}

/* Why it does not go on, once. */
static void warn(struct waiting *waiting, const struct standing *standing)
{
    const struct cJSON *connection = standing->broken;

    if (waiting->warned || (standing->broken == NULL && standing->open == NULL))
        return;
    waiting->warned = true;
    progress_end(&waiting->progress);
    if (connection == NULL) {
        failure_warn(waiting->invocation,
                     say("the circuit breaker of connection %s holds reports back: see \"complyctl breaker show\""),
                     client_text(standing->open, "name"));
        return;
    }
    failure_warn(waiting->invocation, say("connection %s is stopped: %s %s"), client_text(connection, "name"),
                 client_text(connection, "trouble_text"), client_text(connection, "cure"));
}

/* True when there is nothing left to wait for. Verdicts that do not come are not waited for longer than their deadline:
 * other reports that go out meanwhile are counted with them. */
static bool look(struct waiting *waiting, const struct standing *standing, int64_t now_ms)
{
    warn(waiting, standing);
    if (standing->running) {
        progress_update(&waiting->progress, standing->sent, standing->total, "reports");
        return false;
    }
    if (waiting->walked_ms < 0)
        waiting->walked_ms = now_ms;
    progress_update(&waiting->progress, standing->awaiting, 0, "verdicts to come");
    return standing->awaiting == 0 || now_ms - waiting->walked_ms > waiting->deadline_ms;
}

static int wait_for_end(struct waiting *waiting, struct cJSON **ret_status)
{
    const struct invocation *invocation = waiting->invocation;

    for (unsigned looks = 0;; looks++) {
        struct standing standing;
        int64_t now_ms;
        int result;

        cJSON_Delete(*ret_status);
        result = client_get(waiting->client, STATUS_PATH, ret_status);
        if (result != 0)
            return result;
        now_ms = clock_monotonic_ms(clock_system());
        standing = stand(waiting, *ret_status);
        if (!standing.possible)
            return failure_say(invocation, EX_TEMPFAIL, "%s",
                               say("reporting is switched off: the devices stay queued"));
        duration_parse(client_text(member(*ret_status, "reporting"), "result_deadline"), &waiting->deadline_ms);
        if (look(waiting, &standing, now_ms))
            return 0;
        if (invocation->timeout_ms >= 0 && now_ms - waiting->begun_ms >= invocation->timeout_ms) {
            progress_end(&waiting->progress);
            return failure_say(invocation, EX_TEMPFAIL, "%s",
                               say("the resync is still running (--timeout has passed)"));
        }
        client_pause(looks);
    }
}

static void tell_end(const struct invocation *invocation, const struct cJSON *status)
{
    const struct cJSON *by_status = member(member(status, "devices"), "by_status");
    struct buf text;

    if (command_has(invocation, OPTION_JSON)) {
        fprintf(invocation->out, "{\"finished\":true,\"success\":%lld,\"in_progress\":%lld,\"error\":%lld}\n",
                (long long)client_number(by_status, "success"), (long long)client_number(by_status, "in_progress"),
                (long long)client_number(by_status, "error"));
        return;
    }
    buf_init(&text, 0);
    buf_add_text(&text, say("Resync finished. Of all devices "));
    output_count(&text, client_number(by_status, "success"));
    buf_add_text(&text, say(" are at success, "));
    output_count(&text, client_number(by_status, "in_progress"));
    buf_add_text(&text, say(" in progress, "));
    output_count(&text, client_number(by_status, "error"));
    buf_add_text(&text, say(" at error.\n"));
    fputs(buf_text(&text), invocation->out);
    buf_deinit(&text);
}

static int wait(const struct invocation *invocation, struct client *client, const struct cJSON *before)
{
    struct waiting waiting = {.invocation = invocation,
                              .client = client,
                              .before = before,
                              .begun_ms = clock_monotonic_ms(clock_system()),
                              .walked_ms = -1};
    struct cJSON *status = NULL;
    int result;

    progress_start(&waiting.progress, invocation->err, "resync", command_has(invocation, OPTION_JSON));
    result = wait_for_end(&waiting, &status);
    progress_end(&waiting.progress);
    if (result == 0) {
        cJSON_Delete(status);
        result = client_get(client, "/v1/status", &status);
    }
    if (result == 0)
        tell_end(invocation, status);
    cJSON_Delete(status);
    return result;
}

static int resync(const struct invocation *invocation, struct client *client)
{
    const char *connection = invocation->option[OPTION_CONNECTION];
    struct cJSON *before = NULL, *answer = NULL;
    struct buf body;
    int result;

    if (command_has(invocation, OPTION_WAIT) && (result = client_get(client, STATUS_PATH, &before)) != 0)
        return result;
    buf_init(&body, 0);
    if (connection != NULL) {
        buf_add_text(&body, "{\"connection\":");
        buf_add_json_string(&body, connection);
        buf_add_char(&body, '}');
    }
    result = client_post(client, "/v1/resync", buf_text(&body), &answer);
    buf_deinit(&body);
    if (result == 0 && command_has(invocation, OPTION_WAIT))
        result = wait(invocation, client, before);
    else if (result == 0 && command_has(invocation, OPTION_JSON))
        client_print(answer, invocation->out);
    else if (result == 0)
        fputs(say("Every device is queued to be reported again; complyctl status shows how far that is.\n"),
              invocation->out);
    cJSON_Delete(before);
    cJSON_Delete(answer);
    return result;
}

int resync_run(const struct invocation *invocation)
{
    struct client *client;
    int result = client_open(invocation, &client);

    if (result == 0)
        result = resync(invocation, client);
    client_close(client);
    return result;
}
