/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "unit.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

enum { LINE_SIZE = 65536 };

/* Standard error becomes a pipe in packet mode: one read gives what one write put in. */
struct capture {
    int saved;
    int read_end;
    char line[LINE_SIZE];
};

static struct capture capture;

static int begin_capture(void **state)
{
    int ends[2];

    (void)state;
    if (pipe2(ends, O_DIRECT | O_NONBLOCK | O_CLOEXEC) < 0)
        return -1;
    capture.saved = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    capture.read_end = ends[0];
    log_init(LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT, false);
    return 0;
}

static int end_capture(void **state)
{
    (void)state;
    dup2(capture.saved, STDERR_FILENO);
    close(capture.saved);
    close(capture.read_end);
    log_set_sink(NULL, NULL);
    return 0;
}

/* What one write wrote, without its newline, which must be the only one. NULL: nothing was written. */
static const char *next_line(void)
{
    ssize_t length = read(capture.read_end, capture.line, sizeof(capture.line) - 1);

    if (length <= 0) {
        assert_int_equal(errno, EAGAIN);
        return NULL;
    }
    capture.line[length] = '\0';
    assert_ptr_equal(strchr(capture.line, '\n'), capture.line + length - 1);
    capture.line[length - 1] = '\0';
    return capture.line;
}

static void test_text_line(void **state)
{
    struct log_fields fields = {.device = "d-1", .connection = "contoso", .message_id = "m", .request_id = "r"};

    (void)state;
    log_warn(TAG_SENDER, "throttled, again in %d s", 40);
    assert_string_equal(next_line(), "warn sender: throttled, again in 40 s");
    log_at(LOG_LEVEL_INFO, TAG_STORE, &fields, "accepted");
    assert_string_equal(next_line(), "info store: accepted device=d-1 connection=contoso message_id=m request_id=r");
    assert_null(next_line());
}

static void test_text_fields_stay_one_word_or_in_quotes(void **state)
{
    struct log_fields fields = {.device = "my \"phone\" \\ 1", .connection = "", .request_id = "a=b"};

    (void)state;
    log_at(LOG_LEVEL_INFO, TAG_STORE, &fields, "x");
    assert_string_equal(next_line(),
                        "info store: x device=\"my \\\"phone\\\" \\\\ 1\" connection=\"\" request_id=\"a=b\"");
}

/* A device called "x\nerror daemon: all lost" must not write a line of its own, nor colour the terminal. */
static void test_nobody_forges_a_line(void **state)
{
    struct log_fields fields = {.device = "x\nerror daemon: lost\x1b[31m"};

    (void)state;
    log_at(LOG_LEVEL_INFO, TAG_STORE, &fields, "name=%s",
           "a\r\nb\x7f\xC2\x9B"
           "c\xFF");
    assert_string_equal(next_line(), "info store: name=a\\x0d\\x0ab\\x7f\\xc2\\x9bc\uFFFD "
                                     "device=\"x\\x0aerror daemon: lost\\x1b[31m\"");
    assert_null(next_line());
}

static void test_time(void **state)
{
    int64_t before = clock_realtime_ms(clock_system()), told;
    char *line;

    (void)state;
    log_init(LOG_LEVEL_INFO, LOG_FORMAT_TEXT, true);
    log_info(TAG_SIM, "x");
    line = (char *)(uintptr_t)next_line();
    assert_string_equal(strchr(line, ' '), " info sim: x");
    *strchr(line, ' ') = '\0';
    assert_int_equal(clock_parse(line, &told), 0);
    assert_true(told >= before && told <= clock_realtime_ms(clock_system()));
}

static void test_levels(void **state)
{
    (void)state;
    for (int limit = LOG_LEVEL_ERROR; limit <= LOG_LEVEL_DEBUG; limit++) {
        log_set_level((enum log_level)limit);
        assert_int_equal(log_get_level(), limit);
        for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
            log_at((enum log_level)level, TAG_HTTP, NULL, "x");
            assert_int_equal(next_line() != NULL, level <= limit);
        }
    }
}

/* Arguments are not even evaluated for a line that nobody wants. */
static void test_unwanted_lines_cost_nothing(void **state)
{
    int evaluated = 0;

    (void)state;
    log_set_level(LOG_LEVEL_INFO);
    log_debug(TAG_HTTP, "%d", ++evaluated);
    assert_int_equal(evaluated, 0);
}

