/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "admin/peer.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

/* The file alone: other sources of names may be far away, and the loop waits for nobody. */
static void find_name(uid_t uid, char *name, size_t size)
{
    FILE *file = fopen("/etc/passwd", "re");
    struct passwd entry, *found = NULL;
    char buffer[1024];

    name[0] = '\0';
    while (file != NULL && fgetpwent_r(file, &entry, buffer, sizeof(buffer), &found) == 0) {
        if (entry.pw_uid == uid) {
            snprintf(name, size, "%s", entry.pw_name);
            break;
        }
    }
    if (file != NULL)
        fclose(file);
}

const char *peer_describe(const struct peer *peer, char text[PEER_TEXT])
{
    char name[40], place[40];

    find_name(peer->uid, name, sizeof(name));
    if (peer->session[0] != '\0')
        snprintf(place, sizeof(place), "web session %s", peer->session);
    else
        snprintf(place, sizeof(place), "pid %d", (int)peer->pid);
    if (name[0] != '\0')
        snprintf(text, PEER_TEXT, "%s (uid %u, %s)", name, (unsigned)peer->uid, place);
    else
        snprintf(text, PEER_TEXT, "uid %u (%s)", (unsigned)peer->uid, place);
    return text;
}
