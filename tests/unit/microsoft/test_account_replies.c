/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* Requests and answers of provisioning, partner policies and groups. */
#include "unit.h"

#include <string.h>

#include "microsoft/compliance_policy.h"
#include "microsoft/group.h"
#include "microsoft/provision.h"

#include "response.h"

#define TENANT "11111111-2222-3333-4444-555555555555"
#define POLICY "aaaaaaaa-0000-4000-8000-00000000000a"
#define OTHER  "bbbbbbbb-0000-4000-8000-00000000000b"

static const int64_t now_s = 1767225600;

static void assert_text(struct buf *buf, const char *text)
{
    assert_int_equal(buf_error(buf), 0);
    assert_string_equal(buf_text(buf), text);
    buf_deinit(buf);
    buf_init(buf, 0);
}

static void test_requests_are_what_they_were(void **state)
{
    struct buf buf;

    (void)state;
    buf_init(&buf, 0);
    provision_url(&buf, "https://fef.example/T", TENANT);
    assert_text(&buf, "https://fef.example/T/PartnerTenants(guid'" TENANT "')?api-version=1.6");
    provision_body(&buf, PROVISION_OFF, "https://mdm.example/e", "https://mdm.example/\"r\"");
    assert_text(&buf, "{\"Provisioned\":2,\"PartnerEnrollmentUrl\":\"https://mdm.example/e\","
                      "\"PartnerRemediationUrl\":\"https://mdm.example/\\\"r\\\"\"}");
    compliance_policy_url(&buf, "https://fef.example/T");
    assert_text(&buf, "https://fef.example/T/PartnerCompliancePolicies?api-version=1.6");
    compliance_policy_body(&buf, PLATFORM_MACOS);
    assert_text(
        &buf, "{\"DisplayName\":\"complyd compliance policy (macOS)\",\"Description\":\"Compliance as complyd reports "
              "it\",\"Platform\":\"macOS\",\"PartnerManagedCompliance\":true}");
    compliance_policy_assign_url(&buf, "https://fef.example/T", POLICY);
    assert_text(&buf, "https://fef.example/T/PartnerCompliancePolicies(guid'" POLICY "')/Assign?api-version=1.6");
    compliance_policy_assign_body(&buf, OTHER);
    assert_text(&buf, "{\"assignments\":[\"" OTHER "\"]}");
    group_url(&buf, "https://graph.example", OTHER);
    assert_text(&buf, "https://graph.example/v1.0/groups/" OTHER "?$select=id,displayName");
    group_url(&buf, "https://graph.example", "Ann's & Bob");
    assert_text(&buf, "https://graph.example/v1.0/groups?$select=id,displayName&$filter=displayName%20eq%20"
                      "'Ann%27%27s%20%26%20Bob'");
    buf_deinit(&buf);
}

struct provision_case {
    int status;
    const char *body;
    enum provision_state wanted;
    enum outcome_class class;
    enum trouble trouble;
};

