/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * complyctl - what an operator types.
 */
#include <errno.h>
#include <string.h>
#include <sysexits.h>

#include "ctl/arguments.h"
#include "ctl/client.h"
#include "ctl/completion.h"
#include "ctl/failure.h"
#include "ctl/output.h"
#include "ctl/say.h"

static int run(const struct invocation *invocation)
{
    if (command_has(invocation, OPTION_HELP)) {
        arguments_help(invocation, invocation->out);
        return EX_OK;
    }
    if (command_has(invocation, OPTION_VERSION)) {
        fputs("complyctl " COMPLYD_VERSION "\n", invocation->out);
        return EX_OK;
    }
    return invocation->command->run(invocation);
}

int main(int argc, char **argv)
{
    struct invocation invocation;
    int result;

    output_init();
    if (argc > 1 && strcmp(argv[1], "complete") == 0)
        return completion_run(argc - 2, argv + 2, stdout);
    result = arguments_parse(argc, argv, stdout, stderr, &invocation);
    if (result == 0) {
        say_in(client_language(&invocation));
        result = run(&invocation);
    }
    if ((fflush(stdout) != 0 || ferror(stdout)) && result == EX_OK)
        return failure_say(&invocation, EX_IOERR, "standard output: %s", strerror(errno));
    return result;
}
