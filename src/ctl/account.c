/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "ctl/client.h"
#include "ctl/command.h"
#include "ctl/failure.h"
#include "ctl/output.h"
#include "ctl/progress.h"
#include "ctl/say.h"

enum { READY_LOOKS = 10 };

/* One account being looked at or changed. */
struct account {
    const struct invocation *invocation;
    struct client *client;
    const char *name; /* in `found`, or typed */
    struct cJSON *found;
};

static const struct cJSON *member(const struct cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

/* ---- which ---- */

static int refuse_choice(const struct account *account, const struct cJSON *connections)
{
    const struct cJSON *connection;
    struct buf names;
    int result;

    buf_init(&names, 0);
    cJSON_ArrayForEach(connection, connections)
    {
        buf_add_text(&names, names.length > 0 ? ", " : "");
        buf_add_text(&names, client_text(connection, "name"));
    }
    if (names.length == 0)
        result = failure_say(account->invocation, EX_UNAVAILABLE,
                             "complyd runs no connection now: \"complyctl status\" says why");
    else
        result = failure_say(account->invocation, EX_USAGE, "which connection? One of: %s", buf_text(&names));
    buf_deinit(&names);
    return result;
}

/* The connection that was typed, or the only one there is. */
static int choose(struct account *account)
{
    const struct cJSON *connections;
    int result;

    if (account->invocation->argument_count > 0) {
        account->name = account->invocation->arguments[0];
        return 0;
    }
    result = client_get(account->client, "/v1/status?devices=no", &account->found);
    if (result != 0)
        return result;
    connections = member(account->found, "connections");
    if (cJSON_GetArraySize(connections) != 1)
        return refuse_choice(account, connections);
    account->name = client_text(cJSON_GetArrayItem(connections, 0), "name");
    return 0;
}

static void add_path(struct buf *path, const char *name, const char *suffix)
{
    buf_add_text(path, "/v1/connections/");
    buf_add_url(path, name);
    buf_add_text(path, suffix);
}

static int look(const struct account *account, const char *suffix, struct cJSON **ret_answer)
{
    struct buf path;
    int result;

    buf_init(&path, 0);
    add_path(&path, account->name, suffix);
    result = client_get(account->client, buf_text(&path), ret_answer);
    buf_deinit(&path);
    return result;
}

/* A connection takes no orders while it is being started; after READY_LOOKS it says so itself. */
static int await_ready(const struct account *account)
{
    int result = 0;

    for (unsigned looks = 0; result == 0 && looks < READY_LOOKS; looks++) {
        struct cJSON *answer = NULL;
        bool ready;

        result = look(account, "?devices=no", &answer);
        ready = client_flag(answer, "ready") || !client_flag(answer, "enabled");
        cJSON_Delete(answer);
        if (ready)
            break;
        client_pause(looks);
    }
    return result;
}

static int ask(const struct account *account, const char *suffix, const char *body)
{
    struct cJSON *answer = NULL;
    struct buf path;
    int result = await_ready(account);

    if (result != 0)
        return result;
    buf_init(&path, 0);
    add_path(&path, account->name, suffix);
    result = client_post(account->client, buf_text(&path), body, &answer);
    buf_deinit(&path);
    cJSON_Delete(answer);
    return result;
}

/* ---- showing ---- */

static void show_step(FILE *out, const struct cJSON *step)
{
    static const struct {
        const char *state, *mark;
    } marks[] = {{"done", "ok"}, {"running", ".."}, {"failed", "!!"}, {"skipped", "--"}, {"waiting", "  "}};
    const char *state = client_text(step, "state"), *mark = "??", *detail = client_text(step, "detail");

    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        if (strcmp(marks[i].state, state) == 0)
            mark = marks[i].mark;
    }
    fprintf(out, "  %s  ", mark);
    output_text(out, client_text(step, "text"));
    if (detail[0] != '\0') {
        fputs(" (", out);
        output_text(out, detail);
        fputs(")", out);
    }
    fputc('\n', out);
    if (client_text(step, "problem")[0] == '\0')
        return;
    fputs("      ", out);
    output_text(out, client_text(step, "problem_text"));
    fputs("\n      ", out);
    output_text(out, client_text(step, "cure"));
    fputc('\n', out);
}

static void show_steps(FILE *out, const struct cJSON *answer)
{
    const struct cJSON *step;

    cJSON_ArrayForEach(step, member(answer, "steps"))
    {
        show_step(out, step);
    }
}

static void show_left(FILE *out, const struct cJSON *answer)
{
    const struct cJSON *left = member(member(answer, "devices"), "left_behind"), *device;
    const char *account = client_text(answer, "account");
    bool tells = strcmp(account, "disconnecting") == 0 || strcmp(account, "deprovisioning") == 0 ||
                 strcmp(account, "disconnected") == 0;

    if (!tells || cJSON_GetArraySize(left) == 0)
        return;
    fputs(say("Microsoft still holds as managed\n"), out);
    cJSON_ArrayForEach(device, left)
    {
        fputs("  ", out);
        output_text(out, client_text(device, "device_id"));
        fputs("  ", out);
        output_text(out, client_text(device, "reason"));
        fputc(' ', out);
        output_text(out, client_text(device, "detail"));
        fputc('\n', out);
    }
}

