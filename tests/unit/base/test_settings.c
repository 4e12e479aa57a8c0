/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/settings.h"
#include "tempdir.h"

#define GUID_A "11111111-2222-3333-4444-555555555555"
#define GUID_B "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"

/* A connection that wants for nothing, in four lines. */
#define GOOD                                                                                                           \
    "[connection a]\n"                                                                                                 \
    "tenant_id = " GUID_A "\n"                                                                                         \
    "client_id = " GUID_B "\n"                                                                                         \
    "client_secret_file = /s\n"

static struct settings *parse_good(const char *text, size_t length)
{
    struct settings *settings;
    struct buf problems;
    int r;

    buf_init(&problems, 0);
    r = settings_parse(text, length, "f", &settings, &problems);
    if (r != 0)
        fail_msg("%s", buf_text(&problems));
    assert_string_equal(buf_text(&problems), "");
    buf_deinit(&problems);
    return settings;
}

static void check_global_defaults(const struct settings *settings)
{
    assert_string_equal(settings->store, "/var/lib/complyd/complyd.db");
    assert_string_equal(settings->control_socket, "/run/complyd/control.sock");
    assert_int_equal(settings->log_level, LOG_LEVEL_INFO);
    assert_int_equal(settings->log_format, LOG_FORMAT_JOURNAL);
    assert_true(settings->enabled);
    assert_int_equal(settings->full_report_interval_ms, INT64_C(7) * 24 * 3600 * 1000);
    assert_int_equal(settings->full_report_spread_ms, 6 * 3600 * 1000);
    assert_int_equal(settings->max_in_flight, 100);
    assert_int_equal(settings->result_deadline_ms, 15 * 60 * 1000);
    assert_int_equal(settings->activity_retention_ms, INT64_C(400) * 24 * 3600 * 1000);
    assert_int_equal(settings->breaker_max_count, 500);
    assert_int_equal(settings->breaker_max_share, 20);
    assert_int_equal(settings->breaker_window_ms, 3600 * 1000);
    assert_string_equal(settings->web_listen, "");
}

static void check_connection_defaults(const struct connection_settings *connection)
{
    assert_true(connection->enabled);
    assert_false(connection->managed_identity);
    assert_int_equal(connection->cloud, CLOUD_GLOBAL);
    assert_string_equal(connection->authority_url, "https://login.microsoftonline.com");
    assert_string_equal(connection->graph_url, "https://graph.microsoft.com");
    assert_string_equal(connection->intune_scope, "https://api.manage.microsoft.com//.default");
    assert_string_equal(connection->ca_file, "");
    assert_string_equal(connection->proxy, "");
    assert_string_equal(connection->enrollment_url, "");
    assert_string_equal(connection->remediation_url, "");
    assert_string_equal(connection->assignment_group, "");
    assert_int_equal(connection->graph_requests_per_10s, 3500);
    assert_int_equal(connection->graph_writes_per_150s, 3000);
    assert_int_equal(connection->partner_requests_per_20s, 100);
    assert_int_equal(connection->partner_devices_per_message, 1);
}

static void test_nothing_is_all_defaults(void **state)
{
    struct settings *settings = parse_good("", 0);

    (void)state;
    check_global_defaults(settings);
    assert_int_equal(settings->connection_count, 0);
    assert_null(settings_connection(settings, "default"));
    assert_string_equal(settings->path, "f");
    settings_free(settings);
    settings_free(NULL);
}

