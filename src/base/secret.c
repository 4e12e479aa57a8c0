/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

void secret_init(struct secret *secret)
{
    *secret = (struct secret){0};
}

void secret_deinit(struct secret *secret)
{
    if (secret->data != NULL) {
        explicit_bzero(secret->data, secret->mapped);
        munmap(secret->data, secret->mapped);
    }
    secret_init(secret);
}

/* Pages of their own: nothing else shares them, and a core dump leaves them out. */
static int map(struct secret *secret, size_t length)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t mapped = (length + page) / page * page; /* holds the NUL too */
    char *data;

    if (length > SECRET_MAX)
        return ERR_TOOBIG;
    data = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED)
        return ERR_NOMEM;
    (void)madvise(data, mapped, MADV_DONTDUMP); /* old kernels: the wipe still holds */
    *secret = (struct secret){.data = data, .length = length, .mapped = mapped};
    return 0;
}

int secret_set(struct secret *secret, const void *data, size_t length)
{
    struct secret fresh;
    int r = map(&fresh, length);

    if (r < 0)
        return r;
    if (length > 0)
        memcpy(fresh.data, data, length);
    secret_deinit(secret);
    *secret = fresh;
    return 0;
}

/* Where systemd puts credentials of units; only root can make anything there. */
#define CREDENTIALS "/run/credentials"

static bool is_below(const char *path, const char *directory)
{
    size_t length = directory != NULL ? strlen(directory) : 0;

    if (length == 0 || strncmp(path, directory, length) != 0 || path[length] != '/')
        return false;
    return strstr(path + length, "/../") == NULL;
}

/* With the access that the unit needs, by an ACL which looks like a group's: the mode is not ours to judge. Who checks
 * the configuration from outside of the unit, or at its reload, has no CREDENTIALS_DIRECTORY. */
static bool is_systemd_credential(const char *path)
{
    return is_below(path, CREDENTIALS) || is_below(path, getenv("CREDENTIALS_DIRECTORY"));
}

static int check_open_file(int fd, const char *path, size_t *ret_size, struct error *err)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return error_set(err, ERR_IO, errno, "%s: cannot be examined: %m", path);
    if (!S_ISREG(st.st_mode))
        return error_set(err, ERR_INVALID, 0, "%s: is not a regular file", path);
    if ((st.st_mode & (S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH)) != 0 && !is_systemd_credential(path))
        return error_set(err, ERR_PERMISSION, 0, "%s: can be read or written by others (mode %04o); run: chmod 0600 %s",
                         path, (unsigned)st.st_mode & 07777, path);
    if (st.st_size == 0)
        return error_set(err, ERR_INVALID, 0, "%s: is empty", path);
    if (st.st_size > SECRET_MAX)
        return error_set(err, ERR_TOOBIG, 0, "%s: is larger than %d bytes", path, SECRET_MAX);
    *ret_size = (size_t)st.st_size;
    return 0;
}

static const char absence[] = " (LoadCredential= of systemd hands it to the running unit alone)";

const char *secret_absence(const char *path)
{
    return is_below(path, CREDENTIALS) ? absence : "";
}

bool secret_is_absence(const char *message)
{
    return strstr(message, absence) != NULL;
}

/* Returns a descriptor, or an error. Symbolic links are followed, since systemd and Kubernetes hand out secrets by
 * them; what is checked is the file that was opened. O_NONBLOCK: a FIFO must not hold us up. */
static int open_checked(const char *path, size_t *ret_size, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    int r;

    *ret_size = 0;
    if (fd < 0) {
        int code = errno == ENOENT ? ERR_NOTFOUND : errno == EACCES ? ERR_PERMISSION : ERR_IO;

        return error_set(err, code, errno, "%s: cannot be opened: %m%s", path,
                         code != ERR_IO ? secret_absence(path) : "");
    }
    r = check_open_file(fd, path, ret_size, err);
    if (r < 0) {
        close(fd);
        return r;
    }
    return fd;
}

/* Reads into `secret`'s own pages, so that no other copy ever exists; a file that shrank meanwhile gives what is
 * there. */
static int read_all(int fd, const char *path, struct secret *secret, struct error *err)
{
    size_t have = 0;

    while (have < secret->length) {
        ssize_t got = read(fd, secret->data + have, secret->length - have);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_set(err, ERR_IO, errno, "%s: cannot be read: %m", path);
        if (got == 0)
            break;
        have += (size_t)got;
    }
    secret->length = have;
    return 0;
}

int secret_load(struct secret *secret, const char *path, struct error *err)
{
    struct secret fresh;
    size_t size;
    int fd = open_checked(path, &size, err);
    int r;

    if (fd < 0)
        return fd;
    r = map(&fresh, size);
    if (r < 0) {
        error_set(err, r, 0, "%s: %s", path, error_code_text(r));
        goto close_file;
    }
    r = read_all(fd, path, &fresh, err);
    if (r < 0) {
        secret_deinit(&fresh);
        goto close_file;
    }
    secret_deinit(secret);
    *secret = fresh;
close_file:
    close(fd);
    return r;
}

int secret_check_file(const char *path, struct error *err)
{
    size_t size;
    int fd = open_checked(path, &size, err);

    if (fd < 0)
        return fd;
    close(fd);
    return 0;
}

void secret_trim(struct secret *secret)
{
    static const char mark[] = "\xef\xbb\xbf"; /* of UTF-8 */
    const size_t size = sizeof(mark) - 1;

    if (secret->length >= size && memcmp(secret->data, mark, size) == 0) {
        memmove(secret->data, secret->data + size, secret->length - size + 1);
        secret->length -= size;
    }
    while (secret->length > 0 && strchr("\r\n \t", secret->data[secret->length - 1]) != NULL) {
        if (secret->data[secret->length - 1] == '\0')
            return;
        secret->data[--secret->length] = '\0';
    }
}
