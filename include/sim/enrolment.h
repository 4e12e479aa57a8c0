/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * enrolment - what Intune keeps of a partner in one tenant: whether it is provisioned, its policies, whom they are
 * assigned to; and the tenant's groups.
 */
#ifndef COMPLYD_SIM_ENROLMENT_H
#define COMPLYD_SIM_ENROLMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/guid.h"

/* Values of Provisioned. */
enum { ENROLMENT_PROVISIONED = 1, ENROLMENT_DEPROVISIONED = 2 };

enum {
    ENROLMENT_URL = 512,
    ENROLMENT_NAME = 256,
    ENROLMENT_POLICIES = 16,
    ENROLMENT_GROUPS = 64,
    ENROLMENT_ASSIGNED = 16,
};

struct sim_policy {
    char id[GUID_TEXT], partner_policy_id[GUID_TEXT];
    char name[ENROLMENT_NAME], description[ENROLMENT_NAME];
    char platform[16];
    char assigned[ENROLMENT_ASSIGNED][GUID_TEXT];
    size_t assigned_count;
};

struct sim_group {
    char id[GUID_TEXT];
    char name[ENROLMENT_NAME];
};

struct enrolment {
    int provisioned; /* 0 = never; else as on the wire */
    char enrollment_url[ENROLMENT_URL], remediation_url[ENROLMENT_URL];
    struct sim_policy policies[ENROLMENT_POLICIES];
    size_t policy_count;
    struct sim_group groups[ENROLMENT_GROUPS];
    size_t group_count;
};

/* Nothing but the one group "All users", whose id derives from the tenant's. */
void enrolment_init(struct enrolment *enrolment, const char *tenant_id);

struct sim_policy *enrolment_policy(struct enrolment *enrolment, const char *id);          /* NULL = unknown */
struct sim_policy *enrolment_policy_of(struct enrolment *enrolment, const char *platform); /* NULL = none */

/* NULL when the table is full. `id` NULL: a new one. */
struct sim_policy *enrolment_add_policy(struct enrolment *enrolment, const char *name, const char *description,
                                        const char *platform);
struct sim_group *enrolment_add_group(struct enrolment *enrolment, const char *name, const char *id);
struct sim_group *enrolment_group(struct enrolment *enrolment, const char *id);
void enrolment_remove_group(struct enrolment *enrolment, struct sim_group *group);

/* Members of an object: "provisioned", "enrollmentUrl", "remediationUrl", "policies", "groups". */
void enrolment_write(const struct enrolment *enrolment, struct buf *out);

#endif
