/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "ctl/arguments.h"

#include <string.h>

#include "ctl/output.h"

static const char exit_codes[] =
    "Exit codes (sysexits.h):\n"
    "   0  done\n"
    "  64  wrong usage\n"
    "  65  bad data: a line of an import, a damaged store, a report that Microsoft refused\n"
    "  66  no such file, store or device\n"
    "  69  complyd is not running, or cannot reach Microsoft\n"
    "  70  an error within complyd\n"
    "  71  out of memory or another trouble of the system\n"
    "  73  cannot be created: exists already, or its directory does not\n"
    "  74  input/output error, disk full\n"
    "  75  not now: in use, waits for something, or --timeout has passed; try again\n"
    "  76  complyd's answer is not understood (another version?)\n"
    "  77  permission denied\n"
    "  78  configuration error, or a store of another version\n";

enum { LEFT_TEXT = 48 };

static void option_line(FILE *to, enum command_option option)
{
    char left[LEFT_TEXT];

    snprintf(left, sizeof(left), "--%s %s", command_option_word(option), command_option_argument(option));
    output_entry(to, left, 18, command_option_text(option));
}

static void command_left(const struct command *command, char left[LEFT_TEXT])
{
    snprintf(left, LEFT_TEXT, "%s%s%s", command->name, command->arguments[0] != '\0' ? " " : "", command->arguments);
}

static void command_lines(FILE *to)
{
    char left[LEFT_TEXT];
    size_t width = 0;

    for (size_t i = 0; i < command_count; i++) {
        command_left(&commands[i], left);
        width = strlen(left) > width ? strlen(left) : width;
    }
    for (size_t i = 0; i < command_count; i++) {
        command_left(&commands[i], left);
        output_entry(to, left, width, commands[i].summary);
    }
}

static void options(FILE *to, const char *title, unsigned set)
{
    if (set == 0)
        return;
    fprintf(to, "\n%s:\n", title);
    for (int i = 0; i < OPTION_COUNT; i++) {
        if ((set & 1u << i) != 0)
            option_line(to, (enum command_option)i);
    }
}

static void program_help(FILE *to)
{
    fputs("Usage: complyctl [OPTIONS] COMMAND\n\n"
          "Shows and steers complyd, which reports device compliance to Microsoft Entra and Intune.\n\nCommands:\n",
          to);
    command_lines(to);
    options(to, "Options, before or after the command", COMMAND_GLOBAL_OPTIONS);
    fprintf(to, "\n%s", exit_codes);
}

static void command_help(const struct command *command, FILE *to)
{
    fprintf(to, "Usage: complyctl [OPTIONS] %s %s\n\n%s.\n", command->name, command->arguments, command->summary);
    if (command->help[0] != '\0')
        fprintf(to, "\n%s", command->help);
    options(to, "Options of this command", command->options);
    options(to, "Options of every command", COMMAND_GLOBAL_OPTIONS);
}

void arguments_help(const struct invocation *invocation, FILE *to)
{
    if (invocation->command != NULL)
        command_help(invocation->command, to);
    else
        program_help(to);
}
