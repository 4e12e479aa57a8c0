/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "microsoft/endpoints.h"

#define LIST(items) "{\"value\":[" items "]}"
#define DEVICE(uri) "{\"providerName\":\"PartnerDeviceDataSyncService\",\"uri\":\"" uri "\"}"
#define TENANT(uri) "{\"providerName\":\"PartnerTenantDataSyncService\",\"uri\":\"" uri "\"}"

static void test_the_principals_id_is_found(void **state)
{
    static const struct {
        const char *json;
        int result;
        const char *id;
    } cases[] = {
        {LIST("{\"id\":\"AAAAAAAA-bbbb-cccc-dddd-eeeeeeeeeeee\",\"appId\":\"x\"}"), 0,
         "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"},
        {LIST("{\"id\":\"AAAAAAAA-bbbb-cccc-dddd-eeeeeeeeeeee\",\"appId\":\"x\"},{\"appId\":\"0000000A-0000-0000-C000-"
              "000000000000\","
              "\"id\":\"bbbbbbbb-bbbb-cccc-dddd-eeeeeeeeeeee\"}"),
         0, "bbbbbbbb-bbbb-cccc-dddd-eeeeeeeeeeee"},
        {LIST(""), ERR_NOTFOUND, ""},
        {LIST("{}"), ERR_REPLY, ""},
        {LIST("{\"id\":\"../../me\"}"), ERR_REPLY, ""},
        {LIST("{\"id\":7}"), ERR_REPLY, ""},
        {LIST("null"), ERR_REPLY, ""},
        {"{\"value\":{}}", ERR_REPLY, ""},
        {"{}", ERR_REPLY, ""},
        {"[]", ERR_REPLY, ""},
        {"", ERR_REPLY, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char id[GUID_TEXT];

        if (endpoints_parse_principal(cases[i].json, strlen(cases[i].json), id, NULL) != cases[i].result)
            fail_msg("%s", cases[i].json);
        assert_string_equal(id, cases[i].id);
    }
}

static void test_the_services_are_found_by_name(void **state)
{
    static const char json[] =
        "{\"@odata.nextLink\":\"https://graph/next\",\"value\":[{\"providerName\":\"Other\",\"uri\":\"ftp://"
        "x\"},null,5," TENANT("https://t.example/a/") "," DEVICE("https://d.example:8443/a/b//") "," DEVICE(
            "https://second.example") "]}";
    struct endpoints endpoints = {0};
    char next[1024];

    (void)state;
    assert_int_equal(endpoints_parse_list(json, strlen(json), &endpoints, next, NULL), 0);
    assert_string_equal(endpoints.device_url, "https://d.example:8443/a/b");
    assert_string_equal(endpoints.tenant_url, "https://t.example/a");
    assert_string_equal(next, "https://graph/next");
}

/* Reports go to the device service: what is wrong with the other one does not hold them up. */
static void test_a_bad_url_of_the_tenant_service_is_left_out(void **state)
{
    static const char json[] = LIST(TENANT("ftp://t.example") "," DEVICE("https://d.example"));
    struct endpoints endpoints = {0};
    char next[1024];

    (void)state;
    assert_int_equal(endpoints_parse_list(json, strlen(json), &endpoints, next, NULL), 0);
    assert_string_equal(endpoints.device_url, "https://d.example");
    assert_string_equal(endpoints.tenant_url, "");
}

/* A page adds to what the pages before it told. */
static void test_pages_add_up(void **state)
{
    static const char first[] = LIST(DEVICE("https://d.example")), second[] = LIST(TENANT("https://t.example"));
    struct endpoints endpoints = {0};
    char next[1024];

    (void)state;
    assert_int_equal(endpoints_parse_list(first, strlen(first), &endpoints, next, NULL), 0);
    assert_string_equal(next, "");
    assert_int_equal(endpoints_parse_list(second, strlen(second), &endpoints, next, NULL), 0);
    assert_string_equal(endpoints.device_url, "https://d.example");
    assert_string_equal(endpoints.tenant_url, "https://t.example");
}

static void test_only_https_urls_get_our_tokens(void **state)
{
    static const char *const bad[] = {
        "",
        "http://d.example",
        "https://",
        "https:///path",
        "https://:443/",
        "https://user@d.example/",
        "https://user:password@d.example/",
        "https://d.example/?query",
        "https://d.example/#fragment",
        "https://d.example/a b",
        "https://d.example\\\\@evil.example/",
        "https://d.ex\\u0009ample/",
        "https://d.example/\\u00e9",
        "//d.example",
        "d.example",
        "javascript:alert(1)",
    };
    struct endpoints endpoints;
    char json[1024], next[1024];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        endpoints = (struct endpoints){0};
        snprintf(json, sizeof(json), LIST(DEVICE("%s")), bad[i]);
        if (endpoints_parse_list(json, strlen(json), &endpoints, next, NULL) != ERR_REPLY)
            fail_msg("accepted: %s", bad[i]);
        assert_string_equal(endpoints.device_url, "");
    }
    static const char ipv6[] = LIST(DEVICE("HTTPS://[::1]:8443/x"));
    endpoints = (struct endpoints){0};
    assert_int_equal(endpoints_parse_list(ipv6, strlen(ipv6), &endpoints, next, NULL), 0);
    assert_string_equal(endpoints.device_url, "HTTPS://[::1]:8443/x");
}

static void test_long_urls_are_refused_not_cut(void **state)
{
    struct endpoints endpoints = {0};
    char json[4096], path[600], link[1100], next[1024];

    (void)state;
    memset(path, 'p', sizeof(path));
    path[512 - sizeof("https://d.example/")] = '\0';
    snprintf(json, sizeof(json), LIST(DEVICE("https://d.example/%s")), path);
    assert_int_equal(endpoints_parse_list(json, strlen(json), &endpoints, next, NULL), 0);
    assert_int_equal(strlen(endpoints.device_url), 511);
    endpoints = (struct endpoints){0};
    snprintf(json, sizeof(json), LIST(DEVICE("https://d.example/p%s")), path);
    assert_int_equal(endpoints_parse_list(json, strlen(json), &endpoints, next, NULL), ERR_REPLY);
    memset(link, 'l', sizeof(link));
    link[sizeof(link) - 1] = '\0';
    snprintf(json, sizeof(json), "{\"value\":[],\"@odata.nextLink\":\"%s\"}", link);
    assert_int_equal(endpoints_parse_list(json, strlen(json), &endpoints, next, NULL), ERR_REPLY);
    assert_string_equal(next, "");
}

static void test_any_bytes_are_survived(void **state)
{
    static const char *const cases[] = {"",         "{}",   "{\"value\":1}",  "{\"value\":[",
                                        "\xff\xfe", "null", "{\"value\":[]}}"};
    struct endpoints endpoints = {0};
    char next[1024];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(endpoints_parse_list(cases[i], strlen(cases[i]), &endpoints, next, NULL), ERR_REPLY);
    assert_int_equal(endpoints_parse_list("{\"value\":[]}", 12, &endpoints, next, NULL), 0);
    assert_string_equal(endpoints.device_url, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_principals_id_is_found),
        cmocka_unit_test(test_the_services_are_found_by_name),
        cmocka_unit_test(test_a_bad_url_of_the_tenant_service_is_left_out),
        cmocka_unit_test(test_pages_add_up),
        cmocka_unit_test(test_only_https_urls_get_our_tokens),
        cmocka_unit_test(test_long_urls_are_refused_not_cut),
        cmocka_unit_test(test_any_bytes_are_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
