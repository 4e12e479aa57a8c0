/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/database.h"

struct database_lock {
    int fd;
};

/* The file holds "complyd PID"; anything else in it is not repeated. */
static long read_holder(int fd)
{
    static const char name[] = "complyd ";
    char text[64] = "";

    if (pread(fd, text, sizeof(text) - 1, 0) <= 0 || strncmp(text, name, sizeof(name) - 1) != 0)
        return 0;
    return strtol(text + sizeof(name) - 1, NULL, 10);
}

static int write_holder(int fd)
{
    char text[64];
    int length = snprintf(text, sizeof(text), "complyd %ld\n", (long)getpid());

    return ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)length, 0) == length ? 0 : -1;
}

static int take(int fd, const char *path, struct error *err)
{
    /* Of the open file, not of the process: no close() elsewhere gives it up by accident. */
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
        return write_holder(fd) == 0
                   ? 0
                   : error_set(err, errno == ENOSPC ? ERR_STORE_FULL : ERR_IO, errno,
                               "store %s: the lock file cannot be written: %s", path, strerror(errno));
    if (errno != EAGAIN && errno != EACCES)
        return error_set(err, ERR_IO, errno, "store %s: cannot be locked: %s", path, strerror(errno));
    return error_set(err, ERR_EXISTS, 0, "store %s is in use by complyd (pid %ld)", path, read_holder(fd));
}

int database_lock(const char *path, struct database_lock **ret_lock, struct error *err)
{
    char name[4096];
    if ((size_t)snprintf(name, sizeof(name), "%s.lock", path) >= sizeof(name))
        return error_set(err, ERR_TOOBIG, 0, "store %s: name too long", path);
    struct database_lock *lock = calloc(1, sizeof(*lock));
    if (!lock)
        return error_set(err, ERR_NOMEM, 0, "store %s: out of memory", path);

    int code;
    lock->fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0660);
    if (lock->fd < 0) {
        code = error_set(err, errno == EACCES || errno == EPERM ? ERR_PERMISSION : ERR_IO, errno, "lock file %s: %s",
                         name, strerror(errno));
        goto fail_open;
    }
    code = take(lock->fd, path, err);
    if (code < 0)
        goto fail_take;
    *ret_lock = lock;
    return 0;

fail_take:
    close(lock->fd);
fail_open:
    free(lock);
    return code;
}

void database_unlock(struct database_lock *lock)
{
    if (!lock)
        return;
    close(lock->fd); /* the file stays: removing it would race with the next one */
    free(lock);
}
