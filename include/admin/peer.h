/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * peer - who asks: the process at the other end of a Unix socket, or who fetched the link of a session of the web page.
 */
#ifndef COMPLYD_ADMIN_PEER_H
#define COMPLYD_ADMIN_PEER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/person.h"

struct peer {
    uid_t uid;
    gid_t gid;
    pid_t pid;
    char session[9]; /* of the web page, as the log names it; "" = on the control socket */
    bool in_group;   /* the group asked about is the peer's primary or one of its further ones */
};

/* Who they are, for people (base/person). Returns text. */
const char *peer_describe(const struct peer *peer, char text[PERSON_TEXT]);

/* As they were when the peer connected. 0, or ERR_IO. */
int peer_read(int fd, gid_t group, struct peer *ret_peer);

/* Root, the daemon's own user, and members of the socket's group. */
bool peer_is_allowed(const struct peer *peer);

#endif
