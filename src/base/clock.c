/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "base/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include "base/error.h"

/* 9999-12-31T23:59:59.999Z: RFC 3339 has four digits for the year. */
static const int64_t last_ms = INT64_C(253402300799999);

static int64_t read_clock(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t system_realtime_ms(void *ctx)
{
    (void)ctx;
    return read_clock(CLOCK_REALTIME);
}

/* BOOTTIME goes on counting while the machine sleeps: a token does not live longer because the laptop was shut. */
static int64_t system_monotonic_ms(void *ctx)
{
    (void)ctx;
    return read_clock(CLOCK_BOOTTIME);
}

const struct clock *clock_system(void)
{
    static const struct clock system = {.realtime_ms = system_realtime_ms, .monotonic_ms = system_monotonic_ms};

    return &system;
}

int64_t clock_realtime_ms(const struct clock *clock)
{
    return clock->realtime_ms(clock->ctx);
}

int64_t clock_monotonic_ms(const struct clock *clock)
{
    return clock->monotonic_ms(clock->ctx);
}

static char *put_digits(char *p, int value, int digits)
{
    for (int i = digits - 1; i >= 0; i--) {
        p[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return p + digits;
}

/* "YYYY-MM-DDTHH:MM:SS"; returns its end. gmtime_r() and digits by hand: this is on the way of every report. */
static char *put_time(int64_t time_s, char *p)
{
    time_t seconds = (time_t)time_s;
    struct tm tm;

    gmtime_r(&seconds, &tm);
    p = put_digits(p, tm.tm_year + 1900, 4);
    *p++ = '-';
    p = put_digits(p, tm.tm_mon + 1, 2);
    *p++ = '-';
    p = put_digits(p, tm.tm_mday, 2);
    *p++ = 'T';
    p = put_digits(p, tm.tm_hour, 2);
    *p++ = ':';
    p = put_digits(p, tm.tm_min, 2);
    *p++ = ':';
    return put_digits(p, tm.tm_sec, 2);
}

const char *clock_format_s(int64_t time_s, char text[CLOCK_TEXT])
{
    char *p = text;

    if (time_s >= 0 && time_s <= last_ms / 1000) {
        p = put_time(time_s, p);
        *p++ = 'Z';
    }
    *p = '\0';
    return text;
}

const char *clock_format_ms(int64_t time_ms, char text[CLOCK_TEXT])
{
    char *p = text;

    if (time_ms >= 0 && time_ms <= last_ms) {
        p = put_time(time_ms / 1000, p);
        *p++ = '.';
        p = put_digits(p, (int)(time_ms % 1000), 3);
        *p++ = 'Z';
    }
    *p = '\0';
    return text;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads exactly `digits` digits, or -1. */
static int read_digits(const char **text, int digits)
{
    int value = 0;

    for (int i = 0; i < digits; i++, (*text)++) {
        if (!is_digit(**text))
            return -1;
        value = value * 10 + (**text - '0');
    }
    return value;
}

static int read_month(const char **text)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

    for (int i = 0; i < 12; i++) {
        if (strncmp(*text, months + 3 * (size_t)i, 3) == 0) {
            *text += 3;
            return i;
        }
    }
    return -1;
}

/* Two digits of a year without a now to compare with: POSIX's window, 1969 to 2068. */
static int widen_year(int year)
{
    return year < 0 ? -1 : year + (year < 69 ? 2000 : 1900);
}

static int read_padded_day(const char **text)
{
    if (**text != ' ')
        return read_digits(text, 2);
    (*text)++;
    return read_digits(text, 1);
}

/* Reads one element of a pattern into tm: Y year, y two digits of it, o month, b its name, d day, e day padded with a
 * blank, h i s the time, w a weekday's name; any other character stands for itself. */
static bool read_element(char element, const char **text, struct tm *tm)
{
    switch (element) {
    case 'Y':
        return (tm->tm_year = read_digits(text, 4)) >= 0;
    case 'y':
        return (tm->tm_year = widen_year(read_digits(text, 2))) >= 0;
    case 'o':
        return (tm->tm_mon = read_digits(text, 2) - 1) >= 0;
    case 'b':
        return (tm->tm_mon = read_month(text)) >= 0;
    case 'd':
        return (tm->tm_mday = read_digits(text, 2)) > 0;
    case 'e':
        return (tm->tm_mday = read_padded_day(text)) > 0;
    case 'h':
        return (tm->tm_hour = read_digits(text, 2)) >= 0;
    case 'i':
        return (tm->tm_min = read_digits(text, 2)) >= 0;
    case 's':
        return (tm->tm_sec = read_digits(text, 2)) >= 0;
    case 'w': {
        size_t letters = strspn(*text, "abcdefghijklmnopqrstuvwxyzMTWFS");

        *text += letters;
        return letters >= 3 && letters <= 9;
    }
    default:
        return *(*text)++ == element;
    }
}

/* Reads `text` by `pattern`, checks the ranges and moves on to what follows; false if it does not fit. */
static bool read_time(const char **text, const char *pattern, int64_t *ret_time_s)
{
    const char *p = *text;
    struct tm tm = {0};
    int day, second;

    for (; *pattern != '\0'; pattern++) {
        if (*p == '\0' || !read_element(*pattern, &p, &tm))
            return false;
    }
    if (tm.tm_mon > 11 || tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
        return false;
    tm.tm_year -= 1900;
    day = tm.tm_mday;
    second = tm.tm_sec; /* 60 in a leap second, which must not move the day that is checked below */
    tm.tm_sec = 0;
    *ret_time_s = timegm(&tm) + second;
    if (tm.tm_mday != day) /* timegm() makes the 1st of May of the 31st of April */
        return false;
    *text = p;
    return true;
}

/* "Z" or "+HH:MM": seconds east of Greenwich; false for anything else. */
static bool read_offset(const char **text, int64_t *ret_offset_s)
{
    char sign = *(*text);
    int hours, minutes;

    *ret_offset_s = 0;
    if (sign == '\0')
        return false;
    (*text)++;
    if (sign == 'Z' || sign == 'z')
        return true;
    if (sign != '+' && sign != '-')
        return false;
    hours = read_digits(text, 2);
    if (hours < 0 || hours > 23 || *(*text)++ != ':')
        return false;
    minutes = read_digits(text, 2);
    if (minutes < 0 || minutes > 59)
        return false;
    *ret_offset_s = (int64_t)(sign == '-' ? -60 : 60) * (hours * 60 + minutes);
    return true;
}

/* ".123456": milliseconds, further digits dropped; 0 without a fraction, -1 for a point alone. */
static int read_fraction(const char **text)
{
    int ms = 0, scale = 100;

    if (**text != '.')
        return 0;
    (*text)++;
    if (!is_digit(**text))
        return -1;
    for (; is_digit(**text); (*text)++, scale /= 10)
        ms += (**text - '0') * scale;
    return ms;
}

int clock_parse(const char *text, int64_t *ret_time_ms)
{
    int64_t time_s, offset_s;
    int ms;

    if (text == NULL)
        return ERR_INVALID;
    if (!read_time(&text, "Y-o-dTh:i:s", &time_s) && !read_time(&text, "Y-o-dth:i:s", &time_s) &&
        !read_time(&text, "Y-o-d h:i:s", &time_s))
        return ERR_INVALID;
    ms = read_fraction(&text);
    if (ms < 0 || !read_offset(&text, &offset_s) || *text != '\0')
        return ERR_INVALID;
    *ret_time_ms = (time_s - offset_s) * 1000 + ms;
    return 0;
}

int clock_parse_http(const char *text, int64_t *ret_time_s)
{
    /* RFC 9110 section 5.6.7: IMF-fixdate, RFC 850's form, asctime()'s. */
    static const char *const patterns[] = {"w, d b Y h:i:s GMT", "w, d-b-y h:i:s GMT", "w b e h:i:s Y"};

    if (text == NULL)
        return ERR_INVALID;
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        const char *rest = text;
        int64_t time_s;

        if (read_time(&rest, patterns[i], &time_s) && *rest == '\0') {
            *ret_time_s = time_s;
            return 0;
        }
    }
    return ERR_INVALID;
}
