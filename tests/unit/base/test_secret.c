/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/secret.h"
#include "tempdir.h"

static void test_set_replace_and_unset(void **state)
{
    struct secret secret;

    (void)state;
    secret_init(&secret);
    assert_null(secret.data);
    assert_int_equal(secret_set(&secret, "hush", 4), 0);
    assert_string_equal(secret.data, "hush");
    assert_int_equal(secret_set(&secret, "a\0b", 3), 0);
    assert_int_equal(secret.length, 3);
    assert_memory_equal(secret.data, "a\0b", 4);
    assert_int_equal(secret_set(&secret, "", 0), 0);
    assert_string_equal(secret.data, "");
    secret_deinit(&secret);
    assert_null(secret.data);
    secret_deinit(&secret);
}

static void test_copy_of_itself(void **state)
{
    struct secret secret;

    (void)state;
    secret_init(&secret);
    assert_int_equal(secret_set(&secret, "hush hush", 9), 0);
    assert_int_equal(secret_set(&secret, secret.data + 5, 4), 0);
    assert_string_equal(secret.data, "hush");
    secret_deinit(&secret);
}

static void test_size_limit(void **state)
{
    static char big[SECRET_MAX + 1];
    struct secret secret;

    (void)state;
    secret_init(&secret);
    memset(big, 'x', sizeof(big));
    assert_int_equal(secret_set(&secret, big, SECRET_MAX), 0);
    assert_int_equal(strlen(secret.data), SECRET_MAX); /* the NUL has its page too */
    assert_int_equal(secret_set(&secret, big, SECRET_MAX + 1), ERR_TOOBIG);
    assert_int_equal(secret.length, SECRET_MAX);
    secret_deinit(&secret);
}

/* "dd" among the flags of its mapping is MADV_DONTDUMP. */
static void test_memory_is_kept_out_of_dumps(void **state)
{
    struct secret secret;
    char line[512];
    bool here = false, kept_out = false;
    FILE *maps;

    (void)state;
    secret_init(&secret);
    assert_int_equal(secret_set(&secret, "hush", 4), 0);
    maps = fopen("/proc/self/smaps", "r");
    if (maps == NULL) {
        secret_deinit(&secret);
        skip();
    }
    while (fgets(line, sizeof(line), maps) != NULL) {
        char *rest;
        uintptr_t start = strtoul(line, &rest, 16);

        if (*rest == '-')
            here = (uintptr_t)secret.data >= start && (uintptr_t)secret.data < strtoul(rest + 1, NULL, 16);
        else if (here && strncmp(line, "VmFlags:", 8) == 0)
            kept_out = strstr(line, " dd") != NULL;
    }
    fclose(maps);
    assert_true(kept_out);
    secret_deinit(&secret);
}

static void test_load(void **state)
{
    struct secret secret;
    struct error err = {0};

    (void)state;
    secret_init(&secret);
    assert_int_equal(secret_load(&secret, tempdir_write("good", "s3cret~\r\n", 9, 0600), &err), 0);
    assert_int_equal(secret.length, 9);
    secret_trim(&secret);
    assert_string_equal(secret.data, "s3cret~");
    assert_int_equal(secret.length, 7);
    assert_int_equal(secret_load(&secret, tempdir_write("readonly", "other", 5, 0400), NULL), 0);
    assert_string_equal(secret.data, "other");
    secret_deinit(&secret);
}

static void test_trim(void **state)
{
    struct secret secret;

    (void)state;
    secret_init(&secret);
    secret_trim(&secret);
    assert_int_equal(secret_set(&secret, " \t a b \r\n\n \t", 12), 0);
    secret_trim(&secret);
    assert_string_equal(secret.data, " \t a b");
    assert_int_equal(secret_set(&secret, "\xef\xbb\xbfs3cret\r\n", 11), 0);
    secret_trim(&secret);
    assert_string_equal(secret.data, "s3cret");
    assert_int_equal(secret.length, 6);
    assert_int_equal(secret_set(&secret, "\n\n", 2), 0);
    secret_trim(&secret);
    assert_int_equal(secret.length, 0);
    assert_int_equal(secret_set(&secret, "x\0", 2), 0);
    secret_trim(&secret);
    assert_int_equal(secret.length, 2);
    secret_deinit(&secret);
}

