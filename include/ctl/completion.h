/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * completion - what may stand where the cursor is: "complyctl complete WORD...", asked by the shells' completion files.
 *
 * The command table answers, so that a shell knows what this very program knows; ids and names come from the daemon.
 * Whatever goes wrong, there are just no candidates.
 */
#ifndef COMPLYD_CTL_COMPLETION_H
#define COMPLYD_CTL_COMPLETION_H

#include <stdio.h>

/* The words after "complyctl", of which the last one, maybe empty, is to be completed. One candidate a line, with a tab
 * and what it is; ":files" alone: the names of files. Returns EX_OK. */
int completion_run(int count, char **words, FILE *out);

#endif
