/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/* complyd-sim: Microsoft's side of device compliance, for trying, testing and demonstrating without a tenant. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/log.h"
#include "sim/certs.h"
#include "sim/options.h"
#include "sim/registry.h"
#include "sim/server.h"
#include "sim/token.h"
#include "sim/world.h"

/* Files that stand in for options left out. */
struct files {
    char *ca;
    char *tls_cert;
    char *tls_key;
    char *client_cert;
    char *client_key;
    char *client_secret;
    char *issuer;
};

static void free_files(struct files *files)
{
    free(files->ca);
    free(files->tls_cert);
    free(files->tls_key);
    free(files->client_cert);
    free(files->client_key);
    free(files->client_secret);
    free(files->issuer);
}

/* `given`, else the file of that name among the made ones as an absolute path; "" when there is neither. */
static char *choose(const char *given, const char *directory, const char *name)
{
    char *made = NULL;
    const char *path = given;
    char *absolute;

    if (!given && directory && asprintf(&made, "%s/%s", directory, name) >= 0)
        path = made;
    absolute = path ? realpath(path, NULL) : NULL;
    if (!absolute)
        absolute = strdup(path ? path : "");
    free(made);
    return absolute;
}

static void choose_files(const struct options *options, struct files *files)
{
    files->ca = choose(NULL, options->tls_cert ? NULL : options->make_certs, "ca.pem");
    files->tls_cert = choose(options->tls_cert, options->make_certs, "server.pem");
    files->tls_key = choose(options->tls_key, options->make_certs, "server.key");
    files->client_cert = choose(NULL, options->make_certs, "client.pem");
    files->client_key = choose(NULL, options->make_certs, "client.key");
    files->client_secret = choose(options->client_secret_file, options->make_certs, "client.secret");
    files->issuer = choose(NULL, options->make_certs, "issuer.pem");
}

static int add_certificate(struct world *world, const char *path, struct error *err)
{
    int rc = certs_load(path, &world->app.certificates[world->app.certificate_count], err);

    if (rc == 0)
        world->app.certificate_count++;
    return rc;
}

static int load_credentials(struct world *world, const struct options *options, const struct files *files,
                            struct error *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < options->client_certificate_count; i++)
        rc = add_certificate(world, options->client_certificates[i], err);
    if (rc == 0 && options->make_certs)
        rc = add_certificate(world, files->client_cert, err);
    if (rc == 0 && options->make_certs)
        rc = certs_load(files->issuer, &world->app.issuer, err);
    if (rc == 0 && *files->client_secret)
        rc = secret_load(&world->app.client_secret, files->client_secret, err);
    secret_trim(&world->app.client_secret);
    snprintf(world->app.client_id, sizeof(world->app.client_id), "%s", options->client_id);
    return rc;
}

static int copy_text(char **target, const char *text)
{
    *target = text ? strdup(text) : NULL;
    return !text || *target ? 0 : ERR_NOMEM;
}

static int add_places(struct world *world, const struct options *options, struct error *err)
{
    if (copy_text(&world->arc_key_file, options->arc_key_file) == 0 &&
        copy_text(&world->arc_realm, options->arc_realm) == 0 &&
        copy_text(&world->service_url, options->service_url) == 0)
        return 0;
    return error_set(err, ERR_NOMEM, 0, "places");
}

static int add_names(struct world *world, const struct options *options, struct error *err)
{
    const char *port = strrchr(world->base_url, ':');
    char local[64];
    int rc = world_add_graph_resource(world, world->base_url);

    snprintf(local, sizeof(local), "https://localhost%s", port);
    if (rc == 0)
        rc = world_add_graph_resource(world, local);
    for (size_t i = 0; rc == 0 && i < options->graph_resource_count; i++)
        rc = world_add_graph_resource(world, options->graph_resources[i]);
    world->intune_scope = strdup(options->intune_scope);
    for (size_t i = 0; rc == 0 && i < options->tenant_count; i++)
        rc = world_add_tenant(world, options->tenants[i]) ? 0 : ERR_NOMEM;
    return rc == 0 && world->intune_scope ? 0 : error_set(err, ERR_NOMEM, 0, "names");
}