static void show_field_time(FILE *out, const char *label, const char *time)
{
    struct buf text;

    buf_init(&text, 0);
    output_time(&text, time, clock_realtime_ms(clock_system()));
    output_field(out, label, buf_text(&text));
    buf_deinit(&text);
}

static void show_missing(FILE *out, const struct cJSON *answer)
{
    const struct cJSON *platform;

    cJSON_ArrayForEach(platform, member(answer, "platforms_without_policy"))
    {
        fprintf(out,
                say("There are devices of %s but no partner policy for it yet: complyd ensures it by itself, and a "
                    "failed step says what is in the way\n"),
                cJSON_GetStringValue(platform));
    }
}

static void show(FILE *out, const struct cJSON *answer)
{
    const struct cJSON *devices = member(answer, "devices");
    struct buf figures;

    output_field(out, "Connection", client_text(answer, "name"));
    output_field(out, "Tenant", client_text(answer, "tenant_id"));
    output_field(out, "Account", client_text(answer, "account"));
    show_field_time(out, "Since", client_text(answer, "since"));
    output_field(out, "State", client_flag(answer, "enabled") ? client_text(answer, "state") : "off");
    if (client_text(answer, "trouble")[0] != '\0') {
        output_field(out, "Trouble", client_text(answer, "trouble_text"));
        output_field(out, "Detail", client_text(answer, "detail"));
        output_field(out, "Cure", client_text(answer, "cure"));
    }
    if (cJSON_IsObject(devices)) {
        buf_init(&figures, 0);
        output_count(&figures, client_number(devices, "total"));
        buf_add_text(&figures, say("; at Microsoft "));
        output_count(&figures, client_number(devices, "managed"));
        buf_add_text(&figures, say(" managed, "));
        output_count(&figures, client_number(devices, "compliant"));
        buf_add_text(&figures, " compliant");
        output_field(out, "Devices", buf_text(&figures));
        buf_deinit(&figures);
    }
    show_steps(out, answer);
    show_left(out, answer);
    show_missing(out, answer);
}

static int print(const struct account *account)
{
    struct cJSON *answer = NULL;
    int result = look(account, "", &answer);

    if (result == 0 && command_has(account->invocation, OPTION_JSON))
        client_print(answer, account->invocation->out);
    else if (result == 0)
        show(account->invocation->out, answer);
    cJSON_Delete(answer);
    return result;
}

/* ---- waiting for the end ---- */

static bool is_under_way(const char *account)
{
    return strcmp(account, "connecting") == 0 || strcmp(account, "reconnecting") == 0 ||
           strcmp(account, "disconnecting") == 0 || strcmp(account, "deprovisioning") == 0;
}

/* A step that only an operator can get past. */
static const struct cJSON *failed_step(const struct cJSON *answer)
{
    const struct cJSON *step;

    cJSON_ArrayForEach(step, member(answer, "steps"))
    {
        if (strcmp(client_text(step, "state"), "failed") == 0)
            return step;
    }
    return NULL;
}

static const char *step_at_work(const struct cJSON *answer)
{
    const struct cJSON *step;

    cJSON_ArrayForEach(step, member(answer, "steps"))
    {
        if (strcmp(client_text(step, "state"), "running") == 0)
            return client_text(step, "text");
    }
    return "";
}

static void draw(struct progress *progress, const struct cJSON *answer)
{
    const struct cJSON *removal = member(answer, "progress");
    int64_t total = client_number(removal, "total");

    progress->label = step_at_work(answer);
    if (cJSON_IsObject(removal) && client_number(removal, "queued") > 0)
        progress_update(progress, client_number(removal, "removed"), total, "devices");
    else if (cJSON_IsObject(removal))
        progress_update(progress, client_number(removal, "awaiting_verdict"), 0, "verdicts to come");
    else
        progress_update(progress, 0, 0, "");
}

static void warn_once(const struct account *account, const struct cJSON *answer, struct progress *progress,
                      bool *warned)
{
    if (*warned || client_text(answer, "trouble")[0] == '\0')
        return;
    *warned = true;
    progress_end(progress);
    failure_warn(account->invocation, say("connection %s is stopped: %s %s"), account->name,
                 client_text(answer, "trouble_text"), client_text(answer, "cure"));
}

/* Until it has ended, or an operator is needed: *ret_answer is how it stands then. */
static int wait_for_end(const struct account *account, struct cJSON **ret_answer)
{
    const struct invocation *invocation = account->invocation;
    const int64_t begun_ms = clock_monotonic_ms(clock_system());
    struct progress progress;
    bool warned = false;
    int result = 0;

    progress_start(&progress, invocation->err, "", command_has(invocation, OPTION_JSON));
    for (unsigned looks = 0; result == 0; looks++) {
        cJSON_Delete(*ret_answer);
        *ret_answer = NULL;
        result = look(account, "?devices=no", ret_answer);
        if (result != 0 || !is_under_way(client_text(*ret_answer, "account")) || failed_step(*ret_answer) != NULL)
            break;
        draw(&progress, *ret_answer);
        warn_once(account, *ret_answer, &progress, &warned);
        if (invocation->timeout_ms >= 0 && clock_monotonic_ms(clock_system()) - begun_ms >= invocation->timeout_ms)
            break;
        client_pause(looks);
    }
    progress_end(&progress);
    return result;
}

