/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * listener - the control socket as a file: made for root and the group complyd alone, taken over from a dead daemon,
 * removed at the end.
 */
#ifndef COMPLYD_ADMIN_LISTENER_H
#define COMPLYD_ADMIN_LISTENER_H

#include <sys/types.h>

#include "base/error.h"

struct listener {
    int fd;
    gid_t group; /* who may connect beside root and our own user */
    char *path;
    dev_t device; /* which file at `path` is ours */
    ino_t inode;
};

/* ERR_EXISTS: another process listens there, or something that is no socket stands there. ERR_INVALID: the path is
 * too long. */
int listener_open(const char *path, struct listener *ret_listener, struct error *err);

/* Removes the socket's file unless another one has taken its place. Does not close fd, which its user may have taken
 * over. */
void listener_remove(struct listener *listener);

#endif
