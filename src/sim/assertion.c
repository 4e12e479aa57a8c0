/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "sim/assertion.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "sim/jose.h"
#include "sim/json.h"
#include "sim/world.h"

enum refusal {
    MALFORMED,
    ALGORITHM,
    CERTIFICATE,
    EXPIRED,
    SIGNATURE,
    AUDIENCE,
    ISSUER,
    IDENTIFIER,
    REPLAYED,
    TIME_RANGE,
    FEDERATED_SIGNATURE,
    FEDERATED_ISSUER,
    FEDERATED_SUBJECT,
    FEDERATED_AUDIENCE,
    FEDERATED_TIME_RANGE,
};

static const struct assertion_refusal refusals[] = {
    [MALFORMED] = {50027, "JWT token is invalid or malformed."},
    [ALGORITHM] = {5002738,
                   "Invalid JWT token. The algorithm must be PS256 with 'x5t#S256', or RS256 with 'x5t'; 'typ' "
                   "must be 'JWT'."},
    [CERTIFICATE] = {700027, "The certificate with identifier used to sign the client assertion is not registered on "
                             "application. Reason - The key was not found."},
    [EXPIRED] = {700027, "The certificate with identifier used to sign the client assertion is expired on application. "
                         "Reason - The key used is expired."},
    [SIGNATURE] = {700027, "Client assertion failed signature validation."},
    [AUDIENCE] = {700023, "Client assertion audience claim does not match Realm issuer."},
    [ISSUER] = {700021, "Client assertion application identifier doesn't match 'client_id' parameter."},
    [IDENTIFIER] = {50012, "Authentication failed. The assertion's 'jti' is not a GUID."},
    [REPLAYED] = {50012, "Authentication failed. The assertion's 'jti' was used before."},
    [TIME_RANGE] = {500133,
                    "Assertion is not within its valid time range. Ensure that the assertion's times are right and "
                    "that the clock of the client is not skewed."},
    [FEDERATED_SIGNATURE] = {50013, "Assertion failed signature validation."},
    [FEDERATED_ISSUER] = {700211, "No matching federated identity record found for presented assertion issuer."},
    [FEDERATED_SUBJECT] = {700213, "No matching federated identity record found for presented assertion subject."},
    [FEDERATED_AUDIENCE] = {700212, "No matching federated identity record found for presented assertion audience."},
    [FEDERATED_TIME_RANGE] = {700024, "Client assertion is not within its valid time range."},
};

static bool thumbprint_is(const char *given, X509 *certificate, const EVP_MD *digest)
{
    unsigned char expected[EVP_MAX_MD_SIZE];
    unsigned int expected_length;
    size_t length = 0;
    unsigned char *decoded = jose_decode(given, strlen(given), &length);
    bool same = decoded && X509_digest(certificate, digest, expected, &expected_length) == 1 &&
                length == expected_length && memcmp(decoded, expected, length) == 0;

    free(decoded);
    return same;
}

static X509 *find_certificate(const struct world *world, const char *thumbprint, const EVP_MD *digest)
{
    for (size_t i = 0; i < world->app.certificate_count; i++) {
        if (thumbprint_is(thumbprint, world->app.certificates[i], digest))
            return world->app.certificates[i];
    }
    return NULL;
}

static bool is_valid_now(const struct world *world, const X509 *certificate)
{
    time_t now = (time_t)(world_now_ms(world) / 1000);

    return X509_cmp_time(X509_get0_notBefore(certificate), &now) < 0 &&
           X509_cmp_time(X509_get0_notAfter(certificate), &now) > 0;
}

