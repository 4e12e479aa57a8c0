/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "ctl/command.h"
#include "ctl/failure.h"
#include "ctl/locate.h"
#include "ctl/output.h"
#include "ctl/progress.h"
#include "ctl/say.h"
#include "store/database.h"
#include "store/migrate.h"

/* Answers of one line: members of a JSON object for programs, a sentence for people. */
static void answer(const struct invocation *invocation, struct buf *members, struct buf *sentence)
{
    if (command_has(invocation, OPTION_JSON))
        fprintf(invocation->out, "{%s}\n", buf_text(members));
    else
        fprintf(invocation->out, "%s\n", buf_text(sentence));
    buf_deinit(members);
    buf_deinit(sentence);
}

static void add_member(struct buf *members, const char *name, const char *value)
{
    buf_addf(members, "%s\"%s\":", members->length > 0 ? "," : "", name);
    buf_add_json_string(members, value);
}

/* SQLite can only say "unable to open": tells beforehand what is in the way of a new file at `path`. */
static int check_directory(const struct invocation *invocation, const char *path)
{
    const char *slash = strrchr(path, '/');
    char *directory = slash == NULL ? strdup(".") : strndup(path, slash == path ? 1 : (size_t)(slash - path));
    struct stat status;
    int result = 0;

    if (directory == NULL)
        return failure_say(invocation, EX_OSERR, "out of memory");
    if (stat(directory, &status) != 0)
        result = failure_say(invocation, errno == EACCES ? EX_NOPERM : EX_CANTCREAT,
                             "cannot create %s: directory %s: %s", path, directory, strerror(errno));
    else if (!S_ISDIR(status.st_mode))
        result = failure_say(invocation, EX_CANTCREAT, "cannot create %s: %s is not a directory", path, directory);
    free(directory);
    return result;
}

int store_init_run(const struct invocation *invocation)
{
    struct buf members, sentence;
    struct error err = {0};
    char *path = NULL;
    int result;

    if (locate_store(invocation, &path, &err) != 0)
        return failure_error(invocation, &err);
    result = check_directory(invocation, path);
    if (result == 0 && migrate_init(path, &err) != 0)
        result = failure_error(invocation, &err);
    if (result == 0) {
        buf_init(&members, 0);
        buf_init(&sentence, 0);
        add_member(&members, "store", path);
        buf_addf(&members, ",\"version\":%d", migrate_latest());
        buf_add_text(&sentence, say("Created the store "));
        output_escape(&sentence, path);
        buf_addf(&sentence, say(" (schema version %d)."), migrate_latest());
        answer(invocation, &members, &sentence);
    }
    free(path);
    return result;
}

/* Opens the store for one of the commands below; says what is wrong. */
static int open_store(const struct invocation *invocation, struct database **ret_database)
{
    struct error err = {0};
    char *path = NULL;
    int result = 0;

    if (locate_store(invocation, &path, &err) != 0 ||
        database_open(path, DATABASE_ANY_VERSION, ret_database, &err) != 0)
        result = failure_error(invocation, &err);
    free(path);
    return result;
}

static void findings_json(const struct invocation *invocation, const char *path, bool healthy, const char *findings)
{
    struct buf out;

    buf_init(&out, 0);
    buf_add_text(&out, "{\"store\":");
    buf_add_json_string(&out, path);
    buf_addf(&out, ",\"healthy\":%s,\"findings\":[", healthy ? "true" : "false");
    for (const char *line = findings; *line != '\0';) {
        size_t length = strcspn(line, "\n");
        char *finding = strndup(line, length);

        if (line != findings)
            buf_add_char(&out, ',');
        buf_add_json_string(&out, finding);
        free(finding);
        line += length + (line[length] == '\n');
    }
    buf_add_text(&out, "]}\n");
    fputs(buf_text(&out), invocation->out);
    buf_deinit(&out);
}

static void findings_text(const struct invocation *invocation, const char *path, bool healthy, const char *findings)
{
    output_text(invocation->out, path);
    fprintf(invocation->out, ": %s\n", say(healthy ? "healthy" : "damaged"));
    for (const char *line = findings; *line != '\0';) {
        size_t length = strcspn(line, "\n");
        char *finding = strndup(line, length);

        fputs("  ", invocation->out);
        output_text(invocation->out, finding);
        fputc('\n', invocation->out);
        free(finding);
        line += length + (line[length] == '\n');
    }
}

int store_check_run(const struct invocation *invocation)
{
    struct database *database = NULL;
    struct error err = {0};
    struct buf findings;
    int result;

    result = open_store(invocation, &database);
    if (result != 0)
        return result;
    buf_init(&findings, 0);
    result = database_check(database, &findings, &err);
    if (result != 0 && (result != ERR_STORE_CORRUPT || findings.length == 0)) {
        result = failure_error(invocation, &err);
    } else {
        (command_has(invocation, OPTION_JSON) ? findings_json : findings_text)(invocation, database_path(database),
                                                                               result == 0, buf_text(&findings));
        result = result == 0 ? EX_OK : EX_DATAERR;
    }
    buf_deinit(&findings);
    database_close(database);
    return result;
}

static void on_backup_step(void *ctx, int done, int total)
{
    progress_update(ctx, done, total, "pages");
}

int store_backup_run(const struct invocation *invocation)
{
    const char *destination = invocation->arguments[0];
    struct database *database = NULL;
    struct buf members, sentence;
    struct progress progress;
    struct error err = {0};
    int result;

    result = check_directory(invocation, destination);
    if (result != 0 || (result = open_store(invocation, &database)) != 0)
        return result;
    progress_start(&progress, invocation->err, "backup", command_has(invocation, OPTION_JSON));
    result = database_backup(database, destination, on_backup_step, &progress, &err);
    progress_end(&progress);
    if (result != 0) {
        result = failure_error(invocation, &err);
    } else {
        buf_init(&members, 0);
        buf_init(&sentence, 0);
        add_member(&members, "store", database_path(database));
        add_member(&members, "destination", destination);
        buf_add_text(&sentence, say("Copied the store "));
        output_escape(&sentence, database_path(database));
        buf_addf(&sentence, " %s ", say("to"));
        output_escape(&sentence, destination);
        buf_add_char(&sentence, '.');
        answer(invocation, &members, &sentence);
    }
    database_close(database);
    return result;
}

static void migrated(const struct invocation *invocation, const char *path, int from)
{
    struct buf members, sentence;

    buf_init(&members, 0);
    buf_init(&sentence, 0);
    add_member(&members, "store", path);
    buf_addf(&members, ",\"from\":%d,\"to\":%d", from, migrate_latest());
    output_escape(&sentence, path);
    if (from == migrate_latest())
        buf_addf(&sentence, say(": is at schema version %d already."), from);
    else
        buf_addf(&sentence, say(": migrated from schema version %d to %d."), from, migrate_latest());
    answer(invocation, &members, &sentence);
}

int store_migrate_run(const struct invocation *invocation)
{
    struct database_lock *lock = NULL;
    struct database *database = NULL;
    struct error err = {0};
    int from = 0;
    int result;

    result = open_store(invocation, &database);
    if (result != 0)
        return result;
    result = database_lock(database_path(database), &lock, &err);
    if (result == ERR_EXISTS) {
        result = failure_say(invocation, EX_TEMPFAIL, "%s; stop it first: systemctl stop complyd", error_text(&err));
    } else if (result != 0 || migrate_run(database, &from, &err) != 0) {
        result = failure_error(invocation, &err);
    } else {
        migrated(invocation, database_path(database), from);
    }
    database_unlock(lock);
    database_close(database);
    return result;
}
