/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * arguments - from argv to an invocation: options in any place, mistyped words with a suggestion, help.
 */
#ifndef COMPLYD_CTL_ARGUMENTS_H
#define COMPLYD_CTL_ARGUMENTS_H

#include "ctl/command.h"

/* Reads the command line; argv is put in another order. 0, or EX_USAGE after saying on `err` what is wrong with it.
 * Options are taken before, between and after the words of the command; "--" ends them. */
int arguments_parse(int argc, char **argv, FILE *out, FILE *err, struct invocation *ret_invocation);

/* Help of the invocation's command, or of the whole program when it has none. */
void arguments_help(const struct invocation *invocation, FILE *to);

#endif
