/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "store/migrate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "database_internal.h"
#include "schema.h"
#include "statement.h"

int migrate_latest(void)
{
    return schema_count;
}

static int apply(struct database *database, int from, struct error *err)
{
    char version[64];
    int code = 0;

    for (int i = from; i < schema_count && code == 0; i++) {
        code = statement_exec(database, schema_scripts[i], err);
        if (code < 0)
            error_prefix(err, "migration to version %d", i + 1);
    }
    if (code == 0) {
        snprintf(version, sizeof(version), "PRAGMA user_version = %d", schema_count);
        code = statement_exec(database, version, err);
    }
    return code;
}

int migrate_run(struct database *database, int *ret_from, struct error *err)
{
    int code = statement_exec(database, "BEGIN IMMEDIATE", err);
    if (code < 0)
        return code;

    code = database_version(database, ret_from, err);
    if (code == 0 && *ret_from > schema_count)
        code = error_set(err, ERR_STORE_NEWER, 0,
                         "store %s has schema version %d, this program knows %d: install the newer complyd",
                         database->path, *ret_from, schema_count);
    if (code == 0 && *ret_from < schema_count)
        code = apply(database, *ret_from, err);
    if (code == 0)
        code = statement_exec(database, "COMMIT", err);
    if (code < 0)
        sqlite3_exec(database->handle, "ROLLBACK", NULL, NULL, NULL);
    return code;
}

/* Makes the file itself: empty, with its mode whatever the umask. */
static int create_file(const char *path, struct error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0660);
    if (fd < 0)
        return error_set(err,
                         errno == EEXIST   ? ERR_EXISTS
                         : errno == EACCES ? ERR_PERMISSION
                                           : ERR_IO,
                         errno, "store %s: %s", path, strerror(errno));
    int failed = fchmod(fd, 0660);
    close(fd);
    return failed ? error_set(err, ERR_IO, errno, "store %s: %s", path, strerror(errno)) : 0;
}

static int fill(const char *path, struct error *err)
{
    struct database *database;
    int from;

    int code = database_open_raw(path, SQLITE_OPEN_READWRITE, &database, err);
    if (code < 0)
        return code;
    code = statement_exec(database, "PRAGMA encoding = 'UTF-8'; PRAGMA journal_mode = wal; PRAGMA synchronous = full",
                          err);
    if (code == 0)
        code = migrate_run(database, &from, err);
    database_close(database);
    return code;
}

int migrate_init(const char *path, struct error *err)
{
    /* Made under another name, so that a store is there whole or not at all. */
    char temporary[4096];
    if ((size_t)snprintf(temporary, sizeof(temporary), "%s.new-%ld", path, (long)getpid()) >= sizeof(temporary))
        return error_set(err, ERR_TOOBIG, 0, "store %s: name too long", path);
    if (access(path, F_OK) == 0)
        return error_set(err, ERR_EXISTS, 0, "store %s exists already", path);

    unlink(temporary); /* of a process of the same number that was killed here */
    int code = create_file(temporary, err);
    if (code < 0)
        return code;
    code = fill(temporary, err);
    if (code == 0 && link(temporary, path) != 0)
        code = error_set(err, errno == EEXIST ? ERR_EXISTS : ERR_IO, errno, "store %s: %s", path, strerror(errno));
    unlink(temporary);
    return code;
}
