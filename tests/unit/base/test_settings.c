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
    assert_string_equal(connection->proxy_credentials_file, "");
    assert_int_equal(connection->client_secret_expires_ms, 0);
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
        "client_secret_file = /s\nclient_secret_expires = 2027-03-31\n"
        "cloud = custom\nauthority_url = https://127.0.0.1:8443/\n"
        "graph_url = https://[::1]:9443/base\nintune_scope = https://x//.default\n"
        "ca_file = /ca.pem\nproxy = http://proxy:3128\nproxy_credentials_file = /p\n"
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
    assert_string_equal(connection->proxy_credentials_file, "/p");
    assert_string_equal(connection->client_secret_file, "/s");
    assert_int_equal(connection->client_secret_expires_ms, INT64_C(1806451200000));
    assert_string_equal(connection->enrollment_url, "https://mdm.example.com/enrol?x=1");
    assert_string_equal(connection->remediation_url, "https://mdm.example.com/help/");
    assert_string_equal(connection->assignment_group, "All Phones – Größe");
    assert_int_equal(connection->graph_requests_per_10s, 1000000);
    assert_int_equal(connection->graph_writes_per_150s, 10000000);
    assert_int_equal(connection->partner_requests_per_20s, 1);
    assert_int_equal(connection->partner_devices_per_message, 100);
    settings_free(settings);
}

/* An identity of the machine's own needs no client_id. */
static void test_a_managed_identity_may_lack_a_client_id(void **state)
{
    static const char text[] = "[connection a]\ntenant_id = " GUID_A "\nmanaged_identity = yes\n";
    struct settings *settings = parse_good(text, sizeof(text) - 1);

    (void)state;
    assert_string_equal(settings->connections[0].client_id, "");
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
        {"cloud =", "proxy = http://p\nproxy_credentials_file = /p\ncloud ="},
        {"cloud =", "client_secret_expires = 2027-03-31T12:00:00+02:00\ncloud ="},
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

static void test_long_values(void **state)
{
    char text[10000];
    struct settings *settings;

    (void)state;
    /* A path as long as Linux allows is read whole, not cut. */
    snprintf(text, sizeof(text), "[daemon]\nstore = /%04094d\n", 7);
    settings = parse_good(text, strlen(text));
    assert_int_equal(strlen(settings->store), 4095);
    settings_free(settings);
    snprintf(text, sizeof(text),
             "[connection %064d]\ntenant_id = " GUID_A "\nclient_id = " GUID_B "\nmanaged_identity = yes\n", 7);
    settings = parse_good(text, strlen(text));
    assert_int_equal(strlen(settings->connections[0].name), 64);
    settings_free(settings);
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

/* conf/complyd.conf is what settings_describe() writes. After a change of the table: build/.../tests/test_settings
 * --describe */
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

/* Gives lines that read "#key =..." and "#[connection default]" their effect, and a value to the keys that must have
 * one. */
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
        cmocka_unit_test(test_a_managed_identity_may_lack_a_client_id),
        cmocka_unit_test(test_connections_are_found_by_name),
        cmocka_unit_test(test_connections_compare_by_every_key),
        cmocka_unit_test(test_clouds),
        cmocka_unit_test(test_forms_of_files),
        cmocka_unit_test(test_good_listen_addresses),
        cmocka_unit_test(test_long_values),
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
