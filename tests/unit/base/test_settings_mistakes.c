/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/settings.h"

#define GUID_A "11111111-2222-3333-4444-555555555555"
#define GUID_B "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"

/* A connection that wants for nothing, in four lines. */
#define GOOD                                                                                                           \
    "[connection a]\n"                                                                                                 \
    "tenant_id = " GUID_A "\n"                                                                                         \
    "client_id = " GUID_B "\n"                                                                                         \
    "client_secret_file = /s\n"

/* The text and everything that must be said about it, line by line. */
static void check_problems(const char *text, size_t length, const char *expected)
{
    struct settings *settings = (struct settings *)&settings;
    struct buf problems;

    buf_init(&problems, 0);
    assert_int_equal(settings_parse(text, length, "f", &settings, &problems), ERR_CONFIG);
    assert_null(settings);
    assert_string_equal(buf_text(&problems), expected);
    buf_deinit(&problems);
    assert_int_equal(settings_parse(text, length, "f", &settings, NULL), ERR_CONFIG);
}

static void test_mistakes_of_form(void **state)
{
    static const char *const cases[][2] = {
        {"store = /x\n", "f:1: store: stands before the first [section]\n"},
        {"[deamon]\nstore = /x\n", "f:1: [deamon]: unknown section\n"},
        {"[Daemon]\n", "f:1: [Daemon]: unknown section\n"},
        {"[connection]\n",
         "f:1: [connection ]: a connection's name is 1 to 64 letters, digits, \"-\", \"_\" or \".\"\n"},
        {"[]\n", "f:1: []: unknown section\n"},
        {"[daemon\nstore = /x\n", "f:1: a section's heading must read [name]\n"},
        {"[daemon] x\n", "f:1: a section's heading must read [name]\n"},
        {"[daemon]\n\nstorr = /x\n", "f:3: [daemon] storr: unknown key\n"},
        {"[daemon]\nenabled = yes\n", "f:2: [daemon] enabled: unknown key\n"},
        {"[daemon]\nstore\n", "f:2: not a \"key = value\" line\n"},
        {"[daemon]\n= x\n", "f:2: [daemon] : unknown key\n"},
        {"[daemon]\nstore = /x\nstore = /y\n", "f:3: [daemon] store: already on line 2\n"},
        {"[daemon]\nstore = /x\n[web]\n[daemon]\n", "f:4: [daemon]: already on line 1\n"},
        {"[daemon]\nstore = /x\n[daemon]\nstore = /y\n",
         "f:3: [daemon]: already on line 1\nf:4: [daemon] store: already on line 2\n"},
        {GOOD "[connection a]\ntenant_id = x\n", "f:5: [connection a]: already on line 1\n"},
        {GOOD "client_id = " GUID_A "\n", "f:5: [connection a] client_id: already on line 3\n"},
        {"[connection a b]\n",
         "f:1: [connection a b]: a connection's name is 1 to 64 letters, digits, \"-\", \"_\" or \".\"\n"},
        {"[connections]\n", "f:1: [connections]: unknown section\n"},
        {"[connection é]\n",
         "f:1: [connection é]: a connection's name is 1 to 64 letters, digits, \"-\", \"_\" or \".\"\n"},
        {"[daemon]\nstore = /x\x01\n", "f:2: the line holds a control character or is not UTF-8\n"},
        {"[daemon]\nstore = /\xFF\n", "f:2: the line holds a control character or is not UTF-8\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check_problems(cases[i][0], strlen(cases[i][0]), cases[i][1]);
    check_problems("[web]\nlis\0ten = x\n", 18, "f:2: the line holds a control character or is not UTF-8\n");
    check_problems("\0", 1, "f:1: the line holds a control character or is not UTF-8\n");
}

static void test_mistakes_of_value(void **state)
{
    static const char *const cases[][3] = {
        {"daemon", "store = x.db", "store: must be an absolute path, beginning with /"},
        {"daemon", "store = \"/x\"", "store: must be an absolute path, beginning with /"},
        {"daemon", "store =", "store: has no value"},
        {"daemon", "log_level = loud", "log_level: \"loud\" is none of error, warn, notice, info, debug"},
        {"daemon", "log_level =", "log_level: \"\" is none of error, warn, notice, info, debug"},
        {"daemon", "log_format = xml", "log_format: \"xml\" is none of journal, text, json"},
        {"reporting", "enabled = maybe", "enabled: \"maybe\" is neither yes nor no"},
        {"reporting", "enabled = yes # now",
         "enabled: \"yes # now\" is neither yes nor no (a comment after a value begins with \";\")"},
        {"reporting", "full_report_interval = 7",
         "full_report_interval: \"7\" is not a length of time such as 30s, 15m, 6h or 7d"},
        {"reporting", "full_report_interval = 31d", "full_report_interval: 31d is not between 1h and 30d"},
        {"reporting", "full_report_spread = 8d", "full_report_spread: 8d is not between 0s and 7d"},
        {"reporting", "result_deadline = 9s", "result_deadline: 9s is not between 10s and 7d"},
        {"reporting", "activity_retention = 23h", "activity_retention: 23h is not between 1d and 3650d"},
        {"reporting", "max_in_flight = 0", "max_in_flight: 0 is not between 1 and 1000"},
        {"reporting", "max_in_flight = 1001", "max_in_flight: 1001 is not between 1 and 1000"},
        {"reporting", "max_in_flight = 99999999999999999999",
         "max_in_flight: 99999999999999999999 is not between 1 and 1000"},
        {"reporting", "max_in_flight = -1", "max_in_flight: \"-1\" is not a whole number"},
        {"reporting", "max_in_flight = 1e3", "max_in_flight: \"1e3\" is not a whole number"},
        {"breaker", "max_share = 20%", "max_share: \"20%\" is not a whole number"},
        {"breaker", "max_share = 101", "max_share: 101 is not between 1 and 100"},
        {"breaker", "window = 59s", "window: 59s is not between 1m and 7d"},
        {"web", "listen = 0.0.0.0:80", "listen: 0.0.0.0 is not a loopback address"},
        {"web", "listen = [::]:80", "listen: :: is not a loopback address"},
        {"web", "listen = 128.0.0.1:80", "listen: 128.0.0.1 is not a loopback address"},
        {"web", "listen = 127.0.0.1",
         "listen: \"127.0.0.1\" is not a loopback address and port such as 127.0.0.1:8080"},
        {"web", "listen = 127.0.0.1:0",
         "listen: \"127.0.0.1:0\" is not a loopback address and port such as 127.0.0.1:8080"},
        {"web", "listen = 127.0.0.1:65536",
         "listen: \"127.0.0.1:65536\" is not a loopback address and port such as 127.0.0.1:8080"},
        {"web", "listen = ::1:8080", "listen: \"::1:8080\" is not a loopback address and port such as 127.0.0.1:8080"},
        {"web", "listen = localhost:80",
         "listen: \"localhost:80\" is not a loopback address and port such as 127.0.0.1:8080"},
        {"web", "listen = []:80", "listen: \"[]:80\" is not a loopback address and port such as 127.0.0.1:8080"},
        {"web", "listen = [127.0.0.1]:80",
         "listen: \"[127.0.0.1]:80\" is not a loopback address and port such as 127.0.0.1:8080"},
        {"web", "listen = :80", "listen: \":80\" is not a loopback address and port such as 127.0.0.1:8080"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[200], expected[300];

        snprintf(text, sizeof(text), "\n[%s]\n%s\n", cases[i][0], cases[i][1]);
        snprintf(expected, sizeof(expected), "f:3: [%s] %s\n", cases[i][0], cases[i][2]);
        check_problems(text, strlen(text), expected);
    }
}

static void test_mistakes_in_a_connection(void **state)
{
    /* Line 5 after GOOD, and what is said of it. */
    static const char *const cases[][2] = {
        {"proxy = proxy:3128", "proxy: must begin with http:// or another proxy's scheme"},
        {"proxy = http://me:hush@proxy:3128",
         "proxy: must not carry a user name or password; they stand in proxy_credentials_file"},
        {"proxy = http://proxy:31280000000", "proxy: the URL's port is not between 1 and 65535"},
        {"proxy = http://proxy:", "proxy: the URL's port is not between 1 and 65535"},
        {"proxy = http://", "proxy: the URL names no host"},
        {"proxy = http://:80", "proxy: the URL names no host"},
        {"enrollment_url = http://mdm", "enrollment_url: must begin with https://"},
        {"remediation_url = https://a b", "remediation_url: the URL holds a character that no URL may hold"},
        {"ca_file = ca.pem", "ca_file: must be an absolute path, beginning with /"},
        {"cloud = mars", "cloud: \"mars\" is none of global, usgov, usdod, china, custom"},
        {"graph_url = https://graph", "graph_url: only for cloud = custom; this cloud has its own"},
        {"authority_url = https://login", "authority_url: only for cloud = custom; this cloud has its own"},
        {"intune_scope = x/.default", "intune_scope: only for cloud = custom; this cloud has its own"},
        {"intune_scope = https://api.manage.microsoft.com", "intune_scope: must end in /.default"},
        {"intune_scope = /.default", "intune_scope: must end in /.default"},
        {"intune_scope = a b/.default", "intune_scope: must be one scope"},
        {"managed_identity = yes", "managed_identity: stands alone: it is another identity than the app of the other "
                                   "credential"},
        {"client_secret_expires = soon",
         "client_secret_expires: \"soon\" is not a date such as 2027-03-31 or 2027-03-31T12:00:00Z"},
        {"client_secret_expires = 2027-02-30",
         "client_secret_expires: \"2027-02-30\" is not a date such as 2027-03-31 or 2027-03-31T12:00:00Z"},
        {"proxy_credentials_file = /p", "proxy_credentials_file: there is no proxy that it could be for"},
        {"private_key_file = /k", "private_key_file: needs certificate_file beside it"},
        {"partner_devices_per_message = 101", "partner_devices_per_message: 101 is not between 1 and 100"},
        {"graph_writes_per_150s = 0", "graph_writes_per_150s: 0 is not between 1 and 10000000"},
        {"secret = hush", "secret: unknown key"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[400], expected[300];

        snprintf(text, sizeof(text), GOOD "%s\n", cases[i][0]);
        snprintf(expected, sizeof(expected), "f:5: [connection a] %s\n", cases[i][1]);
        check_problems(text, strlen(text), expected);
    }
}

static void test_what_a_connection_lacks(void **state)
{
    static const char *const cases[][2] = {
        {"\n[connection a]\n",
         "f:2: [connection a] tenant_id: missing, but required\n"
         "f:2: [connection a] client_id: missing, but required\n"
         "f:2: [connection a] client_secret_file: no credential: give client_secret_file, certificate_file with "
         "private_key_file, federated_token_file, or managed_identity = yes\n"},
        {"[connection a]\nenabled = no\ntenant_id =\nclient_id = " GUID_B "\nmanaged_identity = yes\n",
         "f:3: [connection a] tenant_id: required, but has no value\n"},
        {"[connection a]\ntenant_id = " GUID_A "\nclient_id = 7\nmanaged_identity = yes\n",
         "f:3: [connection a] client_id: must be a GUID of 36 characters\n"},
        {"[connection a]\ntenant_id = " GUID_A "\nclient_id = " GUID_B
         "\ncertificate_file = /c\nprivate_key_file = /k\n"
         "federated_token_file = /t\nclient_secret_file = /s\n",
         "f:7: [connection a] client_secret_file: a third credential; at most two may stand side by side\n"},
        {"[connection a]\ntenant_id = " GUID_A "\nclient_id = " GUID_B "\nfederated_token_file = /t\n"
         "client_secret_expires = 2027-03-31\n",
         "f:5: [connection a] client_secret_expires: there is no client_secret_file that it could be about\n"},
        {"[connection a]\ntenant_id = " GUID_A "\nclient_id = " GUID_B "\ncertificate_file = /c\n",
         "f:4: [connection a] certificate_file: needs private_key_file beside it\n"},
        {"[connection a]\ntenant_id = " GUID_A "\nclient_id = " GUID_B "\nmanaged_identity = y\n",
         "f:4: [connection a] managed_identity: \"y\" is neither yes nor no\n"},
        {"[connection a]\ntenant_id = " GUID_A "\nclient_id = " GUID_B
         "\ncertificate_file = c\nprivate_key_file = /k\n",
         "f:4: [connection a] certificate_file: must be an absolute path, beginning with /\n"},
        {"[connection a]\ntenant_id = " GUID_A "\nclient_id = " GUID_B "\nclient_secret_file = s\n",
         "f:4: [connection a] client_secret_file: must be an absolute path, beginning with /\n"},
        {GOOD "cloud = custom\ngraph_url = http://x\n",
         "f:6: [connection a] graph_url: must begin with https://\n"
         "f:1: [connection a] authority_url: required with cloud = custom\n"
         "f:1: [connection a] intune_scope: required with cloud = custom\n"},
        {GOOD "cloud = custom\ngraph_url = https://g\nintune_scope = x/.default\nauthority_url = https://l/" GUID_A
              "/\n",
         "f:8: [connection a] authority_url: must be the base without the tenant, which is added\n"},
        {GOOD "cloud = china\n",
         "f:1: [connection a] intune_scope: required with cloud = china: Microsoft publishes no Intune scope for it\n"},
        {"[reporting]\nfull_report_interval = 5h\n",
         "f:2: [reporting] full_report_spread: must not be longer than full_report_interval (5h)\n"},
        {"[reporting]\nfull_report_interval = 5h\nfull_report_spread = 5h1s\n",
         "f:3: [reporting] full_report_spread: must not be longer than full_report_interval (5h)\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check_problems(cases[i][0], strlen(cases[i][0]), cases[i][1]);
}

static void test_base_urls(void **state)
{
    static const char *const cases[][2] = {
        {"https://", "the URL names no host"},
        {"https://x//", "ends in more than one slash"},
        {"https://x/?a=b", "a base URL must not carry a query or fragment"},
        {"https://x#a", "a base URL must not carry a query or fragment"},
        {"https://me@x/", "a URL here must not carry a user name or password"},
        {"https://x:0", "the URL's port is not between 1 and 65535"},
        {"https://x:8a", "the URL's port is not between 1 and 65535"},
        {"https://x/v1.0", "must be the base without /v1.0, which is added"},
        {"https://x/g/v1.0/", "must be the base without /v1.0, which is added"},
        {"https://x/BETA", "must be the base without /v1.0, which is added"},
        {"ftp://x", "must begin with https://"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[600], expected[300];

        snprintf(text, sizeof(text),
                 GOOD "cloud = custom\nauthority_url = https://x/\nintune_scope = x/.default\ngraph_url = %s\n",
                 cases[i][0]);
        snprintf(expected, sizeof(expected), "f:8: [connection a] graph_url: %s\n", cases[i][1]);
        check_problems(text, strlen(text), expected);
    }
}

static void test_all_mistakes_are_told_at_once(void **state)
{
    static const char text[] =
        "[daemon]\nstore = x\nlog_level = 3\n[web]\nlisten = x\n[connection b c]\nwrong = 1\n" GOOD "x = 1\n";

    (void)state;
    check_problems(text, sizeof(text) - 1,
                   "f:2: [daemon] store: must be an absolute path, beginning with /\n"
                   "f:3: [daemon] log_level: \"3\" is none of error, warn, notice, info, debug\n"
                   "f:5: [web] listen: \"x\" is not a loopback address and port such as 127.0.0.1:8080\n"
                   "f:6: [connection b c]: a connection's name is 1 to 64 letters, digits, \"-\", \"_\" or \".\"\n"
                   "f:12: [connection a] x: unknown key\n");
}

static void test_many_connections(void **state)
{
    struct buf text, problems;
    struct settings *settings;

    (void)state;
    buf_init(&text, 0);
    buf_init(&problems, 0);
    for (int i = 0; i < 1001; i++)
        buf_addf(&text, "[connection c%d]\ntenant_id = " GUID_A "\nclient_id = " GUID_B "\nmanaged_identity = yes\n",
                 i);
    assert_int_equal(settings_parse(buf_text(&text), text.length, "f", &settings, &problems), ERR_CONFIG);
    assert_string_equal(buf_text(&problems), "f:4001: [connection c1000]: more than 1000 connections\n");
    buf_deinit(&text);
    buf_deinit(&problems);
}

static void test_long_lines(void **state)
{
    char text[10000];

    (void)state;
    snprintf(text, sizeof(text), "[daemon]\nstore = /%09000d\n[web]\nx=1", 7);
    check_problems(text, strlen(text), "f:2: the line is longer than 8189 bytes\nf:4: [web] x: unknown key\n");
    snprintf(text, sizeof(text), "# %09000d\n[web]\nx=1", 7);
    check_problems(text, strlen(text), "f:3: [web] x: unknown key\n");
    snprintf(text, sizeof(text), "[connection %065d]\n", 7);
    assert_int_equal(settings_parse(text, strlen(text), "f", &(struct settings *){NULL}, NULL), ERR_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mistakes_of_form),
        cmocka_unit_test(test_mistakes_of_value),
        cmocka_unit_test(test_mistakes_in_a_connection),
        cmocka_unit_test(test_what_a_connection_lacks),
        cmocka_unit_test(test_base_urls),
        cmocka_unit_test(test_all_mistakes_are_told_at_once),
        cmocka_unit_test(test_many_connections),
        cmocka_unit_test(test_long_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
