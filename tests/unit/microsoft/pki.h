/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * pki - keys and self-signed certificates for tests, as files in the test's directory.
 */
#ifndef COMPLYD_TESTS_PKI_H
#define COMPLYD_TESTS_PKI_H

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "tempdir.h"

static inline X509 *pki_certificate(EVP_PKEY *key, int64_t from_s, int64_t until_s)
{
    X509 *certificate = X509_new();

    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    ASN1_TIME_set(X509_getm_notBefore(certificate), from_s);
    ASN1_TIME_set(X509_getm_notAfter(certificate), until_s);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                               (const unsigned char *)"complyd", -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
    X509_set_pubkey(certificate, key);
    X509_sign(certificate, key, EVP_sha256());
    return certificate;
}

/* Writes certificates and a key (each may be missing) into one PEM file of mode 0600; returns its path. */
static inline const char *pki_write(const char *name, X509 *const *certificates, size_t count, EVP_PKEY *key,
                                    const char *passphrase)
{
    BIO *bio = BIO_new(BIO_s_mem());
    const char *path;
    char *data;
    long length;

    for (size_t i = 0; i < count; i++)
        PEM_write_bio_X509(bio, certificates[i]);
    if (key != NULL)
        PEM_write_bio_PrivateKey(bio, key, passphrase != NULL ? EVP_aes_128_cbc() : NULL, NULL, 0, NULL,
                                 (void *)(uintptr_t)passphrase);
    length = BIO_get_mem_data(bio, &data);
    path = tempdir_write(name, data, (size_t)length, 0600);
    BIO_free(bio);
    return path;
}

#endif
