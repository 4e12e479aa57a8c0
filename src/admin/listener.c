/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "admin/listener.h"

#include <errno.h>
#include <grp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 1024, MODE = 0660, GROUP_TEXT_MAX = 16384 };

#define GROUP_NAME "complyd"

/* The group complyd where there is one, else our own. */
static gid_t find_group(void)
{
    char text[GROUP_TEXT_MAX];
    struct group group, *found = NULL;

    if (getgrnam_r(GROUP_NAME, &group, text, sizeof(text), &found) == 0 && found != NULL)
        return found->gr_gid;
    return getegid();
}

static int new_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* True when a process listens at the address. */
static bool is_alive(const struct sockaddr_un *address)
{
    int fd = new_socket();
    bool alive;

    if (fd < 0)
        return true;
    alive = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno != ECONNREFUSED;
    close(fd);
    return alive;
}

/* Makes room at the path: a socket without a listener is what a killed daemon leaves behind. */
static int remove_stale(const struct sockaddr_un *address, struct error *err)
{
    const char *path = address->sun_path;
    struct stat status;

    if (lstat(path, &status) != 0)
        return 0; /* nothing there, or bind() tells */
    if (!S_ISSOCK(status.st_mode))
        return error_set(err, ERR_EXISTS, 0, "%s is in the way: no socket", path);
    if (is_alive(address))
        return error_set(err, ERR_EXISTS, 0, "%s: another process listens there", path);
    if (unlink(path) != 0 && errno != ENOENT)
        return error_set(err, ERR_IO, errno, "%s: cannot be replaced: %s", path, strerror(errno));
    return 0;
}

/* The mode is narrow from the first moment on: what the socket has before bind() is what the file gets. */
static int publish(struct listener *listener, const struct sockaddr_un *address, struct error *err)
{
    struct stat status;

    if (fchmod(listener->fd, MODE) != 0 || bind(listener->fd, (const struct sockaddr *)address, sizeof(*address)) != 0)
        return error_set(err, errno == EACCES ? ERR_PERMISSION : ERR_IO, errno, "%s: %s", address->sun_path,
                         strerror(errno));
    listener->group = find_group();
    if (chown(address->sun_path, (uid_t)-1, listener->group) != 0)
        listener->group = getegid(); /* not ours to give away: root and our own user remain */
    if (chmod(address->sun_path, MODE) != 0 || stat(address->sun_path, &status) != 0 ||
        listen(listener->fd, BACKLOG) != 0) {
        error_set(err, ERR_IO, errno, "%s: %s", address->sun_path, strerror(errno));
        unlink(address->sun_path);
        return ERR_IO;
    }
    listener->device = status.st_dev;
    listener->inode = status.st_ino;
    return 0;
}

int listener_open(const char *path, struct listener *ret_listener, struct error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int result;

    if (strlen(path) >= sizeof(address.sun_path))
        return error_set(err, ERR_INVALID, 0, "%s: too long for the path of a socket (at most %zu bytes)", path,
                         sizeof(address.sun_path) - 1);
    memcpy(address.sun_path, path, strlen(path) + 1);
    result = remove_stale(&address, err);
    if (result != 0)
        return result;
    *ret_listener = (struct listener){.fd = new_socket(), .path = strdup(path)};
    if (ret_listener->path == NULL)
        result = error_set(err, ERR_NOMEM, 0, "out of memory");
    else if (ret_listener->fd < 0)
        result = error_set(err, ERR_IO, errno, "socket: %s", strerror(errno));
    else
        result = publish(ret_listener, &address, err);
    if (result != 0) {
        if (ret_listener->fd >= 0)
            close(ret_listener->fd);
        free(ret_listener->path);
    }
    return result;
}

void listener_remove(struct listener *listener)
{
    struct stat status;

    if (listener->path != NULL && stat(listener->path, &status) == 0 && status.st_dev == listener->device &&
        status.st_ino == listener->inode)
        unlink(listener->path);
    free(listener->path);
    listener->path = NULL;
}