static const char *member(const cJSON *object, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static void test_json_line(void **state)
{
    struct log_fields fields = {.device = "d\"1\n", .message_id = "m"};
    cJSON *object;
    int64_t told;

    (void)state;
    log_init(LOG_LEVEL_INFO, LOG_FORMAT_JSON, false);
    log_at(LOG_LEVEL_ERROR, TAG_TOKEN, &fields, "said \"no\"\n\xFF %s", "Zoë");
    object = cJSON_ParseWithOpts(next_line(), NULL, 1);
    assert_non_null(object);
    assert_string_equal(member(object, "level"), "error");
    assert_string_equal(member(object, "tag"), "token");
    assert_string_equal(member(object, "message"), "said \"no\"\\x0a\uFFFD Zoë");
    assert_string_equal(member(object, "device"), "d\"1\n");
    assert_string_equal(member(object, "message_id"), "m");
    assert_null(member(object, "connection"));
    assert_int_equal(clock_parse(member(object, "time"), &told), 0);
    cJSON_Delete(object);
    assert_null(next_line());
}

static void test_any_bytes_give_valid_json(void **state)
{
    uint64_t random = 1;

    (void)state;
    log_init(LOG_LEVEL_INFO, LOG_FORMAT_JSON, false);
    for (int round = 0; round < 3000; round++) {
        char text[40];
        struct log_fields fields = {.device = text};
        cJSON *object;

        for (size_t i = 0; i < sizeof(text) - 1; i++) {
            random = random * UINT64_C(6364136223846793005) + 1;
            text[i] = (char)(1 + (random >> 33) % 255);
        }
        text[sizeof(text) - 1] = '\0';
        log_at(LOG_LEVEL_INFO, TAG_STORE, &fields, "%s", text);
        object = cJSON_ParseWithOpts(next_line(), NULL, 1);
        assert_non_null(object);
        cJSON_Delete(object);
    }
}

static void test_long_message_is_cut(void **state)
{
    char text[5000];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    log_info(TAG_STORE, "%s", text);
    assert_in_range(strlen(next_line()), 2000, 2100);
    assert_null(next_line());
}

static void keep_record(void *ctx, const struct log_record *record)
{
    struct log_record *kept = ctx;

    assert_string_equal(record->message, "name=a\\x0ab");
    assert_non_null(record->fields);
    assert_null(record->fields->device);
    *kept = *record;
}

static void test_sink_gets_a_clean_record(void **state)
{
    struct log_record kept = {0};

    (void)state;
    log_set_sink(keep_record, &kept);
    errno = EXDEV;
    log_notice(TAG_WEEKLY, "name=%s", "a\nb");
    assert_int_equal(errno, EXDEV); /* callers log before they look at errno */
    assert_int_equal(kept.level, LOG_LEVEL_NOTICE);
    assert_string_equal(kept.tag, "weekly");
    assert_null(next_line());
    log_set_sink(NULL, NULL);
    log_notice(TAG_WEEKLY, "back");
    assert_string_equal(next_line(), "notice weekly: back");
}

static void test_names(void **state)
{
    static const char *const levels[] = {"error", "warn", "notice", "info", "debug"};
    enum log_level level = LOG_LEVEL_ERROR;
    enum log_format format = LOG_FORMAT_TEXT;

    (void)state;
    for (int i = LOG_LEVEL_ERROR; i <= LOG_LEVEL_DEBUG; i++) {
        assert_int_equal(log_level_parse(levels[i], &level), 0);
        assert_int_equal(level, i);
        assert_string_equal(log_level_name((enum log_level)i), levels[i]);
    }
    assert_int_equal(log_level_parse("warning", &level), -1);
    assert_int_equal(log_level_parse(NULL, &level), -1);
    assert_int_equal(log_format_parse("json", &format), 0);
    assert_int_equal(format, LOG_FORMAT_JSON);
    assert_int_equal(log_format_parse("journal", &format), 0);
    assert_int_equal(format, LOG_FORMAT_JOURNAL);
    assert_int_equal(log_format_parse("xml", &format), -1);
    assert_string_equal(log_format_name(LOG_FORMAT_JSON), "json");
}

#define captured(test) cmocka_unit_test_setup_teardown(test, begin_capture, end_capture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        captured(test_text_line),
        captured(test_text_fields_stay_one_word_or_in_quotes),
        captured(test_nobody_forges_a_line),
        captured(test_time),
        captured(test_levels),
        captured(test_unwanted_lines_cost_nothing),
        captured(test_json_line),
        captured(test_any_bytes_give_valid_json),
        captured(test_long_message_is_cut),
        captured(test_sink_gets_a_clean_record),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
