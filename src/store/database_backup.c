/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "database_internal.h"
#include "statement.h"

enum { STEP_PAGES = 1024 };

static int file_error(const char *path, struct error *err)
{
    int code = errno == EEXIST                      ? ERR_EXISTS
               : errno == EACCES || errno == EPERM  ? ERR_PERMISSION
               : errno == ENOSPC || errno == EDQUOT ? ERR_STORE_FULL
                                                    : ERR_IO;
    return error_set(err, code, errno, "%s: %s", path, strerror(errno));
}

static int copy_pages(struct database *source, struct database *target,
                      void (*progress)(void *ctx, int done, int total), void *ctx, struct error *err)
{
    sqlite3_backup *backup = sqlite3_backup_init(target->handle, "main", source->handle, "main");
    int result;

    if (!backup)
        return statement_error(target, sqlite3_extended_errcode(target->handle), err, NULL);
    do {
        result = sqlite3_backup_step(backup, STEP_PAGES);
        int total = sqlite3_backup_pagecount(backup);
        if (progress)
            progress(ctx, total - sqlite3_backup_remaining(backup), total);
    } while (result == SQLITE_OK);
    sqlite3_backup_finish(backup);
    return result == SQLITE_DONE ? 0 : statement_error(target, result, err, "backup");
}

/* All steps copy one snapshot: without it every commit of another process would start the copy anew. */
static int copy_snapshot(struct database *source, struct database *target,
                         void (*progress)(void *ctx, int done, int total), void *ctx, struct error *err)
{
    static const char look[] = "SELECT count(*) FROM sqlite_schema";
    int64_t count;

    int code = statement_exec(source, "BEGIN", err);
    if (code < 0)
        return code;
    code = statement_int(source, look, &count, err, "");
    if (code > 0)
        code = copy_pages(source, target, progress, ctx, err);
    sqlite3_exec(source->handle, "ROLLBACK", NULL, NULL, NULL);
    return code;
}

static int copy_file(struct database *source, const char *path, void (*progress)(void *ctx, int done, int total),
                     void *ctx, struct error *err)
{
    struct database *target;
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return file_error(path, err);
    close(fd);

    int code = database_open_raw(path, SQLITE_OPEN_READWRITE, &target, err);
    if (code < 0)
        return code;
    code = copy_snapshot(source, target, progress, ctx, err);
    database_close(target);
    return code;
}

/* Makes the new name durable. `path` is cut. */
static void sync_directory(char *path)
{
    int fd = open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

static void remove_leftovers(const char *path)
{
    static const char *const suffixes[] = {"", "-journal", "-wal", "-shm"};
    char name[4096 + 16];

    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
        unlink(name);
    }
}

int database_backup(struct database *database, const char *destination,
                    void (*progress)(void *ctx, int done, int total), void *ctx, struct error *err)
{
    char temporary[4096];

    if ((size_t)snprintf(temporary, sizeof(temporary), "%s.new-%ld", destination, (long)getpid()) >= sizeof(temporary))
        return error_set(err, ERR_TOOBIG, 0, "%s: name too long", destination);
    if (access(destination, F_OK) == 0)
        return error_set(err, ERR_EXISTS, 0, "%s exists already", destination);

    remove_leftovers(temporary); /* of a process of the same number that was killed here */
    int code = copy_file(database, temporary, progress, ctx, err);
    if (code == 0 && link(temporary, destination) != 0)
        code = file_error(destination, err);
    remove_leftovers(temporary);
    if (code == 0)
        sync_directory(temporary); /* beside it */
    return code;
}
