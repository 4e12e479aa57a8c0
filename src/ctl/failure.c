/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "ctl/failure.h"

#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sysexits.h>

#include "base/buf.h"
#include "ctl/output.h"

static const struct {
    int error_code;
    int exit_code;
} exits[] = {
    {ERR_INVALID, EX_DATAERR},    {ERR_TOOBIG, EX_DATAERR},      {ERR_STORE_CORRUPT, EX_DATAERR},
    {ERR_NOTFOUND, EX_NOINPUT},   {ERR_NETWORK, EX_UNAVAILABLE}, {ERR_REPLY, EX_PROTOCOL},
    {ERR_NOMEM, EX_OSERR},        {ERR_EXISTS, EX_CANTCREAT},    {ERR_IO, EX_IOERR},
    {ERR_STORE, EX_IOERR},        {ERR_STORE_FULL, EX_IOERR},    {ERR_BUSY, EX_TEMPFAIL},
    {ERR_TIMEOUT, EX_TEMPFAIL},   {ERR_CANCELED, EX_TEMPFAIL},   {ERR_PERMISSION, EX_NOPERM},
    {ERR_STORE_NEWER, EX_CONFIG}, {ERR_STORE_OLDER, EX_CONFIG},  {ERR_CONFIG, EX_CONFIG},
};

int failure_exit_code(int error_code)
{
    for (size_t i = 0; i < sizeof(exits) / sizeof(exits[0]); i++) {
        if (exits[i].error_code == error_code)
            return exits[i].exit_code;
    }
    return error_code == 0 ? EX_OK : EX_SOFTWARE;
}

static const char *exit_title(int exit_code)
{
    switch (exit_code) {
    case EX_USAGE:
        return "wrong usage";
    case EX_DATAERR:
        return "bad data";
    case EX_NOINPUT:
        return "not found";
    case EX_UNAVAILABLE:
        return "complyd is not available";
    case EX_CANTCREAT:
        return "cannot be created";
    case EX_IOERR:
        return "input/output error";
    case EX_TEMPFAIL:
        return "not now";
    case EX_NOPERM:
        return "permission denied";
    case EX_CONFIG:
        return "configuration error";
    default:
        return "failure";
    }
}

/* What there is to tell about one failure. */
struct failure {
    int exit_code;
    int status;        /* of the daemon's answer; 0 = none */
    const char *title; /* NULL = the exit code's */
    const char *detail;
    const char *file; /* NULL = not about an input file */
    long long line;
    const char *column;
};

static void tell_json(const struct invocation *invocation, const struct failure *failure)
{
    struct buf out;

    buf_init(&out, 0);
    buf_add_text(&out, "{\"type\":\"about:blank\",\"title\":");
    buf_add_json_string(&out, failure->title != NULL ? failure->title : exit_title(failure->exit_code));
    if (failure->status != 0)
        buf_addf(&out, ",\"status\":%d", failure->status);
    buf_add_text(&out, ",\"detail\":");
    buf_add_json_string(&out, failure->detail);
    if (failure->file != NULL) {
        buf_add_text(&out, ",\"file\":");
        buf_add_json_string(&out, failure->file);
        buf_addf(&out, ",\"line\":%lld,\"column\":", failure->line);
        buf_add_json_string(&out, failure->column);
    }
    buf_addf(&out, ",\"exit_code\":%d}\n", failure->exit_code);
    fputs(buf_text(&out), invocation->err);
    buf_deinit(&out);
}

static void tell_text(const struct invocation *invocation, const struct failure *failure)
{
    fputs("complyctl: ", invocation->err);
    if (failure->file != NULL) {
        output_text(invocation->err, failure->file);
        if (failure->line > 0)
            fprintf(invocation->err, ":%lld", failure->line);
        fputs(": ", invocation->err);
        if (failure->column[0] != '\0') {
            output_text(invocation->err, failure->column);
            fputs(": ", invocation->err);
        }
    }
    output_text(invocation->err, failure->detail);
    fputc('\n', invocation->err);
}

static int tell(const struct invocation *invocation, const struct failure *failure)
{
    fflush(invocation->out);
    if (command_has(invocation, OPTION_JSON))
        tell_json(invocation, failure);
    else
        tell_text(invocation, failure);
    return failure->exit_code;
}

int failure_say(const struct invocation *invocation, int exit_code, const char *format, ...)
{
    char detail[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(detail, sizeof(detail), format, args);
    va_end(args);
    return tell(invocation, &(struct failure){.exit_code = exit_code, .detail = detail});
}

int failure_error(const struct invocation *invocation, const struct error *err)
{
    return tell(invocation, &(struct failure){.exit_code = failure_exit_code(err->code), .detail = error_text(err)});
}

int failure_input(const struct invocation *invocation, const char *file, long long line, const char *column,
                  const struct error *err)
{
    return tell(invocation, &(struct failure){.exit_code = failure_exit_code(err->code),
                                              .detail = error_text(err),
                                              .file = file,
                                              .line = line,
                                              .column = column});
}

static int answer_exit_code(int status)
{
    switch (status) {
    case 400:
    case 405:
        return EX_USAGE;
    case 403:
        return EX_NOPERM;
    case 404:
        return EX_NOINPUT;
    case 409:
    case 429:
    case 503:
        return EX_TEMPFAIL;
    default:
        return EX_SOFTWARE;
    }
}

int failure_answer(const struct invocation *invocation, int status, const char *body)
{
    cJSON *problem = cJSON_Parse(body);
    const char *title = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(problem, "title"));
    const char *detail = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(problem, "detail"));
    struct failure failure = {.exit_code = answer_exit_code(status), .status = status, .title = title};
    char plain[64];
    int exit_code;

    snprintf(plain, sizeof(plain), "complyd answered with HTTP status %d", status);
    failure.detail = detail != NULL ? detail : title != NULL ? title : plain;
    exit_code = tell(invocation, &failure);
    cJSON_Delete(problem);
    return exit_code;
}

void failure_warn(const struct invocation *invocation, const char *format, ...)
{
    char text[1024];
    va_list args;

    if (command_has(invocation, OPTION_JSON))
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    fputs("complyctl: ", invocation->err);
    output_text(invocation->err, text);
    fputc('\n', invocation->err);
}
