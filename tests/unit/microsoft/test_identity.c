/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "microsoft/identity.h"
#include "tempdir.h"
#include "unit.h"

#define SCOPE "https://graph.microsoft.com/.default"

static void clear_environment(void)
{
    unsetenv("IDENTITY_ENDPOINT");
    unsetenv("IMDS_ENDPOINT");
    unsetenv("AZURE_POD_IDENTITY_AUTHORITY_HOST");
}

static int ask(const char *scope, const char *client_id, char *ret_url, size_t size, struct error *err)
{
    struct buf url;
    int result;

    buf_init(&url, 0);
    result = identity_url(scope, client_id, &url, err);
    snprintf(ret_url, size, "%s", buf_text(&url));
    buf_deinit(&url);
    return result;
}

static void test_imds_is_where_azure_has_it(void **state)
{
    char url[500];

    (void)state;
    clear_environment();
    assert_false(identity_is_arc());
    assert_int_equal(ask(SCOPE, "", url, sizeof(url), NULL), 0);
    assert_string_equal(url, "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01"
                             "&resource=https%3A%2F%2Fgraph.microsoft.com");
    assert_int_equal(ask("https://api.manage.microsoft.com//.default", "an id", url, sizeof(url), NULL), 0);
    assert_non_null(strstr(url, "&resource=https%3A%2F%2Fapi.manage.microsoft.com%2F&client_id=an%20id"));
}

static void test_the_environment_may_name_another_place_on_this_machine(void **state)
{
    static const struct {
        const char *host;
        int result;
    } cases[] = {
        {"http://127.0.0.1:4000", 0},
        {"http://127.0.0.1:4000/", 0},
        {"http://localhost:4000", 0},
        {"http://[::1]:4000", 0},
        {"http://169.254.169.254", 0},
        {"https://127.0.0.1:4000", ERR_CREDENTIAL},
        {"http://10.0.0.1", ERR_CREDENTIAL},
        {"http://127.0.0.1.example", ERR_CREDENTIAL},
        {"http://user@10.0.0.1/127.0.0.1", ERR_CREDENTIAL},
        {"http://127.0.0.1?x=", ERR_CREDENTIAL},
        {"127.0.0.1", ERR_CREDENTIAL},
    };
    char url[500];

    (void)state;
    clear_environment();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", cases[i].host, 1);
        assert_int_equal(ask(SCOPE, "", url, sizeof(url), NULL), cases[i].result);
        assert_null(strstr(url, "//metadata"));
    }
    clear_environment();
}

static void test_azure_arc_sets_two_variables(void **state)
{
    struct error error;
    char url[500];

    (void)state;
    clear_environment();
    setenv("IDENTITY_ENDPOINT", "http://localhost:40342/metadata/identity/oauth2/token", 1);
    assert_false(identity_is_arc()); /* App Service sets the first one only */
    setenv("IMDS_ENDPOINT", "http://localhost:40342", 1);
    assert_true(identity_is_arc());
    assert_int_equal(ask(SCOPE, "", url, sizeof(url), NULL), 0);
    assert_string_equal(url, "http://localhost:40342/metadata/identity/oauth2/token?api-version=2020-06-01"
                             "&resource=https%3A%2F%2Fgraph.microsoft.com");
    assert_int_equal(ask(SCOPE, "an id", url, sizeof(url), &error), ERR_CREDENTIAL);
    assert_non_null(strstr(error_text(&error), "client_id"));
    setenv("IDENTITY_ENDPOINT", "http://192.0.2.7/token", 1);
    assert_int_equal(ask(SCOPE, "", url, sizeof(url), &error), ERR_CREDENTIAL);
    assert_non_null(strstr(error_text(&error), "IDENTITY_ENDPOINT"));
    clear_environment();
}

