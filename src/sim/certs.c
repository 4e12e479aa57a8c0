/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "sim/certs.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/guid.h"

/* A certificate with its key. */
struct identity {
    X509 *certificate;
    EVP_PKEY *key;
};

/* What goes into one certificate. */
struct plan {
    const char *name; /* common name */
    const char *basic_constraints;
    const char *key_usage;
    const char *extended_usage; /* NULL = none */
    const char *alt_names;      /* NULL = none */
};

enum { VALID_DAYS = 365 };

static const char *const files[] = {"ca.pem",     "server.pem",    "server.key", "client.pem",
                                    "client.key", "client.secret", "issuer.pem", "issuer.key"};

static bool add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *extension;
    bool added;

    if (!value)
        return true;
    X509V3_set_ctx(&ctx, issuer, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    added = extension && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return added;
}

static bool set_names(X509 *certificate, const struct plan *plan, const X509 *issuer)
{
    X509_NAME *name = X509_get_subject_name(certificate);
    uint64_t serial = guid_random_u64() >> 1;

    return X509_set_version(certificate, 2) == 1 &&
           ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial) == 1 &&
           X509_gmtime_adj(X509_getm_notBefore(certificate), -3600) &&
           X509_gmtime_adj(X509_getm_notAfter(certificate), 86400L * VALID_DAYS) &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)plan->name, -1, -1, 0) == 1 &&
           X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1;
}

/* Fills identity->certificate for identity->key; signed by `issuer`, or by itself when NULL. */
static int certify(struct identity *identity, const struct plan *plan, const struct identity *issuer, struct error *err)
{
    X509 *certificate = identity->certificate = X509_new();

    if (!issuer)
        issuer = identity;
    if (certificate && identity->key && set_names(certificate, plan, issuer->certificate) &&
        X509_set_pubkey(certificate, identity->key) == 1 &&
        add_extension(certificate, issuer->certificate, NID_basic_constraints, plan->basic_constraints) &&
        add_extension(certificate, issuer->certificate, NID_key_usage, plan->key_usage) &&
        add_extension(certificate, issuer->certificate, NID_ext_key_usage, plan->extended_usage) &&
        add_extension(certificate, issuer->certificate, NID_subject_alt_name, plan->alt_names) &&
        add_extension(certificate, issuer->certificate, NID_subject_key_identifier, "hash") &&
        add_extension(certificate, issuer->certificate, NID_authority_key_identifier, "keyid:always") &&
        X509_sign(certificate, issuer->key, EVP_sha256()) > 0)
        return 0;
    return error_set(err, ERR_IO, 0, "cannot make the certificate of %s", plan->name);
}

static void release(struct identity *identity)
{
    X509_free(identity->certificate);
    EVP_PKEY_free(identity->key);
}

static char *path_of(const char *directory, const char *file)
{
    char *path = NULL;

    return asprintf(&path, "%s/%s", directory, file) < 0 ? NULL : path;
}

static FILE *create(const char *directory, const char *file, mode_t mode, struct error *err)
{
    char *path = path_of(directory, file);
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode) : -1;
    FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;

    if (!out) {
        error_set(err, ERR_IO, errno, "cannot write %s/%s: %s", directory, file, strerror(errno));
        if (fd >= 0)
            close(fd);
    }
    free(path);
    return out;
}

static int finish(FILE *out, bool written, const char *file, struct error *err)
{
    bool closed = fclose(out) == 0;

    return written && closed ? 0 : error_set(err, ERR_IO, 0, "cannot write %s", file);
}

static int write_certificate(const char *directory, const char *file, X509 *certificate, struct error *err)
{
    FILE *out = create(directory, file, 0644, err);

    return out ? finish(out, PEM_write_X509(out, certificate) == 1, file, err) : ERR_IO;
}

static int write_key(const char *directory, const char *file, EVP_PKEY *key, struct error *err)
{
    FILE *out = create(directory, file, 0600, err);

    return out ? finish(out, PEM_write_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL) == 1, file, err) : ERR_IO;
}

