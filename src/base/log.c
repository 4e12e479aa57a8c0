/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/utf8.h"

enum { MESSAGE_MAX = 2048 }; /* bytes of a message before escaping; a longer one is cut */

static const char *const level_names[] = {"error", "warn", "notice", "info", "debug"};
static const char *const format_names[] = {"text", "json", "journal"};

static atomic_int current_level = LOG_LEVEL_INFO;
static atomic_int current_format = LOG_FORMAT_TEXT;
static atomic_bool times_wanted;
static _Atomic(log_sink_fn *) custom_sink;
static _Atomic(void *) custom_ctx;

void log_init(enum log_level level, enum log_format format, bool with_time)
{
    atomic_store(&current_format, (int)format);
    atomic_store(&times_wanted, with_time);
    log_set_level(level);
}

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&current_level, (int)level, memory_order_relaxed);
}

enum log_level log_get_level(void)
{
    return (enum log_level)atomic_load_explicit(&current_level, memory_order_relaxed);
}

void log_set_sink(log_sink_fn *sink, void *ctx)
{
    atomic_store(&custom_ctx, ctx);
    atomic_store(&custom_sink, sink);
}

static int find_name(const char *text, const char *const *names, size_t count)
{
    for (size_t i = 0; text != NULL && i < count; i++) {
        if (strcmp(text, names[i]) == 0)
            return (int)i;
    }
    return -1;
}

int log_level_parse(const char *text, enum log_level *ret_level)
{
    int i = find_name(text, level_names, sizeof(level_names) / sizeof(level_names[0]));

    if (i < 0)
        return -1;
    *ret_level = (enum log_level)i;
    return 0;
}

const char *log_level_name(enum log_level level)
{
    return level_names[level];
}

int log_format_parse(const char *text, enum log_format *ret_format)
{
    int i = find_name(text, format_names, sizeof(format_names) / sizeof(format_names[0]));

    if (i < 0)
        return -1;
    *ret_format = (enum log_format)i;
    return 0;
}

const char *log_format_name(enum log_format format)
{
    return format_names[format];
}

/* Appends text with everything escaped that could forge a line or steer a terminal: "\x0a"; foreign bytes become
 * U+FFFD. With `quoted`, a quote and a backslash are escaped too. */
static void add_clean(struct buf *line, const char *text, bool quoted)
{
    while (*text != '\0') {
        size_t length = utf8_sequence(text);

        if (length == 0) {
            buf_add_text(line, "\xEF\xBF\xBD");
            length = 1;
        } else if (utf8_is_control(text)) {
            for (size_t i = 0; i < length; i++)
                buf_addf(line, "\\x%02x", (unsigned)(unsigned char)text[i]);
        } else {
            if (quoted && (*text == '"' || *text == '\\'))
                buf_add_char(line, '\\');
            buf_add(line, text, length);
        }
        text += length;
    }
}

/* " name=value", the value in quotes when it would not read as one word. */
static void add_text_field(struct buf *line, const char *name, const char *value)
{
    if (value == NULL)
        return;
    buf_addf(line, " %s=", name);
    if (*value != '\0' && strpbrk(value, " \"=\\") == NULL) {
        add_clean(line, value, false);
        return;
    }
    buf_add_char(line, '"');
    add_clean(line, value, true);
    buf_add_char(line, '"');
}

static void format_text(struct buf *line, const struct log_record *record)
{
    char now[CLOCK_TEXT];

    if (atomic_load(&times_wanted))
        buf_addf(line, "%s ", clock_format_ms(clock_realtime_ms(clock_system()), now));
    buf_addf(line, "%s %s: %s", log_level_name(record->level), record->tag, record->message);
    add_text_field(line, "device", record->fields->device);
    add_text_field(line, "connection", record->fields->connection);
    add_text_field(line, "message_id", record->fields->message_id);
    add_text_field(line, "request_id", record->fields->request_id);
}

static void add_json_field(struct buf *line, const char *name, const char *value)
{
    if (value == NULL)
        return;
    buf_addf(line, ",\"%s\":", name);
    buf_add_json_string(line, value);
}

static void format_json(struct buf *line, const struct log_record *record)
{
    char now[CLOCK_TEXT];

    buf_addf(line, "{\"time\":\"%s\"", clock_format_ms(clock_realtime_ms(clock_system()), now));
    add_json_field(line, "level", log_level_name(record->level));
    add_json_field(line, "tag", record->tag);
    add_json_field(line, "message", record->message);
    add_json_field(line, "device", record->fields->device);
    add_json_field(line, "connection", record->fields->connection);
    add_json_field(line, "message_id", record->fields->message_id);
    add_json_field(line, "request_id", record->fields->request_id);
    buf_add_char(line, '}');
}

/* One write a line, so that lines of threads and processes do not mix. What cannot be written is lost: there is nobody
 * left to tell. */
static void write_stderr(const char *line, size_t length)
{
    while (write(STDERR_FILENO, line, length) < 0 && errno == EINTR)
        ;
}

/* The sink that is always there. */
static void write_line(const struct log_record *record)
{
    static const char lost_text[] = "error daemon: a log line was lost: out of memory\n";
    static const char lost_json[] =
        "{\"level\":\"error\",\"tag\":\"daemon\",\"message\":\"a log line was lost: out of memory\"}\n";
    bool json = atomic_load(&current_format) == LOG_FORMAT_JSON;
    struct buf line;

    buf_init(&line, 0);
    if (json)
        format_json(&line, record);
    else
        format_text(&line, record);
    buf_add_char(&line, '\n');
    if (buf_error(&line) == 0)
        write_stderr(line.data, line.length);
    else if (json)
        write_stderr(lost_json, sizeof(lost_json) - 1);
    else
        write_stderr(lost_text, sizeof(lost_text) - 1);
    buf_deinit(&line);
}

void log_write(enum log_level level, const char *tag, const struct log_fields *fields, const char *format, ...)
{
    static const struct log_fields nobody;
    char plain[MESSAGE_MAX];
    int saved_errno = errno;
    struct buf clean;
    struct log_record record = {level, tag, NULL, fields != NULL ? fields : &nobody};
    log_sink_fn *sink = atomic_load(&custom_sink);
    va_list args;

    va_start(args, format);
    vsnprintf(plain, sizeof(plain), format, args);
    va_end(args);
    buf_init(&clean, 0);
    add_clean(&clean, plain, false);
    record.message = buf_error(&clean) == 0 ? buf_text(&clean) : "a log message was lost: out of memory";
    if (sink != NULL)
        sink(atomic_load(&custom_ctx), &record);
    else
        write_line(&record);
    buf_deinit(&clean);
    errno = saved_errno;
}
