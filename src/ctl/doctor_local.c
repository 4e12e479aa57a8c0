/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* What doctor finds out by itself, daemon running or not. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/secret.h"
#include "base/settings.h"
#include "ctl/findings.h"
#include "model/phrase.h"
#include "store/database.h"

#define MIB (1024LL * 1024)

enum { DISK_LOW_MIB = 1024, DISK_FULL_MIB = 64, DISK_LOW_PERCENT = 5, CONFINEMENT_TEXT = 64 };

/* ---- configuration ---- */

/* An operator who is not root may not see the credentials; that is as it should be, and no mistake. */
static bool is_for_root(const char *line)
{
    return geteuid() != 0 && strstr(line, strerror(EACCES)) != NULL;
}

static void add_problems(struct findings *findings, char *problems)
{
    char *line, *rest = problems;

    while (rest != NULL && (line = strsep(&rest, "\n")) != NULL) {
        if (line[0] != '\0')
            findings_add(findings, EX_CONFIG, CHECK_CONFIGURATION,
                         is_for_root(line)         ? FOUND_NOT_READABLE
                         : secret_is_absence(line) ? FOUND_OF_UNIT
                                                   : FOUND_MISTAKE,
                         line);
    }
}

void findings_configuration(struct findings *findings, const char *path)
{
    struct settings *settings = NULL;
    struct buf problems;

    buf_init(&problems, 0);
    if (settings_load(path, &settings, &problems) != 0)
        add_problems(findings, problems.data);
    else
        findings_add(findings, EX_CONFIG, CHECK_CONFIGURATION,
                     settings->connection_count > 0 ? FOUND_WELL : FOUND_NO_CONNECTION, path);
    settings_free(settings);
    buf_deinit(&problems);
}

/* ---- store ---- */

static enum check_finding found_of(int error_code)
{
    switch (error_code) {
    case ERR_NOTFOUND:
        return FOUND_STORE_NONE;
    case ERR_STORE_OLDER:
        return FOUND_STORE_OLDER;
    case ERR_STORE_NEWER:
        return FOUND_STORE_NEWER;
    case ERR_STORE_CORRUPT:
        return FOUND_STORE_DAMAGED;
    default:
        return FOUND_STORE_CLOSED;
    }
}

/* Schema version, and that it can be read: `store check` looks at every page, which takes its time. */
static void look_at_store(struct findings *findings, const char *path)
{
    struct database *database = NULL;
    struct error err = {0};
    struct buf report;
    int result = database_open(path, DATABASE_READ, &database, &err);

    buf_init(&report, 0);
    if (result == 0)
        result = database_check_quickly(database, &report, &err);
    if (result == 0)
        findings_add(findings, EX_DATAERR, CHECK_STORE, FOUND_WELL, path);
    else
        findings_add(findings, result == ERR_NOTFOUND ? EX_NOINPUT : EX_DATAERR, CHECK_STORE, found_of(result),
                     report.length > 0 ? buf_text(&report) : error_text(&err));
    buf_deinit(&report);
    database_close(database);
}

/* "/a/b" of "/a/b/c"; the caller's to free. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? strdup(".") : strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

enum check_finding findings_of_disk(long long free_mib, long long size_mib)
{
    if (free_mib < DISK_FULL_MIB)
        return FOUND_DISK_FULL;
    return free_mib < DISK_LOW_MIB && free_mib * 100 < size_mib * DISK_LOW_PERCENT ? FOUND_DISK_LOW : FOUND_WELL;
}

static void look_at_disk(struct findings *findings, const char *folder)
{
    struct statvfs disk;
    struct buf detail;
    long long free_mib, size_mib;
    char room[32];

    if (statvfs(folder, &disk) != 0)
        return; /* there is no such folder: the store has told */
    free_mib = (long long)disk.f_bavail * (long long)disk.f_frsize / MIB;
    size_mib = (long long)disk.f_blocks * (long long)disk.f_frsize / MIB;
    buf_init(&detail, 0);
    snprintf(room, sizeof(room), "%.1f", (double)free_mib / 1024);
    phrase_add(&detail, PHRASE_DISK, findings->language, room, folder);
    findings_add(findings, EX_IOERR, CHECK_DISK, findings_of_disk(free_mib, size_mib), buf_text(&detail));
    buf_deinit(&detail);
}

