/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * settings_table - the one table of configuration keys: section, key, type, range, default, description. Internal to
 * settings.
 *
 * Thread    any; the table is constant.
 */
#ifndef COMPLYD_BASE_SETTINGS_TABLE_H
#define COMPLYD_BASE_SETTINGS_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/settings.h"

enum setting_section {
    SECTION_DAEMON,
    SECTION_REPORTING,
    SECTION_BREAKER,
    SECTION_WEB,
    SECTION_CONNECTION, /* "connection NAME", as often as there are connections */
    SECTION_COUNT
};

enum setting_type {
    SETTING_BOOL,     /* bool */
    SETTING_INT,      /* int, min..max */
    SETTING_DURATION, /* int64_t milliseconds, min..max */
    SETTING_LEVEL,    /* enum log_level */
    SETTING_FORMAT,   /* enum log_format */
    SETTING_CLOUD,    /* enum settings_cloud */
    SETTING_DATE,     /* int64_t milliseconds of the wall clock, 0 = unset */
    SETTING_TEXT,     /* the rest: char * */
    SETTING_PATH,     /* absolute path */
    SETTING_GUID,
    SETTING_BASE_URL, /* https://host[:port][/path], one trailing slash dropped */
    SETTING_PAGE_URL, /* https URL of a page that people open */
    SETTING_PROXY,    /* http, https or socks5h URL of a proxy */
    SETTING_SCOPE,    /* ".../.default" */
    SETTING_LISTEN,   /* loopback address and port */
};

struct setting {
    enum setting_section section;
    const char *key;
    enum setting_type type;
    size_t offset; /* in struct settings or struct connection_settings */
    int64_t min, max;
    const char *preset; /* the default, as it would be written */
    const char *about;  /* one line */
};

enum { SETTING_MAX = 64 }; /* keys of the table at most */

size_t settings_table_count(void);
const struct setting *settings_table_at(size_t index);

/* Index of `key` in `section`, or -1. */
int settings_table_find(enum setting_section section, const char *key);

const char *settings_table_section_name(enum setting_section section); /* "daemon" ... "connection" */

/* Gives every setting of `section` in `base` its default; 0 or ERR_NOMEM. On failure the text members may be NULL. */
int settings_table_preset(enum setting_section section, void *base);

/* Frees the text members of `section` in `base`. */
void settings_table_free(enum setting_section section, void *base);

#endif
