/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * language - the languages in which complyd speaks to people, and how one is chosen. Pure.
 *
 * The log is English. complyctl follows the locale, the web page the browser; whoever asks for another language gets
 * English.
 */
#ifndef COMPLYD_MODEL_LANGUAGE_H
#define COMPLYD_MODEL_LANGUAGE_H

/* X(NAME, tag of BCP 47) */
#define LANGUAGES(X)                                                                                                   \
    X(LANGUAGE_EN, "en")                                                                                               \
    X(LANGUAGE_ES, "es")

enum language {
#define X(name, tag) name,
    LANGUAGES(X)
#undef X
        LANGUAGE_COUNT
};

const char *language_tag(enum language language); /* "en"; of an unknown one too */

/* Exactly one of our tags: 0, or ERR_INVALID. */
int language_parse(const char *tag, enum language *ret_language);

/* The one that an Accept-Language header (RFC 9110) likes best; NULL and nonsense are English. */
enum language language_from_header(const char *accept);

/* The one of a locale's name: "es", "es_MX.UTF-8" ...; NULL, "C" and others are English. */
enum language language_from_locale(const char *locale);

#endif
