/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * say - what complyctl itself says beside what the daemon does: headings, labels and sentences, in the operator's
 * language.
 *
 * A text is looked up by its English, as gettext does; what is not in the catalogue is said in English. Words that
 * stand for something on the command line or in JSON (states, kinds) are the same in every language, and so are --help,
 * mistakes of usage, and what goes wrong with files. output, table and progress look labels, headings and units up by
 * themselves.
 */
#ifndef COMPLYD_CTL_SAY_H
#define COMPLYD_CTL_SAY_H

#include "model/language.h"

/* Once, before anything is said. English without it. */
void say_in(enum language language);

/* The text in that language; a format keeps its conversions in their order. */
const char *say(const char *english) __attribute__((format_arg(1)));

#endif
