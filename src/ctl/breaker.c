/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <cjson/cJSON.h>
#include <string.h>
#include <sysexits.h>

#include "ctl/client.h"
#include "ctl/command.h"
#include "ctl/failure.h"
#include "ctl/output.h"
#include "ctl/say.h"
#include "ctl/words.h"

#define BREAKER_PATH "/v1/breaker"

enum { TOPIC_WIDTH = 10 };

static const struct cJSON *member(const struct cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

/* ---- show ---- */

/* What a line is about, in a column of its own. */
static void print_topic(FILE *out, const char *topic)
{
    fprintf(out, "  %s%*s", say(topic), (int)(TOPIC_WIDTH - output_width(say(topic))), "");
}

static void print_cause(const struct cJSON *breaker, FILE *out)
{
    const struct cJSON *cause = member(breaker, "cause");
    int64_t sample = client_number(cause, "sample");

    if (client_text(cause, "policy_id")[0] != '\0') {
        print_topic(out, "cause");
        fputs(say("policy "), out);
        output_text(out, client_text(cause, "policy_id"));
        fprintf(out, " (");
        output_text(out, client_text(cause, "policy_name"));
        fprintf(out, say(") blocks %lld of the first %lld\n"), (long long)client_number(cause, "devices"),
                (long long)sample);
    }
    if (client_number(cause, "removals") == 0)
        return;
    print_topic(out, client_text(cause, "policy_id")[0] != '\0' ? "" : "cause");
    fprintf(out, say("%lld of the first %lld are removals\n"), (long long)client_number(cause, "removals"),
            (long long)sample);
}

static void print_breaker(const struct cJSON *breaker, FILE *out)
{
    const char *state = client_text(breaker, "state");
    bool open = strcmp(state, "open") == 0;

    output_text(out, client_text(breaker, "connection"));
    fprintf(out, ": ");
    output_styled(out, state, open ? OUTPUT_BAD : OUTPUT_GOOD);
    if (client_text(breaker, "since")[0] != '\0')
        fprintf(out, say(" since %s"), client_text(breaker, "since"));
    fputc('\n', out);
    print_topic(out, "limit");
    fprintf(out, say("%lld devices or %lld percent of the fleet (never fewer than 5) within %s\n"),
            (long long)client_number(breaker, "max_count"), (long long)client_number(breaker, "max_share"),
            client_text(breaker, "window"));
    print_topic(out, "turned");
    fprintf(out, say("%lld devices were told non_compliant or removed within the window\n"),
            (long long)client_number(breaker, "turned"));
    if (!open)
        return;
    print_topic(out, "held");
    fprintf(out, say("%lld reports; it opened when at least %lld devices would have turned and %lld might\n"),
            (long long)client_number(breaker, "held"), (long long)client_number(breaker, "devices"),
            (long long)client_number(breaker, "limit"));
    print_cause(breaker, out);
    print_topic(out, "next");
    fputs("\"complyctl breaker release ", out);
    output_text(out, client_text(breaker, "connection"));
    fprintf(out, "\" %s\n%*s%s\n", say("sends them; \"discard\" drops them until their devices change again."),
            TOPIC_WIDTH + 2, "",
            say("Who mends the cause first need do nothing else: what is compliant again is not held."));
}

static bool is_wanted(const struct invocation *invocation, const struct cJSON *breaker)
{
    return invocation->argument_count == 0 || strcmp(invocation->arguments[0], client_text(breaker, "connection")) == 0;
}

static int show(const struct invocation *invocation, const struct cJSON *answer)
{
    const struct cJSON *breaker;
    int shown = 0;

    cJSON_ArrayForEach(breaker, member(answer, "breakers"))
    {
        if (!is_wanted(invocation, breaker))
            continue;
        shown++;
        if (command_has(invocation, OPTION_JSON))
            client_print(breaker, invocation->out);
        else
            print_breaker(breaker, invocation->out);
    }
    if (shown == 0 && invocation->argument_count > 0)
        return words_refuse_connection(invocation, invocation->arguments[0], member(answer, "breakers"), "connection");
    return 0;
}

int breaker_show_run(const struct invocation *invocation)
{
    struct cJSON *answer = NULL;
    struct client *client;
    int result;

    result = client_open(invocation, &client);
    if (result != 0)
        return result;
    result = client_get(client, BREAKER_PATH, &answer);
    if (result == 0)
        result = show(invocation, answer);
    cJSON_Delete(answer);
    client_close(client);
    return result;
}

/* ---- release, discard ---- */

static char *request_body(const struct invocation *invocation)
{
    struct cJSON *body = cJSON_CreateObject();
    char *text;

    if (invocation->argument_count > 0)
        cJSON_AddStringToObject(body, "connection", invocation->arguments[0]);
    text = cJSON_PrintUnformatted(body);
    cJSON_Delete(body);
    return text;
}

static int act(const struct invocation *invocation, const char *path, bool release)
{
    struct cJSON *answer = NULL;
    struct client *client;
    char *body;
    int result;

    result = client_open(invocation, &client);
    if (result != 0)
        return result;
    body = request_body(invocation);
    result =
        body != NULL ? client_post(client, path, body, &answer) : failure_say(invocation, EX_OSERR, "out of memory");
    if (result == 0 && command_has(invocation, OPTION_JSON))
        client_print(answer, invocation->out);
    else if (result == 0)
        fprintf(invocation->out,
                release ? say("%lld held reports are on their way.\n")
                        : say("%lld held reports were dropped; Microsoft believes what it was told before.\n"),
                (long long)client_number(answer, release ? "released" : "discarded"));
    cJSON_free(body);
    cJSON_Delete(answer);
    client_close(client);
    return result;
}

int breaker_release_run(const struct invocation *invocation)
{
    return act(invocation, BREAKER_PATH "/release", true);
}

int breaker_discard_run(const struct invocation *invocation)
{
    return act(invocation, BREAKER_PATH "/discard", false);
}
