/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <cjson/cJSON.h>
#include <string.h>
#include <sysexits.h>

#include "capture.h"
#include "ctl/failure.h"

static struct capture out, err;
static struct invocation invocation;

static int setup(void **state)
{
    (void)state;
    capture_start(&out);
    capture_start(&err);
    invocation = (struct invocation){.out = out.file, .err = err.file};
    return 0;
}

/* Standard output never carries an error. */
static int teardown(void **state)
{
    (void)state;
    assert_string_equal(capture_text(&out), "");
    capture_end(&out);
    capture_end(&err);
    return 0;
}

static void says_a_line(void **state)
{
    (void)state;
    assert_int_equal(failure_say(&invocation, EX_USAGE, "bad %s\x1b", "thing"), EX_USAGE);
    assert_string_equal(capture_text(&err), "complyctl: bad thing\\x1b\n");
}

static void says_where_in_a_file(void **state)
{
    struct error error = {0};

    (void)state;
    error_set(&error, ERR_INVALID, 0, "unknown platform 'palm'");
    assert_int_equal(failure_input(&invocation, "fleet.csv", 17, "platform", &error), EX_DATAERR);
    assert_string_equal(capture_text(&err), "complyctl: fleet.csv:17: platform: unknown platform 'palm'\n");
}

static void speaks_json_to_programs(void **state)
{
    struct error error = {0};
    cJSON *problem;

    (void)state;
    invocation.option[OPTION_JSON] = "";
    error_set(&error, ERR_INVALID, 0, "no \"good\"");
    failure_input(&invocation, "f", 3, "name", &error);
    problem = cJSON_Parse(capture_text(&err));
    assert_non_null(problem);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(problem, "detail")), "no \"good\"");
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(problem, "title")), "bad data");
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(problem, "column")), "name");
    assert_int_equal(cJSON_GetNumberValue(cJSON_GetObjectItem(problem, "line")), 3);
    assert_int_equal(cJSON_GetNumberValue(cJSON_GetObjectItem(problem, "exit_code")), EX_DATAERR);
    cJSON_Delete(problem);
}

static void tells_the_daemons_problem(void **state)
{
    static const struct {
        int status;
        const char *body;
        int exit_code;
        const char *line;
    } cases[] = {
        {404, "{\"title\":\"Not Found\",\"detail\":\"there is no device 'x'\"}", EX_NOINPUT, "there is no device 'x'"},
        {400, "{\"title\":\"Bad Request\"}", EX_USAGE, "Bad Request"},
        {403, "{}", EX_NOPERM, "complyd answered with HTTP status 403"},
        {503, "<html>", EX_TEMPFAIL, "complyd answered with HTTP status 503"},
        {500, "", EX_SOFTWARE, "complyd answered with HTTP status 500"},
        {409, "[]", EX_TEMPFAIL, "complyd answered with HTTP status 409"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t before = strlen(capture_text(&err));
        char expected[128];

        snprintf(expected, sizeof(expected), "complyctl: %s\n", cases[i].line);
        assert_int_equal(failure_answer(&invocation, cases[i].status, cases[i].body), cases[i].exit_code);
        assert_string_equal(capture_text(&err) + before, expected);
    }
}

static void warnings_are_for_people(void **state)
{
    (void)state;
    failure_warn(&invocation, "mind the %s", "gap");
    assert_string_equal(capture_text(&err), "complyctl: mind the gap\n");
    invocation.option[OPTION_JSON] = "";
    failure_warn(&invocation, "mind the %s", "gap");
    assert_string_equal(capture_text(&err), "complyctl: mind the gap\n");
}

static void every_error_has_an_exit_code(void **state)
{
    (void)state;
    assert_int_equal(failure_exit_code(0), EX_OK);
    assert_int_equal(failure_exit_code(ERR_NOTFOUND), EX_NOINPUT);
    assert_int_equal(failure_exit_code(ERR_PERMISSION), EX_NOPERM);
    assert_int_equal(failure_exit_code(ERR_STORE_NEWER), EX_CONFIG);
    assert_int_equal(failure_exit_code(ERR_STORE_CORRUPT), EX_DATAERR);
    assert_int_equal(failure_exit_code(ERR_CONFIG), EX_CONFIG);
    assert_int_equal(failure_exit_code(ERR_BUSY), EX_TEMPFAIL);
    assert_int_equal(failure_exit_code(ERR_REFUSED), EX_SOFTWARE);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(says_a_line),
        TEST(says_where_in_a_file),
        TEST(speaks_json_to_programs),
        TEST(tells_the_daemons_problem),
        TEST(warnings_are_for_people),
        TEST(every_error_has_an_exit_code),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