static int load_content(struct world *world, const struct options *options, struct error *err)
{
    struct tenant *tenant = world->tenants[0];
    int rc = 0;

    world->settings = world->initial = options->settings;
    if (options->users)
        rc = registry_load_users(world, tenant, options->users, err);
    if (rc >= 0 && options->devices)
        rc = registry_load_devices(world, tenant, options->devices, err);
    if (rc >= 0 && options->script)
        rc = faults_load(&world->faults, options->script, err);
    if (rc >= 0 && options->log) {
        world->journal.out = open(options->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        if (world->journal.out < 0)
            rc = error_set(err, ERR_IO, errno, "cannot open %s: %s", options->log, strerror(errno));
    }
    return rc < 0 ? rc : 0;
}

/* Writes to a temporary name first, so that whoever waits for the file never sees half of it. */
static int write_file(const char *path, const struct buf *text, struct error *err)
{
    char *temporary = NULL;
    FILE *out = asprintf(&temporary, "%s.new", path) >= 0 ? fopen(temporary, "we") : NULL;
    bool good = out && buf_error(text) == 0 && fputs(buf_text(text), out) >= 0;

    good = out && fclose(out) == 0 && good && rename(temporary, path) == 0;
    free(temporary);
    return good ? 0 : error_set(err, ERR_IO, errno, "cannot write %s", path);
}

static int write_config(const struct world *world, const struct options *options, const struct files *files,
                        struct error *err)
{
    struct buf text;
    int rc;

    buf_init(&text, 0);
    buf_addf(&text, "[connection default]\ntenant_id = %s\nclient_id = %s\n", world->tenants[0]->id,
             world->app.client_id);
    if (options->config_certificate)
        buf_addf(&text, "certificate_file = %s\nprivate_key_file = %s\n", files->client_cert, files->client_key);
    else
        buf_addf(&text, "client_secret_file = %s\n", files->client_secret);
    buf_addf(&text, "cloud = custom\nauthority_url = %s\ngraph_url = %s\nintune_scope = %s\n", world->base_url,
             world->base_url, world->intune_scope);
    buf_add_text(&text, "enrollment_url = https://mdm.example/enroll\nremediation_url = https://mdm.example/remedy\n"
                        "assignment_group = All users\n");
    if (*files->ca)
        buf_addf(&text, "ca_file = %s\n", files->ca);
    rc = write_file(options->config_out, &text, err);
    buf_deinit(&text);
    return rc;
}

static int write_ready(const struct world *world, const struct options *options, const struct files *files,
                       struct error *err)
{
    struct buf text;
    int rc;

    buf_init(&text, 0);
    buf_addf(&text,
             "{\"url\":\"%s\",\"pid\":%ld,\"tenant_id\":\"%s\",\"client_id\":\"%s\",\"ca_file\":", world->base_url,
             (long)getpid(), world->tenants[0]->id, world->app.client_id);
    buf_add_json_string(&text, files->ca);
    buf_add_text(&text, ",\"identity_url\":");
    buf_add_json_string(&text, world->identity_url ? world->identity_url : "");
    buf_add_text(&text, ",\"intune_scope\":");
    buf_add_json_string(&text, world->intune_scope);
    buf_add_text(&text, "}\n");
    rc = write_file(options->ready_file, &text, err);
    buf_deinit(&text);
    return rc;
}

static int announce(const struct world *world, const struct options *options, const struct files *files,
                    struct error *err)
{
    int rc = 0;

    if (options->config_out)
        rc = write_config(world, options, files, err);
    if (rc == 0 && options->ready_file)
        rc = write_ready(world, options, files, err);
    if (rc == 0)
        printf("complyd-sim answers on %s\n", world->base_url);
    fflush(stdout);
    return rc;
}

static int read_text(const char *path, struct secret *text, struct error *err)
{
    char bytes[SECRET_MAX];
    FILE *file = fopen(path, "re");
    size_t length = file ? fread(bytes, 1, sizeof(bytes), file) : 0;
    int rc = file && !ferror(file) ? secret_set(text, bytes, length) : ERR_IO;

    explicit_bzero(bytes, sizeof(bytes));
    if (file)
        fclose(file);
    return rc == 0 ? 0 : error_set(err, rc, errno, "cannot read %s", path);
}

static int start(struct server *server, const struct files *files, struct error *err)
{
    struct secret certificate;
    struct secret key;
    int rc;

    secret_init(&certificate);
    secret_init(&key);
    rc = read_text(files->tls_cert, &certificate, err);
    if (rc == 0)
        rc = read_text(files->tls_key, &key, err);
    if (rc == 0)
        rc = server_start(server, certificate.data, key.data, err);
    secret_deinit(&certificate);
    secret_deinit(&key);
    return rc;
}

static int play(struct world *world, const struct options *options, const struct files *files, struct error *err)
{
    struct server *server = NULL;
    int rc;

    world->signer = signer_new(err);
    rc = world->signer ? load_credentials(world, options, files, err) : err->code;

    if (rc == 0)
        rc = server_open(world, options->listen, &server, &world->base_url, err);
    if (rc == 0 && options->identity_listen)
        rc = server_open_identity(server, options->identity_listen, &world->identity_url, err);
    if (rc == 0)
        rc = add_places(world, options, err);
    if (rc == 0)
        rc = add_names(world, options, err);
    if (rc == 0)
        rc = load_content(world, options, err);
    if (rc == 0)
        rc = start(server, files, err);
    if (rc == 0)
        rc = announce(world, options, files, err);
    if (rc == 0)
        rc = server_run(server, err);
    server_close(server);
    return rc;
}

static int run(const struct options *options, struct error *err)
{
    static struct world world;
    struct files files = {.ca = NULL};
    int rc = options->make_certs ? certs_make(options->make_certs, err) : 0;

    if (rc != 0)
        return rc;
    choose_files(options, &files);
    world_init(&world);
    rc = play(&world, options, &files, err);
    world_deinit(&world);
    free_files(&files);
    return rc;
}

int main(int argc, char **argv)
{
    struct options options;
    struct error err = {.code = 0};

    log_init(LOG_LEVEL_INFO, LOG_FORMAT_TEXT, true);
    switch (options_parse(argc, argv, &options, &err)) {
    case OPTIONS_HELP:
        options_help(stdout);
        return EX_OK;
    case OPTIONS_VERSION:
        puts("complyd-sim " COMPLYD_VERSION);
        return EX_OK;
    case OPTIONS_BAD:
        fprintf(stderr, "complyd-sim: %s\n", error_text(&err));
        return EX_USAGE;
    case OPTIONS_RUN:
        break;
    }
    if (run(&options, &err) == 0)
        return EX_OK;
    fprintf(stderr, "complyd-sim: %s\n", error_text(&err));
    return err.code == ERR_INVALID ? EX_DATAERR : EX_UNAVAILABLE;
}
