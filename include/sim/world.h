/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * world - everything the simulated Microsoft knows: tenants, their apps, devices and users, and the settings of the
 * play.
 *
 * Thread    the simulator's one thread; no locks anywhere.
 * Promise   memory grows with tenants, devices and explicit users only; messages, requests and faults are capped.
 */
#ifndef COMPLYD_SIM_WORLD_H
#define COMPLYD_SIM_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/guid.h"
#include "base/secret.h"
#include "sim/devices.h"
#include "sim/enrolment.h"
#include "sim/faults.h"
#include "sim/journal.h"
#include "sim/messages.h"
#include "sim/quota.h"
#include "sim/replays.h"
#include "sim/stats.h"
#include "sim/timers.h"
#include "sim/users.h"

struct signer;
struct x509_st;

enum { WORLD_TENANTS = 64, WORLD_CERTIFICATES = 8, WORLD_RESOURCES = 8 };

/* What an operator may change while it runs (PUT /sim/settings). */
struct world_settings {
    int64_t verdict_delay_ms;
    int64_t token_lifetime_s; /* 0 = random 60 to 90 minutes, as Microsoft does */
    bool auto_register;       /* a device unknown to Graph is registered by its first report */
    bool auto_users;          /* any user exists whose local part does not start with "missing" */
    bool secret_expired;
    bool machine_identity;                            /* the machine has a managed identity of its own */
    int64_t clock_offset_s;                           /* of Microsoft's clock to this machine's */
    bool partner_ios, partner_android, partner_macos; /* the administrator has added the partner in Intune */
    int64_t devices_per_message;
    int64_t page_size; /* entries of a collection before @odata.nextLink; 0 = all */
    struct quota_limits quota;
    uint32_t permissions; /* consented to, in every tenant: tokens from now on carry them (sim/permission) */
};

/* The app registration; one serves all tenants, as a multi-tenant partner app does. */
struct world_app {
    char client_id[GUID_TEXT];
    struct secret client_secret; /* unset = none registered */
    struct x509_st *certificates[WORLD_CERTIFICATES];
    size_t certificate_count;
    struct x509_st *issuer; /* of federated tokens; NULL = none is trusted */
};

struct tenant {
    char id[GUID_TEXT];
    char principal_id[GUID_TEXT]; /* of the Intune service principal in this tenant */
    struct devices devices;
    struct messages messages;
    struct users users;
    struct enrolment enrolment;
    struct quota quota;
};

struct world {
    struct world_settings settings;
    struct world_settings initial; /* what a reset goes back to */
    struct world_app app;
    struct tenant *tenants[WORLD_TENANTS];
    size_t tenant_count;
    char *base_url;     /* "https://127.0.0.1:41234" */
    char *identity_url; /* of the managed identity service; NULL = none */
    char *service_url;  /* what the endpoints of the partner service begin with; NULL = base_url */
    char *arc_key_file; /* NULL = the service is IMDS */
    char *arc_realm;    /* what the challenge names instead; NULL = that file */
    char arc_key[GUID_TEXT];
    char *intune_scope; /* what the partner token is asked for with */
    char *graph_resources[WORLD_RESOURCES];
    size_t graph_resource_count;
    struct signer *signer;  /* signs access tokens; NULL = none yet */
    int64_t tokens_revoked; /* the first so many tokens issued are worthless */
    int64_t tokens_issued;
    struct replays replays; /* ids of assertions seen */
    struct faults faults;
    struct journal journal;
    struct stats stats;
    struct timers timers;
    const struct clock *clock;
    unsigned resets; /* answers that were waiting at a reset wait no longer */
    bool quit;
};

/* An empty world on the system's clock, without a signer. */
void world_init(struct world *world);
void world_deinit(struct world *world);

/* Finds by id, letter case ignored; NULL = unknown. */
struct tenant *world_tenant(const struct world *world, const char *id);

/* Adds a tenant (or returns the one there); NULL on a bad id, a full table or lack of memory. */
struct tenant *world_add_tenant(struct world *world, const char *id);

/* Forgets devices, users, messages, faults, requests and counts, takes back changes of settings and ends the waits of
 * answers; keeps tenants, credentials and tokens. */
void world_reset(struct world *world);

int world_add_graph_resource(struct world *world, const char *base);

int64_t world_now_ms(const struct world *world);       /* wall clock */
int64_t world_monotonic_ms(const struct world *world); /* what timers go by */

/* A GUID that depends on its arguments only, so that ids stay the same from run to run. */
void world_derive_guid(const char *kind, const char *scope, const char *name, char ret_id[GUID_TEXT]);

#endif
