/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * settings_check - what must hold between keys, and of the files they name. Internal to settings.
 */
#ifndef COMPLYD_BASE_SETTINGS_CHECK_H
#define COMPLYD_BASE_SETTINGS_CHECK_H

#include "settings_problem.h"

/* Where each key of the table was written, by its index; 0 = nowhere, negative = there, but its value was refused. */
struct settings_lines {
    int at[SETTING_MAX];
};

/* Rules between the keys of the fixed sections. */
void settings_check_global(const struct settings *settings, const struct settings_lines *lines,
                           struct settings_problems *problems);

/* Rules of one connection; fills in the cloud's addresses. 0 or ERR_NOMEM. */
int settings_check_connection(struct connection_settings *connection, const struct settings_lines *lines,
                              struct settings_problems *problems);

/* Whether the files that the connection names can be used. */
void settings_check_files(const struct connection_settings *connection, const struct settings_lines *lines,
                          struct settings_problems *problems);

#endif
