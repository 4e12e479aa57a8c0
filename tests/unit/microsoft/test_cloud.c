/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "microsoft/cloud.h"
#include "unit.h"

#define GLOBAL "https://graph.microsoft.com"
#define USGOV  "https://graph.microsoft.us"
#define USDOD  "https://dod-graph.microsoft.us"
#define CHINA  "https://microsoftgraph.chinacloudapi.cn"
#define CUSTOM "https://127.0.0.1:8443/base"

static void test_hosts_stay_in_their_cloud(void **state)
{
    static const struct {
        const char *graph, *url;
        bool same;
    } cases[] = {
        {GLOBAL, "https://fef.msub01.manage.microsoft.com/a/b", true},
        {GLOBAL, "HTTPS://FEF.MANAGE.MICROSOFT.COM:443/a", true},
        {GLOBAL, "https://manage.microsoft.com./a", true},
        {GLOBAL, "https://microsoft.com", true},
        {GLOBAL, "https://fef.manage.microsoft.us/a", false},
        {GLOBAL, "https://fef.manage.microsoftonline.cn", false},
        {GLOBAL, "https://notmicrosoft.com", false},
        {GLOBAL, "https://microsoft.com.example", false},
        {GLOBAL, "https://example/microsoft.com", false},
        {GLOBAL, "https://example?x.microsoft.com", false},
        {GLOBAL, "https://com", false},
        {GLOBAL, "", false},
        {USGOV, "https://fef.manage.microsoft.us", true},
        {USDOD, "https://fef.manage.microsoft.us", true},
        {USGOV, "https://fef.manage.microsoft.com", false},
        {USDOD, "https://fef.manage.microsoft.com", false},
        {CHINA, "https://fef.manage.microsoftonline.cn", true},
        {CHINA, "https://fef.manage.microsoft.com", false},
        {CUSTOM, "https://127.0.0.1:9/x", true},
        {CUSTOM, "https://mdm.example", true},
        {CUSTOM, "https://fef.manage.microsoft.com", false},
        {CUSTOM, "https://fef.manage.microsoft.us.", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(cloud_is_same(cases[i].graph, cases[i].url), cases[i].same);
}

static void test_a_further_page_is_graphs_own(void **state)
{
    (void)state;
    assert_true(cloud_is_graphs_own(GLOBAL, GLOBAL "/v1.0/x?$skiptoken=1"));
    assert_true(cloud_is_graphs_own(GLOBAL, "https://GRAPH.microsoft.com/v1.0"));
    assert_false(cloud_is_graphs_own(GLOBAL, GLOBAL ".example/v1.0"));
    assert_false(cloud_is_graphs_own(GLOBAL, GLOBAL ":444/v1.0"));
    assert_false(cloud_is_graphs_own(GLOBAL, GLOBAL "@example/v1.0"));
    assert_false(cloud_is_graphs_own(GLOBAL, USGOV "/v1.0"));
    assert_false(cloud_is_graphs_own(GLOBAL, "http://graph.microsoft.com/v1.0"));
    assert_false(cloud_is_graphs_own(GLOBAL, ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosts_stay_in_their_cloud),
        cmocka_unit_test(test_a_further_page_is_graphs_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
