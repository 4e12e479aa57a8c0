/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "ctl/arguments.h"

#include <assert.h>
#include <getopt.h>
#include <string.h>
#include <sysexits.h>

#include "base/duration.h"
#include "base/suggest.h"
#include "ctl/failure.h"
#include "ctl/output.h"
#include "ctl/words.h"

enum { GETOPT_BASE = 256, WORD_MAX = 32 };

static void fill_options(struct option options[OPTION_COUNT + 1])
{
    for (int i = 0; i < OPTION_COUNT; i++) {
        options[i] = (struct option){
            .name = command_option_word((enum command_option)i),
            .has_arg = command_option_argument((enum command_option)i)[0] != '\0' ? required_argument : no_argument,
            .val = GETOPT_BASE + i};
    }
    options[OPTION_COUNT] = (struct option){0};
}

static int unknown_option(const struct invocation *invocation, const char *typed)
{
    const char *words[OPTION_COUNT], *near;
    char name[WORD_MAX + 1];

    for (int i = 0; i < OPTION_COUNT; i++)
        words[i] = command_option_word((enum command_option)i);
    snprintf(name, sizeof(name), "%.*s", (int)strcspn(typed, "="), typed);
    near = suggest_word(name + strspn(name, "-"), words, OPTION_COUNT);
    if (near != NULL)
        return failure_say(invocation, EX_USAGE, "unknown option %s: did you mean --%s?", name, near);
    return failure_say(invocation, EX_USAGE, "unknown option %s (complyctl --help lists them)", name);
}

static int take_options(int argc, char **argv, struct invocation *invocation)
{
    struct option options[OPTION_COUNT + 1];
    int found;

    fill_options(options);
    optind = 0; /* glibc: start anew, whatever was parsed before */
    opterr = 0;
    while ((found = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (found == 'h')
            found = GETOPT_BASE + OPTION_HELP;
        if (found == ':')
            return failure_say(invocation, EX_USAGE, "%s needs a value", argv[optind - 1]);
        if (found < GETOPT_BASE)
            return unknown_option(invocation, argv[optind - 1]);
        invocation->option[found - GETOPT_BASE] = optarg != NULL ? optarg : "";
    }
    invocation->argument_count = argc - optind;
    invocation->arguments = argv + optind;
    return 0;
}

/* Length of the first word of a command's name. */
static size_t first_word(const char *name)
{
    return strcspn(name, " ");
}

static bool is_first_word(const char *name, const char *word)
{
    return strlen(word) == first_word(name) && strncmp(name, word, first_word(name)) == 0;
}

static int unknown_command(const struct invocation *invocation, const char *group, const char *typed)
{
    const char *words[64] = {NULL};
    char firsts[64][WORD_MAX + 1];
    const char *near;
    size_t count = 0;

    assert(command_count <= 64);
    for (size_t i = 0; i < command_count; i++) {
        const char *name = commands[i].name;
        size_t length = first_word(name);

        if (group != NULL && (!is_first_word(name, group) || name[length] == '\0'))
            continue;
        if (group != NULL)
            name += length + 1;
        snprintf(firsts[count], sizeof(firsts[count]), "%.*s", (int)first_word(name), name);
        words[count] = firsts[count];
        count++;
    }
    near = suggest_word(typed, words, count);
    if (near == NULL)
        return failure_say(invocation, EX_USAGE, "unknown command '%s%s%s' (complyctl --help lists them)",
                           group != NULL ? group : "", group != NULL ? " " : "", typed);
    return failure_say(invocation, EX_USAGE, "unknown command '%s%s%s': did you mean '%s'?", group != NULL ? group : "",
                       group != NULL ? " " : "", typed, near);
}

static void take_words(struct invocation *invocation, int count)
{
    invocation->arguments += count;
    invocation->argument_count -= count;
}

/* Finds the command that the first one or two words name. */
static int take_command(struct invocation *invocation)
{
    const char *word = invocation->arguments[0];
    const char *second = invocation->argument_count > 1 ? invocation->arguments[1] : NULL;
    bool is_group = false;

    for (size_t i = 0; i < command_count; i++) {
        const char *name = commands[i].name;
        size_t length = first_word(name);

        if (!is_first_word(name, word))
            continue;
        if (name[length] == '\0' || (second != NULL && strcmp(name + length + 1, second) == 0)) {
            invocation->command = &commands[i];
            take_words(invocation, name[length] == '\0' ? 1 : 2);
            return 0;
        }
        is_group = true;
    }
    if (is_group && second == NULL)
        return failure_say(invocation, EX_USAGE, "'%s' needs a second word (complyctl --help lists them)", word);
    return unknown_command(invocation, is_group ? word : NULL, is_group ? second : word);
}

static int check_options(const struct invocation *invocation)
{
    unsigned allowed;

    assert(invocation->command != NULL);
    allowed = COMMAND_GLOBAL_OPTIONS | invocation->command->options;
    for (int i = 0; i < OPTION_COUNT; i++) {
        if (invocation->option[i] != NULL && (allowed & 1u << i) == 0)
            return failure_say(invocation, EX_USAGE, "'%s' has no option --%s (complyctl %s --help)",
                               invocation->command->name, command_option_word((enum command_option)i),
                               invocation->command->name);
    }
    return 0;
}

static int check_arguments(const struct invocation *invocation)
{
    const struct command *command = invocation->command;

    assert(command != NULL);
    if (invocation->argument_count < command->arguments_min)
        return failure_say(invocation, EX_USAGE, "usage: complyctl %s %s", command->name, command->arguments);
    if (invocation->argument_count > command->arguments_max)
        return failure_say(invocation, EX_USAGE, "'%s' is one argument too many (usage: complyctl %s%s%s)",
                           invocation->arguments[command->arguments_max], command->name,
                           command->arguments[0] != '\0' ? " " : "", command->arguments);
    return 0;
}

static int check_timeout(struct invocation *invocation)
{
    const char *text = invocation->option[OPTION_TIMEOUT];

    if (text == NULL)
        return 0;
    if (duration_parse(text, &invocation->timeout_ms) != 0)
        return failure_say(invocation, EX_USAGE, "--timeout %s: a time reads like 90s, 10m or 1h30m", text);
    if ((invocation->command->options & 1u << OPTION_WAIT) != 0 && !command_has(invocation, OPTION_WAIT))
        return failure_say(invocation, EX_USAGE, "--timeout is for --wait");
    return 0;
}

int arguments_parse(int argc, char **argv, FILE *out, FILE *err, struct invocation *ret_invocation)
{
    struct invocation *invocation = ret_invocation;
    int result;

    *invocation = (struct invocation){.timeout_ms = -1, .out = out, .err = err};
    result = take_options(argc, argv, invocation);
    if (result != 0)
        return result;
    if (invocation->argument_count > 0 && strcmp(invocation->arguments[0], "help") == 0) {
        invocation->option[OPTION_HELP] = "";
        take_words(invocation, 1);
    }
    if (invocation->argument_count == 0) {
        if (command_has(invocation, OPTION_HELP) || command_has(invocation, OPTION_VERSION))
            return 0;
        return failure_say(invocation, EX_USAGE, "no command given (complyctl --help lists them)");
    }
    result = take_command(invocation);
    if (result != 0 || command_has(invocation, OPTION_HELP) || command_has(invocation, OPTION_VERSION))
        return result;
    if ((result = check_options(invocation)) != 0 || (result = check_arguments(invocation)) != 0)
        return result;
    if ((result = words_check(invocation)) != 0)
        return result;
    return check_timeout(invocation);
}