/* Characters that need percent-encoding in a form are among them, as in Entra's own secrets. */
static int write_secret(const char *directory, struct error *err)
{
    FILE *out = create(directory, "client.secret", 0600, err);
    struct buf text;
    struct guid random;
    int rc;

    if (!out)
        return ERR_IO;
    buf_init(&text, 0);
    buf_add_text(&text, "sim~8Q+");
    guid_random(&random);
    buf_add_base64url(&text, random.bytes, sizeof(random.bytes));
    guid_random(&random);
    buf_add_base64url(&text, random.bytes, sizeof(random.bytes));
    buf_add_text(&text, "&%=\n");
    rc = finish(out, fputs(buf_text(&text), out) >= 0, "client.secret", err);
    buf_wipe(&text);
    return rc;
}

static int make_server(const char *directory, struct error *err)
{
    static const struct plan ca_plan = {"complyd-sim test authority", "critical,CA:TRUE",
                                        "critical,keyCertSign,cRLSign", NULL, NULL};
    static const struct plan server_plan = {"localhost", "critical,CA:FALSE", "critical,digitalSignature", "serverAuth",
                                            "DNS:localhost,IP:127.0.0.1,IP:::1"};
    struct identity ca = {.key = EVP_EC_gen("P-256")};
    struct identity server = {.key = EVP_EC_gen("P-256")};
    int rc = certify(&ca, &ca_plan, NULL, err);

    if (rc == 0)
        rc = certify(&server, &server_plan, &ca, err);
    if (rc == 0)
        rc = write_certificate(directory, "ca.pem", ca.certificate, err);
    if (rc == 0)
        rc = write_certificate(directory, "server.pem", server.certificate, err);
    if (rc == 0)
        rc = write_key(directory, "server.key", server.key, err);
    release(&ca);
    release(&server);
    return rc;
}

static int make_signer(const char *directory, const struct plan *plan, const char *certificate_file,
                       const char *key_file, struct error *err)
{
    struct identity signer = {.key = EVP_RSA_gen(2048)};
    int rc = certify(&signer, plan, NULL, err);

    if (rc == 0)
        rc = write_certificate(directory, certificate_file, signer.certificate, err);
    if (rc == 0)
        rc = write_key(directory, key_file, signer.key, err);
    release(&signer);
    return rc;
}

static int make_signers(const char *directory, struct error *err)
{
    static const struct plan client = {"complyd", "critical,CA:FALSE", "critical,digitalSignature", "clientAuth", NULL};
    static const struct plan issuer = {"issuer", "critical,CA:FALSE", "critical,digitalSignature", NULL, NULL};
    int rc = make_signer(directory, &client, "client.pem", "client.key", err);

    return rc == 0 ? make_signer(directory, &issuer, "issuer.pem", "issuer.key", err) : rc;
}

static bool complete(const char *directory)
{
    bool all = true;

    for (size_t i = 0; all && i < sizeof(files) / sizeof(files[0]); i++) {
        char *path = path_of(directory, files[i]);
        all = path && access(path, R_OK) == 0;
        free(path);
    }
    return all;
}

int certs_make(const char *directory, struct error *err)
{
    int rc;

    if (mkdir(directory, 0755) != 0 && errno != EEXIST)
        return error_set(err, ERR_IO, errno, "cannot make %s: %s", directory, strerror(errno));
    if (complete(directory))
        return 0;
    rc = make_server(directory, err);
    if (rc == 0)
        rc = make_signers(directory, err);
    return rc == 0 ? write_secret(directory, err) : rc;
}

int certs_load(const char *path, struct x509_st **ret_certificate, struct error *err)
{
    FILE *file = fopen(path, "re");

    *ret_certificate = file ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;
    if (file)
        fclose(file);
    if (*ret_certificate)
        return 0;
    return error_set(err, ERR_INVALID, 0, "%s: %s", path, file ? "no PEM certificate in it" : "cannot be opened");
}
