/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "sim/provisioning.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sim/discovery.h"
#include "sim/exchange.h"
#include "sim/json.h"
#include "sim/odata.h"
#include "sim/permission.h"
#include "sim/refusal.h"
#include "sim/token.h"
#include "sim/world.h"

static const struct json_field tenant_fields[] = {
    {"Provisioned", JSON_NUMBER, true},
    {"PartnerEnrollmentUrl", JSON_STRING, true},
    {"PartnerRemediationUrl", JSON_STRING, true},
    {NULL, 0, false},
};

static const struct json_field policy_fields[] = {
    {"DisplayName", JSON_STRING, true},
    {"Description", JSON_STRING, true},
    {"Platform", JSON_STRING, true},
    {"PartnerManagedCompliance", JSON_BOOL, true},
    {NULL, 0, false},
};

static const struct json_field assign_fields[] = {
    {"assignments", JSON_ARRAY, true},
    {NULL, 0, false},
};

static void bad_request(struct exchange *ex, const char *text)
{
    refusal_partner(ex, 400, "BadRequest", text);
}

/* The body as JSON with these members and no others; NULL = ex is answered. The caller frees. */
static cJSON *read_body(struct exchange *ex, const struct json_field *fields)
{
    cJSON *body = json_parse(ex->body, ex->body_length);
    char reason[128];

    if (!ex->content_type || strncasecmp(ex->content_type, EXCHANGE_JSON, strlen(EXCHANGE_JSON)) != 0)
        refusal_partner(ex, 415, "UnsupportedMediaType", "The content type must be application/json.");
    else if (!body)
        bad_request(ex, "The body is not JSON.");
    else if (json_check(body, fields, reason, sizeof(reason)))
        bad_request(ex, reason);
    else
        return body;
    cJSON_Delete(body);
    return NULL;
}

static bool is_page(const char *url)
{
    return strncmp(url, "https://", 8) == 0 && url[8] != '\0' && strlen(url) < ENROLMENT_URL;
}

static void put_tenant(struct exchange *ex)
{
    struct enrolment *enrolment = &ex->tenant->enrolment;
    cJSON *body = read_body(ex, tenant_fields);
    int64_t wanted = json_int(body, "Provisioned", 0);

    if (!body)
        return;
    if (wanted != ENROLMENT_PROVISIONED && wanted != ENROLMENT_DEPROVISIONED) {
        bad_request(ex, "Provisioned must be 1 or 2.");
    } else if (!is_page(json_string(body, "PartnerEnrollmentUrl")) ||
               !is_page(json_string(body, "PartnerRemediationUrl"))) {
        bad_request(ex, "PartnerEnrollmentUrl and PartnerRemediationUrl must be https URLs.");
    } else {
        enrolment->provisioned = (int)wanted;
        snprintf(enrolment->enrollment_url, ENROLMENT_URL, "%s", json_string(body, "PartnerEnrollmentUrl"));
        snprintf(enrolment->remediation_url, ENROLMENT_URL, "%s", json_string(body, "PartnerRemediationUrl"));
        exchange_answer(ex, 200, EXCHANGE_JSON "; charset=utf-8");
        buf_addf(&ex->reply,
                 "{\"Key\":\"%s\",\"ContextId\":\"%s\",\"Provisioned\":%d,\"HttpStatusCode\":200,\"ErrorDetail\":null}",
                 ex->request_id, ex->tenant->id, enrolment->provisioned);
    }
    cJSON_Delete(body);
}

static void write_policy(const struct world *world, const struct sim_policy *policy, struct buf *out)
{
    buf_addf(out,
             "\"odata.id\":\"%s/fef/" DISCOVERY_TENANT_SERVICE "/PartnerCompliancePolicies(guid'%s')\",\"Id\":\"%s\"",
             world->base_url, policy->id, policy->id);
    buf_add_text(out, ",\"DisplayName\":");
    buf_add_json_string(out, policy->name);
    buf_add_text(out, ",\"Description\":");
    buf_add_json_string(out, policy->description);
    buf_addf(out, ",\"Platform\":\"%s\",\"PartnerPolicyId\":\"%s\",\"PartnerManagedCompliance\":true", policy->platform,
             policy->partner_policy_id);
}

