/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <string.h>

#include "base/settings.h"
#include "settings_table.h"

static bool same_value(const struct setting *setting, const char *a, const char *b)
{
    switch (setting->type) {
    case SETTING_BOOL:
        return *(const bool *)(const void *)a == *(const bool *)(const void *)b;
    case SETTING_INT:
    case SETTING_LEVEL:
    case SETTING_FORMAT:
    case SETTING_CLOUD:
        return *(const int *)(const void *)a == *(const int *)(const void *)b;
    case SETTING_DURATION:
    case SETTING_DATE:
        return *(const int64_t *)(const void *)a == *(const int64_t *)(const void *)b;
    case SETTING_TEXT:
    case SETTING_PATH:
    case SETTING_GUID:
    case SETTING_BASE_URL:
    case SETTING_PAGE_URL:
    case SETTING_PROXY:
    case SETTING_SCOPE:
    case SETTING_LISTEN:
        break;
    }
    return strcmp(*(const char *const *)(const void *)a, *(const char *const *)(const void *)b) == 0;
}

bool settings_connection_equal(const struct connection_settings *a, const struct connection_settings *b)
{
    for (size_t i = 0; i < settings_table_count(); i++) {
        const struct setting *setting = settings_table_at(i);
        if (setting->section == SECTION_CONNECTION &&
            !same_value(setting, (const char *)a + setting->offset, (const char *)b + setting->offset))
            return false;
    }
    return strcmp(a->name, b->name) == 0;
}