/* ---- systemd ---- */

static const char *find_unit(void)
{
    static const char *const places[] = {"/etc/systemd/system/complyd.service",
                                         "/usr/lib/systemd/system/complyd.service",
                                         "/lib/systemd/system/complyd.service"};

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (access(places[i], F_OK) == 0)
            return places[i];
    }
    return NULL;
}

/* The unit's StateDirectory; a drop-in may have added others, by the administrator who moved the store. */
static bool unit_lets_write(const char *store)
{
    static const char state[] = "/var/lib/complyd/";
    static const char drop_ins[] = "/etc/systemd/system/complyd.service.d";

    return strncmp(store, state, strlen(state)) == 0 || access(drop_ins, F_OK) == 0;
}

static void look_at_unit(struct findings *findings, const char *store)
{
    const char *unit = find_unit();

    if (unit == NULL)
        findings_add(findings, EX_CONFIG, CHECK_SERVICE, FOUND_NO_UNIT, "");
    else
        findings_add(findings, EX_CONFIG, CHECK_SERVICE, unit_lets_write(store) ? FOUND_WELL : FOUND_SANDBOX,
                     unit_lets_write(store) ? unit : store);
}

/* Two lines of proc_pid_status(5); "" when there is no such process, or it is hidden. */
static void read_confinement(long long pid, char lines[CONFINEMENT_TEXT])
{
    char path[64], line[256];
    FILE *file;

    lines[0] = '\0';
    snprintf(path, sizeof(path), "/proc/%lld/status", pid);
    file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "NoNewPrivs:", 11) == 0 || strncmp(line, "Seccomp:", 8) == 0) {
            size_t used = strlen(lines), name = strcspn(line, ":");

            snprintf(lines + used, CONFINEMENT_TEXT - used, "%s%.*s %s", used > 0 ? ", " : "", (int)name, line,
                     line + name + 1 + strspn(line + name + 1, " \t"));
        }
    }
    if (file != NULL)
        fclose(file);
}

void findings_sandbox(struct findings *findings, long long pid)
{
    char lines[CONFINEMENT_TEXT];

    read_confinement(pid, lines);
    if (find_unit() != NULL && lines[0] != '\0')
        findings_add(findings, EX_CONFIG, CHECK_SANDBOX,
                     strcmp(lines, "NoNewPrivs 1, Seccomp 2") == 0 ? FOUND_WELL : FOUND_UNCONFINED, lines);
}

/* ---- socket ---- */

static int try_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd, result;

    if (strlen(path) >= sizeof(address.sun_path))
        return ENAMETOOLONG;
    memcpy(address.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    result = connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 ? 0 : errno;
    close(fd);
    return result;
}

static bool look_at_socket(struct findings *findings, const char *path)
{
    struct stat status;
    int reason = try_socket(path);
    char detail[256];

    snprintf(detail, sizeof(detail), "%s%s%s", path, reason != 0 ? ": " : "", reason != 0 ? strerror(reason) : "");
    if (reason == EACCES || reason == EPERM)
        findings_add(findings, EX_NOPERM, CHECK_SOCKET, FOUND_NOT_YOURS, detail);
    else if (reason != 0)
        findings_add(findings, EX_UNAVAILABLE, CHECK_DAEMON, FOUND_NOT_RUNNING, detail);
    else if (stat(path, &status) == 0 && (status.st_mode & S_IRWXO) != 0)
        findings_add(findings, EX_CONFIG, CHECK_SOCKET, FOUND_SOCKET_OPEN, detail);
    else
        findings_add(findings, EX_OK, CHECK_SOCKET, FOUND_WELL, detail);
    return reason == 0;
}

bool findings_machine(struct findings *findings, const char *store, const char *socket)
{
    char *folder = folder_of(store);

    look_at_store(findings, store);
    if (folder != NULL)
        look_at_disk(findings, folder);
    free(folder);
    look_at_unit(findings, store);
    return look_at_socket(findings, socket);
}
