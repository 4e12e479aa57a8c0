/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/settings.h"
#include "fault.h"
#include "tempdir.h"

static const enum fault_mode modes[] = {FAULT_ONCE, FAULT_STAYS};

/* Runs `attempt` with its first, second, ... allocation failing, until it needs no more: each time it must say so and
 * leave nothing behind (AddressSanitizer looks for the rest). Returns how many allocations it makes. */
static unsigned torture(int (*attempt)(void))
{
    unsigned n = 0;

    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        for (n = 0;; n++) {
            int r;

            fault_arm(n, modes[i]);
            r = attempt();
            if (!fault_disarm()) {
                assert_int_equal(r, 0);
                break;
            }
            assert_int_equal(r, ERR_NOMEM);
            assert_true(n < 10000);
        }
    }
    return n;
}

static int add_everything(void)
{
    struct buf buf;
    int r;

    buf_init(&buf, 0);
    for (int i = 0; i < 100; i++) {
        buf_add_json_string(&buf, "some \"text\"\n");
        buf_addf(&buf, "%d %s", i, "formatted");
        buf_add_url(&buf, "a b");
        buf_add_base64url(&buf, "bytes", 5);
        buf_add_int(&buf, i);
    }
    r = buf_error(&buf);
    if (r == 0)
        assert_int_equal(strlen(buf_text(&buf)), buf.length);
    buf_deinit(&buf);
    return r;
}

static int take_text(void)
{
    struct buf buf;
    char *text;

    buf_init(&buf, 0);
    text = buf_take(&buf);
    free(text);
    return text != NULL ? 0 : ERR_NOMEM;
}

static void test_buf(void **state)
{
    (void)state;
    assert_true(torture(add_everything) >= 4);
    assert_int_equal(torture(take_text), 1);
}

static int set_secret(void)
{
    struct secret secret;
    int r;

    secret_init(&secret);
    r = secret_set(&secret, "one", 3);
    if (r == 0)
        r = secret_set(&secret, "two", 3);
    secret_deinit(&secret);
    return r;
}

static int load_secret(void)
{
    struct secret secret;
    struct error err = {0};
    int r;

    secret_init(&secret);
    r = secret_load(&secret, tempdir_path("secret"), &err);
    if (r < 0)
        assert_non_null(strstr(error_text(&err), "out of memory"));
    secret_deinit(&secret);
    return r;
}

static void test_secret(void **state)
{
    (void)state;
    tempdir_write("secret", "hush", 4, 0600);
    assert_int_equal(torture(set_secret), 2);
    assert_int_equal(torture(load_secret), 1);
}

#define CONNECTION(name)                                                                                               \
    "[connection " name "]\ntenant_id = 11111111-2222-3333-4444-555555555555\n"                                        \
    "client_id = 11111111-2222-3333-4444-555555555555\nmanaged_identity = yes\nassignment_group = g\n"

static int parse_good(void)
{
    static const char text[] = "[daemon]\nstore = /x\n[web]\nlisten = [::1]:80\n" CONNECTION("a") CONNECTION("b")
        CONNECTION("c") "cloud = usgov\n";
    struct settings *settings = (struct settings *)&settings;
    int r = settings_parse(text, sizeof(text) - 1, "f", &settings, NULL);

    if (r == 0)
        assert_string_equal(settings_connection(settings, "c")->graph_url, "https://graph.microsoft.us");
    else
        assert_null(settings);
    settings_free(settings);
    return r;
}

static void test_settings(void **state)
{
    (void)state;
    assert_true(torture(parse_good) > 60);
}

/* With mistakes in the file and memory short, one of both is told, and a list cut short says so by its error. */
static void test_settings_with_mistakes(void **state)
{
    static const char text[] = "[daemon]\nstore = x\nlog_level = x\n[nowhere]\n" CONNECTION("a") "cloud = custom\n";

    (void)state;
    for (unsigned n = 0;; n++) {
        struct settings *settings;
        struct buf problems;
        bool struck;
        int r;

        buf_init(&problems, 0);
        fault_arm(n, FAULT_STAYS);
        r = settings_parse(text, sizeof(text) - 1, "f", &settings, &problems);
        struck = fault_disarm();
        assert_null(settings);
        assert_true(r == ERR_CONFIG || (struck && r == ERR_NOMEM));
        assert_true(struck || buf_error(&problems) == 0);
        buf_deinit(&problems);
        if (!struck)
            break;
    }
}

static int load_conf(void)
{
    struct settings *settings;
    int r = settings_load(tempdir_path("conf"), &settings, NULL);

    settings_free(settings);
    return r;
}

static void test_settings_from_a_file(void **state)
{
    static const char text[] = "[daemon]\nstore = /x\n" CONNECTION("a");

    (void)state;
    tempdir_write("conf", text, sizeof(text) - 1, 0644);
    assert_true(torture(load_conf) > 25);
}

static int describe(void)
{
    struct buf out;
    int r;

    buf_init(&out, 0);
    settings_describe(&out);
    r = buf_error(&out);
    buf_deinit(&out);
    return r;
}

static void test_describe(void **state)
{
    (void)state;
    assert_true(torture(describe) > 3);
}

static void keep_message(void *ctx, const struct log_record *record)
{
    strncpy(ctx, record->message, 99);
}

/* Where memory is short, the log is wanted most: it never fails, and never writes a line uncleaned. */
static void test_log(void **state)
{
    char message[100] = "";

    (void)state;
    log_set_sink(keep_message, message);
    fault_arm(0, FAULT_STAYS);
    log_error(TAG_DAEMON, "a\nb");
    assert_true(fault_disarm());
    assert_null(strchr(message, '\n'));
    assert_string_equal(message, "a log message was lost: out of memory");
    log_set_sink(NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buf),
        cmocka_unit_test(test_secret),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_settings_with_mistakes),
        cmocka_unit_test(test_settings_from_a_file),
        cmocka_unit_test(test_describe),
        cmocka_unit_test(test_log),
    };

    return cmocka_run_group_tests(tests, tempdir_make, tempdir_remove);
}
