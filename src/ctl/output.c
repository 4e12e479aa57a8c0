/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "ctl/output.h"

#include <locale.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/utf8.h"

enum { LABEL_WIDTH = 36 }; /* "Azure Device Compliance Report Time" and a blank */

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

/* Characters without a shape of their own that change how their neighbours are read: line and direction marks, zero-width ones. */
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
    return size.ws_col;
}

void output_field(FILE *out, const char *label, const char *value)
{
    fprintf(out, "%-*s ", LABEL_WIDTH, label);
    output_text(out, value[0] != '\0' ? value : "-");
    fputc('\n', out);
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
        buf_addf(buf, "%s (%s ago)", time, duration_format(distance_s * 1000, duration));
    else
        buf_addf(buf, "%s (in %s)", time, duration_format(-distance_s * 1000, duration));
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
