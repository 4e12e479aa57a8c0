/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "sim/enrolment.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "sim/world.h"

void enrolment_init(struct enrolment *enrolment, const char *tenant_id)
{
    char id[GUID_TEXT];

    memset(enrolment, 0, sizeof(*enrolment));
    world_derive_guid("group", tenant_id, "All users", id);
    enrolment_add_group(enrolment, "All users", id);
}

struct sim_policy *enrolment_policy(struct enrolment *enrolment, const char *id)
{
    for (size_t i = 0; i < enrolment->policy_count; i++) {
        if (strcasecmp(enrolment->policies[i].id, id) == 0)
            return &enrolment->policies[i];
    }
    return NULL;
}

struct sim_policy *enrolment_policy_of(struct enrolment *enrolment, const char *platform)
{
    for (size_t i = 0; i < enrolment->policy_count; i++) {
        if (strcmp(enrolment->policies[i].platform, platform) == 0)
            return &enrolment->policies[i];
    }
    return NULL;
}

static void new_id(char ret_id[GUID_TEXT])
{
    struct guid guid;

    guid_random(&guid);
    guid_format(&guid, ret_id);
}

struct sim_policy *enrolment_add_policy(struct enrolment *enrolment, const char *name, const char *description,
                                        const char *platform)
{
    struct sim_policy *policy;

    if (enrolment->policy_count == ENROLMENT_POLICIES)
        return NULL;
    policy = &enrolment->policies[enrolment->policy_count++];
    *policy = (struct sim_policy){.assigned_count = 0};
    new_id(policy->id);
    new_id(policy->partner_policy_id);
    snprintf(policy->name, sizeof(policy->name), "%s", name);
    snprintf(policy->description, sizeof(policy->description), "%s", description);
    snprintf(policy->platform, sizeof(policy->platform), "%s", platform);
    return policy;
}

struct sim_group *enrolment_group(struct enrolment *enrolment, const char *id)
{
    for (size_t i = 0; i < enrolment->group_count; i++) {
        if (strcasecmp(enrolment->groups[i].id, id) == 0)
            return &enrolment->groups[i];
    }
    return NULL;
}

struct sim_group *enrolment_add_group(struct enrolment *enrolment, const char *name, const char *id)
{
    struct sim_group *group;
    struct guid guid;

    if (enrolment->group_count == ENROLMENT_GROUPS || (id && guid_parse(id, &guid) != 0))
        return NULL;
    group = &enrolment->groups[enrolment->group_count++];
    if (id)
        guid_format(&guid, group->id);
    else
        new_id(group->id);
    snprintf(group->name, sizeof(group->name), "%s", name);
    return group;
}

void enrolment_remove_group(struct enrolment *enrolment, struct sim_group *group)
{
    *group = enrolment->groups[--enrolment->group_count];
}

static void write_text(struct buf *out, const char *name, const char *value)
{
    buf_addf(out, ",\"%s\":", name);
    buf_add_json_string(out, value);
}

static void write_policy(const struct sim_policy *policy, struct buf *out)
{
    buf_addf(out, "{\"id\":\"%s\"", policy->id);
    write_text(out, "displayName", policy->name);
    write_text(out, "platform", policy->platform);
    buf_add_text(out, ",\"assignments\":[");
    for (size_t i = 0; i < policy->assigned_count; i++)
        buf_addf(out, "%s\"%s\"", i > 0 ? "," : "", policy->assigned[i]);
    buf_add_text(out, "]}");
}

void enrolment_write(const struct enrolment *enrolment, struct buf *out)
{
    buf_addf(out, "\"provisioned\":%d", enrolment->provisioned);
    write_text(out, "enrollmentUrl", enrolment->enrollment_url);
    write_text(out, "remediationUrl", enrolment->remediation_url);
    buf_add_text(out, ",\"policies\":[");
    for (size_t i = 0; i < enrolment->policy_count; i++) {
        buf_add_text(out, i > 0 ? "," : "");
        write_policy(&enrolment->policies[i], out);
    }
    buf_add_text(out, "],\"groups\":[");
    for (size_t i = 0; i < enrolment->group_count; i++) {
        buf_addf(out, "%s{\"id\":\"%s\"", i > 0 ? "," : "", enrolment->groups[i].id);
        write_text(out, "displayName", enrolment->groups[i].name);
        buf_add_char(out, '}');
    }
    buf_add_char(out, ']');
}
