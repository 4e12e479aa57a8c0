/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "microsoft/endpoints.h"

#include "tenant.h"

#define CHUNKED   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
#define END       "\r\n0\r\n\r\n"
#define PRINCIPAL CHUNKED "41\r\n{\"value\":[{\"id\":\"aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee\",\"a\":\"b\"}]}" END

#define TOKEN(name) TOKEN_RESPONSE(name, "3600"), SCRIPTED_KEEP

static const char list[] = CHUNKED
    "5d\r\n{\"value\":[{\"providerName\":\"PartnerDeviceDataSyncService\",\"uri\":\"https://device.example/a/b/\"}\r\n"
    "57\r\n,{\"providerName\":\"PartnerTenantDataSyncService\",\"uri\":\"https://tenant.example/t\"}]}    " END;

struct found {
    unsigned calls;
    bool good;
    struct outcome outcome;
    struct endpoints endpoints;
};

static void on_found(void *ctx, const struct outcome *outcome, const struct endpoints *endpoints)
{
    struct found *found = ctx;

    found->calls++;
    found->good = outcome == NULL;
    found->endpoints = *endpoints;
    if (outcome != NULL)
        found->outcome = *outcome;
}

static void discover(struct tenant *tenant, struct found *found)
{
    struct endpoints_discovery *discovery;

    *found = (struct found){0};
    assert_int_equal(endpoints_discover(tenant->client, tenant->settings.graph_url, tenant->source, &tenant->clock,
                                        on_found, found, &discovery),
                     0);
    assert_int_equal(found->calls, 0);
    loop_until(&tenant->loop, &found->calls, 1);
    assert_int_equal(found->calls, 1);
}

static void assert_request(struct tenant *tenant, unsigned n, const char *line, const char *token)
{
    char *seen = scripted_request(tenant->server, n), authorization[64];

    assert_non_null(seen);
    if (strstr(seen, line) != seen)
        fail_msg("%s instead of %s", seen, line);
    snprintf(authorization, sizeof(authorization), "\r\nAuthorization: Bearer %s\r\n", token);
    assert_non_null(strstr(seen, authorization));
    free(seen);
}

static void test_the_service_is_found_by_way_of_graph(void **state)
{
    static const struct scripted_step steps[] = {{TOKEN("aaaa")}, {PRINCIPAL, SCRIPTED_KEEP}, {list, SCRIPTED_KEEP}};
    struct tenant tenant;
    struct found found;

    (void)state;
    tenant_start(&tenant);
    play(&tenant, steps);
    discover(&tenant, &found);
    assert_true(found.good);
    assert_string_equal(found.endpoints.device_url, "https://device.example/a/b");
    assert_string_equal(found.endpoints.tenant_url, "https://tenant.example/t");
    assert_request(
        &tenant, 1,
        "GET /v1.0/servicePrincipals?$filter=appId%20eq%20'0000000a-0000-0000-c000-000000000000' HTTP/1.1\r\n", "aaaa");
    assert_request(&tenant, 2,
                   "GET /v1.0/servicePrincipals/aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee/endpoints HTTP/1.1\r\n", "aaaa");
    assert_int_equal(scripted_requests(tenant.server), 3);
    tenant_stop(&tenant);
}

static void test_a_401_gets_one_new_token(void **state)
{
    static const char refused[] = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n";
    static const struct scripted_step once[] = {
        {TOKEN("aaaa")}, {refused, SCRIPTED_KEEP}, {TOKEN("bbbb")}, {PRINCIPAL, SCRIPTED_KEEP}, {list, SCRIPTED_KEEP}};
    static const struct scripted_step twice[] = {{TOKEN("aaaa")},
                                                 {PRINCIPAL, SCRIPTED_KEEP},
                                                 {refused, SCRIPTED_KEEP},
                                                 {TOKEN("bbbb")},
                                                 {refused, SCRIPTED_KEEP}};
    struct tenant tenant;
    struct found found;

    (void)state;
    tenant_start(&tenant);
    play(&tenant, once);
    discover(&tenant, &found);
    assert_true(found.good);
    assert_request(&tenant, 3, "GET /v1.0/servicePrincipals?", "bbbb");
    tenant_stop(&tenant);

    tenant_start(&tenant);
    play(&tenant, twice);
    discover(&tenant, &found);
    assert_false(found.good);
    assert_int_equal(found.outcome.class, OUTCOME_AUTH);
    assert_request(&tenant, 4, "GET /v1.0/servicePrincipals/aaaaaaaa-", "bbbb");
    assert_int_equal(scripted_requests(tenant.server), 5);
    tenant_stop(&tenant);
}