static const struct assertion_refusal *check_signature(const struct world *world, const struct jose *token)
{
    const char *algorithm = json_string(token->header, "alg");
    const char *type = json_string(token->header, "typ");
    const char *sha256 = json_string(token->header, "x5t#S256");
    const char *sha1 = json_string(token->header, "x5t");
    bool pss = algorithm && strcmp(algorithm, "PS256") == 0;
    bool historic = algorithm && strcmp(algorithm, "RS256") == 0;

    if (!type || strcmp(type, "JWT") != 0 || !((pss && sha256) || (historic && (sha1 || sha256))))
        return &refusals[ALGORITHM];
    X509 *certificate =
        sha256 ? find_certificate(world, sha256, EVP_sha256()) : find_certificate(world, sha1, EVP_sha1());
    if (!certificate)
        return &refusals[CERTIFICATE];
    if (!is_valid_now(world, certificate))
        return &refusals[EXPIRED];
    if (!jose_verify(token, pss ? JOSE_PS256 : JOSE_RS256, X509_get0_pubkey(certificate)))
        return &refusals[SIGNATURE];
    return NULL;
}

/* nbf and iat may not lie ahead, exp must; how long the whole lasts is the client's affair. */
static bool in_time(const struct world *world, const struct jose *token)
{
    int64_t now_s = world_now_ms(world) / 1000;
    int64_t not_before = json_int(token->claims, "nbf", -1);
    int64_t issued = json_int(token->claims, "iat", not_before);
    int64_t expires = json_int(token->claims, "exp", -1);

    return not_before >= 0 && not_before <= now_s && issued <= now_s && expires > now_s;
}

static const struct assertion_refusal *check_claims(struct world *world, const struct jose *token,
                                                    const char *token_url, const char *client_id)
{
    const char *audience = json_string(token->claims, "aud");
    const char *issuer = json_string(token->claims, "iss");
    const char *subject = json_string(token->claims, "sub");
    const char *identifier = json_string(token->claims, "jti");
    struct guid id;
    char canonical[GUID_TEXT];

    if (!audience || strcmp(audience, token_url) != 0)
        return &refusals[AUDIENCE];
    if (!issuer || !subject || strcasecmp(issuer, client_id) != 0 || strcasecmp(subject, client_id) != 0)
        return &refusals[ISSUER];
    if (!in_time(world, token))
        return &refusals[TIME_RANGE];
    if (!identifier || guid_parse(identifier, &id) != 0)
        return &refusals[IDENTIFIER];
    return replays_first_use(&world->replays, guid_format(&id, canonical)) ? NULL : &refusals[REPLAYED];
}

static bool claim_is(const struct jose *token, const char *name, const char *expected)
{
    const char *value = json_string(token->claims, name);

    return value && strcmp(value, expected) == 0;
}

static bool is_federated(const struct jose *token)
{
    return json_string(token->header, "kid") && !json_string(token->header, "x5t") &&
           !json_string(token->header, "x5t#S256");
}

static const struct assertion_refusal *check_federated(const struct world *world, const struct jose *token)
{
    const char *algorithm = json_string(token->header, "alg");

    if (!claim_is(token, "iss", ASSERTION_FEDERATED_ISSUER))
        return &refusals[FEDERATED_ISSUER];
    if (!algorithm || strcmp(algorithm, "RS256") != 0 || !world->app.issuer ||
        !jose_verify(token, JOSE_RS256, X509_get0_pubkey(world->app.issuer)))
        return &refusals[FEDERATED_SIGNATURE];
    if (!claim_is(token, "aud", ASSERTION_FEDERATED_AUDIENCE))
        return &refusals[FEDERATED_AUDIENCE];
    if (!claim_is(token, "sub", ASSERTION_FEDERATED_SUBJECT))
        return &refusals[FEDERATED_SUBJECT];
    return in_time(world, token) ? NULL : &refusals[FEDERATED_TIME_RANGE];
}

const struct assertion_refusal *assertion_check(struct world *world, const char *text, const char *token_url,
                                                const char *client_id)
{
    const struct assertion_refusal *refusal;
    struct jose token;

    if (jose_parse(text, &token) != 0)
        return &refusals[MALFORMED];
    refusal = is_federated(&token) ? check_federated(world, &token) : check_signature(world, &token);
    if (!refusal && !is_federated(&token))
        refusal = check_claims(world, &token, token_url, client_id);
    jose_release(&token);
    return refusal;
}
