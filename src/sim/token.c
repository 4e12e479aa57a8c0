/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
#include "sim/token.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sim/exchange.h"
#include "sim/jose.h"
#include "sim/json.h"
#include "sim/permission.h"
#include "sim/world.h"

/* What a checked token says. */
struct checked {
    char *text;
    struct tenant *tenant;
    enum token_kind kind;
    int64_t expires_s;
    int64_t serial;
    uint32_t permissions;
};

enum { TOKENS_CHECKED = 64 };

struct signer {
    EVP_PKEY *key;
    char key_id[GUID_TEXT];
    struct checked checked[TOKENS_CHECKED];
};

struct signer *signer_new(struct error *err)
{
    struct signer *signer = calloc(1, sizeof(*signer));
    struct guid id;

    if (!signer) {
        error_set(err, ERR_NOMEM, 0, "signing key");
        return NULL;
    }
    signer->key = EVP_RSA_gen(2048);
    if (!signer->key) {
        error_set(err, ERR_IO, 0, "cannot make a signing key");
        free(signer);
        return NULL;
    }
    guid_random(&id);
    guid_format(&id, signer->key_id);
    return signer;
}

void signer_free(struct signer *signer)
{
    if (!signer)
        return;
    for (size_t i = 0; i < TOKENS_CHECKED; i++)
        free(signer->checked[i].text);
    EVP_PKEY_free(signer->key);
    free(signer);
}

/* Microsoft's tokens run to some 1,500 characters; filler of that length finds buffers that are too small. */
static void write_filler(struct buf *out)
{
    struct guid random;

    for (int i = 0; i < 18; i++) {
        guid_random(&random);
        buf_add_base64url(out, random.bytes, sizeof(random.bytes));
    }
}

static void write_claims(struct world *world, const struct tenant *tenant, enum token_kind kind, const char *audience,
                         int64_t lifetime_s, struct buf *out)
{
    int64_t now_s = world_now_ms(world) / 1000;
    int64_t expires_s = now_s + lifetime_s;

    buf_add_text(out, "{\"aud\":");
    buf_add_json_string(out, audience);
    buf_addf(out, ",\"iss\":\"https://sts.windows.net/%s/\",\"iat\":%lld,\"nbf\":%lld,\"exp\":%lld,\"aio\":\"",
             tenant->id, (long long)now_s, (long long)now_s, (long long)expires_s);
    write_filler(out);
    buf_addf(
        out,
        "\",\"app_displayname\":\"complyd-sim\",\"appid\":\"%s\",\"appidacr\":\"2\",\"idtyp\":\"app\",\"oid\":\"%s\",",
        world->app.client_id, tenant->principal_id);
    buf_addf(out, "\"tid\":\"%s\",\"uti\":\"%lld\",\"ver\":\"1.0\",\"roles\":", tenant->id,
             (long long)world->tokens_issued);
    permission_write_roles(world->settings.permissions, kind == TOKEN_GRAPH, out);
    buf_add_char(out, '}');
}

char *token_issue(struct world *world, const struct tenant *tenant, enum token_kind kind, const char *audience,
                  int64_t lifetime_s)
{
    struct buf header;
    struct buf claims;
    struct buf token;
    char *text = NULL;

    buf_init(&header, 0);
    buf_init(&claims, 0);
    buf_init(&token, 0);
    world->tokens_issued++;
    buf_addf(&header, "{\"typ\":\"JWT\",\"alg\":\"RS256\",\"kid\":\"%s\"}", world->signer->key_id);
    write_claims(world, tenant, kind, audience, lifetime_s, &claims);
    if (jose_sign(world->signer->key, buf_text(&header), buf_text(&claims), &token) == 0)
        text = buf_take(&token);
    buf_deinit(&header);
    buf_deinit(&claims);
    buf_deinit(&token);
    return text;
}

