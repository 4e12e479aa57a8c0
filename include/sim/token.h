/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * token - access tokens: issued by login, checked by every API.
 *
 * Signed with a key made for this run, so a token of an earlier run is refused. Checked tokens are remembered by their
 * text, so that a thousand requests with one token cost one signature check.
 */
#ifndef COMPLYD_SIM_TOKEN_H
#define COMPLYD_SIM_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct exchange;
struct signer;
struct tenant;
struct world;

enum token_kind { TOKEN_GRAPH, TOKEN_INTUNE };

enum token_verdict {
    TOKEN_GOOD,
    TOKEN_MISSING,
    TOKEN_MALFORMED,
    TOKEN_FORGED,
    TOKEN_EXPIRED,
    TOKEN_AUDIENCE,
    TOKEN_REVOKED
};

struct signer *signer_new(struct error *err);
void signer_free(struct signer *signer);

/* A token for `tenant`; NULL when memory is short. The caller frees. `audience` is the resource asked for. */
char *token_issue(struct world *world, const struct tenant *tenant, enum token_kind kind, const char *audience,
                  int64_t lifetime_s);

/* Checks the exchange's Authorization header; on TOKEN_GOOD sets its tenant and token kind. */
enum token_verdict token_check(struct world *world, struct exchange *ex, enum token_kind kind);

/* Makes every token issued so far worthless. */
void token_revoke_all(struct world *world);

/* Splits "https://graph.example/.default" into the resource ("https://graph.example") and the kind of token it asks
 * for; false when no such resource is served. The resource's length is returned: it starts where `scope` does. */
bool token_scope(const struct world *world, const char *scope, enum token_kind *ret_kind, size_t *ret_length);

#endif
