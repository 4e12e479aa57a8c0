/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "model/language.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"

static const char *const tags[LANGUAGE_COUNT] = {
#define X(name, tag) [name] = tag,
    LANGUAGES(X)
#undef X
};

const char *language_tag(enum language language)
{
    return tags[(unsigned)language < LANGUAGE_COUNT ? language : LANGUAGE_EN];
}

/* A range such as "es" or "es-MX": its first part decides. */
static bool find(const char *range, size_t length, enum language *ret_language)
{
    for (int i = 0; i < LANGUAGE_COUNT; i++) {
        if (strlen(tags[i]) == length && strncasecmp(tags[i], range, length) == 0) {
            *ret_language = (enum language)i;
            return true;
        }
    }
    return false;
}

int language_parse(const char *tag, enum language *ret_language)
{
    return find(tag, strlen(tag), ret_language) ? 0 : ERR_INVALID;
}

/* "q=0.8" as 800; 1000 when there is none. */
static int weight_of(const char *item, size_t length)
{
    const char *q = memchr(item, '=', length);
    int weight = 0, unit = 1000;

    if (q == NULL)
        return 1000;
    for (q++; q < item + length && unit > 0; q++) {
        if (*q >= '0' && *q <= '9') {
            weight += (*q - '0') * unit;
            unit /= 10;
        } else if (*q != '.') {
            break;
        }
    }
    return weight;
}

enum language language_from_header(const char *accept)
{
    enum language best = LANGUAGE_EN, language;
    int most = 0;

    while (accept != NULL && *accept != '\0') {
        size_t length;
        int weight;

        accept += strspn(accept, ", \t");
        length = strcspn(accept, ",");
        weight = weight_of(accept, length);
        if (weight > most && find(accept, strcspn(accept, "-;, \t"), &language)) {
            best = language;
            most = weight;
        }
        accept += length;
    }
    return best;
}

enum language language_from_locale(const char *locale)
{
    enum language language = LANGUAGE_EN;

    if (locale != NULL)
        find(locale, strcspn(locale, "_.@"), &language);
    return language;
}
