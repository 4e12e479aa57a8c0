/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * writer - the MDM of a latency measurement: commits one change at a time, durably, and says when each commit returned.
 *
 * Toggles a violation of policy `block` (inserted: the device gets worse; deleted: it gets better) over the watched
 * devices in turn, with a jittered pause between two commits. One line a change: "<CLOCK_MONOTONIC ns after commit>
 * <Azure device id> <0|1 compliant>". The Azure ids of watched devices are those fleet.py gives them:
 * bbbbbbbb-0000-4000-8000-<12 hex digits>.
 *
 *     writer --store FILE [--count N] [--devices N] [--pause MS] [--worsen-only]
 */
#include <getopt.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct writer {
    const char *store;
    long count;
    long devices;
    long pause_ms;
    bool worsen_only;
    sqlite3 *db;
    sqlite3_stmt *worsen, *improve;
    uint64_t random;
};

static void die(struct writer *writer, const char *what)
{
    fprintf(stderr, "writer: %s: %s\n", what, sqlite3_errmsg(writer->db));
    exit(1);
}

static void open_store(struct writer *writer)
{
    if (sqlite3_open_v2(writer->store, &writer->db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
        die(writer, writer->store);
    sqlite3_busy_timeout(writer->db, 10000);
    if (sqlite3_exec(writer->db, "PRAGMA synchronous = FULL", NULL, NULL, NULL) != SQLITE_OK)
        die(writer, "pragma");
    static const char worsen[] = "INSERT INTO violation (device_id, policy_id, since) VALUES (?1, 'block', ?2)";
    static const char improve[] = "DELETE FROM violation WHERE device_id = ?1 AND policy_id = 'block'";
    if (sqlite3_prepare_v2(writer->db, worsen, -1, &writer->worsen, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(writer->db, improve, -1, &writer->improve, NULL) != SQLITE_OK)
        die(writer, "prepare");
}

/* Half to one and a half times the asked pause, so that commits do not fall in step with any timer of the daemon's. */
static void pause_a_while(struct writer *writer)
{
    writer->random = writer->random * 6364136223846793005ULL + 1442695040888963407ULL;
    int64_t pause_ns =
        writer->pause_ms * 500000 + (int64_t)((writer->random >> 33) % (uint64_t)(writer->pause_ms * 1000000));
    struct timespec pause = {.tv_sec = pause_ns / 1000000000, .tv_nsec = pause_ns % 1000000000};
    nanosleep(&pause, NULL);
}

static void commit_one(struct writer *writer, long number)
{
    bool improve = !writer->worsen_only && number / writer->devices % 2 == 1;
    long device = number % writer->devices;
    sqlite3_stmt *statement = improve ? writer->improve : writer->worsen;
    char device_id[32];
    snprintf(device_id, sizeof device_id, "watched-%06ld", device);
    sqlite3_bind_text(statement, 1, device_id, -1, SQLITE_TRANSIENT);
    if (!improve)
        sqlite3_bind_int64(statement, 2, (sqlite3_int64)time(NULL));
    if (sqlite3_step(statement) != SQLITE_DONE)
        die(writer, device_id);
    /* An automatic commit ends in step: from here on the change is promised. */
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    sqlite3_reset(statement);
    printf("%lld bbbbbbbb-0000-4000-8000-%012lx %d\n", (long long)now.tv_sec * 1000000000 + now.tv_nsec,
           (unsigned long)device, improve ? 1 : 0);
}

static void read_options(struct writer *writer, int argc, char **argv)
{
    static const struct option options[] = {{"store", 1, NULL, 's'},       {"count", 1, NULL, 'c'},
                                            {"devices", 1, NULL, 'd'},     {"pause", 1, NULL, 'p'},
                                            {"worsen-only", 0, NULL, 'w'}, {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 's':
            writer->store = optarg;
            break;
        case 'c':
            writer->count = strtol(optarg, NULL, 10);
            break;
        case 'd':
            writer->devices = strtol(optarg, NULL, 10);
            break;
        case 'p':
            writer->pause_ms = strtol(optarg, NULL, 10);
            break;
        case 'w':
            writer->worsen_only = true;
            break;
        default:
            exit(64);
        }
    }
    if (!writer->store || writer->devices < 1 || writer->pause_ms < 1) {
        fprintf(stderr, "writer --store FILE [--count N] [--devices N] [--pause MS] [--worsen-only]\n");
        exit(64);
    }
}

int main(int argc, char **argv)
{
    struct writer writer = {.count = 1000, .devices = 500, .pause_ms = 30, .random = 42};
    read_options(&writer, argc, argv);
    open_store(&writer);
    for (long number = 0; number < writer.count; number++) {
        pause_a_while(&writer);
        commit_one(&writer, number);
    }
    sqlite3_finalize(writer.worsen);
    sqlite3_finalize(writer.improve);
    sqlite3_close(writer.db);
    return 0;
}
