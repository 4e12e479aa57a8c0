/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "ctl/completion.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "ctl/client.h"
#include "ctl/output.h"
#include "ctl/pages.h"
#include "ctl/words.h"

enum { IDS_MAX = 200, PATIENCE_MS = 2000, PLAIN_MAX = 4 };

struct completion {
    struct invocation invocation; /* as far as it is typed; what goes wrong is said into the void */
    const char *typed;            /* the word to complete */
    const char *plain[PLAIN_MAX]; /* words before it that are no options */
    size_t plain_count;
    bool after_dashes;           /* "--" was typed: no options any more */
    enum command_option expects; /* the word is this option's value; OPTION_COUNT = it is not */
    FILE *out;
};

static void offer(const struct completion *completion, const char *word, const char *what)
{
    struct buf line;

    if (strncmp(word, completion->typed, strlen(completion->typed)) != 0 || word[strcspn(word, "\n\t")] != '\0')
        return;
    buf_init(&line, 0);
    buf_addf(&line, "%s\t", word);
    output_escape(&line, what);
    fprintf(completion->out, "%s\n", buf_text(&line));
    buf_deinit(&line);
}

static enum command_option find_option(const char *word)
{
    int i = 0;

    while (i < OPTION_COUNT && strcmp(command_option_word((enum command_option)i), word) != 0)
        i++;
    return (enum command_option)i;
}

/* "--name value", "--name=value" or "--flag". */
static void take_option(struct completion *completion, const char *word)
{
    char name[32];
    enum command_option option;

    snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + 2, "="), word + 2);
    option = find_option(name);
    if (option == OPTION_COUNT)
        return;
    if (word[2 + strlen(name)] == '=')
        completion->invocation.option[option] = word + 3 + strlen(name);
    else if (command_option_argument(option)[0] == '\0')
        completion->invocation.option[option] = "";
    else
        completion->expects = option;
}

static void take_word(struct completion *completion, const char *word)
{
    if (completion->expects != OPTION_COUNT) {
        completion->invocation.option[completion->expects] = word;
        completion->expects = OPTION_COUNT;
    } else if (!completion->after_dashes && strcmp(word, "--") == 0) {
        completion->after_dashes = true;
    } else if (!completion->after_dashes && strncmp(word, "--", 2) == 0) {
        take_option(completion, word);
    } else if (completion->plain_count < PLAIN_MAX) {
        completion->plain[completion->plain_count++] = word;
    }
}

/* Does the name begin with these words? *ret_rest is what follows them: "" = it is all of it. */
static bool begins_with(const char *name, const char *const *words, size_t count, const char **ret_rest)
{
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(words[i]);

        if (strncmp(name, words[i], length) != 0 || (name[length] != '\0' && name[length] != ' '))
            return false;
        name += length + (name[length] == ' ');
    }
    *ret_rest = name;
    return true;
}

/* The command that is typed, NULL when it is not yet; *ret_words of the plain ones are its name. */
static const struct command *find_command(const struct completion *completion, size_t *ret_words)
{
    for (*ret_words = completion->plain_count < 2 ? completion->plain_count : 2; *ret_words > 0; (*ret_words)--) {
        for (size_t i = 0; i < command_count; i++) {
            const char *rest;

            if (begins_with(commands[i].name, completion->plain, *ret_words, &rest) && rest[0] == '\0')
                return &commands[i];
        }
    }
    return NULL;
}

static void offer_commands(const struct completion *completion)
{
    for (size_t i = 0; i < command_count; i++) {
        const char *rest;
        char word[32];

        if (!begins_with(commands[i].name, completion->plain, completion->plain_count, &rest) || rest[0] == '\0')
            continue;
        snprintf(word, sizeof(word), "%.*s", (int)strcspn(rest, " "), rest);
        offer(completion, word, strchr(rest, ' ') == NULL ? commands[i].summary : "");
    }
}

static void offer_options(const struct completion *completion, const struct command *command)
{
    unsigned options = COMMAND_GLOBAL_OPTIONS | (command != NULL ? command->options : 0);

    for (int i = 0; i < OPTION_COUNT; i++) {
        char word[40];

        if ((options & 1u << i) == 0 || completion->invocation.option[i] != NULL)
            continue;
        snprintf(word, sizeof(word), "--%s", command_option_word((enum command_option)i));
        offer(completion, word, command_option_text((enum command_option)i));
    }
}

static void offer_words(const struct completion *completion, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        offer(completion, words[i], "");
}

/* What the daemon says to a path, as far as it does so at once. */
static struct cJSON *ask(const struct completion *completion, const char *path)
{
    struct cJSON *answer = NULL;
    struct client *client;

