/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "admin/peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"

/* Further groups; unknown is no. The kernel tells the size that it needs. */
static bool has_group(int fd, gid_t group)
{
    socklen_t size = 0;
    gid_t *groups;
    bool found = false;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) == 0 || errno != ERANGE)
        return false;
    groups = malloc(size);
    if (groups != NULL && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) == 0) {
        for (size_t i = 0; i < size / sizeof(*groups); i++)
            found = found || groups[i] == group;
    }
    free(groups);
    return found;
}

int peer_read(int fd, gid_t group, struct peer *ret_peer)
{
    struct ucred credentials;
    socklen_t size = sizeof(credentials);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
        return ERR_IO;
    *ret_peer = (struct peer){
        .uid = credentials.uid,
        .gid = credentials.gid,
        .pid = credentials.pid,
        .in_group = credentials.gid == group || has_group(fd, group),
    };
    return 0;
}

bool peer_is_allowed(const struct peer *peer)
{
    return peer->uid == 0 || peer->uid == geteuid() || peer->in_group;
}

const char *peer_describe(const struct peer *peer, char text[PERSON_TEXT])
{
    char place[40];

    if (peer->session[0] != '\0')
        snprintf(place, sizeof(place), "web session %s", peer->session);
    else
        snprintf(place, sizeof(place), "pid %d", (int)peer->pid);
    return person_describe(peer->uid, place, text);
}
