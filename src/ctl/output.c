/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "ctl/output.h"

#include <locale.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/utf8.h"
#include "ctl/say.h"

enum {
    LABEL_WIDTH = 36, /* "Azure Device Compliance Report Time" and a blank */
    NARROW = 72,      /* a terminal of fewer columns shows values below their labels */
    NARROW_INDENT = 4,
    COLUMNS_MIN = 20,
};

void output_init(void)
{
    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
        setlocale(LC_CTYPE, "");
}

/* The code point of a well-formed character of `length` bytes. */
static uint32_t decode(const char *text, size_t length)
{
    static const unsigned char first_bits[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    uint32_t point = (unsigned char)text[0] & first_bits[length];

    for (size_t i = 1; i < length; i++)
        point = point << 6 | ((unsigned char)text[i] & 0x3F);
    return point;
}

/* Characters without a shape of their own that change how their neighbours are read: line and direction marks,
 * zero-width ones. */
static bool is_deceptive(uint32_t point)
{
    return (point >= 0x200B && point <= 0x200F) || (point >= 0x2028 && point <= 0x202E) ||
           (point >= 0x2060 && point <= 0x206F) || point == 0xFEFF || point == 0x061C;
}

void output_escape(struct buf *buf, const char *text)
{
    for (const char *p = text != NULL ? text : ""; *p != '\0';) {
        size_t length = utf8_sequence(p);
        uint32_t point = length > 0 ? decode(p, length) : 0;

        if (length == 0 || (point < 0x80 && utf8_is_control(p)))
            buf_addf(buf, "\\x%02x", (unsigned char)*p);
        else if (utf8_is_control(p) || is_deceptive(point))
            buf_addf(buf, "\\u{%x}", (unsigned)point);
        else
            buf_add(buf, p, length);
        p += length > 0 ? length : 1;
    }
}

static size_t character_width(const char *text, size_t length)
{
    int width = wcwidth((wchar_t)decode(text, length));

    return width < 0 ? 1 : (size_t)width;
}

size_t output_width(const char *text)
{
    size_t width = 0;

    while (*text != '\0') {
        size_t length = utf8_sequence(text);

        width += length > 0 ? character_width(text, length) : 1;
        text += length > 0 ? length : 1;
    }
    return width;
}

void output_cut(struct buf *buf, const char *text, size_t columns)
{
    size_t used = 0;

    if (output_width(text) <= columns) {
        buf_add_text(buf, text);
        return;
    }
    while (*text != '\0') {
        size_t length = utf8_sequence(text);
        size_t width = length > 0 ? character_width(text, length) : 1;

        if (used + width + 1 > columns)
            break;
        length = length > 0 ? length : 1;
        buf_add(buf, text, length);
        text += length;
        used += width;
    }
    if (columns > 0)
        buf_add_text(buf, "…");
}

void output_text(FILE *out, const char *text)
{
    struct buf safe;

    buf_init(&safe, 0);
    output_escape(&safe, text);
    fputs(buf_text(&safe), out);
    buf_deinit(&safe);
}

size_t output_terminal_width(FILE *out)
{
    struct winsize size;
    int fd = fileno(out);

    if (fd < 0 || !isatty(fd))
        return 0;
    if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return 80;
    return size.ws_col > COLUMNS_MIN ? size.ws_col : COLUMNS_MIN;
}

bool output_has_colours(FILE *out)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");

    return output_terminal_width(out) > 0 && (no_color == NULL || no_color[0] == '\0') && term != NULL &&
           term[0] != '\0' && strcmp(term, "dumb") != 0;
}

enum output_style output_style_of(const char *word)
{
    static const struct {
        const char *word;
        enum output_style style;
    } meanings[] = {
        {"compliant", OUTPUT_GOOD},     {"success", OUTPUT_GOOD},      {"Success", OUTPUT_GOOD},
        {"accepted", OUTPUT_GOOD},      {"ready", OUTPUT_GOOD},        {"running", OUTPUT_GOOD},
        {"healthy", OUTPUT_GOOD},       {"non_compliant", OUTPUT_BAD}, {"error", OUTPUT_BAD},
        {"Error", OUTPUT_BAD},          {"refused", OUTPUT_BAD},       {"broken", OUTPUT_BAD},
        {"store_trouble", OUTPUT_BAD},  {"in_progress", OUTPUT_WARN},  {"In progress", OUTPUT_WARN},
        {"connecting", OUTPUT_WARN},    {"throttled", OUTPUT_WARN},    {"disconnecting", OUTPUT_WARN},
        {"Correcto", OUTPUT_GOOD},      {"En curso", OUTPUT_WARN},     {"stopping", OUTPUT_WARN},
        {"worsening", OUTPUT_WARN},     {"removed", OUTPUT_FAINT},     {"off", OUTPUT_FAINT},
        {"disconnected", OUTPUT_FAINT}, {"-", OUTPUT_FAINT},
    };

    for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
        if (strcmp(meanings[i].word, word) == 0)
            return meanings[i].style;
    }
    return OUTPUT_PLAIN;
}