    if (client_open(&completion->invocation, &client) != 0)
        return NULL;
    client_get(client, path, &answer);
    client_close(client);
    return answer;
}

static void offer_connections(const struct completion *completion)
{
    struct cJSON *status = ask(completion, "/v1/status?devices=no");
    const struct cJSON *connection;

    cJSON_ArrayForEach(connection, cJSON_GetObjectItemCaseSensitive(status, "connections"))
    {
        offer(completion, client_text(connection, "name"), client_text(connection, "state"));
    }
    cJSON_Delete(status);
}

/* The cursor that a page of ids beginning with `typed` comes after: no id lies between the two. */
static void add_cursor(struct buf *path, const char *typed)
{
    struct buf before, cursor;
    size_t length = strlen(typed);

    if (length == 0)
        return;
    buf_init(&before, 0);
    buf_init(&cursor, 0);
    buf_add(&before, typed, length - 1);
    buf_add_char(&before, (char)(typed[length - 1] - 1));
    buf_add_char(&before, '\xff');
    buf_add_url(&cursor, buf_text(&before)); /* the cursor's own encoding */
    pages_add_parameter(path, "after", buf_text(&cursor));
    buf_deinit(&before);
    buf_deinit(&cursor);
}

/* A list of the API, "devices" or "policies", from the typed word on. */
static void offer_ids(const struct completion *completion, const char *list, const char *key)
{
    const struct cJSON *entry;
    struct cJSON *page;
    struct buf path;

    buf_init(&path, 0);
    buf_addf(&path, "/v1/%s?limit=%d", list, (int)IDS_MAX);
    add_cursor(&path, completion->typed);
    page = ask(completion, buf_text(&path));
    cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(page, list))
    {
        offer(completion, client_text(entry, key), client_text(entry, "name"));
    }
    cJSON_Delete(page);
    buf_deinit(&path);
}

/* By the word that stands for the value in the help. */
static void offer_values(const struct completion *completion, const char *placeholder)
{
    if (strcmp(placeholder, "ID") == 0 || strcmp(placeholder, "DEVICE") == 0)
        offer_ids(completion, "devices", "device_id");
    else if (strcmp(placeholder, "FILE") == 0 || strcmp(placeholder, "PATH") == 0 || strcmp(placeholder, "DEST") == 0)
        fputs(":files\n", completion->out);
    else if (strcmp(placeholder, "NAME") == 0)
        offer_connections(completion);
}

/* The word of a usage line for the n-th argument: "ID" of "ID [NAME]" for 0, "NAME" for 1; "" = there is none. */
static void find_placeholder(const char *arguments, size_t n, char *placeholder, size_t size)
{
    while (n-- > 0 && *arguments != '\0') {
        arguments += strcspn(arguments, " ");
        arguments += strspn(arguments, " ");
    }
    arguments += strspn(arguments, "[");
    snprintf(placeholder, size, "%.*s", (int)strcspn(arguments, " ]"), arguments);
}

static void complete(const struct completion *completion)
{
    const char *words[WORDS_MAX];
    char placeholder[24];
    size_t taken, count;
    const struct command *command = find_command(completion, &taken);

    if (completion->expects != OPTION_COUNT) {
        count = words_of_option(completion->expects, words);
        offer_words(completion, words, count);
        if (strcmp(command_option_word(completion->expects), "policy") == 0)
            offer_ids(completion, "policies", "policy_id");
        else if (count == 0)
            offer_values(completion, command_option_argument(completion->expects));
        return;
    }
    if (completion->typed[0] == '-' && !completion->after_dashes) {
        offer_options(completion, command);
        return;
    }
    offer_commands(completion);
    if (command != NULL && (int)(completion->plain_count - taken) < command->arguments_max) {
        find_placeholder(command->arguments, completion->plain_count - taken, placeholder, sizeof(placeholder));
        count = words_of_argument(placeholder, words);
        offer_words(completion, words, count);
        offer_values(completion, placeholder);
    }
}

int completion_run(int count, char **words, FILE *out)
{
    struct completion completion = {.typed = count > 0 ? words[count - 1] : "", .expects = OPTION_COUNT, .out = out};
    FILE *nowhere = fopen("/dev/null", "we");

    if (nowhere == NULL)
        return EX_OK;
    completion.invocation.out = nowhere;
    completion.invocation.err = nowhere;
    completion.invocation.patience_ms = PATIENCE_MS;
    for (int i = 0; i + 1 < count; i++)
        take_word(&completion, words[i]);
    complete(&completion);
    fclose(nowhere);
    return EX_OK;
}
