/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* Each allocation of our own fails in turn: whoever wanted a token or the endpoints is told or refused, exactly
 * once. */
#include "microsoft/endpoints.h"
#include "microsoft/partner.h"

#include "fault.h"
#include "tenant.h"

static const struct scripted_step tokens[] = {{TOKEN_RESPONSE("aaaa", "3600"), SCRIPTED_KEEP}};

static void test_making_a_source_survives_each_failure(void **state)
{
    struct token_source *source;
    struct tenant tenant;
    int result;

    (void)state;
    tenant_start(&tenant);
    for (unsigned n = 0;; n++) {
        fault_arm(n, FAULT_ONCE);
        result = token_source_new(tenant.client, &tenant.settings, TENANT_SCOPE, &tenant.clock, &source, NULL);
        if (!fault_disarm())
            break;
        assert_int_equal(result, ERR_NOMEM);
        assert_null(source);
    }
    assert_int_equal(result, 0);
    token_source_free(source);
    tenant_stop(&tenant);
}

static void test_a_want_survives_each_failure(void **state)
{
    bool failed = true;

    (void)state;
    for (unsigned n = 0; failed; n++) {
        struct told told = {0};
        struct tenant tenant;

        tenant_start(&tenant);
        play(&tenant, tokens);
        fault_arm(n, FAULT_ONCE);
        int result = token_want(tenant.source, tell, &told);
        if (result == 0)
            loop_until(&tenant.loop, &told.calls, 1);
        failed = fault_disarm();
        assert_int_equal(told.calls, result == 0);
        assert_true(result == 0 || result == ERR_NOMEM);
        if (result == 0 && !told.good)
            assert_int_equal(told.outcome.class, OUTCOME_TRANSIENT); /* no memory is nobody's credential */
        if (!failed)
            assert_true(told.good);
        want(&tenant, &told);
        assert_true(told.good);
        tenant_stop(&tenant);
    }
}

static void on_found(void *ctx, const struct outcome *outcome, const struct endpoints *endpoints)
{
    (void)endpoints;
    tell(ctx, outcome);
}

static void test_a_discovery_survives_each_failure(void **state)
{
    static const struct scripted_step steps[] = {
        {TOKEN_RESPONSE("aaaa", "3600"), SCRIPTED_KEEP},
        {"HTTP/1.1 200 OK\r\nContent-Length: 57\r\n\r\n{\"value\":[{\"id\":\"aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee\"}]}",
         SCRIPTED_KEEP},
        {"HTTP/1.1 200 OK\r\nContent-Length: 87\r\n\r\n"
         "{\"value\":[{\"providerName\":\"PartnerDeviceDataSyncService\",\"uri\":\"https://d.example/a\"}]}",
         SCRIPTED_KEEP}};
    bool failed = true;

    (void)state;
    for (unsigned n = 0; failed; n++) {
        struct endpoints_discovery *discovery;
        struct told told = {0};
        struct tenant tenant;

        tenant_start(&tenant);
        play(&tenant, steps);
        fault_arm(n, FAULT_ONCE);
        int result = endpoints_discover(tenant.client, tenant.settings.graph_url, tenant.source, &tenant.clock,
                                        on_found, &told, &discovery);
        if (result == 0)
            loop_until(&tenant.loop, &told.calls, 1);
        failed = fault_disarm();
        assert_int_equal(told.calls, result == 0);
        if (result == 0 && !told.good)
            assert_int_equal(told.outcome.class, OUTCOME_TRANSIENT);
        if (!failed && !told.good)
            fail_msg("%s", told.outcome.detail);
        tenant_stop(&tenant);
    }
}

/* The slow way of escaping needs memory of its own; without it the body must not pass for a whole one. */
static void test_a_body_without_memory_says_so(void **state)
{
    const struct report report = {.platform = PLATFORM_IOS,
                                  .state = AZURE_STATE_COMPLIANT,
                                  .azure_device_id = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
                                  .user_id = "",
                                  .name = "a \"quoted\" name",
                                  .os_version = "17"};
    const struct report *reports[] = {&report};
    bool failed = true;

    (void)state;
    for (unsigned n = 0; failed; n++) {
        struct buf body;

        buf_init(&body, 0);
        fault_arm(n, FAULT_ONCE);
        partner_body(&body, TENANT_ID, reports, 1);
        failed = fault_disarm();
        assert_int_equal(buf_error(&body), failed ? ERR_NOMEM : 0);
        buf_deinit(&body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_making_a_source_survives_each_failure),
        cmocka_unit_test(test_a_want_survives_each_failure),
        cmocka_unit_test(test_a_discovery_survives_each_failure),
        cmocka_unit_test(test_a_body_without_memory_says_so),
    };

    return cmocka_run_group_tests(tests, tempdir_make, tempdir_remove);
}
