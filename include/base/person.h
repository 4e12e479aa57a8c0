/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * person - a user of this machine, named for people: in the log of who did what.
 */
#ifndef COMPLYD_BASE_PERSON_H
#define COMPLYD_BASE_PERSON_H

#include <sys/types.h>

enum { PERSON_TEXT = 96 };

/* "root (uid 0, pid 4711)", or "uid 1000 (pid 4711)" when /etc/passwd has no name; other sources of names may be far
 * away, and nobody waits for them here. `place` is "pid 4711" or where else they are. Returns text. */
const char *person_describe(uid_t uid, const char *place, char text[PERSON_TEXT]);

#endif
