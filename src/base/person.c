/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "base/person.h"

#include <pwd.h>
#include <stdio.h>

static void find_name(uid_t uid, char *name, size_t size)
{
    FILE *file = fopen("/etc/passwd", "re");
    struct passwd entry, *found = NULL;
    char buffer[1024];

    name[0] = '\0';
    while (file && name[0] == '\0' && fgetpwent_r(file, &entry, buffer, sizeof(buffer), &found) == 0) {
        if (entry.pw_uid == uid)
            snprintf(name, size, "%s", entry.pw_name);
    }
    if (file)
        fclose(file);
}

const char *person_describe(uid_t uid, const char *place, char text[PERSON_TEXT])
{
    char name[40];

    find_name(uid, name, sizeof(name));
    if (name[0] != '\0')
        snprintf(text, PERSON_TEXT, "%s (uid %u, %s)", name, (unsigned)uid, place);
    else
        snprintf(text, PERSON_TEXT, "uid %u (%s)", (unsigned)uid, place);
    return text;
}
