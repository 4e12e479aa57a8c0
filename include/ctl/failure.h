/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * failure - saying what went wrong, once, and with which exit code.
 *
 * For people a line "complyctl: ..." on standard error; with --json one JSON object a line there, in the form of
 * problem details (RFC 9457: title, detail, status when the daemon gave one) with `exit_code`. Standard output never
 * carries an error.
 */
#ifndef COMPLYD_CTL_FAILURE_H
#define COMPLYD_CTL_FAILURE_H

#include "base/error.h"
#include "ctl/command.h"

/* The exit code of sysexits(3) for one of our ERR_*. */
int failure_exit_code(int error_code);

/* Says it and returns exit_code. */
int failure_say(const struct invocation *invocation, int exit_code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Says *err and returns the exit code that belongs to it. */
int failure_error(const struct invocation *invocation, const struct error *err);

/* The same with the place in an input file: "FILE:LINE: column: reason". line 0: no place; column "": none. */
int failure_input(const struct invocation *invocation, const char *file, long long line, const char *column,
                  const struct error *err);

/* Says what the daemon answered: an HTTP status other than 2xx with, usually, problem details in the body. */
int failure_answer(const struct invocation *invocation, int status, const char *body);

/* Not a failure: something the operator should know, on standard error. Silent with --json. */
void failure_warn(const struct invocation *invocation, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