static void test_every_key(void **state)
{
    static const char text[] =
        "[daemon]\nstore=/a/b.db\ncontrol_socket = /c\nlog_level = debug\nlog_format: json\n"
        "[reporting]\nenabled = NO\nfull_report_interval = 1h\nfull_report_spread = 60m\n"
        "max_in_flight = 7\nresult_deadline = 10s\nactivity_retention = 1d\n"
        "[breaker]\nmax_count = 1\nmax_share = 100\nwindow = 1m\n"
        "[web]\nlisten = [::1]:8080\n"
        "[connection x.y_z-1]\nenabled = off\ntenant_id = " GUID_A "\n"
        "client_id = AAAAAAAA-BBBB-CCCC-DDDD-EEEEEEEEEEEE\n"
        "certificate_file = /cert.pem\nprivate_key_file = /key.pem\nmanaged_identity = false\n"
        "cloud = custom\nauthority_url = https://127.0.0.1:8443/\n"
        "graph_url = https://[::1]:9443/base\nintune_scope = https://x//.default\n"
        "ca_file = /ca.pem\nproxy = http://proxy:3128\n"
        "enrollment_url = https://mdm.example.com/enrol?x=1\n"
        "remediation_url = https://mdm.example.com/help/\nassignment_group = All Phones – Größe\n"
        "graph_requests_per_10s = 1000000\ngraph_writes_per_150s = 10000000\n"
        "partner_requests_per_20s = 1\npartner_devices_per_message = 100\n";
    struct settings *settings = parse_good(text, sizeof(text) - 1);
    const struct connection_settings *connection = settings_connection(settings, "x.y_z-1");

    (void)state;
    assert_string_equal(settings->store, "/a/b.db");
    assert_string_equal(settings->control_socket, "/c");
    assert_int_equal(settings->log_level, LOG_LEVEL_DEBUG);
    assert_int_equal(settings->log_format, LOG_FORMAT_JSON);
    assert_false(settings->enabled);
    assert_int_equal(settings->full_report_interval_ms, 3600000);
    assert_int_equal(settings->full_report_spread_ms, 3600000);
    assert_int_equal(settings->max_in_flight, 7);
    assert_int_equal(settings->result_deadline_ms, 10000);
    assert_int_equal(settings->activity_retention_ms, 86400000);
    assert_int_equal(settings->breaker_max_count, 1);
    assert_int_equal(settings->breaker_max_share, 100);
    assert_int_equal(settings->breaker_window_ms, 60000);
    assert_string_equal(settings->web_listen, "[::1]:8080");
    assert_non_null(connection);
    assert_int_equal(connection->line, 19);
    assert_false(connection->enabled);
    assert_string_equal(connection->tenant_id, GUID_A);
    assert_string_equal(connection->client_id, GUID_B);
    assert_string_equal(connection->certificate_file, "/cert.pem");
    assert_string_equal(connection->private_key_file, "/key.pem");
    assert_int_equal(connection->cloud, CLOUD_CUSTOM);
    assert_string_equal(connection->authority_url, "https://127.0.0.1:8443");
    assert_string_equal(connection->graph_url, "https://[::1]:9443/base");
    assert_string_equal(connection->intune_scope, "https://x//.default");
    assert_string_equal(connection->ca_file, "/ca.pem");
    assert_string_equal(connection->proxy, "http://proxy:3128");
    assert_string_equal(connection->enrollment_url, "https://mdm.example.com/enrol?x=1");
    assert_string_equal(connection->remediation_url, "https://mdm.example.com/help/");
    assert_string_equal(connection->assignment_group, "All Phones – Größe");
    assert_int_equal(connection->graph_requests_per_10s, 1000000);
    assert_int_equal(connection->graph_writes_per_150s, 10000000);
    assert_int_equal(connection->partner_requests_per_20s, 1);
    assert_int_equal(connection->partner_devices_per_message, 100);
    settings_free(settings);
}

static void test_connections_are_found_by_name(void **state)
{
    static const char text[] = GOOD "[connection default]\ntenant_id=" GUID_B "\nclient_id=" GUID_A
                                    "\nmanaged_identity=yes\n[ connection \t c ] ; third\ntenant_id=" GUID_B
                                    "\nclient_id=" GUID_A "\nfederated_token_file=/t\ncloud=usdod\n";
    struct settings *settings = parse_good(text, sizeof(text) - 1);

    (void)state;
    assert_int_equal(settings->connection_count, 3);
    check_connection_defaults(settings_connection(settings, "a"));
    assert_string_equal(settings_connection(settings, "a")->client_secret_file, "/s");
    assert_true(settings_connection(settings, "default")->managed_identity);
    assert_int_equal(settings_connection(settings, "c")->cloud, CLOUD_USDOD);
    assert_string_equal(settings_connection(settings, "c")->graph_url, "https://dod-graph.microsoft.us");
    assert_null(settings_connection(settings, "A"));
    settings_free(settings);
}

