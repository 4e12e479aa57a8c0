/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "microsoft/compliance_policy.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "classify.h"
#include "reply.h"
#include "tenant_answer.h"

#define POLICIES "/PartnerCompliancePolicies"

static const char *const wire_names[PLATFORM_COUNT] = {
    [PLATFORM_IOS] = "iOS",
    [PLATFORM_ANDROID] = "Android",
    [PLATFORM_MACOS] = "macOS",
    [PLATFORM_WINDOWS] = "Windows",
};

static void write_name(enum platform platform, char name[64])
{
    snprintf(name, 64, "complyd compliance policy (%s)", wire_names[platform]);
}

void compliance_policy_url(struct buf *url, const char *tenant_url)
{
    buf_addf(url, "%s" POLICIES TENANT_API_VERSION, tenant_url);
}

void compliance_policy_body(struct buf *body, enum platform platform)
{
    char name[64];

    write_name(platform, name);
    buf_addf(body,
             "{\"DisplayName\":\"%s\",\"Description\":\"Compliance as complyd reports it\",\"Platform\":\"%s\","
             "\"PartnerManagedCompliance\":true}",
             name, wire_names[platform]);
}

/* False: the entry has no id that could be used. */
static bool take_id(const cJSON *entry, char ret_id[GUID_TEXT])
{
    struct guid id;

    if (guid_parse(reply_text(entry, "Id"), &id) != 0)
        return false;
    guid_format(&id, ret_id);
    return true;
}

void compliance_policy_created(const struct http_response *response, int64_t now_s, char ret_id[GUID_TEXT],
                               struct outcome *ret_outcome)
{
    cJSON *root = tenant_answer_read(response, now_s, ret_outcome);
    const bool answered = response->result == 0;

    ret_id[0] = '\0';
    if (answered && response->status == 204) {
        ret_outcome->class = OUTCOME_CONNECTION;
        ret_outcome->trouble = TROUBLE_NOT_PARTNER;
        classify_detail(ret_outcome, 204, "", "no policy was made: the partner is not registered for the platform");
    } else if (answered && (response->status == 409 || strncmp(ret_outcome->detail, "HttpStatusCode 409", 18) == 0)) {
        *ret_outcome = (struct outcome){.class = OUTCOME_ACCEPTED};
    } else if (ret_outcome->class == OUTCOME_ACCEPTED) {
        take_id(root, ret_id); /* without one the list tells it */
    }
    cJSON_Delete(root);
}

/* The first of the platform, or the one that has our name. */
static void find_policy(const cJSON *list, enum platform platform, char ret_id[GUID_TEXT])
{
    const cJSON *entry;
    char name[64], id[GUID_TEXT];

    write_name(platform, name);
    cJSON_ArrayForEach(entry, list)
    {
        const bool ours = strcmp(reply_text(entry, "DisplayName"), name) == 0;

        if (strcasecmp(reply_text(entry, "Platform"), wire_names[platform]) != 0 || !take_id(entry, id))
            continue;
        if (ret_id[0] == '\0' || ours)
            memcpy(ret_id, id, GUID_TEXT);
        if (ours)
            return;
    }
}

static void take_next(const cJSON *root, int status, char ret_next[COMPLIANCE_POLICY_NEXT], struct outcome *outcome)
{
    const char *next = reply_text(root, "@odata.nextLink");

    if (next[0] == '\0')
        next = reply_text(root, "odata.nextLink");
    if (strlen(next) >= COMPLIANCE_POLICY_NEXT)
        tenant_answer_odd(outcome, status, "the link to the next page is too long");
    else
        memcpy(ret_next, next, strlen(next) + 1);
}

void compliance_policy_listed(const struct http_response *response, enum platform platform, int64_t now_s,
                              char ret_id[GUID_TEXT], char ret_next[COMPLIANCE_POLICY_NEXT],
                              struct outcome *ret_outcome)
{
    cJSON *root = tenant_answer_read(response, now_s, ret_outcome);

    ret_id[0] = '\0';
    ret_next[0] = '\0';
    if (ret_outcome->class == OUTCOME_ACCEPTED) {
        if (reply_array(root, "value") == NULL)
            tenant_answer_odd(ret_outcome, response->status, "the list of policies has no value");
        else
            take_next(root, response->status, ret_next, ret_outcome);
        find_policy(reply_array(root, "value"), platform, ret_id);
    }
    cJSON_Delete(root);
}

void compliance_policy_assign_url(struct buf *url, const char *tenant_url, const char *policy_id)
{
    buf_addf(url, "%s" POLICIES "(guid'%s')/Assign" TENANT_API_VERSION, tenant_url, policy_id);
}

void compliance_policy_assign_body(struct buf *body, const char *group_id)
{
    buf_addf(body, "{\"assignments\":[\"%s\"]}", group_id);
}

void compliance_policy_assigned(const struct http_response *response, int64_t now_s, struct outcome *ret_outcome)
{
    cJSON_Delete(tenant_answer_read(response, now_s, ret_outcome));
}