/* A page that goes on at `link` of length below 100. */
static void make_page(char *page, size_t size, const char *content, const char *link)
{
    char body[512];

    snprintf(body, sizeof(body), "{\"value\":[%s],\"@odata.nextLink\":\"%s\"}", content, link);
    snprintf(page, size, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
}

static void test_pages_are_followed_on_graph_only(void **state)
{
    char page[1024], link[200];
    struct tenant tenant;
    struct found found;

    (void)state;
    tenant_start(&tenant);
    snprintf(link, sizeof(link), "%s/v1.0/next?$skiptoken=x", scripted_base(tenant.server));
    make_page(page, sizeof(page), "", link);
    const struct scripted_step good[] = {
        {TOKEN("aaaa")}, {PRINCIPAL, SCRIPTED_KEEP}, {page, SCRIPTED_KEEP}, {list, SCRIPTED_KEEP}};
    play(&tenant, good);
    discover(&tenant, &found);
    assert_true(found.good);
    assert_request(&tenant, 3, "GET /v1.0/next?$skiptoken=x HTTP/1.1\r\n", "aaaa");
    tenant_stop(&tenant);

    /* a link that begins like Graph's URL and leads elsewhere would take our token there */
    tenant_start(&tenant);
    snprintf(link, sizeof(link), "%s0.evil.example/v1.0/next", scripted_base(tenant.server));
    make_page(page, sizeof(page), "", link);
    const struct scripted_step evil[] = {{TOKEN("aaaa")}, {PRINCIPAL, SCRIPTED_KEEP}, {page, SCRIPTED_KEEP}};
    play(&tenant, evil);
    discover(&tenant, &found);
    assert_false(found.good);
    assert_int_equal(found.outcome.trouble, TROUBLE_REPLY);
    assert_int_equal(scripted_requests(tenant.server), 3);
    tenant_stop(&tenant);
}

static void test_a_list_without_end_is_given_up(void **state)
{
    char page[1024], link[200];
    struct tenant tenant;
    struct found found;

    (void)state;
    tenant_start(&tenant);
    snprintf(link, sizeof(link), "%s/v1.0/again", scripted_base(tenant.server));
    make_page(page, sizeof(page), "", link);
    const struct scripted_step steps[] = {{TOKEN("aaaa")}, {PRINCIPAL, SCRIPTED_KEEP}, {page, SCRIPTED_KEEP}};
    play(&tenant, steps);
    discover(&tenant, &found);
    assert_false(found.good);
    assert_int_equal(found.outcome.class, OUTCOME_TRANSIENT);
    assert_in_range(scripted_requests(tenant.server), 3, 20);
    tenant_stop(&tenant);
}

static void test_what_is_missing_or_wrong_is_told(void **state)
{
    static const struct {
        struct scripted_step steps[3];
        size_t count;
        enum outcome_class class;
        enum trouble trouble;
    } cases[] = {
        {{{"HTTP/1.1 400 Bad\r\nContent-Length: 50\r\n\r\n{\"error\":\"invalid_client\",\"error_codes\":[7000215]}",
           SCRIPTED_KEEP}},
         1,
         OUTCOME_CONNECTION,
         TROUBLE_CREDENTIAL_WRONG},
        {{{TOKEN("aaaa")}, {"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{\"value\":[]}", SCRIPTED_KEEP}},
         2,
         OUTCOME_CONNECTION,
         TROUBLE_ENDPOINTS},
        {{{TOKEN("aaaa")},
          {PRINCIPAL, SCRIPTED_KEEP},
          {"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{\"value\":[]}", SCRIPTED_KEEP}},
         3,
         OUTCOME_CONNECTION,
         TROUBLE_ENDPOINTS},
        {{{TOKEN("aaaa")}, {"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", SCRIPTED_KEEP}},
         2,
         OUTCOME_CONNECTION,
         TROUBLE_PERMISSION},
        {{{TOKEN("aaaa")}, {"HTTP/1.1 503 No\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n", SCRIPTED_KEEP}},
         2,
         OUTCOME_TRANSIENT,
         TROUBLE_SERVICE},
        {{{TOKEN("aaaa")}, {"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", SCRIPTED_KEEP}},
         2,
         OUTCOME_TRANSIENT,
         TROUBLE_REPLY},
        {{{TOKEN("aaaa")}, {PRINCIPAL, SCRIPTED_KEEP}, {NULL, SCRIPTED_CLOSE}}, 3, OUTCOME_TRANSIENT, TROUBLE_NETWORK},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tenant tenant;
        struct found found;

        tenant_start(&tenant);
        scripted_play(tenant.server, cases[i].steps, cases[i].count);
        discover(&tenant, &found);
        if (found.good || found.outcome.class != cases[i].class || found.outcome.trouble != cases[i].trouble)
            fail_msg("case %zu: good %d class %d trouble %s", i, found.good, found.outcome.class,
                     trouble_slug(found.outcome.trouble));
        assert_int_not_equal(found.outcome.detail[0], '\0');
        tenant_stop(&tenant);
    }
}

/* Canceled before a token, while the question is on its way, and with the source freed right after. */
static void test_a_canceled_discovery_calls_nobody(void **state)
{
    static const struct scripted_step steps[] = {{TOKEN("aaaa")}, {NULL, SCRIPTED_HANG}};

    (void)state;
    endpoints_cancel(NULL);
    for (unsigned requests = 0; requests < 3; requests++) {
        struct endpoints_discovery *discovery;
        struct found found = {0};
        struct tenant tenant;

        tenant_start(&tenant);
        play(&tenant, steps);
        assert_int_equal(endpoints_discover(tenant.client, tenant.settings.graph_url, tenant.source, &tenant.clock,
                                            on_found, &found, &discovery),
                         0);
        while (scripted_requests(tenant.server) < requests)
            uv_run(&tenant.loop, UV_RUN_NOWAIT);
        endpoints_cancel(discovery);
        tenant_stop(&tenant);
        assert_int_equal(found.calls, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_service_is_found_by_way_of_graph),
        cmocka_unit_test(test_a_401_gets_one_new_token),
        cmocka_unit_test(test_pages_are_followed_on_graph_only),
        cmocka_unit_test(test_a_list_without_end_is_given_up),
        cmocka_unit_test(test_what_is_missing_or_wrong_is_told),
        cmocka_unit_test(test_a_canceled_discovery_calls_nobody),
    };

    return cmocka_run_group_tests(tests, tempdir_make, tempdir_remove);
}