bool token_scope(const struct world *world, const char *scope, enum token_kind *ret_kind, size_t *ret_length)
{
    static const char suffix[] = "/.default";
    size_t length = strlen(scope);

    if (length <= strlen(suffix) || strcmp(scope + length - strlen(suffix), suffix) != 0)
        return false;
    *ret_length = length - strlen(suffix);
    if (strcmp(scope, world->intune_scope) == 0) {
        *ret_kind = TOKEN_INTUNE;
        return true;
    }
    *ret_kind = TOKEN_GRAPH;
    for (size_t i = 0; i < world->graph_resource_count; i++) {
        const char *resource = world->graph_resources[i];
        if (strlen(resource) == *ret_length && strncasecmp(resource, scope, *ret_length) == 0)
            return true;
    }
    return false;
}

/* Which API a token's audience names; false = none of ours. */
static bool audience_kind(const struct world *world, const char *audience, enum token_kind *ret_kind)
{
    char scope[512];
    size_t length;

    return audience && (size_t)snprintf(scope, sizeof(scope), "%s/.default", audience) < sizeof(scope) &&
           token_scope(world, scope, ret_kind, &length);
}

static bool read_claims(const struct world *world, const struct jose *token, struct checked *ret_checked)
{
    const char *serial = json_string(token->claims, "uti");
    const char *tenant = json_string(token->claims, "tid");

    ret_checked->tenant = tenant ? world_tenant(world, tenant) : NULL;
    ret_checked->expires_s = json_int(token->claims, "exp", 0);
    ret_checked->permissions = permission_read_roles(json_member(token->claims, "roles"));
    ret_checked->serial = serial ? strtoll(serial, NULL, 10) : 0;
    return ret_checked->tenant && audience_kind(world, json_string(token->claims, "aud"), &ret_checked->kind);
}

static struct checked *slot_of(struct signer *signer, const char *text)
{
    uint32_t hash = 2166136261U;
    size_t length = strlen(text);

    /* The signature is at the end and differs in every token. */
    for (const char *p = text + (length > 16 ? length - 16 : 0); *p; p++)
        hash = (hash ^ (uint8_t)*p) * 16777619U;
    return &signer->checked[hash % TOKENS_CHECKED];
}

static enum token_verdict check_signature(struct world *world, const char *text, struct checked *slot)
{
    struct jose token;
    struct checked fresh = {.text = NULL};
    enum token_verdict verdict = TOKEN_FORGED;

    if (jose_parse(text, &token) != 0)
        return TOKEN_MALFORMED;
    if (jose_verify(&token, JOSE_RS256, world->signer->key))
        verdict = read_claims(world, &token, &fresh) ? TOKEN_GOOD : TOKEN_AUDIENCE;
    jose_release(&token);
    if (verdict != TOKEN_GOOD)
        return verdict;
    fresh.text = strdup(text);
    if (!fresh.text)
        return TOKEN_MALFORMED;
    free(slot->text);
    *slot = fresh;
    return TOKEN_GOOD;
}

enum token_verdict token_check(struct world *world, struct exchange *ex, enum token_kind kind)
{
    static const char scheme[] = "Bearer ";
    enum token_verdict verdict = TOKEN_GOOD;

    if (!ex->authorization || strncasecmp(ex->authorization, scheme, strlen(scheme)) != 0)
        return TOKEN_MISSING;
    const char *text = ex->authorization + strlen(scheme);
    struct checked *slot = slot_of(world->signer, text);
    if (!slot->text || strcmp(slot->text, text) != 0)
        verdict = check_signature(world, text, slot);
    if (verdict != TOKEN_GOOD)
        return verdict;
    ex->token_kind = slot->kind == TOKEN_GRAPH ? "graph" : "intune";
    if (slot->kind != kind)
        return TOKEN_AUDIENCE;
    if (world_now_ms(world) / 1000 >= slot->expires_s)
        return TOKEN_EXPIRED;
    if (slot->serial <= world->tokens_revoked)
        return TOKEN_REVOKED;
    ex->tenant = slot->tenant;
    ex->permissions = slot->permissions;
    return TOKEN_GOOD;
}

void token_revoke_all(struct world *world)
{
    world->tokens_revoked = world->tokens_issued;
}
