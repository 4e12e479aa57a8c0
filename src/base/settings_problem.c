/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "settings_problem.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"

static void add(struct settings_problems *problems, int line, const char *place, const char *reason)
{
    struct error clean;

    problems->count++;
    if (problems->out == NULL)
        return;
    /* Keys and values are quoted from the file as they are: one clean line is made of them. */
    error_set(&clean, ERR_CONFIG, 0, "%s%s", place, reason);
    buf_addf(problems->out, "%s:%d: %s\n", problems->file, line, clean.message);
}

void settings_problem_line(struct settings_problems *problems, int line, const char *format, ...)
{
    char reason[384];
    va_list args;

    va_start(args, format);
    vsnprintf(reason, sizeof(reason), format, args);
    va_end(args);
    add(problems, line, "", reason);
}

void settings_problem_key(struct settings_problems *problems, int line, enum setting_section section,
                          const char *connection, const char *key, const char *format, ...)
{
    char place[192], reason[384];
    va_list args;

    snprintf(place, sizeof(place), "[%s%s%s] %s: ", settings_table_section_name(section), connection != NULL ? " " : "",
             connection != NULL ? connection : "", key);
    va_start(args, format);
    vsnprintf(reason, sizeof(reason), format, args);
    va_end(args);
    add(problems, line, place, reason);
}