static void start_answer(const struct world *world, struct exchange *ex, int status, const char *what)
{
    exchange_answer(ex, status, EXCHANGE_JSON "; charset=utf-8");
    buf_addf(&ex->reply, "{\"odata.metadata\":\"%s/fef/" DISCOVERY_TENANT_SERVICE "/$metadata#%s\",", world->base_url,
             what);
}

/* Whether the administrator has added the partner for a platform in the Intune console. */
static bool is_added(const struct world *world, const char *platform)
{
    return strcmp(platform, "iOS") == 0       ? world->settings.partner_ios
           : strcmp(platform, "Android") == 0 ? world->settings.partner_android
                                              : world->settings.partner_macos;
}

static void create_policy(const struct world *world, struct exchange *ex, const cJSON *body)
{
    struct enrolment *enrolment = &ex->tenant->enrolment;
    const char *platform = json_string(body, "Platform"), *name = json_string(body, "DisplayName");
    const struct sim_policy *policy;

    if (strcmp(platform, "iOS") != 0 && strcmp(platform, "Android") != 0 && strcmp(platform, "macOS") != 0) {
        bad_request(ex, "Platform must be iOS, Android or macOS.");
    } else if (!name[0] || !json_bool(body, "PartnerManagedCompliance", false)) {
        bad_request(ex, "DisplayName must not be empty, PartnerManagedCompliance must be true.");
    } else if (!is_added(world, platform)) {
        exchange_answer(ex, 204, NULL); /* success-shaped, as seen in public: nothing was made */
    } else if (enrolment_policy_of(enrolment, platform)) {
        refusal_partner(ex, 409, "Conflict", "A policy of the partner exists for this platform.");
    } else if (!(policy = enrolment_add_policy(enrolment, name, json_string(body, "Description"), platform))) {
        refusal_partner(ex, 503, "ServiceUnavailable", "Too many policies.");
    } else {
        start_answer(world, ex, 201, "PartnerCompliancePolicies/@Element");
        write_policy(world, policy, &ex->reply);
        buf_add_char(&ex->reply, '}');
    }
}

static void post_policy(const struct world *world, struct exchange *ex)
{
    cJSON *body = read_body(ex, policy_fields);

    if (!body)
        return;
    if (ex->tenant->enrolment.provisioned != ENROLMENT_PROVISIONED)
        refusal_partner(ex, 403, "Forbidden", "The tenant is not provisioned for this partner.");
    else
        create_policy(world, ex, body);
    cJSON_Delete(body);
}

static void list_policies(const struct world *world, struct exchange *ex)
{
    const struct enrolment *enrolment = &ex->tenant->enrolment;
    char *token = exchange_query(ex, "$skiptoken");
    size_t first = token ? strtoul(token, NULL, 10) : 0, end = enrolment->policy_count;

    free(token);
    if (world->settings.page_size > 0 && first + (size_t)world->settings.page_size < end)
        end = first + (size_t)world->settings.page_size;
    start_answer(world, ex, 200, "PartnerCompliancePolicies");
    buf_add_text(&ex->reply, "\"value\":[");
    for (size_t i = first; i < end; i++) {
        buf_add_text(&ex->reply, i > first ? ",{" : "{");
        write_policy(world, &enrolment->policies[i], &ex->reply);
        buf_add_char(&ex->reply, '}');
    }
    buf_add_char(&ex->reply, ']');
    if (end < enrolment->policy_count)
        buf_addf(&ex->reply,
                 ",\"odata.nextLink\":\"%s/fef/" DISCOVERY_TENANT_SERVICE
                 "/PartnerCompliancePolicies?api-version=1.6&$skiptoken=%zu\"",
                 world->base_url, end);
    buf_add_char(&ex->reply, '}');
}

/* What is wrong with a list of groups; NULL = nothing. */
static const char *check_groups(struct enrolment *enrolment, const cJSON *groups)
{
    const cJSON *group;

    if (cJSON_GetArraySize(groups) < 1 || cJSON_GetArraySize(groups) > ENROLMENT_ASSIGNED)
        return "assignments must name between 1 and 16 groups.";
    cJSON_ArrayForEach(group, groups)
    {
        if (!cJSON_IsString(group) || !guid_is_valid(group->valuestring))
            return "assignments must be GUIDs.";
        if (!enrolment_group(enrolment, group->valuestring))
            return "A group of assignments does not exist.";
    }
    return NULL;
}