void output_paint(struct buf *buf, const char *text, enum output_style style)
{
    static const char *const codes[] = {
        [OUTPUT_STRONG] = "1", [OUTPUT_GOOD] = "32", [OUTPUT_WARN] = "33", [OUTPUT_BAD] = "31", [OUTPUT_FAINT] = "2"};

    if (style == OUTPUT_PLAIN)
        buf_add_text(buf, text);
    else
        buf_addf(buf, "\033[%sm%s\033[0m", codes[style], text);
}

static void print_painted(FILE *out, const char *escaped, enum output_style style)
{
    struct buf text;

    buf_init(&text, 0);
    output_paint(&text, escaped, output_has_colours(out) ? style : OUTPUT_PLAIN);
    fputs(buf_text(&text), out);
    buf_deinit(&text);
}

void output_styled(FILE *out, const char *text, enum output_style style)
{
    struct buf safe;

    buf_init(&safe, 0);
    output_escape(&safe, text);
    print_painted(out, buf_text(&safe), style);
    buf_deinit(&safe);
}

void output_heading(FILE *out, const char *text)
{
    output_styled(out, say(text), OUTPUT_STRONG);
    fputc('\n', out);
}

/* Bytes of escaped text that fit a line of `columns`: up to a blank, or all of a word that is too long. */
static size_t line_length(const char *text, size_t columns)
{
    size_t fits = 0, used = 0, i = 0;

    while (text[i] != '\0') {
        size_t length = utf8_sequence(text + i);

        used += character_width(text + i, length);
        if (used > columns && fits > 0)
            return fits;
        if (text[i] == ' ')
            fits = i;
        i += length;
    }
    return used > columns && fits > 0 ? fits : i;
}

/* The first line goes on where the label ends, the others are indented alike. */
static void print_wrapped(FILE *out, const char *escaped, size_t indent, enum output_style style)
{
    size_t width = output_terminal_width(out);
    char line[1024];

    for (;;) {
        size_t length = width > 0 ? line_length(escaped, width - indent) : strlen(escaped);

        if (escaped[length] == '\0' || length >= sizeof(line))
            break;
        snprintf(line, sizeof(line), "%.*s", (int)length, escaped);
        print_painted(out, line, style);
        fprintf(out, "\n%*s", (int)indent, "");
        escaped += length + 1;
    }
    print_painted(out, escaped, style);
    fputc('\n', out);
}

void output_entry(FILE *out, const char *left, size_t width, const char *text)
{
    size_t columns = output_terminal_width(out);
    size_t indent = width + 4;

    fprintf(out, "  %-*s  ", (int)width, left);
    if (columns > 0 && columns < indent + COLUMNS_MIN) {
        indent = 8;
        fprintf(out, "\n%*s", (int)indent, "");
    }
    print_wrapped(out, text, indent, OUTPUT_PLAIN);
}

/* One that is wider than its column stands on a line of its own. */
static void print_label(FILE *out, const char *label, bool narrow)
{
    size_t indent = strspn(label, " ");
    const char *text = say(label + indent);
    size_t width = indent + output_width(text);

    fprintf(out, "%*s%s", (int)indent, "", text);
    if (narrow || width > LABEL_WIDTH)
        fprintf(out, "\n%*s", narrow ? NARROW_INDENT : LABEL_WIDTH + 1, "");
    else
        fprintf(out, "%*s", (int)(LABEL_WIDTH + 1 - width), "");
}

void output_field_styled(FILE *out, const char *label, const char *value, enum output_style style)
{
    size_t width = output_terminal_width(out);
    bool narrow = width > 0 && width < NARROW;
    struct buf safe;

    buf_init(&safe, 0);
    output_escape(&safe, value[0] != '\0' ? value : "-");
    print_label(out, label, narrow);
    print_wrapped(out, buf_text(&safe), narrow ? NARROW_INDENT : LABEL_WIDTH + 1, style);
    buf_deinit(&safe);
}

void output_field(FILE *out, const char *label, const char *value)
{
    output_field_styled(out, label, value, output_style_of(value[0] != '\0' ? value : "-"));
}

void output_time(struct buf *buf, const char *time, int64_t now_ms)
{
    char duration[DURATION_TEXT];
    int64_t time_ms, distance_s;

    if (clock_parse(time, &time_ms) != 0) {
        buf_add_text(buf, time[0] != '\0' ? time : "-");
        return;
    }
    distance_s = (now_ms - time_ms) / 1000;
    if (distance_s >= 0)
        buf_addf(buf, say("%s (%s ago)"), time, duration_format(distance_s * 1000, duration));
    else
        buf_addf(buf, say("%s (in %s)"), time, duration_format(-distance_s * 1000, duration));
}

void output_count(struct buf *buf, int64_t value)
{
    char digits[24];
    int length = snprintf(digits, sizeof(digits), "%lld", (long long)value);

    for (int i = 0; i < length; i++) {
        buf_add_char(buf, digits[i]);
        if (digits[i] != '-' && i + 1 < length && (length - i - 1) % 3 == 0)
            buf_add_char(buf, ',');
    }
}
