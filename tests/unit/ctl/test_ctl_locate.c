/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/locate.h"

static char path[64];

static int setup(void **state)
{
    int fd;

    (void)state;
    strcpy(path, "/tmp/complyd-locate-XXXXXX");
    fd = mkstemp(path);
    return fd >= 0 && close(fd) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    return unlink(path);
}

static void write_config(const char *text)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void assert_socket(const struct invocation *invocation, const char *expected)
{
    struct error err = {0};
    char *found = NULL;

    if (locate_socket(invocation, &found, &err) != 0)
        fail_msg("%s", err.message);
    assert_string_equal(found, expected);
    free(found);
}

static void the_option_wins_unread(void **state)
{
    struct invocation invocation = {.option = {[OPTION_SOCKET] = "/a", [OPTION_CONFIG] = "/nonexistent"}};

    (void)state;
    assert_socket(&invocation, "/a");
}

static void takes_paths_from_the_configuration(void **state)
{
    struct invocation invocation = {.option = {[OPTION_CONFIG] = path}};
    struct error err = {0};
    char *store = NULL;

    (void)state;
    write_config("[reporting]\nenabled = yes\n[daemon]\nstore = /s.db\ncontrol_socket = /c.sock\n");
    assert_socket(&invocation, "/c.sock");
    assert_int_equal(locate_store(&invocation, &store, &err), 0);
    assert_string_equal(store, "/s.db");
    free(store);
}

static void mistakes_elsewhere_do_not_matter(void **state)
{
    struct invocation invocation = {.option = {[OPTION_CONFIG] = path}};

    (void)state;
    write_config("\xEF\xBB\xBF"
                 "[connection x]\nclient_secret_file = /nowhere/secret\nnonsense\n  [ daemon ] ; here\n"
                 "control_socket = /c.sock\n[web]\n\x01\x02\nlisten = everywhere\n");
    assert_socket(&invocation, "/c.sock");
}

static void mistakes_in_its_section_are_told_with_their_line(void **state)
{
    struct invocation invocation = {.option = {[OPTION_CONFIG] = path}};
    struct error err = {0};
    char place[96], *found = NULL;

    (void)state;
    write_config("[reporting]\nx = y\n[daemon]\n\ncolour = red\n");
    assert_int_equal(locate_socket(&invocation, &found, &err), ERR_CONFIG);
    snprintf(place, sizeof(place), "%s:5: ", path);
    assert_int_equal(strncmp(err.message, place, strlen(place)), 0);
    assert_non_null(strstr(err.message, "colour"));
}

static void a_configuration_asked_for_must_be_there(void **state)
{
    struct invocation invocation = {.option = {[OPTION_CONFIG] = "/nonexistent/complyd.conf"}};
    struct error err = {0};
    char *found = NULL;

    (void)state;
    assert_int_equal(locate_socket(&invocation, &found, &err), ERR_NOTFOUND);
    assert_non_null(strstr(err.message, "/nonexistent/complyd.conf"));
    invocation.option[OPTION_CONFIG] = "/tmp";
    assert_int_equal(locate_socket(&invocation, &found, &err), ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_option_wins_unread),
        cmocka_unit_test(takes_paths_from_the_configuration),
        cmocka_unit_test(mistakes_elsewhere_do_not_matter),
        cmocka_unit_test(mistakes_in_its_section_are_told_with_their_line),
        cmocka_unit_test(a_configuration_asked_for_must_be_there),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
