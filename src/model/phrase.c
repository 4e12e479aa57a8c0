/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "model/phrase.h"

#include <string.h>

static const char *const phrases[PHRASE_COUNT][LANGUAGE_COUNT] = {
#define X(name, english, spanish) [name] = {english, spanish},
    PHRASES(X)
#undef X
};

const char *phrase_text(enum phrase phrase, enum language language)
{
    return phrases[(unsigned)phrase < PHRASE_COUNT ? phrase : PHRASE_NOTHING]
                  [(unsigned)language < LANGUAGE_COUNT ? language : LANGUAGE_EN];
}

void phrase_add(struct buf *out, enum phrase phrase, enum language language, const char *first, const char *second)
{
    const char *text = phrase_text(phrase, language), *mark;

    while ((mark = strchr(text, '%')) != NULL && (mark[1] == '1' || mark[1] == '2')) {
        buf_add(out, text, (size_t)(mark - text));
        buf_add_text(out, mark[1] == '1' ? first : second);
        text = mark + 2;
    }
    buf_add_text(out, text);
}
