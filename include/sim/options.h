/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * options - the command line of complyd-sim.
 */
#ifndef COMPLYD_SIM_OPTIONS_H
#define COMPLYD_SIM_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/error.h"
#include "sim/world.h"

/* Strings belong to argv; NULL = not given. */
struct options {
    const char *listen;
    const char *tenants[WORLD_TENANTS];
    size_t tenant_count;
    const char *client_id;
    const char *client_secret_file;
    const char *client_certificates[WORLD_CERTIFICATES];
    size_t client_certificate_count;
    const char *tls_cert;
    const char *tls_key;
    const char *make_certs;
    const char *config_out;
    bool config_certificate; /* the fragment names certificate and key instead of the secret */
    const char *script;
    const char *users;
    const char *devices;
    const char *ready_file;
    const char *log;
    const char *intune_scope;
    const char *identity_listen;
    const char *arc_key_file;
    const char *arc_realm;
    const char *service_url;
    const char *graph_resources[WORLD_RESOURCES];
    size_t graph_resource_count;
    struct world_settings settings;
};

enum options_result { OPTIONS_RUN, OPTIONS_HELP, OPTIONS_VERSION, OPTIONS_BAD };

/* Fills *ret_options with what was asked and the defaults; OPTIONS_BAD comes with the reason. */
enum options_result options_parse(int argc, char **argv, struct options *ret_options, struct error *err);

/* The whole of --help. */
void options_help(FILE *out);

#endif