/* A reload keeps the connections that did not change: any one key makes the difference, a moved section none. */
static void test_connections_compare_by_every_key(void **state)
{
    static const char usual[] = GOOD "cloud = custom\nauthority_url = https://a\ngraph_url = https://g\n"
                                     "intune_scope = i/.default\n";
    static const char *const others[][2] = {
        {"tenant_id = 1", "tenant_id = 2"},
        {"client_id = a", "client_id = b"},
        {"client_secret_file = /s", "client_secret_file = /t"},
        {"client_secret_file = /s", "certificate_file = /s\nprivate_key_file = /k"},
        {"client_secret_file = /s", "federated_token_file = /s"},
        {"client_secret_file = /s", "managed_identity = yes"},
        {"https://a", "https://b"},
        {"https://g", "https://h"},
        {"i/.default", "j/.default"},
        {"[connection a]", "[connection b]"},
        {"cloud =", "enabled = no\ncloud ="},
        {"cloud =", "ca_file = /c\ncloud ="},
        {"cloud =", "proxy = http://p\ncloud ="},
        {"cloud =", "enrollment_url = https://e\ncloud ="},
        {"cloud =", "remediation_url = https://r\ncloud ="},
        {"cloud =", "assignment_group = g\ncloud ="},
        {"cloud =", "graph_requests_per_10s = 3501\ncloud ="},
        {"cloud =", "graph_writes_per_150s = 3001\ncloud ="},
        {"cloud =", "partner_requests_per_20s = 101\ncloud ="},
        {"cloud =", "partner_devices_per_message = 2\ncloud ="},
    };
    static const char moved[] = "\n\n[web]\n" GOOD "cloud = custom\nauthority_url = https://a/\n"
                                "intune_scope = i/.default\ngraph_url = https://g\n";
    struct settings *first = parse_good(usual, sizeof(usual) - 1);
    struct settings *second = parse_good(moved, sizeof(moved) - 1);

    (void)state;
    assert_true(settings_connection_equal(&first->connections[0], &second->connections[0]));
    settings_free(second);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        const char *place = strstr(usual, others[i][0]);
        struct buf text;

        buf_init(&text, 0);
        buf_add(&text, usual, (size_t)(place - usual));
        buf_addf(&text, "%s%s", others[i][1], place + strlen(others[i][0]));
        second = parse_good(buf_text(&text), text.length);
        if (settings_connection_equal(&first->connections[0], &second->connections[0]))
            fail_msg("%s made no difference", others[i][1]);
        settings_free(second);
        buf_deinit(&text);
    }
    settings_free(first);
}

static void test_clouds(void **state)
{
    static const char *const cases[][5] = {
        {"usgov", "", "https://login.microsoftonline.us", "https://graph.microsoft.us",
         "https://api.manage.microsoft.us//.default"},
        {"usdod", "", "https://login.microsoftonline.us", "https://dod-graph.microsoft.us",
         "https://api.manage.microsoft.us//.default"},
        {"china", "intune_scope = x/.default\n", "https://login.chinacloudapi.cn",
         "https://microsoftgraph.chinacloudapi.cn", "x/.default"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[1000];
        struct settings *settings;

        snprintf(text, sizeof(text), GOOD "cloud = %s\n%s", cases[i][0], cases[i][1]);
        settings = parse_good(text, strlen(text));
        assert_string_equal(settings->connections[0].authority_url, cases[i][2]);
        assert_string_equal(settings->connections[0].graph_url, cases[i][3]);
        assert_string_equal(settings->connections[0].intune_scope, cases[i][4]);
        settings_free(settings);
    }
}

static void test_forms_of_files(void **state)
{
    static const char *const cases[] = {
        "\xEF\xBB\xBF[daemon]\nstore=/x\n",
        "[daemon]\r\nstore = /x\r\n",
        "[daemon]\nstore = /x",
        "\n; c\n# c\n  # c\n[daemon] # c\n\n\t store\t=\t/x\t\n",
        "[daemon]\nstore = /x ; a comment\n",
        "[daemon]\nlog_level = info\n  store = /x\n",
        "# \xFF not UTF-8 in a comment\n[daemon]\nstore=/x",
        "[ daemon ]\nstore=/x\n[daemon.]\n",
    };

    (void)state;
    for (size_t i = 0; i + 1 < sizeof(cases) / sizeof(cases[0]); i++) {
        struct settings *settings = parse_good(cases[i], strlen(cases[i]));

        assert_string_equal(settings->store, "/x");
        settings_free(settings);
    }
}

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

static void test_good_listen_addresses(void **state)
{
    static const char *const cases[] = {"127.0.0.1:1", "127.9.8.7:65535", "[::1]:8080"};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[100];
        struct settings *settings;

        snprintf(text, sizeof(text), "[web]\nlisten = %s\n", cases[i]);
        settings = parse_good(text, strlen(text));
        assert_string_equal(settings->web_listen, cases[i]);
        settings_free(settings);
    }
}

