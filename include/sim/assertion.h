/* SPDX-License-Identifier: Apache-2.0
 * Copyright The complyd authors */
/*
 * assertion - client assertions signed with a registered certificate, checked as Entra checks them.
 */
#ifndef COMPLYD_SIM_ASSERTION_H
#define COMPLYD_SIM_ASSERTION_H

struct world;

/* What a refused one is answered with. */
struct assertion_refusal {
    int code; /* AADSTS number */
    const char *text;
};

/* Checks `text` for a token request at `token_url` by `client_id`. NULL = good (and its jti is spent). */
const struct assertion_refusal *assertion_check(struct world *world, const char *text, const char *token_url,
                                                const char *client_id);

#endif
