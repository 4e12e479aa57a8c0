/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * settings_problem - the list of mistakes found in a configuration file. Internal to settings.
 */
#ifndef COMPLYD_BASE_SETTINGS_PROBLEM_H
#define COMPLYD_BASE_SETTINGS_PROBLEM_H

#include <stddef.h>

#include "settings_table.h"

struct settings_problems {
    const char *file;
    struct buf *out; /* NULL: only counted */
    size_t count;
};

/* "file:line: reason". */
void settings_problem_line(struct settings_problems *problems, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "file:line: [section] key: reason"; `connection` is the name in a [connection NAME], else NULL. */
void settings_problem_key(struct settings_problems *problems, int line, enum setting_section section,
                          const char *connection, const char *key, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

#endif
