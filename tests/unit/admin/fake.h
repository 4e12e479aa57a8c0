/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * fake - the daemon and the store as the admin folder sees them, under the test's control.
 *
 * Defines every function of daemon/daemon.h, daemon/connection.h and of the store that src/admin calls, so that the
 * linker takes none of the real ones. Jobs and operator's acts stay where they are until fake_work().
 */
#ifndef COMPLYD_TESTS_ADMIN_FAKE_H
#define COMPLYD_TESTS_ADMIN_FAKE_H

#include "daemon/activity_log.h"
#include "daemon/daemon.h"
#include "store/activity_list.h"
#include "store/edit.h"
#include "store/fleet.h"
#include "store/hold.h"

enum { FAKE_CONNECTIONS_MAX = 4, FAKE_DEVICES_MAX = 8, FAKE_PLAN_MAX = 8 };

struct fake {
    struct settings settings;
    struct connection_settings connection_settings[FAKE_CONNECTIONS_MAX];
    struct connection_status connections[FAKE_CONNECTIONS_MAX];
    struct daemon_status status;
    struct fleet_device devices[FAKE_DEVICES_MAX];
    char device_ids[FAKE_DEVICES_MAX][64];
    size_t device_count;
    struct fleet_violation violations[2];
    size_t violation_count;
    struct hold holds[2];
    size_t hold_count;
    struct fleet_plan_entry plan[FAKE_PLAN_MAX];
    size_t plan_count;
    struct fleet_policy policies[FAKE_PLAN_MAX];
    size_t policy_count;
    struct edit edit; /* the last one; its strings are gone when the test looks */
    char edit_body[256];
    struct edit edit_gives; /* `created` and `field` of the next one */
    struct fleet_counts counts;
    struct fleet_filter filter; /* of the last list; its strings are gone when the test looks */
    char filter_after[64];      /* copies for the test to look at */
    char filter_search[64];
    int store_result;  /* what every look at the store gives */
    int act_result;    /* what operator's acts give */
    char reported[64]; /* device of the last daemon_report_device() */
    char resynced[64]; /* connection of the last resync_order(); "*" = all */
    char breaker_closed[80];
    unsigned acts;
    unsigned changes;                       /* calls of daemon_changed() */
    unsigned threads;                       /* store threads that are open */
    char imported[256];                     /* beginning of the last input */
    int64_t import_refuses;                 /* line that the next import says is wrong; 0 = none */
    struct activity_filter activity_filter; /* of the last list */
    struct activity_entry activity[4];      /* what the log holds, in the order in which it is told */
    size_t activity_count;
    struct activity_told told;
    struct activity_follower *follower; /* who waits; NULL = nobody */
    char acted[128];                    /* the last operator's act: actor and what */
    size_t waiting;                     /* jobs and acts not worked yet */
    unsigned looks;                     /* jobs worked */
    void (*on_look)(void);              /* called before each: what happens meanwhile */
};

extern struct fake fake;

/* One connection "default", ready and enabled; no devices. */
void fake_reset(void);

/* A registered, evaluated, reported, compliant iPhone; the test changes what it is about. */
struct fleet_device *fake_device(const char *device_id);

struct daemon *fake_daemon(void);

/* Does one job or act and calls its done; false when there is none. */
bool fake_work(void);

#endif
