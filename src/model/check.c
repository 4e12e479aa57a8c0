/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "model/check.h"

#include <string.h>

static const struct {
    const char *name;
    const char *title[LANGUAGE_COUNT];
} checks[CHECK_COUNT] = {
#define X(name, word, english, spanish) [name] = {word, {english, spanish}},
    CHECKS(X)
#undef X
};

static const char *const state_names[CHECK_STATE_COUNT] = {
#define X(name, word) [name] = word,
    CHECK_STATES(X)
#undef X
};

static const char *const state_titles[CHECK_STATE_COUNT][LANGUAGE_COUNT] = {
    [CHECK_OK] = {"ok", "bien"},
    [CHECK_SKIPPED] = {"skipped", "omitido"},
    [CHECK_WARNING] = {"warning", "aviso"},
    [CHECK_FAILURE] = {"failure", "fallo"},
};

static const struct {
    const char *name;
    enum check_state state;
    const char *text[LANGUAGE_COUNT];
    const char *cure[LANGUAGE_COUNT];
} findings[CHECK_FINDING_COUNT] = {
#define X(name, word, state, english, spanish, cure_english, cure_spanish)                                             \
    [name] = {word, state, {english, spanish}, {cure_english, cure_spanish}},
    CHECK_FINDINGS(X)
#undef X
};

static enum language known(enum language language)
{
    return (unsigned)language < LANGUAGE_COUNT ? language : LANGUAGE_EN;
}

const char *check_name(enum check check)
{
    return checks[check].name;
}

const char *check_title(enum check check, enum language language)
{
    return checks[check].title[known(language)];
}

const char *check_state_name(enum check_state state)
{
    return state_names[state];
}

enum check_state check_state_parse(const char *name)
{
    for (int state = 0; state < CHECK_STATE_COUNT; state++) {
        if (strcmp(state_names[state], name) == 0)
            return (enum check_state)state;
    }
    return CHECK_FAILURE;
}

const char *check_state_title(enum check_state state, enum language language)
{
    return state_titles[state][known(language)];
}

const char *check_finding_name(enum check_finding finding)
{
    return findings[finding].name;
}

enum check_state check_finding_state(enum check_finding finding)
{
    return findings[finding].state;
}

const char *check_finding_text(enum check_finding finding, enum language language)
{
    return findings[finding].text[known(language)];
}

const char *check_finding_cure(enum check_finding finding, enum language language)
{
    return findings[finding].cure[known(language)];
}