/* Exit codes: 0 as wanted, 69 refused or held up, 75 still under way. */
static int tell_end(const struct account *account, const struct cJSON *answer, const char *wanted)
{
    const char *reached = client_text(answer, "account");
    const struct cJSON *failed = failed_step(answer);

    if (strcmp(reached, wanted) == 0 && failed == NULL)
        return 0;
    if (failed != NULL)
        return failure_say(account->invocation, EX_UNAVAILABLE, "%s: %s %s %s", client_text(failed, "text"),
                           client_text(failed, "problem_text"), client_text(failed, "detail"),
                           client_text(failed, "cure"));
    return failure_say(account->invocation, EX_TEMPFAIL,
                       say("connection %s is still %s; complyctl account show tells how far"), account->name, reached);
}

static int finish(const struct account *account, const char *wanted)
{
    struct cJSON *answer = NULL, *full = NULL;
    int result = wait_for_end(account, &answer);

    if (result == 0)
        result = look(account, "", &full);
    if (result == 0 && command_has(account->invocation, OPTION_JSON))
        client_print(full, account->invocation->out);
    else if (result == 0)
        show(account->invocation->out, full);
    if (result == 0)
        result = tell_end(account, full, wanted);
    cJSON_Delete(answer);
    cJSON_Delete(full);
    return result;
}

/* ---- confirming ---- */

static void tell_obstacles(const struct account *account, const struct cJSON *answer, bool this_server_only)
{
    FILE *err = account->invocation->err;
    const struct cJSON *obstacle;

    if (this_server_only) {
        fputs(say("This server stops reporting. What Microsoft believes stays as it is, and so does the tenant.\n"),
              err);
        return;
    }
    cJSON_ArrayForEach(obstacle, member(answer, "obstacles"))
    {
        fputs("- ", err);
        output_text(err, client_text(obstacle, "text"));
        fputc('\n', err);
    }
    fputs(say("Then the tenant is deprovisioned and nothing is sent any more. Until then \"complyctl account connect\" "
              "turns it back.\n"),
          err);
}

static bool is_typed(const struct account *account)
{
    char line[128];

    fprintf(account->invocation->err, say("To confirm, type the connection's name (%s): "), account->name);
    fflush(account->invocation->err);
    if (fgets(line, sizeof(line), stdin) == NULL)
        return false;
    line[strcspn(line, "\r\n")] = '\0';
    return strcmp(line, account->name) == 0;
}

static int confirm(const struct account *account)
{
    struct cJSON *answer = NULL;
    int result = look(account, "", &answer);

    if (result == 0 && strcmp(client_text(answer, "account"), "disconnected") != 0 &&
        !command_has(account->invocation, OPTION_YES)) {
        tell_obstacles(account, answer, command_has(account->invocation, OPTION_THIS_SERVER_ONLY));
        if (!isatty(STDIN_FILENO) && command_has(account->invocation, OPTION_JSON))
            result = failure_say(account->invocation, EX_USAGE, "%s", say("not confirmed: add --yes"));
        else if (!is_typed(account))
            result = failure_say(account->invocation, EX_NOPERM, "%s", say("not confirmed: nothing was done"));
    }
    cJSON_Delete(answer);
    return result;
}

/* ---- the commands ---- */

static int connect_account(const struct account *account)
{
    int result = ask(account, "/connect", "");

    return result == 0 ? finish(account, "connected") : result;
}

static int disconnect_account(const struct account *account)
{
    struct buf body;
    int result = confirm(account);

    if (result != 0)
        return result;
    buf_init(&body, 0);
    buf_add_text(&body, "{\"confirm\":");
    buf_add_json_string(&body, account->name);
    buf_addf(&body, ",\"this_server_only\":%s,\"force\":%s}",
             command_has(account->invocation, OPTION_THIS_SERVER_ONLY) ? "true" : "false",
             command_has(account->invocation, OPTION_FORCE) ? "true" : "false");
    result = ask(account, "/disconnect", buf_text(&body));
    buf_deinit(&body);
    return result == 0 ? finish(account, "disconnected") : result;
}

static int with_account(const struct invocation *invocation, int (*act)(const struct account *account))
{
    struct account account = {.invocation = invocation};
    int result = client_open(invocation, &account.client);

    if (result == 0)
        result = choose(&account);
    if (result == 0)
        result = act(&account);
    cJSON_Delete(account.found);
    client_close(account.client);
    return result;
}

int account_show_run(const struct invocation *invocation)
{
    return with_account(invocation, print);
}

int account_connect_run(const struct invocation *invocation)
{
    return with_account(invocation, connect_account);
}

int account_disconnect_run(const struct invocation *invocation)
{
    return with_account(invocation, disconnect_account);
}
