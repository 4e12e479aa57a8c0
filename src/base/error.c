/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "base/error.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

static const char *const texts[] = {[0] = "no error",
#define X(name, value, text) [value] = text,
                                    ERROR_CODES(X)
#undef X
};

enum { MESSAGE_SIZE = sizeof(((struct error *)0)->message) };

static size_t code_index(int code)
{
    size_t count = sizeof(texts) / sizeof(texts[0]);

    if (code > 0 || code <= -(int)count)
        return count;
    return (size_t)-code;
}

/* Makes one line of valid UTF-8 of it in place: messages quote bytes that came from files, stores and servers, and
 * vsnprintf() may have cut a character in two. */
static void tidy(char *message)
{
    char *out = message;

    for (const char *in = message; *in != '\0';) {
        size_t length = utf8_sequence(in);
        bool usable = length > 0 && !utf8_is_control(in);

        if (length == 0)
            length = 1;
        if (usable) {
            memmove(out, in, length);
            out += length;
        } else {
            *out++ = length == 1 && (unsigned char)*in < 0x80 ? ' ' : '?';
        }
        in += length;
    }
    *out = '\0';
}

int error_set(struct error *err, int code, int origin, const char *format, ...)
{
    char message[MESSAGE_SIZE];
    va_list args;

    if (err == NULL)
        return code;
    /* Formatted aside: an argument may be the old message. */
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    tidy(message);
    err->code = code;
    err->origin = origin;
    memcpy(err->message, message, sizeof(message));
    return code;
}

static void append(char *message, size_t size, const char *text)
{
    size_t used = strlen(message);
    size_t length = strnlen(text, size - 1 - used);

    memcpy(message + used, text, length);
    message[used + length] = '\0';
}

int error_prefix(struct error *err, const char *format, ...)
{
    char message[MESSAGE_SIZE];
    va_list args;

    if (err == NULL)
        return 0;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    append(message, sizeof(message), ": ");
    append(message, sizeof(message), error_text(err));
    tidy(message);
    memcpy(err->message, message, sizeof(message));
    return err->code;
}

const char *error_text(const struct error *err)
{
    if (err == NULL)
        return error_code_text(0);
    return err->message[0] != '\0' ? err->message : error_code_text(err->code);
}

const char *error_code_text(int code)
{
    size_t index = code_index(code);

    return index < sizeof(texts) / sizeof(texts[0]) ? texts[index] : "unknown error";
}
