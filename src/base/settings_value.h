/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * settings_value - one value of the configuration: checks the text an administrator wrote and stores it. Internal to
 * settings.
 */
#ifndef COMPLYD_BASE_SETTINGS_VALUE_H
#define COMPLYD_BASE_SETTINGS_VALUE_H

#include "base/error.h"
#include "settings_table.h"

/* Checks `value` and stores it in `base`, the struct that the setting lies in; what was there is freed. "" unsets a
 * text. 0, ERR_NOMEM, or ERR_INVALID with the reason in *err (may be NULL). */
int settings_value_assign(const struct setting *setting, void *base, const char *value, struct error *err);

/* Frees what the setting owns in `base`. */
void settings_value_free(const struct setting *setting, void *base);

#endif
