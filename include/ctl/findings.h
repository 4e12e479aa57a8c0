/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * findings - what doctor has found: a list that grows, printed or told as JSON at the end; and what can be found
 * without the daemon.
 */
#ifndef COMPLYD_CTL_FINDINGS_H
#define COMPLYD_CTL_FINDINGS_H

#include "ctl/command.h"
#include "model/check.h"

struct cJSON;

struct findings {
    const struct invocation *invocation;
    enum language language;
    struct cJSON
        *list; /* array of findings as GET /v1/connections/{id}/doctor tells them, with `connection` ("" = none) */
    enum check_state worst;
    int exit_code; /* by the worst: 75 warnings alone, else of the first failure */
};

/* `exit_code`: what the command ends with if this is a failure. */
void findings_add(struct findings *findings, int exit_code, enum check check, enum check_finding found,
                  const char *detail);

/* The configuration: `path` is the file. */
void findings_configuration(struct findings *findings, const char *path);

/* The store, its disk, the unit, the control socket. True: somebody listens at the socket. */
bool findings_machine(struct findings *findings, const char *store, const char *socket);

/* What room there is on the store's disk: well, filling up, or full. */
enum check_finding findings_of_disk(long long free_mib, long long size_mib);

/* Whether the daemon is confined as its unit, if there is one, would have it. */
void findings_sandbox(struct findings *findings, long long pid);

#endif
