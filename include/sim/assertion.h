/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * assertion - client assertions signed with a registered certificate, and federated ones (of a workload identity),
 * checked as Entra checks them.
 *
 * A federated one is told by its header: a `kid`, and no thumbprint. One record is registered, the one below, with the
 * key of issuer.pem. It may come again until it expires, as the projected tokens of Kubernetes do.
 */
#ifndef COMPLYD_SIM_ASSERTION_H
#define COMPLYD_SIM_ASSERTION_H

struct world;

#define ASSERTION_FEDERATED_ISSUER   "https://issuer.example/complyd"
#define ASSERTION_FEDERATED_SUBJECT  "system:serviceaccount:mdm:complyd"
#define ASSERTION_FEDERATED_AUDIENCE "api://AzureADTokenExchange"

/* What a refused one is answered with. */
struct assertion_refusal {
    int code; /* AADSTS number */
    const char *text;
};

/* Checks `text` for a token request at `token_url` by `client_id`. NULL = good (and its jti is spent). */
const struct assertion_refusal *assertion_check(struct world *world, const char *text, const char *token_url,
                                                const char *client_id);

#endif