/* Both ways in refuse alike; what was held stays. */
static void check_refused(const char *path, int code, const char *part)
{
    struct secret secret;
    struct error err = {0};

    secret_init(&secret);
    assert_int_equal(secret_set(&secret, "before", 6), 0);
    assert_int_equal(secret_load(&secret, path, &err), code);
    assert_int_equal(err.code, code);
    assert_non_null(strstr(error_text(&err), path));
    assert_non_null(strstr(error_text(&err), part));
    assert_null(strstr(error_text(&err), "hush"));
    assert_string_equal(secret.data, "before");
    err = (struct error){0};
    assert_int_equal(secret_check_file(path, &err), code);
    assert_non_null(strstr(error_text(&err), part));
    secret_deinit(&secret);
}

static void test_refuses_files_that_others_can_use(void **state)
{
    static const mode_t modes[] = {0640, 0620, 0604, 0602, 0644, 0666, 0777};

    (void)state;
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        const char *path = tempdir_write("open", "hush", 4, modes[i]);
        char cure[300];

        snprintf(cure, sizeof(cure), "chmod 0600 %s", path);
        check_refused(path, ERR_PERMISSION, cure);
    }
}

static void test_refuses_other_things(void **state)
{
    static char big[SECRET_MAX + 1];
    char path[256];

    (void)state;
    check_refused(tempdir, ERR_INVALID, "not a regular file");
    check_refused("/dev/null", ERR_INVALID, "not a regular file");
    check_refused(tempdir_write("empty", "", 0, 0600), ERR_INVALID, "is empty");
    memset(big, 'x', sizeof(big));
    check_refused(tempdir_write("big", big, sizeof(big), 0600), ERR_TOOBIG, "larger than 65536");
    snprintf(path, sizeof(path), "%s/missing", tempdir);
    check_refused(path, ERR_NOTFOUND, "No such file");
    snprintf(path, sizeof(path), "%s/fifo", tempdir);
    assert_int_equal(mkfifo(path, 0600), 0);
    check_refused(path, ERR_INVALID, "not a regular file"); /* and does not wait for a writer */
}

static void test_follows_links_and_judges_the_target(void **state)
{
    char link[256];

    (void)state;
    snprintf(link, sizeof(link), "%s/link", tempdir);
    assert_int_equal(symlink("target", link), 0);
    tempdir_write("target", "hush", 4, 0600);
    assert_int_equal(secret_check_file(link, NULL), 0);
    tempdir_write("target", "hush", 4, 0644);
    check_refused(link, ERR_PERMISSION, "chmod 0600");
}

static void test_trusts_systemds_directory_only(void **state)
{
    const char *path = tempdir_write("credential", "hush", 4, 0444);
    char other[256];

    (void)state;
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", tempdir, 1), 0);
    assert_int_equal(secret_check_file(path, NULL), 0);
    snprintf(other, sizeof(other), "%s/../%s/credential", tempdir, strrchr(tempdir, '/') + 1);
    check_refused(other, ERR_PERMISSION, "chmod");
    snprintf(other, sizeof(other), "%.*s", (int)strlen(tempdir) - 1, tempdir);
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", other, 1), 0); /* a prefix, not the directory */
    check_refused(path, ERR_PERMISSION, "chmod");
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", "", 1), 0);
    check_refused(path, ERR_PERMISSION, "chmod");
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_replace_and_unset),
        cmocka_unit_test(test_copy_of_itself),
        cmocka_unit_test(test_size_limit),
        cmocka_unit_test(test_memory_is_kept_out_of_dumps),
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_trim),
        cmocka_unit_test(test_refuses_files_that_others_can_use),
        cmocka_unit_test(test_refuses_other_things),
        cmocka_unit_test(test_follows_links_and_judges_the_target),
        cmocka_unit_test(test_trusts_systemds_directory_only),
    };

    return cmocka_run_group_tests(tests, tempdir_make, tempdir_remove);
}
