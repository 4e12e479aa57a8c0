/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "base/duration.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

static const struct {
    const char *name;
    int64_t ms;
} units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

enum { UNIT_COUNT = sizeof(units) / sizeof(units[0]) };

static const int64_t longest_ms = INT64_C(100) * 366 * 86400000;

/* Reads the unit at *text and steps over it; 0 when there is none. */
static int64_t read_unit(const char **text)
{
    size_t length = strspn(*text, "abcdefghijklmnopqrstuvwxyz");

    for (int i = 0; i < UNIT_COUNT; i++) {
        if (strlen(units[i].name) == length && strncmp(*text, units[i].name, length) == 0) {
            *text += length;
            return units[i].ms;
        }
    }
    return 0;
}

int duration_parse(const char *text, int64_t *ret_ms)
{
    int64_t total = 0;

    if (text == NULL || *text == '\0')
        return ERR_INVALID;
    while (*text != '\0') {
        int64_t number = 0, unit;

        if (*text < '0' || *text > '9')
            return ERR_INVALID;
        for (; *text >= '0' && *text <= '9'; text++) {
            number = number * 10 + (*text - '0');
            if (number > longest_ms)
                return ERR_INVALID;
        }
        unit = read_unit(&text);
        if (unit == 0 || number > (longest_ms - total) / unit)
            return ERR_INVALID;
        total += number * unit;
    }
    *ret_ms = total;
    return 0;
}

const char *duration_format(int64_t ms, char text[DURATION_TEXT])
{
    uint64_t rest = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
    int parts_left = rest > 60000 ? 2 : UNIT_COUNT;
    size_t used = 0;

    if (rest == 0) {
        memcpy(text, "0s", sizeof("0s"));
        return text;
    }
    if (ms < 0)
        text[used++] = '-';
    for (int i = 0; i < UNIT_COUNT && parts_left > 0; i++) {
        uint64_t unit = (uint64_t)units[i].ms;

        if (rest / unit == 0)
            continue;
        used += (size_t)snprintf(text + used, DURATION_TEXT - used, "%" PRIu64 "%s", rest / unit, units[i].name);
        rest %= unit;
        parts_left--;
    }
    return text;
}
