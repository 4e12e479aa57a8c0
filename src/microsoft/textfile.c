/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "textfile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_regular(const char *path, int *ret_fd, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;

    if (fd < 0) {
        int code = errno == ENOENT ? ERR_NOTFOUND : errno == EACCES ? ERR_PERMISSION : ERR_IO;

        return error_set(err, code, errno, "%s: cannot be opened: %m", path);
    }
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return error_set(err, ERR_INVALID, 0, "%s: is not a regular file", path);
    }
    *ret_fd = fd;
    return 0;
}

int textfile_read(const char *path, struct buf *content, struct error *err)
{
    const size_t before = content->length;
    char chunk[4096];
    ssize_t got;
    int fd = -1;
    int result = open_regular(path, &fd, err);

    if (result != 0)
        return result;
    while ((got = read(fd, chunk, sizeof(chunk))) != 0 && content->length - before <= TEXTFILE_MAX) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            result = error_set(err, ERR_IO, errno, "%s: cannot be read: %m", path);
            goto done;
        }
        buf_add(content, chunk, (size_t)got);
    }
    if (buf_error(content) != 0)
        result = error_set(err, buf_error(content), 0, "%s: %s", path, error_code_text(buf_error(content)));
    else if (content->length - before > TEXTFILE_MAX)
        result = error_set(err, ERR_TOOBIG, 0, "%s: is larger than %d bytes", path, TEXTFILE_MAX);
    else if (content->length == before)
        result = error_set(err, ERR_INVALID, 0, "%s: is empty", path);

done:
    explicit_bzero(chunk, sizeof(chunk));
    close(fd);
    return result;
}
