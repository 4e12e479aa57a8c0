/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "metrics.h"

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static double count_fds(void)
{
    DIR *directory = opendir("/proc/self/fd");
    double count = -1; /* the directory itself */

    if (directory == NULL)
        return -1;
    for (const struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory))
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

static void read_memory(struct metrics_process *process)
{
    const double page = (double)sysconf(_SC_PAGESIZE);
    FILE *file = fopen("/proc/self/statm", "re");
    char line[256], *rest;

    if (file == NULL)
        return;
    if (fgets(line, sizeof(line), file) != NULL) {
        process->virtual_bytes = (double)strtoll(line, &rest, 10) * page;
        process->resident_bytes = (double)strtoll(rest, NULL, 10) * page;
    }
    fclose(file);
}

void metrics_read_process(struct metrics_process *ret_process)
{
    struct rusage usage;
    struct rlimit limit;

    *ret_process = (struct metrics_process){-1, -1, -1, -1, -1};
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        ret_process->cpu_s = seconds(usage.ru_utime) + seconds(usage.ru_stime);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        ret_process->max_fds = (double)limit.rlim_cur;
    ret_process->open_fds = count_fds();
    read_memory(ret_process);
}