static void test_the_challenge_names_a_file(void **state)
{
    static const struct {
        const char *header, *path;
    } cases[] = {
        {"Basic realm=/a/b.key", "/a/b.key"},
        {"basic REALM=\"/a/b.key\"", "/a/b.key"},
        {"Basic realm=\"/a/b.key\" x", "/a/b.key"},
        {"Basic realm=", NULL},
        {"Basic realm=\"\"", NULL},
        {"Bearer realm=/a/b.key", NULL},
        {"", NULL},
        {"Basic realm=/a/much-too-long-for-the-room-there-is.key", NULL},
    };
    char path[32];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(identity_challenge(cases[i].header, path, sizeof(path), NULL), cases[i].path ? 0 : ERR_REPLY);
        assert_string_equal(path, cases[i].path ? cases[i].path : "");
    }
}

static int read_key(const char *path, struct buf *key, struct error *err)
{
    buf_clear(key);
    return identity_key(tempdir, path, key, err);
}

static void test_a_key_is_read_from_the_folder(void **state)
{
    struct buf key;

    (void)state;
    buf_init(&key, 0);
    assert_int_equal(read_key(tempdir_write("good.key", "abc/DEF==\n", 10, 0600), &key, NULL), 0);
    assert_string_equal(buf_text(&key), "abc/DEF==");
    buf_deinit(&key);
}

static void test_no_other_file_is_read(void **state)
{
    char big[IDENTITY_KEY_MAX + 1], path[256], link_path[256];
    struct buf key;

    (void)state;
    memset(big, 'x', sizeof(big));
    buf_init(&key, 0);
    tempdir_write("secret", "hush", 4, 0600);
    tempdir_write("good.key", "hush", 4, 0600);
    assert_int_equal(read_key("/etc/passwd", &key, NULL), ERR_REPLY);
    assert_int_equal(read_key("", &key, NULL), ERR_REPLY);
    assert_int_equal(read_key(tempdir, &key, NULL), ERR_REPLY);
    assert_int_equal(read_key(tempdir_path("secret"), &key, NULL), ERR_REPLY);
    assert_int_equal(read_key(tempdir_path(".key"), &key, NULL), ERR_REPLY);
    assert_int_equal(read_key(tempdir_path("../x.key"), &key, NULL), ERR_REPLY);
    assert_int_equal(read_key(tempdir_path("sub/x.key"), &key, NULL), ERR_REPLY);
    snprintf(path, sizeof(path), "%sx/good.key", tempdir);
    assert_int_equal(read_key(path, &key, NULL), ERR_REPLY);
    assert_int_equal(read_key(tempdir_path("none.key"), &key, NULL), ERR_CREDENTIAL);
    snprintf(link_path, sizeof(link_path), "%s", tempdir_path("link.key"));
    assert_int_equal(symlink("secret", link_path), 0);
    assert_int_equal(read_key(link_path, &key, NULL), ERR_CREDENTIAL);
    unlink(link_path);
    snprintf(path, sizeof(path), "%s", tempdir_path("folder.key"));
    mkdir(path, 0700);
    assert_int_equal(read_key(path, &key, NULL), ERR_CREDENTIAL);
    rmdir(path);
    snprintf(path, sizeof(path), "%s", tempdir_path("fifo.key"));
    mkfifo(path, 0600);
    assert_int_equal(read_key(path, &key, NULL), ERR_CREDENTIAL); /* and does not hang */
    unlink(path);
    assert_int_equal(read_key(tempdir_write("big.key", big, sizeof(big), 0600), &key, NULL), ERR_CREDENTIAL);
    assert_int_equal(read_key(tempdir_write("big.key", big, sizeof(big) - 1, 0600), &key, NULL), 0);
    assert_int_equal(read_key(tempdir_write("lines.key", "a\nX: y", 6, 0600), &key, NULL), ERR_CREDENTIAL);
    assert_int_equal(read_key(tempdir_write("empty.key", "", 0, 0600), &key, NULL), ERR_CREDENTIAL);
    buf_deinit(&key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_imds_is_where_azure_has_it),
        cmocka_unit_test(test_the_environment_may_name_another_place_on_this_machine),
        cmocka_unit_test(test_azure_arc_sets_two_variables),
        cmocka_unit_test(test_the_challenge_names_a_file),
        cmocka_unit_test(test_a_key_is_read_from_the_folder),
        cmocka_unit_test(test_no_other_file_is_read),
    };

    return cmocka_run_group_tests(tests, tempdir_make, tempdir_remove);
}
