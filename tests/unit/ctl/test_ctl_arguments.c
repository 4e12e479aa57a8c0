/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <string.h>
#include <sysexits.h>

#include "capture.h"
#include "ctl/arguments.h"

enum { WORDS_MAX = 16 };

static struct capture out, err;
static struct invocation invocation;
static char line_text[256];
static char *words[WORDS_MAX];

static int setup(void **state)
{
    (void)state;
    capture_start(&out);
    capture_start(&err);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    capture_end(&out);
    capture_end(&err);
    return 0;
}

/* Words are parted by single blanks. */
static int parse(const char *line)
{
    char *rest = line_text;
    int count = 0;

    snprintf(line_text, sizeof(line_text), "complyctl %s", line);
    while (rest != NULL && *rest != '\0')
        words[count++] = strsep(&rest, " ");
    words[count] = NULL;
    return arguments_parse(count, words, out.file, err.file, &invocation);
}

static void assert_parses(const char *line, const char *command)
{
    if (parse(line) != 0)
        fail_msg("%s: %s", line, capture_text(&err));
    assert_string_equal(invocation.command->name, command);
    assert_string_equal(capture_text(&err), "");
}

static void assert_refused(const char *line, const char *text)
{
    size_t before = strlen(capture_text(&err));

    assert_int_equal(parse(line), EX_USAGE);
    if (strstr(capture_text(&err) + before, text) == NULL)
        fail_msg("'%s' is not in '%s'", text, capture_text(&err) + before);
}

static void finds_commands_of_one_and_two_words(void **state)
{
    (void)state;
    assert_parses("status", "status");
    assert_parses("device list", "device list");
    assert_parses("device show D1", "device show");
    assert_int_equal(invocation.argument_count, 1);
    assert_string_equal(invocation.arguments[0], "D1");
    assert_parses("store backup /b", "store backup");
    assert_parses("import -", "import");
    assert_string_equal(invocation.arguments[0], "-");
}

static void takes_options_anywhere(void **state)
{
    (void)state;
    assert_parses("--json --socket /s device show D1", "device show");
    assert_true(command_has(&invocation, OPTION_JSON));
    assert_string_equal(invocation.option[OPTION_SOCKET], "/s");
    assert_parses("device --socket=/s show D1 --json", "device show");
    assert_true(command_has(&invocation, OPTION_JSON));
    assert_string_equal(invocation.option[OPTION_SOCKET], "/s");
    assert_parses("store --store /f init", "store init");
    assert_string_equal(invocation.option[OPTION_STORE], "/f");
    assert_parses("device report D1 --wait --timeout 1m30s", "device report");
    assert_int_equal(invocation.timeout_ms, 90000);
    assert_parses("status", "status");
    assert_int_equal(invocation.timeout_ms, -1);
    assert_false(command_has(&invocation, OPTION_JSON));
}

static void two_dashes_end_the_options(void **state)
{
    (void)state;
    assert_parses("device show -- --json", "device show");
    assert_string_equal(invocation.arguments[0], "--json");
    assert_false(command_has(&invocation, OPTION_JSON));
}

static void suggests_what_was_meant(void **state)
{
    (void)state;
    assert_refused("stauts", "'status'");
    assert_refused("devcie list", "'device'");
    assert_refused("device lst", "'list'");
    assert_refused("store chekc", "'check'");
    assert_refused("frobnicate", "--help lists them");
    assert_refused("device frobnicate", "--help lists them");
}

static void refuses_what_does_not_fit(void **state)
{
    (void)state;
    assert_refused("", "no command");
    assert_refused("device", "second word");
    assert_refused("device show", "usage: complyctl device show ID");
    assert_refused("device show a b", "'b' is one argument too many");
    assert_refused("status now", "'now' is one argument too many");
    assert_refused("status --wait", "has no option --wait");
    assert_refused("import f --socket", "--socket needs a value");
    assert_refused("status --colour", "unknown option --colour");
    assert_refused("status --jason", "did you mean --json?");
    assert_refused("resync --conection=x", "unknown option --conection: did you mean --connection?");
    assert_refused("device list --state complaint", "--state 'complaint': did you mean 'compliant'?");
    assert_refused("device list --state x", "compliant, non_compliant or removed is wanted");
    assert_refused("device list --status suxcess", "did you mean 'success'?");
    assert_refused("log-level verbose", "error, warn, notice, info or debug is wanted");
    assert_refused("resync --timeout 5m", "--timeout is for --wait");
    assert_refused("resync --wait --timeout soon", "like 90s");
}

static void help_and_version_need_nothing_else(void **state)
{
    (void)state;
    assert_int_equal(parse("--help"), 0);
    assert_null(invocation.command);
    assert_int_equal(parse("-h"), 0);
    assert_true(command_has(&invocation, OPTION_HELP));
    assert_int_equal(parse("--version"), 0);
    assert_parses("device show --help", "device show"); /* without its ID */
    assert_parses("help store init", "store init");
    assert_true(command_has(&invocation, OPTION_HELP));
    assert_int_equal(parse("help"), 0);
    assert_refused("help stauts", "'status'");
}

static void help_names_every_command_option_and_exit_code(void **state)
{
    static const char *const codes[] = {" 64 ", " 65 ", " 66 ", " 69 ", " 70 ", " 71 ",
                                        " 73 ", " 74 ", " 75 ", " 76 ", " 77 ", " 78 "};

    (void)state;
    parse("--help");
    arguments_help(&invocation, out.file);
    for (size_t i = 0; i < command_count; i++)
        assert_non_null(strstr(capture_text(&out), commands[i].name));
    for (int i = 0; i < OPTION_COUNT; i++) {
        if ((COMMAND_GLOBAL_OPTIONS & 1u << i) != 0)
            assert_non_null(strstr(capture_text(&out), command_option_word((enum command_option)i)));
    }
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        assert_non_null(strstr(capture_text(&out), codes[i]));
}

static void help_of_a_command_names_its_options(void **state)
{
    (void)state;
    parse("device list --help");
    arguments_help(&invocation, out.file);
    assert_non_null(strstr(capture_text(&out), "Usage: complyctl [OPTIONS] device list"));
    assert_non_null(strstr(capture_text(&out), "--search TEXT"));
    assert_non_null(strstr(capture_text(&out), "--config FILE"));
    assert_null(strstr(capture_text(&out), "--wait"));
}

static void every_command_can_be_typed(void **state)
{
    (void)state;
    for (size_t i = 0; i < command_count; i++) {
        char line[64];

        snprintf(line, sizeof(line), "%s%s", commands[i].name, commands[i].arguments_min > 0 ? " x" : "");
        assert_parses(line, commands[i].name);
        assert_non_null(invocation.command->run);
        assert_int_equal(commands[i].arguments_max > 0, commands[i].arguments[0] != '\0');
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(finds_commands_of_one_and_two_words),
        TEST(takes_options_anywhere),
        TEST(two_dashes_end_the_options),
        TEST(suggests_what_was_meant),
        TEST(refuses_what_does_not_fit),
        TEST(help_and_version_need_nothing_else),
        TEST(help_names_every_command_option_and_exit_code),
        TEST(help_of_a_command_names_its_options),
        TEST(every_command_can_be_typed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