static void test_answers_to_provisioning(void **state)
{
    static const struct provision_case cases[] = {
        {200, "{\"ContextId\":\"" TENANT "\",\"Provisioned\":1,\"HttpStatusCode\":200,\"ErrorDetail\":null}",
         PROVISION_ON, OUTCOME_ACCEPTED, TROUBLE_NONE},
        {200, "{\"Provisioned\":\"2\",\"HttpStatusCode\":\"200\"}", PROVISION_OFF, OUTCOME_ACCEPTED, TROUBLE_NONE},
        {204, "", PROVISION_ON, OUTCOME_ACCEPTED, TROUBLE_NONE},
        {200, "{\"ContextId\":\"" OTHER "\",\"Provisioned\":1}", PROVISION_ON, OUTCOME_CONNECTION, TROUBLE_TENANT},
        {200, "{\"Provisioned\":2}", PROVISION_ON, OUTCOME_TRANSIENT, TROUBLE_SERVICE},
        {200, "{\"HttpStatusCode\":403,\"ErrorDetail\":\"no\"}", PROVISION_ON, OUTCOME_CONNECTION, TROUBLE_PERMISSION},
        {200, "{\"HttpStatusCode\":\"500\"}", PROVISION_ON, OUTCOME_TRANSIENT, TROUBLE_SERVICE},
        {200, "{\"HttpStatusCode\":401}", PROVISION_ON, OUTCOME_TRANSIENT, TROUBLE_TOKEN_REFUSED},
        {200, "{\"ErrorCode\":404}", PROVISION_OFF, OUTCOME_ACCEPTED, TROUBLE_NONE},
        {404, "{\"error\":{\"code\":\"NotFound\"}}", PROVISION_OFF, OUTCOME_ACCEPTED, TROUBLE_NONE},
        {404, "<html>", PROVISION_OFF, OUTCOME_CONNECTION, TROUBLE_ENDPOINTS},
        {404, "{}", PROVISION_ON, OUTCOME_CONNECTION, TROUBLE_ENDPOINTS},
        {200, "<html>", PROVISION_ON, OUTCOME_TRANSIENT, TROUBLE_REPLY},
        {200, "[1]", PROVISION_ON, OUTCOME_TRANSIENT, TROUBLE_REPLY},
        {401, "{}", PROVISION_ON, OUTCOME_AUTH, TROUBLE_TOKEN_REFUSED},
        {403, "{\"error\":{\"code\":\"Forbidden\"}}", PROVISION_ON, OUTCOME_CONNECTION, TROUBLE_PERMISSION},
        {429, "", PROVISION_ON, OUTCOME_THROTTLED, TROUBLE_THROTTLED},
        {503, "<html>", PROVISION_OFF, OUTCOME_TRANSIENT, TROUBLE_SERVICE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct http_response response = response_of(cases[i].status, cases[i].body);
        struct outcome outcome;

        provision_outcome(&response, cases[i].wanted, TENANT, now_s, &outcome);
        if (outcome.class != cases[i].class || outcome.trouble != cases[i].trouble)
            fail_msg("case %zu: class %d, trouble %s, %s", i, (int)outcome.class, trouble_slug(outcome.trouble),
                     outcome.detail);
    }
}

static void assert_created(int status, const char *body, enum outcome_class class, enum trouble trouble, const char *id)
{
    const struct http_response response = response_of(status, body);
    struct outcome outcome;
    char found[GUID_TEXT];

    compliance_policy_created(&response, now_s, found, &outcome);
    assert_int_equal(outcome.class, class);
    assert_int_equal(outcome.trouble, trouble);
    assert_string_equal(found, id);
}

static void test_answers_to_a_new_policy(void **state)
{
    (void)state;
    assert_created(201, "{\"Id\":\"AAAAAAAA-0000-4000-8000-00000000000A\",\"PartnerPolicyId\":\"" OTHER "\"}",
                   OUTCOME_ACCEPTED, TROUBLE_NONE, POLICY);
    assert_created(409, "{\"error\":{\"code\":\"Conflict\"}}", OUTCOME_ACCEPTED, TROUBLE_NONE, "");
    assert_created(409, "<html>", OUTCOME_ACCEPTED, TROUBLE_NONE, "");
    assert_created(200, "{\"HttpStatusCode\":409}", OUTCOME_ACCEPTED, TROUBLE_NONE, "");
    assert_created(201, "", OUTCOME_ACCEPTED, TROUBLE_NONE, "");
    assert_created(201, "{\"Id\":7}", OUTCOME_ACCEPTED, TROUBLE_NONE, "");
    assert_created(204, "", OUTCOME_CONNECTION, TROUBLE_NOT_PARTNER, "");
    assert_created(403, "{}", OUTCOME_CONNECTION, TROUBLE_PERMISSION, "");
    assert_created(500, "{}", OUTCOME_TRANSIENT, TROUBLE_SERVICE, "");
}

static void assert_listed(const char *body, enum platform platform, enum outcome_class class, const char *id,
                          const char *next)
{
    const struct http_response response = response_of(200, body);
    struct outcome outcome;
    char found[GUID_TEXT], link[COMPLIANCE_POLICY_NEXT];

    compliance_policy_listed(&response, platform, now_s, found, link, &outcome);
    assert_int_equal(outcome.class, class);
    assert_string_equal(found, id);
    assert_string_equal(link, next);
}

static void test_the_list_of_policies(void **state)
{
    static const char several[] = "{\"value\":[{\"Id\":\"" OTHER "\",\"Platform\":\"iOS\"},5,{\"Platform\":\"macOS\"},"
                                  "{\"Id\":\"" POLICY "\",\"Platform\":\"MACOS\"}],\"odata.nextLink\":\"https://n\"}";
    static const char twice[] =
        "{\"value\":[{\"Id\":\"" OTHER "\",\"Platform\":\"iOS\",\"DisplayName\":\"another\"},"
        "{\"Id\":\"" POLICY "\",\"Platform\":\"iOS\",\"DisplayName\":\"complyd compliance policy (iOS)\"}]}";

    (void)state;
    assert_listed(several, PLATFORM_MACOS, OUTCOME_ACCEPTED, POLICY, "https://n");
    assert_listed(several, PLATFORM_IOS, OUTCOME_ACCEPTED, OTHER, "https://n");
    assert_listed(several, PLATFORM_ANDROID, OUTCOME_ACCEPTED, "", "https://n");
    assert_listed(twice, PLATFORM_IOS, OUTCOME_ACCEPTED, POLICY, "");
    assert_listed("{}", PLATFORM_IOS, OUTCOME_TRANSIENT, "", "");
    assert_listed("", PLATFORM_IOS, OUTCOME_TRANSIENT, "", "");
}

static void assert_group(int status, const char *body, const char *wanted, enum outcome_class class, unsigned count,
                         const char *id)
{
    const struct http_response response = response_of(status, body);
    struct outcome outcome;
    char found[GUID_TEXT];
    unsigned groups;

    group_outcome(&response, wanted, now_s, found, &groups, &outcome);
    assert_int_equal(outcome.class, class);
    assert_int_equal(groups, count);
    if (count == 1)
        assert_string_equal(found, id);
    if (count > 1)
        assert_non_null(strstr(outcome.detail, id));
}

static void test_groups(void **state)
{
    static const char one[] = "{\"value\":[{\"id\":\"" POLICY "\",\"displayName\":\"Staff\"}]}";
    static const char two[] = "{\"value\":[{\"id\":\"" POLICY "\",\"displayName\":\"Staff\"},"
                              "{\"id\":\"" OTHER "\",\"displayName\":\"staff\"}]}";

    (void)state;
    assert_group(200, one, "staff", OUTCOME_ACCEPTED, 1, POLICY);
    assert_group(200, one, "Guests", OUTCOME_ACCEPTED, 0, "");
    assert_group(200, two, "Staff", OUTCOME_ACCEPTED, 2, OTHER);
    assert_group(200, "{\"value\":[]}", "Staff", OUTCOME_ACCEPTED, 0, "");
    assert_group(200, "{\"id\":\"" POLICY "\"}", POLICY, OUTCOME_ACCEPTED, 1, POLICY);
    assert_group(200, "{\"id\":\"" OTHER "\"}", POLICY, OUTCOME_ACCEPTED, 0, "");
    assert_group(404, "{\"error\":{\"code\":\"Request_ResourceNotFound\"}}", POLICY, OUTCOME_ACCEPTED, 0, "");
    assert_group(403, "{\"error\":{\"code\":\"Authorization_RequestDenied\"}}", "Staff", OUTCOME_CONNECTION, 0, "");
    assert_group(200, "<html>", "Staff", OUTCOME_TRANSIENT, 0, "");
    assert_group(200, "{\"value\":{}}", "Staff", OUTCOME_TRANSIENT, 0, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_are_what_they_were),
        cmocka_unit_test(test_answers_to_provisioning),
        cmocka_unit_test(test_answers_to_a_new_policy),
        cmocka_unit_test(test_the_list_of_policies),
        cmocka_unit_test(test_groups),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
