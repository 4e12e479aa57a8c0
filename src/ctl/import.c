/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "store/import.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/person.h"
#include "ctl/command.h"
#include "ctl/failure.h"
#include "ctl/locate.h"
#include "ctl/output.h"
#include "ctl/progress.h"
#include "ctl/say.h"

struct import {
    const struct invocation *invocation;
    FILE *in;
    const char *name; /* of the file, for messages */
    int64_t size;     /* 0 = not known */
    struct progress progress;
    struct import_progress done;
    struct import_error where;
};

static int on_progress(void *ctx, const struct import_progress *done)
{
    struct import *import = ctx;

    if (import->size > 0)
        progress_update(&import->progress, done->bytes, import->size, "bytes");
    else
        progress_update(&import->progress, done->lines, 0, "lines");
    return 0;
}

static int open_input(struct import *import, const char *path)
{
    struct stat status = {.st_mode = 0};

    import->name = strcmp(path, "-") == 0 ? "standard input" : path;
    import->in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (import->in == NULL)
        return failure_say(import->invocation, errno == EACCES ? EX_NOPERM : EX_NOINPUT, "%s: %s", path,
                           strerror(errno));
    if (fstat(fileno(import->in), &status) == 0 && S_ISDIR(status.st_mode)) {
        fclose(import->in);
        return failure_say(import->invocation, EX_NOINPUT, "%s: is a directory", path);
    }
    if (S_ISREG(status.st_mode))
        import->size = (int64_t)status.st_size;
    return 0;
}

static void close_input(struct import *import)
{
    if (import->in != stdin)
        fclose(import->in);
}

static void summary_json(const struct import *import)
{
    fprintf(import->invocation->out, "{\"lines\":%lld,\"devices\":%lld,\"policies\":%lld,\"deletions\":%lld}\n",
            (long long)import->done.lines, (long long)import->done.devices, (long long)import->done.policies,
            (long long)import->done.deletions);
}

static void summary_text(const struct import *import)
{
    struct buf text;

    buf_init(&text, 0);
    buf_addf(&text, "%s ", say("Imported"));
    output_count(&text, import->done.devices);
    buf_addf(&text, " %s, ", say(import->done.devices == 1 ? "device" : "devices"));
    output_count(&text, import->done.policies);
    buf_addf(&text, " %s %s ", say(import->done.policies == 1 ? "policy" : "policies"), say("and"));
    output_count(&text, import->done.deletions);
    buf_addf(&text, " %s %s ", say(import->done.deletions == 1 ? "deletion" : "deletions"), say("from"));
    output_escape(&text, import->name);
    buf_add_text(&text, ".\n");
    fputs(buf_text(&text), import->invocation->out);
    buf_deinit(&text);
}

static int stream(struct import *import, struct database *database)
{
    char actor[PERSON_TEXT], place[32];
    struct error err = {0};
    int result;

    snprintf(place, sizeof(place), "pid %d", (int)getpid());
    person_describe(getuid(), place, actor);
    progress_start(&import->progress, import->invocation->err, "import", command_has(import->invocation, OPTION_JSON));
    result = import_stream(database, import->in, actor, on_progress, import, &import->done, &import->where, &err);
    progress_end(&import->progress);
    if (result != 0 && import->where.line > 0)
        return failure_input(import->invocation, import->name, import->where.line, import->where.column, &err);
    if (result != 0)
        return failure_error(import->invocation, &err);
    if (command_has(import->invocation, OPTION_JSON))
        summary_json(import);
    else
        summary_text(import);
    return EX_OK;
}

int import_run(const struct invocation *invocation)
{
    struct import import = {.invocation = invocation};
    struct database *database = NULL;
    struct error err = {0};
    char *path = NULL;
    int result;

    result = open_input(&import, invocation->arguments[0]);
    if (result != 0)
        return result;
    if (locate_store(invocation, &path, &err) != 0 || database_open(path, DATABASE_WRITE, &database, &err) != 0)
        result = failure_error(invocation, &err);
    else
        result = stream(&import, database);
    database_close(database);
    free(path);
    close_input(&import);
    return result;
}