static void test_mistakes_in_a_connection(void **state)
{
    /* Line 5 after GOOD, and what is said of it. */
    static const char *const cases[][2] = {
        {"proxy = proxy:3128", "proxy: must begin with http:// or another proxy's scheme"},
        {"proxy = http://me:hush@proxy:3128", "proxy: a URL here must not carry a user name or password"},
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
        {"managed_identity = yes", "managed_identity: a second credential beside client_secret_file; exactly one must "
                                   "be given"},
        {"federated_token_file = /t", "federated_token_file: a second credential beside client_secret_file; exactly "
                                      "one must be given"},
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

static void test_long_lines(void **state)
{
    char text[10000] = "[connection ";
    struct settings *settings;

    (void)state;
    /* A path as long as Linux allows is read whole, not cut. */
    snprintf(text, sizeof(text), "[daemon]\nstore = /%04094d\n", 7);
    settings = parse_good(text, strlen(text));
    assert_int_equal(strlen(settings->store), 4095);
    settings_free(settings);
    snprintf(text, sizeof(text), "[daemon]\nstore = /%09000d\n[web]\nx=1", 7);
    check_problems(text, strlen(text), "f:2: the line is longer than 8189 bytes\nf:4: [web] x: unknown key\n");
    snprintf(text, sizeof(text), "# %09000d\n[web]\nx=1", 7);
    check_problems(text, strlen(text), "f:3: [web] x: unknown key\n");
    snprintf(text, sizeof(text),
             "[connection %064d]\ntenant_id = " GUID_A "\nclient_id = " GUID_B "\nmanaged_identity = yes\n", 7);
    settings = parse_good(text, strlen(text));
    assert_int_equal(strlen(settings->connections[0].name), 64);
    settings_free(settings);
    snprintf(text, sizeof(text), "[connection %065d]\n", 7);
    assert_int_equal(settings_parse(text, strlen(text), "f", &settings, NULL), ERR_CONFIG);
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

static void read_conf(struct buf *text)
{
    FILE *file = fopen(COMPLYD_CONF, "r");
    char block[4096];
    size_t got;

    assert_non_null(file);
    while ((got = fread(block, 1, sizeof(block), file)) > 0)
        buf_add(text, block, got);
    fclose(file);
}

/* conf/complyd.conf is what settings_describe() writes. After a change of the table: build/.../tests/test_settings --describe */
static void test_installed_file_is_the_description(void **state)
{
    struct buf described, installed;

    (void)state;
    buf_init(&described, 0);
    buf_init(&installed, 0);
    settings_describe(&described);
    read_conf(&installed);
    assert_string_equal(buf_text(&installed), buf_text(&described));
    buf_deinit(&described);
    buf_deinit(&installed);
}

/* Gives lines that read "#key =..." and "#[connection default]" their effect, and a value to the keys that must have one. */
static void uncomment(const char *text, struct buf *out)
{
    static const char *const required[][2] = {
        {"#tenant_id =", GUID_A}, {"#client_id =", GUID_B}, {"#client_secret_file =", "/s"}};

    for (const char *line = text; *line != '\0';) {
        size_t length = strcspn(line, "\n");
        size_t hidden = line[0] == '#' && line[1] != ' ';

        buf_add(out, line + hidden, length - hidden);
        for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++) {
            if (strncmp(line, required[i][0], strlen(required[i][0])) == 0)
                buf_add_text(out, required[i][1]);
        }
        buf_add_char(out, '\n');
        line += length + (line[length] == '\n');
    }
}

static void test_installed_file_shows_every_default(void **state)
{
    struct buf installed, shown;
    struct settings *settings;

    (void)state;
    buf_init(&installed, 0);
    buf_init(&shown, 0);
    read_conf(&installed);
    settings = parse_good(buf_text(&installed), installed.length);
    check_global_defaults(settings);
    assert_int_equal(settings->connection_count, 0);
    settings_free(settings);

    uncomment(buf_text(&installed), &shown);
    settings = parse_good(buf_text(&shown), shown.length);
    check_global_defaults(settings);
    assert_int_equal(settings->connection_count, 1);
    assert_string_equal(settings->connections[0].name, "default");
    check_connection_defaults(&settings->connections[0]);
    settings_free(settings);
    buf_deinit(&installed);
    buf_deinit(&shown);
}

static void write_text(const char *name, const char *text, mode_t mode)
{
    tempdir_write(name, text, strlen(text), mode);
}

static void check_load(const char *name, int code, const char *expected)
{
    struct settings *settings = NULL;
    struct buf problems, whole;
    const char *path = tempdir_path(name);

    buf_init(&problems, 0);
    buf_init(&whole, 0);
    assert_int_equal(settings_load(path, &settings, &problems), code);
    if (*expected != '\0')
        buf_addf(&whole, "%s:%s", path, expected);
    assert_string_equal(buf_text(&problems), buf_text(&whole));
    settings_free(settings);
    buf_deinit(&problems);
    buf_deinit(&whole);
}

static void test_load_reads_the_file(void **state)
{
    (void)state;
    write_text("good", "[daemon]\nstore = /x\n", 0644);
    check_load("good", 0, "");
    write_text("bad", "[daemon]\nstore = x\n", 0644);
    check_load("bad", ERR_CONFIG, "2: [daemon] store: must be an absolute path, beginning with /\n");
    check_load("missing", ERR_CONFIG, "0: cannot be read: No such file or directory\n");
    check_load(".", ERR_CONFIG, "0: cannot be read: Is a directory\n");
}

static void test_load_refuses_a_huge_file(void **state)
{
    (void)state;
    write_text("huge", "", 0644);
    assert_int_equal(truncate(tempdir_path("huge"), 1024 * 1024 + 1), 0);
    check_load("huge", ERR_CONFIG, "0: is larger than 1048576 bytes\n");
}

static void test_load_checks_the_named_files(void **state)
{
    char text[1000], expected[1000];

    (void)state;
    write_text("secret", "hush", 0644);
    snprintf(text, sizeof(text),
             "[connection a]\ntenant_id = " GUID_A "\nclient_id = " GUID_B
             "\nclient_secret_file = %s/secret\nca_file = %s/none\n",
             tempdir, tempdir);
    write_text("conf", text, 0644);
    snprintf(
        expected, sizeof(expected),
        "4: [connection a] client_secret_file: %s/secret: can be read or written by others (mode 0644); run: chmod "
        "0600 %s/secret\n%s/conf:5: [connection a] ca_file: %s/none: cannot be opened: No such file or directory\n",
        tempdir, tempdir, tempdir, tempdir);
    check_load("conf", ERR_CONFIG, expected);
    write_text("secret", "hush", 0600);
    write_text("none", "pem", 0644);
    check_load("conf", 0, "");
}

/* A connection that is switched off may be prepared before its secret is there. */
static void test_load_spares_a_disabled_connection(void **state)
{
    (void)state;
    write_text("off", GOOD "enabled = no\n", 0644);
    check_load("off", 0, "");
    write_text("on", GOOD, 0644);
    check_load("on", ERR_CONFIG,
               "4: [connection a] client_secret_file: /s: cannot be opened: No such file or directory\n");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_all_defaults),
        cmocka_unit_test(test_every_key),
        cmocka_unit_test(test_connections_are_found_by_name),
        cmocka_unit_test(test_connections_compare_by_every_key),
        cmocka_unit_test(test_clouds),
        cmocka_unit_test(test_forms_of_files),
        cmocka_unit_test(test_mistakes_of_form),
        cmocka_unit_test(test_mistakes_of_value),
        cmocka_unit_test(test_good_listen_addresses),
        cmocka_unit_test(test_mistakes_in_a_connection),
        cmocka_unit_test(test_what_a_connection_lacks),
        cmocka_unit_test(test_base_urls),
        cmocka_unit_test(test_all_mistakes_are_told_at_once),
        cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_many_connections),
        cmocka_unit_test(test_installed_file_is_the_description),
        cmocka_unit_test(test_installed_file_shows_every_default),
        cmocka_unit_test(test_load_reads_the_file),
        cmocka_unit_test(test_load_refuses_a_huge_file),
        cmocka_unit_test(test_load_checks_the_named_files),
        cmocka_unit_test(test_load_spares_a_disabled_connection),
    };

    if (argc == 2 && strcmp(argv[1], "--describe") == 0) {
        struct buf out;

        buf_init(&out, 0);
        settings_describe(&out);
        fputs(buf_text(&out), stdout);
        buf_deinit(&out);
        return 0;
    }
    return cmocka_run_group_tests(tests, tempdir_make, tempdir_remove);
}
