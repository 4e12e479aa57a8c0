/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * words - the fixed words that options and arguments take: checked before anything is asked, and offered by completion.
 */
#ifndef COMPLYD_CTL_WORDS_H
#define COMPLYD_CTL_WORDS_H

#include "ctl/client.h"
#include "ctl/command.h"

enum { WORDS_MAX = 24 };

/* The words that an option, or an argument as it stands in a usage line ("LEVEL"), takes. 0: any text. */
size_t words_of_option(enum command_option option, const char *words[WORDS_MAX]);
size_t words_of_argument(const char *argument, const char *words[WORDS_MAX]);

/* 0, or EX_USAGE after saying which option or argument has a word that is none of its own, and what was likely
 * meant. */
int words_check(const struct invocation *invocation);

struct cJSON;

/* EX_NOINPUT after saying that the daemon has no such connection, with the one that was likely meant or those that
 * there are: the member `key` of each of `connections`. */
int words_refuse_connection(const struct invocation *invocation, const char *typed, const struct cJSON *connections,
                            const char *key);

#endif
