/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "sim/world.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sim/token.h"

void world_init(struct world *world)
{
    *world = (struct world){.clock = clock_system()};
    secret_init(&world->app.client_secret);
    replays_init(&world->replays);
    faults_init(&world->faults);
    journal_init(&world->journal);
    timers_init(&world->timers);
}

static void clear_tenant(struct world *world, struct tenant *tenant)
{
    messages_deinit(&tenant->messages, &world->timers);
    devices_deinit(&tenant->devices);
    users_deinit(&tenant->users);
    enrolment_init(&tenant->enrolment, tenant->id);
    tenant->quota = (struct quota){.used = {0}};
}

void world_deinit(struct world *world)
{
    for (size_t i = 0; i < world->tenant_count; i++) {
        clear_tenant(world, world->tenants[i]);
        free(world->tenants[i]);
    }
    for (size_t i = 0; i < world->app.certificate_count; i++)
        X509_free(world->app.certificates[i]);
    for (size_t i = 0; i < world->graph_resource_count; i++)
        free(world->graph_resources[i]);
    secret_deinit(&world->app.client_secret);
    replays_deinit(&world->replays);
    faults_deinit(&world->faults);
    journal_deinit(&world->journal);
    timers_deinit(&world->timers);
    signer_free(world->signer);
    X509_free(world->app.issuer);
    free(world->base_url);
    free(world->identity_url);
    free(world->service_url);
    free(world->arc_key_file);
    free(world->arc_realm);
    free(world->intune_scope);
}

struct tenant *world_tenant(const struct world *world, const char *id)
{
    for (size_t i = 0; i < world->tenant_count; i++) {
        if (strcasecmp(world->tenants[i]->id, id) == 0)
            return world->tenants[i];
    }
    return NULL;
}

struct tenant *world_add_tenant(struct world *world, const char *id)
{
    struct tenant *tenant = world_tenant(world, id);
    struct guid guid;

    if (tenant || guid_parse(id, &guid) != 0 || world->tenant_count == WORLD_TENANTS)
        return tenant;
    tenant = calloc(1, sizeof(*tenant));
    if (!tenant)
        return NULL;
    guid_format(&guid, tenant->id);
    world_derive_guid("principal", tenant->id, "intune", tenant->principal_id);
    devices_init(&tenant->devices, tenant->id);
    messages_init(&tenant->messages);
    users_init(&tenant->users, tenant->id);
    enrolment_init(&tenant->enrolment, tenant->id);
    world->tenants[world->tenant_count++] = tenant;
    return tenant;
}

void world_reset(struct world *world)
{
    for (size_t i = 0; i < world->tenant_count; i++)
        clear_tenant(world, world->tenants[i]);
    faults_clear(&world->faults);
    journal_clear(&world->journal);
    stats_reset(&world->stats);
    world->settings = world->initial;
    world->resets++;
    timers_run(&world->timers, INT64_MAX);
}

int world_add_graph_resource(struct world *world, const char *base)
{
    if (world->graph_resource_count == WORLD_RESOURCES)
        return ERR_TOOBIG;
    char *copy = strdup(base);
    if (!copy)
        return ERR_NOMEM;
    world->graph_resources[world->graph_resource_count++] = copy;
    return 0;
}

int64_t world_now_ms(const struct world *world)
{
    return clock_realtime_ms(world->clock) + world->settings.clock_offset_s * 1000;
}

int64_t world_monotonic_ms(const struct world *world)
{
    return clock_monotonic_ms(world->clock);
}

void world_derive_guid(const char *kind, const char *scope, const char *name, char ret_id[GUID_TEXT])
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    unsigned char digest[EVP_MAX_MD_SIZE] = {0};
    struct guid id;

    if (md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1) {
        EVP_DigestUpdate(md, kind, strlen(kind) + 1);
        EVP_DigestUpdate(md, scope, strlen(scope) + 1);
        EVP_DigestUpdate(md, name, strlen(name));
        EVP_DigestFinal_ex(md, digest, NULL);
    }
    EVP_MD_CTX_free(md);
    memcpy(id.bytes, digest, sizeof(id.bytes));
    id.bytes[6] = (uint8_t)((id.bytes[6] & 0x0F) | 0x50); /* version 5: made from a name */
    id.bytes[8] = (uint8_t)((id.bytes[8] & 0x3F) | 0x80);
    guid_format(&id, ret_id);
}
