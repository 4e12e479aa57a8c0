/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * tempdir - a directory of a test program's own, below $TMPDIR or /tmp: group set-up and tear-down for cmocka.
 */
#ifndef COMPLYD_TESTS_TEMPDIR_H
#define COMPLYD_TESTS_TEMPDIR_H

#include <assert.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char tempdir[128];

static inline int tempdir_make(void **state)
{
    const char *base = getenv("TMPDIR");

    (void)state;
    snprintf(tempdir, sizeof(tempdir), "%s/complyd-test-XXXXXX", base != NULL ? base : "/tmp");
    return mkdtemp(tempdir) != NULL ? 0 : -1;
}

static inline int tempdir_unlink(const char *path, const struct stat *st, int kind, struct FTW *walk)
{
    (void)st;
    (void)kind;
    (void)walk;
    return remove(path);
}

static inline int tempdir_remove(void **state)
{
    (void)state;
    return nftw(tempdir, tempdir_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

/* Path of `name` in the directory; good until the next call but three. */
static inline const char *tempdir_path(const char *name)
{
    static char paths[4][256];
    static unsigned next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof(paths[0]), "%s/%s", tempdir, name);
    return path;
}

/* Writes a file of exactly these bytes and this mode, whatever the umask; returns its path. */
static inline const char *tempdir_write(const char *name, const void *data, size_t length, mode_t mode)
{
    const char *path = tempdir_path(name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ssize_t written = write(fd, data, length);
    int r = fchmod(fd, mode);

    assert(fd >= 0 && written == (ssize_t)length && r == 0);
    (void)written;
    (void)r;
    close(fd);
    return path;
}

#endif