static void assign(const struct world *world, struct exchange *ex, struct sim_policy *policy)
{
    cJSON *body = read_body(ex, assign_fields);
    const cJSON *groups = json_member(body, "assignments"), *group;
    const char *wrong = body ? check_groups(&ex->tenant->enrolment, groups) : NULL;

    if (wrong) {
        bad_request(ex, wrong);
    } else if (body) {
        policy->assigned_count = 0;
        cJSON_ArrayForEach(group, groups)
        {
            snprintf(policy->assigned[policy->assigned_count++], GUID_TEXT, "%s", group->valuestring);
        }
        char *told = cJSON_PrintUnformatted(body);
        start_answer(world, ex, 200, "Edm.String");
        buf_add_text(&ex->reply, "\"value\":");
        buf_add_json_string(&ex->reply, told);
        buf_add_char(&ex->reply, '}');
        cJSON_free(told);
    }
    cJSON_Delete(body);
}

static void refuse_method(struct exchange *ex, const char *allowed)
{
    refusal_partner(ex, 405, "MethodNotAllowed", "This method is not served here.");
    exchange_header(ex, "Allow", "%s", allowed);
}

static void serve_tenant(struct exchange *ex, const char *tenant_id)
{
    if (!guid_is_valid(tenant_id))
        bad_request(ex, "The tenant id is not a GUID.");
    else if (strcasecmp(tenant_id, ex->tenant->id) != 0)
        refusal_partner(ex, 403, "Forbidden", "The token is another tenant's.");
    else if (exchange_method_is(ex, "PUT"))
        put_tenant(ex);
    else
        refuse_method(ex, "PUT");
}

static void serve_policies(const struct world *world, struct exchange *ex)
{
    if (exchange_method_is(ex, "POST"))
        post_policy(world, ex);
    else if (exchange_method_is(ex, "GET"))
        list_policies(world, ex);
    else
        refuse_method(ex, "GET, POST");
}

static void serve_assign(const struct world *world, struct exchange *ex, const char *policy_id)
{
    struct sim_policy *policy = enrolment_policy(&ex->tenant->enrolment, policy_id);

    if (!exchange_method_is(ex, "POST"))
        refuse_method(ex, "POST");
    else if (!guid_is_valid(policy_id))
        bad_request(ex, "The policy id is not a GUID.");
    else if (!policy)
        refusal_partner(ex, 404, "NotFound", "No policy has this id.");
    else
        assign(world, ex, policy);
}

static void serve(const struct world *world, struct exchange *ex)
{
    const char *name = ex->segment_count > 2 ? ex->segments[2] : "";
    char *tenant_id = odata_key(name, "PartnerTenants", "guid");
    char *policy_id = odata_key(name, "PartnerCompliancePolicies", "guid");
    char *version = exchange_query(ex, "api-version");

    if (!version || strcmp(version, "1.6") != 0)
        bad_request(ex, "api-version is missing or not 1.6.");
    else if (tenant_id && ex->segment_count == 3)
        serve_tenant(ex, tenant_id);
    else if (ex->segment_count == 3 && exchange_segment_is(ex, 2, "PartnerCompliancePolicies"))
        serve_policies(world, ex);
    else if (policy_id && ex->segment_count == 4 && exchange_segment_is(ex, 3, "Assign"))
        serve_assign(world, ex, policy_id);
    else
        refusal_partner(ex, 404, "NotFound", "No such resource.");
    free(tenant_id);
    free(policy_id);
    free(version);
}

bool provisioning_serves(const struct exchange *ex)
{
    return exchange_segment_is(ex, 0, "fef") && exchange_segment_is(ex, 1, DISCOVERY_TENANT_SERVICE);
}

void provisioning_handle(struct world *world, struct exchange *ex)
{
    enum token_verdict verdict = token_check(world, ex, TOKEN_INTUNE);

    exchange_header(ex, "request-id", "%s", ex->request_id);
    if (ex->client_request_id)
        exchange_header(ex, "client-request-id", "%s", ex->client_request_id);
    if (verdict != TOKEN_GOOD)
        refusal_token(ex, verdict);
    else if (!permission_allows(ex->permissions, PERMISSION_MANAGE_PARTNER))
        refusal_partner(ex, 403, "Forbidden", "The token's roles do not allow this.");
    else if (ex->client_request_id && !guid_is_valid(ex->client_request_id))
        bad_request(ex, "client-request-id is not a GUID.");
    else
        serve(world, ex);
}
